//! `celery.map`, `celery.starmap` and `celery.chunks`: one task over many arguments.

use super::{Kind, Node, Signature};
use crate::{
    Error, ErrorKind,
    codec::{Map, Value},
};

/// Name of the task that calls another with each element.
pub(crate) const MAP: &str = "celery.map";
/// Name of the task that calls another with each element's elements.
pub(crate) const STARMAP: &str = "celery.starmap";
/// Name of the task that does so in parts.
pub(crate) const CHUNKS: &str = "celery.chunks";

impl Signature {
    /// One message that calls `task` with each of `items` in turn; its result is the list of results.
    /// Celery: `task.map(it)`.
    pub fn map(task: impl Into<Signature>, items: impl IntoIterator<Item = Value>) -> Self {
        over(MAP, task.into(), items.into_iter().collect())
    }

    /// As [`map`](Self::map), with the elements of each item as the arguments. Celery: `task.starmap(it)`.
    pub fn starmap(task: impl Into<Signature>, items: impl IntoIterator<Item = Value>) -> Self {
        over(STARMAP, task.into(), items.into_iter().collect())
    }

    /// A group of starmaps over `size` items each. Celery: `task.chunks(it, n)`.
    pub fn chunks(task: impl Into<Signature>, items: impl IntoIterator<Item = Value>, size: usize) -> Self {
        let mut chunks = over(CHUNKS, task.into(), items.into_iter().collect());
        chunks.kwargs.insert("n".to_owned(), Value::Int(i64::try_from(size).unwrap_or(i64::MAX)));
        if size == 0 {
            chunks.options.note("a chunk holds one item at least, not 0");
        }
        chunks
    }
}

fn over(name: &str, mut task: Signature, items: Vec<Value>) -> Signature {
    let problem = task.options.problem.take();
    let mut kwargs = Map::default();
    kwargs.insert("task".to_owned(), task.into_value());
    kwargs.insert("it".to_owned(), Value::List(items));
    let mut signature = Signature { task: name.to_owned(), kwargs, immutable: true, ..Signature::default() };
    signature.options.problem = problem;
    signature
}

/// The group that chunks are sent as. `None` for anything else, and for chunks that have an id already:
/// somebody waits for that one task.
pub(super) fn chunks(signature: &Signature) -> Result<Option<Node>, Error> {
    if signature.task != CHUNKS || signature.options.task_id.is_some() {
        return Ok(None);
    }
    let wrong = |what| Error::new(ErrorKind::Encode, format!("not a `{CHUNKS}`: {what}"));
    let task = signature.kwargs.get("task").ok_or_else(|| wrong("`task` is missing"))?;
    let task = Signature::from_value(task.clone())?;
    let Some(Value::List(items)) = signature.kwargs.get("it") else { return Err(wrong("`it` is no list")) };
    let size = signature.kwargs.get("n").and_then(Value::as_i64).and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| *size > 0).ok_or_else(|| wrong("`n` is no number above 0"))?;
    let part = |part: &[Value]| Node::task(Signature::starmap(task.clone(), part.iter().cloned()));
    let mut group = Node::group(items.chunks(size).map(part).collect());
    group.signature.options = signature.options.clone();
    debug_assert!(matches!(group.kind, Kind::Group(_)));
    Ok(Some(group))
}

/// The task whose routes a message takes: that of the mapped task, as in Celery.
pub(crate) fn routed(signature: &Signature) -> &str {
    match signature.task.as_str() {
        MAP | STARMAP => signature.kwargs.get("task").and_then(|task| task.get("task")?.as_str()),
        _ => None,
    }
    .unwrap_or(&signature.task)
}
