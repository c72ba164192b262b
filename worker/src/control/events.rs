//! Events and time: `enable_events`, `disable_events`, `heartbeat`, `clock`, `election`, `hello`.

use std::time::Duration;

use taskq_core::{
    codec::{Map, Value},
    control::ok,
    protocol::TaskId,
};
use tracing::{debug, info};

use super::{
    args::Args,
    panel::{Done, Panel},
};
use crate::{heartbeat, node::Node};

/// What a heartbeat that was asked for says of its frequency, in seconds. As Celery.
const ASKED: i64 = 5;
/// How long neighbours have to answer at the start. As Celery.
const MINGLE: Duration = Duration::from_secs(1);

pub(super) fn clock(panel: &Panel) -> Done {
    Ok([("clock", Value::from(panel.node.app.logical_time()))].into_iter().collect())
}

pub(super) fn enable(panel: &Panel, args: &Args<'_>) -> Done {
    args.only(&[])?;
    let was = panel.node.events.tell_tasks(true);
    Ok(ok(if was { "task events already enabled" } else { "task events enabled" }))
}

pub(super) fn disable(panel: &Panel, args: &Args<'_>) -> Done {
    args.only(&[])?;
    let was = panel.node.events.tell_tasks(false);
    Ok(ok(if was { "task events disabled" } else { "task events already disabled" }))
}

/// Sends one now: monitors ask for it when they start.
pub(super) fn heartbeat(panel: &Panel) -> Done {
    let mut fields = Map::from_iter([("freq".to_owned(), Value::Int(ASKED))]);
    fields.extend(heartbeat::software());
    panel.node.events.tell("worker-heartbeat", fields);
    Ok(Value::Null)
}

/// Stands for an election: whoever wants a task to run on one worker only.
pub(super) fn election(panel: &Panel, args: &Args<'_>) -> Done {
    let fields = [
        ("id", Value::from(args.text("id")?)),
        ("topic", args.required("topic")?.clone()),
        ("action", args.get("action").cloned().unwrap_or_default()),
        ("cver", Value::Int(1)),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    panel.node.events.tell("worker-elect", fields);
    Ok(Value::Null)
}

/// A worker that starts tells what it knows to be revoked, and asks the same of us.
pub(super) fn hello(panel: &Panel, args: &Args<'_>) -> Done {
    let from = args.text("from_node")?;
    if from == &*panel.node.name {
        return Ok(Value::Null);
    }
    merge(&panel.node, args.get("revoked"));
    let known: Value = panel.node.revoked.all().iter().map(TaskId::as_str).collect();
    Ok([("revoked", known), ("clock", Value::from(panel.node.app.tick()))].into_iter().collect())
}

/// Asks the neighbours at the start (Celery: mingle).
pub(crate) async fn mingle(node: &Node) {
    let known: Value = node.revoked.all().iter().map(TaskId::as_str).collect();
    let ask = node.app.control().ask("hello").arg("from_node", &*node.name).arg("revoked", known);
    match ask.timeout(MINGLE).await {
        Ok(replies) => {
            for (neighbour, said) in &replies {
                let Value::Map(said) = said else { continue };
                merge(node, said.get("revoked"));
                if let Some(clock) = said.get("clock").and_then(Value::as_u64) {
                    node.app.adjust_clock(clock);
                }
                info!(neighbour, "sync complete");
            }
        }
        Err(error) => debug!(%error, "could not ask the neighbours"),
    }
}

/// A list of ids, or from old workers a map of them to times.
fn merge(node: &Node, revoked: Option<&Value>) {
    match revoked {
        Some(Value::List(ids)) => node.revoked.add(ids.iter().filter_map(Value::as_str).map(TaskId::from)),
        Some(Value::Map(ids)) => node.revoked.add(ids.keys().map(|id| TaskId::from(id.as_str()))),
        _ => {}
    }
}
