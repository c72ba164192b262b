//! `celery.map` and `celery.starmap`: a registered task applied to each item in turn, in this run.

use std::sync::Arc;

use taskq_core::{
    codec::{Map, Value, json},
    protocol::TaskId,
    task::{Failure, TaskContext},
};

use super::{Arguments, Returned, wrong};
use crate::{inline, node::Node};

/// What an item is to the task.
#[derive(Clone, Copy, Debug)]
pub(super) enum Items {
    /// Its one argument.
    Single,
    /// The list of its arguments.
    Lists,
}

pub(super) async fn run(
    node: &Arc<Node>,
    cx: &TaskContext,
    mut arguments: Arguments,
    items: Items,
) -> Returned {
    let task = arguments.require("task", 0)?;
    let Value::List(list) = arguments.require("it", 1)? else {
        return Err(wrong("`it` is no list".to_owned()));
    };
    let name = match &task {
        Value::Str(name) => Some(name.as_str()),
        signature => signature.get("task").and_then(Value::as_str),
    };
    let name = name.ok_or_else(|| wrong("`task` is no signature".to_owned()))?;
    let Some(known) = node.tasks.get(name) else {
        return Err(Failure::new("NotRegistered", name).in_module("celery.exceptions").into());
    };
    let mut results = Vec::with_capacity(list.len());
    for item in list {
        let args = match (items, item) {
            (Items::Single, item) => vec![item],
            (Items::Lists, Value::List(args)) => args,
            (Items::Lists, other) => {
                return Err(wrong(format!(
                    "an item is no list of arguments but of type `{}`",
                    other.type_name()
                )));
            }
        };
        let cancel = cx.cancellation().child_token();
        let given = (args, Map::default());
        let (node, known) = (Arc::clone(node), Arc::clone(known));
        let value = inline::run(node, known, TaskId::new(), given, &cx.trace(), cancel).await?;
        results.push(json::from_slice::<Value>(&value)?);
    }
    Ok(Value::List(results))
}
