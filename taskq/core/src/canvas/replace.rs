//! A task that goes on in another signature under its own id (Celery: `Task.replace`).
//!
//! Kept true here: whoever waits for the task waits for its replacement; its callbacks, its errbacks, its place
//! in a group or in the header of a chord and the rest of its chain go along.

use super::{Args, Kind, Node, Signature, freeze::Place};
use crate::{
    Error, ErrorKind,
    codec::{Map, Value},
    protocol::Request,
};

/// The name of the task that takes one of its arguments: a group that replaces a task becomes the header of
/// a chord with it as the body.
const ACCUMULATE: &str = "celery.accumulate";

/// The signature to send instead of a request.
///
/// # Errors
/// When it is an empty chain, is in a chord already, or cannot be read.
pub fn replacement(request: &Request, signature: Signature) -> Result<Signature, Error> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::Encode, why));
    signature.options.check()?;
    if signature.options.flow.as_ref().is_some_and(|flow| flow.chord.is_some()) {
        return refuse("a signature that replaces a task must not be in a chord already");
    }
    let mut node = Node::read(signature)?;
    match &mut node.kind {
        Kind::Group(_) => node = Node::chain(vec![node, first_argument()]),
        Kind::Chain(steps) => match steps.last() {
            None => return refuse("cannot replace a task with an empty chain"),
            Some(Node { kind: Kind::Group(_), .. }) => steps.push(first_argument()),
            Some(_) => {}
        },
        Kind::Task | Kind::Chord(_) => {}
    }
    for callback in read(request.embed.callbacks.as_deref())? {
        node.add_link(callback);
    }
    node.add_errbacks(&read(request.embed.errbacks.as_deref())?);
    let nesting = request.headers.replaced_task_nesting.saturating_add(1);
    if let Kind::Chain(steps) = &mut node.kind {
        let link = std::mem::take(&mut node.signature.options.link);
        if let Some(last) = steps.last_mut() {
            link.into_iter().for_each(|callback| last.add_link(callback));
        }
        for step in steps {
            step.signature.options.flow_mut().replaced_task_nesting = nesting;
        }
    }
    let id = request.id();
    // Not of this worker, as in Celery: over `rpc://` nobody who waits would ever hear of the replacement.
    let reply_to = request.properties.reply_to.as_deref().unwrap_or_default();
    node.freeze(Place { id: Some(id), reply_to, ..Place::default() });
    let flow = node.signature.options.flow_mut();
    flow.chord.clone_from(&request.embed.chord);
    flow.group_id.clone_from(&request.headers.group);
    flow.group_index = request.headers.group_index;
    flow.root_id = Some(request.headers.root_id.as_ref().unwrap_or(id).clone());
    flow.chain =
        request.embed.chain.as_ref().map(|chain| chain.iter().map(|step| nested(step, nesting)).collect());
    flow.replaced_task_nesting = nesting;
    Ok(node.into_signature())
}

fn first_argument() -> Node {
    let index = Map::from_iter([("index".to_owned(), Value::Int(0))]);
    let task = Signature::by_name(ACCUMULATE, Args::default());
    Node::task(Signature { kwargs: index, ..task })
}

fn read(links: Option<&[Value]>) -> Result<Vec<Signature>, Error> {
    links.unwrap_or_default().iter().cloned().map(Signature::from_value).collect()
}

/// A later step, marked like the replacement.
fn nested(step: &Value, nesting: u32) -> Value {
    let mut step = step.clone();
    if let Value::Map(map) = &mut step
        && let Value::Map(options) =
            map.entry("options".to_owned()).or_insert_with(|| Value::Map(Map::default()))
    {
        options.insert("replaced_task_nesting".to_owned(), nesting.into());
    }
    step
}
