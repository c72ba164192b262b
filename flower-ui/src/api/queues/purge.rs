//! Purging a queue, and putting back what was purged.
//!
//! Kept true here: nothing is removed that was not copied before, unless somebody says so; a copy is given back
//! once, whole.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use axum::extract::{Path, State};
use serde_json::{Value as Json, json};
use taskq_core::broker::Outgoing;

use super::{
    known,
    messages::{admin, depth},
};
use crate::{
    api::{
        audit::Act,
        body::Body,
        now,
        problem::{Problem, Reply, reply},
    },
    auth::{Caller, Permission, Target},
    server::Shared,
};

/// Messages that are copied at most; a longer queue is purged only if that is asked for.
const MOST: usize = 100_000;
/// Bytes of all copies together.
const BYTES: usize = 256 << 20;
/// Copies that are kept, the newest.
const COPIES: usize = 16;
/// How long, in seconds.
const KEPT: f64 = 86_400.0;
/// Messages that are put back in one go.
const BATCH: usize = 500;

/// Messages that were purged.
#[derive(Debug)]
struct Snapshot {
    id: String,
    queue: String,
    at: f64,
    bytes: usize,
    messages: Vec<Outgoing>,
}

/// The copies.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<VecDeque<Snapshot>>);

impl Snapshots {
    fn all(&self) -> std::sync::MutexGuard<'_, VecDeque<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of a queue, newest first.
    pub(crate) fn of(&self, queue: &str) -> Vec<Json> {
        let all = self.all();
        let of_it = all.iter().rev().filter(|snapshot| snapshot.queue == queue);
        of_it
            .map(|it| json!({"snapshot": it.id, "at": it.at, "messages": it.messages.len(), "bytes": it.bytes}))
            .collect()
    }

    fn keep(&self, snapshot: Snapshot) {
        let mut all = self.all();
        let oldest = snapshot.at - KEPT;
        all.retain(|kept| kept.at >= oldest);
        all.push_back(snapshot);
        while all.len() > COPIES || (all.len() > 1 && all.iter().map(|it| it.bytes).sum::<usize>() > BYTES) {
            all.pop_front();
        }
    }

    fn take(&self, queue: &str, id: &str) -> Option<Snapshot> {
        let mut all = self.all();
        let at = all.iter().position(|kept| kept.id == id && kept.queue == queue)?;
        all.remove(at)
    }
}

pub(super) async fn purge(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_on(Permission::QueuePurge, Target::queue(&queue))?;
    known(&shared, &queue)?;
    if body.text("confirm")? != Some(&queue) {
        return Err(Problem::argument("`confirm` has to be the name of the queue"));
    }
    let mut act = Act::new(&caller, "queue.purge", &queue, body.shown());
    let before = depth(&shared, &queue).await;
    let result = purged(&shared, &queue, body.value("without_snapshot").and_then(|it| it.as_bool())).await;
    act.change(before, depth(&shared, &queue).await);
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

async fn purged(shared: &Shared, queue: &str, without: Option<bool>) -> Result<Json, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::unavailable("the queue cannot be purged", error);
    let admin = admin(shared).await?;
    let in_place = shared.app.broker().await.map_err(|error| failed(&error))?.capabilities().in_place;
    let copies = in_place && without != Some(true);
    if !in_place && without != Some(true) {
        return Err(Problem::conflict("messages of this broker cannot be copied without delivering them")
            .fix("say `without_snapshot: true` to purge with no way back"));
    }
    let mut snapshot = None;
    if copies {
        let peeked = admin.peek(queue, MOST + 1).await.map_err(|error| failed(&error))?;
        let bytes: usize = peeked.iter().map(|peeked| peeked.original.len()).sum();
        if peeked.len() > MOST || bytes > BYTES {
            return Err(Problem::conflict(format!(
                "the queue holds more than {MOST} messages or 256 MiB, too much to copy"
            ))
            .fix("say `without_snapshot: true` to purge with no way back"));
        }
        let unreadable = peeked.iter().filter(|peeked| peeked.message.is_none()).count();
        if unreadable > 0 {
            return Err(Problem::conflict(format!(
                "{unreadable} messages cannot be read, and could not be put back"
            ))
            .fix("say `without_snapshot: true` to purge with no way back"));
        }
        let messages: Vec<Outgoing> = peeked
            .into_iter()
            .filter_map(|peeked| {
                Some(Outgoing { not_before: peeked.not_before, ..Outgoing::to_queue(queue, peeked.message?) })
            })
            .collect();
        let id = format!("{:016x}", fastrand::u64(..));
        snapshot = Some(Snapshot { id, queue: queue.to_owned(), at: now(shared), bytes, messages });
    }
    let removed = admin.purge(queue, &|_| {}).await;
    let copied = snapshot.as_ref().map(|it| it.messages.len());
    let id = snapshot.as_ref().map(|it| it.id.clone());
    // Also when purging stopped half way: what is gone is in the copy.
    if let Some(snapshot) = snapshot.filter(|it| !it.messages.is_empty()) {
        shared.v1.kept.snapshots.keep(snapshot);
    }
    let removed = removed.map_err(|error| failed(&error))?;
    let warning = copied.and_then(|copied| match usize::try_from(removed).unwrap_or(usize::MAX).cmp(&copied) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(format!(
            "{copied} messages were copied and {removed} removed: the others were taken meanwhile, and would run \
             twice if they are restored"
        )),
        std::cmp::Ordering::Greater => {
            Some(format!("{copied} messages were copied and {removed} removed: the others came meanwhile"))
        }
    });
    Ok(json!({
        "snapshot": id.filter(|_| copied.is_some_and(|copied| copied > 0)),
        "copied": copied,
        "removed": removed,
        "warning": warning,
    }))
}

pub(super) async fn restore(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_on(Permission::QueuePurge, Target::queue(&queue))?;
    let id = body.required("snapshot")?;
    let mut act = Act::new(&caller, "queue.restore", &queue, body.shown());
    let before = depth(&shared, &queue).await;
    let result = restored(&shared, &queue, id).await;
    act.change(before, depth(&shared, &queue).await);
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

async fn restored(shared: &Shared, queue: &str, id: &str) -> Result<Json, Problem> {
    let snapshots = &shared.v1.kept.snapshots;
    let Some(mut snapshot) = snapshots.take(queue, id) else {
        return Err(Problem::missing(format!("there is no copy `{id}` of `{queue}`"))
            .fix("a copy is kept for a day, until the board stops, and is given back once"));
    };
    let mut restored = 0;
    let broker = shared.app.broker().await;
    let result = match &broker {
        Err(error) => Err(Problem::unavailable("the broker cannot be reached", error)),
        Ok(broker) => {
            let delays = broker.capabilities().native_delay;
            let mut result = Ok(());
            for batch in snapshot.messages.chunks_mut(BATCH) {
                // Elsewhere its `eta` header says when.
                batch.iter_mut().filter(|_| !delays).for_each(|message| message.not_before = None);
                if let Err(error) = broker.publish(batch).await {
                    result = Err(Problem::unavailable("the messages cannot be put back", &error));
                    break;
                }
                restored += batch.len();
            }
            result
        }
    };
    if let Err(problem) = result {
        snapshot.messages.drain(..restored);
        let left = snapshot.messages.len();
        snapshots.keep(snapshot);
        return Err(problem.with("restored", restored).with("left", left));
    }
    Ok(json!({"restored": restored}))
}
