//! `revoke`, `terminate`, `revoke_by_stamped_headers`, `revoked`.

use std::sync::Arc;

use nix::sys::signal::Signal;
use taskq_core::{
    backend::{BackendError, State, StoredError, TaskMeta, TaskOutput},
    broker::Revocation,
    codec::{Map, Value, repr},
    control::ok,
    protocol::TaskId,
};
use tracing::{info, warn};

use super::{
    args::Args,
    panel::{Done, Panel},
};
use crate::{held::Held, node::Node};

pub(super) fn revoked(panel: &Panel) -> Done {
    Ok(panel.node.revoked.all().iter().map(TaskId::as_str).collect())
}

pub(super) async fn revoke(panel: &Panel, args: &Args<'_>) -> Done {
    let ids = ids(args)?;
    flag(&panel.node, &ids).await;
    if args.truth("terminate") {
        return Ok(ok(terminated(&panel.node, &ids, signal(args)?)));
    }
    let shown: Vec<String> = ids.iter().map(|id| repr::value(&Value::from(id.as_str()))).collect();
    let shown = if shown.is_empty() { "set()".to_owned() } else { format!("{{{}}}", shown.join(", ")) };
    Ok(ok(format!("tasks {shown} flagged as revoked")))
}

pub(super) async fn terminate(panel: &Panel, args: &Args<'_>) -> Done {
    args.required("signal")?;
    let (ids, signal) = (ids(args)?, signal(args)?);
    flag(&panel.node, &ids).await;
    Ok(ok(terminated(&panel.node, &ids, signal)))
}

/// The signal for a child: a name, with `SIG` or without, or a number. Default: SIGTERM.
fn signal(args: &Args<'_>) -> Result<Signal, StoredError> {
    let Some(given) = args.get("signal").filter(|given| !given.is_null()) else { return Ok(Signal::SIGTERM) };
    let found = match given {
        Value::Int(number) => i32::try_from(*number).ok().and_then(|number| Signal::try_from(number).ok()),
        Value::Str(name) => {
            let name = name.to_ascii_uppercase();
            let full = if name.starts_with("SIG") { name } else { format!("SIG{name}") };
            full.parse().ok()
        }
        _ => None,
    };
    found.ok_or_else(|| args.wrong("signal", given, "the name or number of a signal"))
}

fn ids(args: &Args<'_>) -> Result<Vec<TaskId>, StoredError> {
    Ok(args.texts("task_id")?.iter().map(|id| TaskId::from(id.as_str())).collect())
}

/// Keeps them from running, here and, once it is written down, everywhere.
async fn flag(node: &Node, ids: &[TaskId]) {
    info!(?ids, "tasks flagged as revoked");
    node.revoked.add(ids.iter().cloned());
    remember(node, ids.iter().cloned().map(Revocation::Task).collect()).await;
    if let Err(error) = store_revoked(node, ids).await {
        warn!(%error, "could not store REVOKED; it is stored when the task arrives");
    }
}

/// For workers that are down, or start: whoever revokes, Python too, need not do it.
async fn remember(node: &Node, what: Vec<Revocation>) {
    if let Some(revocations) = &node.revocations
        && let Err(error) = revocations.remember(&what).await
    {
        warn!(%error, "could not remember what was revoked: workers that are down will run it");
    }
}

/// Ends those of them that are here: running ones are dropped, waiting ones end when their turn comes.
fn terminated(node: &Node, ids: &[TaskId], signal: Signal) -> String {
    let here = node.held.with_ids(ids);
    if here.is_empty() {
        return "terminate: tasks unknown".to_owned();
    }
    here.iter().for_each(|held| held.terminate(signal));
    let ids: Vec<&str> = here.iter().map(|held| held.id.as_str()).collect();
    info!(?ids, "terminating tasks");
    format!("terminate: {}", ids.join(", "))
}

/// Tells those who wait at once, as Celery does: the message may be far down its queue.
async fn store_revoked(node: &Node, ids: &[TaskId]) -> Result<(), BackendError> {
    if ids.is_empty() {
        return Ok(());
    }
    let running: Vec<Arc<Held>> =
        node.held.with_ids(ids).into_iter().filter(|held| held.is_running()).collect();
    let metas: Vec<TaskMeta> = ids
        .iter()
        .zip(node.backend.fetch(ids).await?)
        .filter(|(id, known)| {
            let waits = known.as_ref().is_none_or(|meta| {
                matches!(meta.state, State::Pending | State::Received | State::Retry | State::Rejected)
            });
            waits && !running.iter().any(|held| held.id == **id)
        })
        .map(|(id, _)| {
            let error = StoredError::celery("TaskRevokedError", "revoked");
            let mut meta = TaskMeta::new(id.clone(), State::Revoked, TaskOutput::Error(error));
            meta.children = None;
            meta.date_done = Some(node.now());
            meta
        })
        .collect();
    if metas.is_empty() { Ok(()) } else { node.backend.store(&metas).await }
}

/// By stamps: `{name: value or values}`, or a list of `name=value`.
pub(super) async fn by_stamps(panel: &Panel, args: &Args<'_>) -> Done {
    let headers = match args.required("headers")? {
        Value::Map(headers) => headers.clone(),
        Value::List(pairs) => {
            let pair = |pair: &Value| {
                let (name, value) = pair.as_str()?.split_once('=')?;
                Some((name.to_owned(), Value::from(value)))
            };
            match pairs.iter().map(pair).collect::<Option<Map>>() {
                Some(headers) => headers,
                None => return Err(StoredError::builtin("IndexError", "list index out of range")),
            }
        }
        other => return Err(args.wrong("headers", other, "a map or a list of `name=value`")),
    };
    let marks: Vec<TaskId> =
        headers.iter().flat_map(|(name, values)| Revocation::stamp(name, values)).collect();
    mark(&panel.node, &marks).await;
    let shown = repr::kwargs(&headers);
    info!(headers = shown, "stamps flagged as revoked");
    if !args.truth("terminate") {
        return Ok(ok(format!("headers {shown} flagged as revoked, but not terminated")));
    }
    Ok(ok(if terminated_marks(&panel.node, &marks, signal(args)?) == 0 {
        format!("headers {shown} were not terminated")
    } else {
        format!("headers {shown} revoked")
    }))
}

/// Our own command: all tasks of the workflows with these first tasks.
pub(super) async fn workflow(panel: &Panel, args: &Args<'_>) -> Done {
    let roots = args.texts("root_id")?;
    let marks: Vec<TaskId> =
        roots.iter().map(|root| Revocation::workflow(&TaskId::from(root.as_str()))).collect();
    mark(&panel.node, &marks).await;
    info!(?roots, "workflows flagged as revoked");
    if !args.truth("terminate") {
        return Ok(ok(format!("workflows {} flagged as revoked, but not terminated", roots.join(", "))));
    }
    let ended = terminated_marks(&panel.node, &marks, signal(args)?);
    Ok(ok(format!("terminate: {ended} running tasks of workflows {}", roots.join(", "))))
}

/// Keeps what carries one of these from running. Each task is stored as revoked when its turn comes: which ones
/// there are, nobody knows.
async fn mark(node: &Node, marks: &[TaskId]) {
    node.marked.add(marks.iter().cloned());
    remember(node, marks.iter().cloned().map(Revocation::Mark).collect()).await;
}

/// Ends what runs with one of these; answers how many.
fn terminated_marks(node: &Node, marks: &[TaskId], signal: Signal) -> usize {
    let running = node.held.which(|held| held.is_running() && held.marks.ids().any(|id| marks.contains(&id)));
    running.iter().for_each(|held| held.terminate(signal));
    running.len()
}
