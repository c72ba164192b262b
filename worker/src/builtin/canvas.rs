//! Canvases that were sent as if they were tasks: the run goes on in them under its own id.

use taskq_core::{
    canvas::{Node, Signature},
    codec::Value,
    task::{TaskContext, TaskError},
};

use super::{Arguments, wrong};

/// The canvas to go on in.
pub(super) fn run(cx: &TaskContext, name: &str, mut arguments: Arguments) -> Result<TaskError, TaskError> {
    let signature = match name {
        "celery.chain" => Signature::chain(list(arguments.require("tasks", 0)?, "tasks")?),
        "celery.group" => {
            let group = Signature::group(list(arguments.require("tasks", 0)?, "tasks")?);
            match arguments.take("partial_args", 3) {
                Some(Value::List(partial)) => group.prepend(partial),
                _ => group,
            }
        }
        "celery.chord" => {
            let header = match arguments.require("header", 0)? {
                header @ Value::List(_) => list(header, "header")?,
                group => vec![signature(group, "header")?],
            };
            Signature::chord(header, signature(arguments.require("body", 1)?, "body")?)
        }
        "celery.chunks" => {
            let task = signature(arguments.require("task", 0)?, "task")?;
            let items = arguments.require("it", 1)?;
            let items = items.as_list().ok_or_else(|| wrong("`it` is no list".to_owned()))?;
            let size = arguments.require("n", 2)?.as_u64().and_then(|size| usize::try_from(size).ok());
            let size = size.filter(|size| *size > 0);
            let size = size.ok_or_else(|| wrong("`n` is no number above 0".to_owned()))?;
            let part = |part: &[Value]| Signature::starmap(task.clone(), part.iter().cloned());
            Signature::group(items.chunks(size).map(part).collect::<Vec<_>>())
        }
        other => return Err(wrong(format!("no built-in task is named `{other}`"))),
    };
    // Parts that are no signatures are found here, not when it is sent.
    let node = Node::read(signature).map_err(|error| wrong(error.to_string()))?;
    Ok(cx.replace(node))
}

fn list(parts: Value, name: &str) -> Result<Vec<Signature>, TaskError> {
    match parts {
        Value::List(parts) => parts.into_iter().map(|part| signature(part, name)).collect(),
        other => Err(wrong(format!("`{name}` is no list but of type `{}`", other.type_name()))),
    }
}

fn signature(part: Value, name: &str) -> Result<Signature, TaskError> {
    Signature::from_value(part).map_err(|error| wrong(format!("`{name}`: {error}")))
}
