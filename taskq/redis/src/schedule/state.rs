//! What happened to an entry, as a hash; and the commands of a change. Times are microseconds since 1970.

use std::collections::HashMap;

use redis::Pipeline;
use taskq_core::{
    Error, Timestamp,
    protocol::TaskId,
    schedule::{Change, EntryState},
};

use crate::keys::Keys;

pub(super) fn read(fields: &HashMap<String, String>) -> EntryState {
    let text = |name: &str| fields.get(name).map(String::as_str);
    let time = |name: &str| Timestamp::from_microsecond(text(name)?.parse().ok()?).ok();
    EntryState {
        since: time("since"),
        last_due: time("due"),
        last_sent: time("sent"),
        last_task: text("task").map(TaskId::from),
        runs: text("runs").and_then(|runs| runs.parse().ok()).unwrap_or(0),
        paused: text("paused").is_some(),
        asked: time("asked"),
        pending: time("pending"),
    }
}

/// Adds the commands of a change: the first one's answer is above 0 when the entry was there.
pub(super) fn change(
    pipeline: &mut Pipeline,
    keys: &Keys,
    change: &Change,
    now: Timestamp,
) -> Result<(), Error> {
    let entries = keys.schedule("entries");
    match change {
        Change::Put(entry) => {
            pipeline.cmd("HSET").arg(entries).arg(&entry.name).arg(&entry.to_stored()?[..]);
            let state = keys.schedule_entry("state", &entry.name);
            pipeline.cmd("HSETNX").arg(state).arg("since").arg(now.as_microsecond()).ignore();
        }
        Change::Remove(name) => {
            pipeline.cmd("HDEL").arg(entries).arg(name);
            for part in ["state", "history", "backfilled"] {
                pipeline.cmd("DEL").arg(keys.schedule_entry(part, name)).ignore();
            }
        }
        Change::Pause(name, paused) => {
            pipeline.cmd("HEXISTS").arg(entries).arg(name);
            let state = keys.schedule_entry("state", name);
            if *paused {
                pipeline.cmd("HSET").arg(state).arg("paused").arg(1).ignore();
            } else {
                pipeline.cmd("HDEL").arg(state).arg("paused").ignore();
            }
        }
        Change::RunNow(name, at) => {
            pipeline.cmd("HEXISTS").arg(entries).arg(name);
            let state = keys.schedule_entry("state", name);
            pipeline.cmd("HSET").arg(state).arg("asked").arg(at.as_microsecond()).ignore();
        }
    }
    Ok(())
}
