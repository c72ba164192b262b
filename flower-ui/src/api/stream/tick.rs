//! What streams are told: a tick once a second, and four times a second what changed.
//!
//! Kept true here: a tick is about now: what cannot be read now is `null` in it, whatever was read before.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

use crate::{
    api::{activity, now, queues, workers::fleet},
    live::Change,
    server::Shared,
};

/// How often numbers are told.
const TICK: Duration = Duration::from_secs(1);
/// How often changes are told.
const TELL: Duration = Duration::from_millis(250);
/// Ids in one message; more are counted only.
const IDS: usize = 500;
/// Queues and workers in a tick.
const ROWS: usize = 200;

/// Numbers, while somebody listens.
pub(super) async fn keep_ticking(shared: Shared) {
    let mut beat = interval(TICK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        beat.tick().await;
        if shared.v1.hub.listeners() == 0 {
            continue;
        }
        shared.v1.samples.watch(now(&shared));
        let fleet = fleet(&shared);
        let known = shared.v1.samples.queues();
        let is_read = known.error.is_none();
        let queues: Vec<_> = queues::rows(&shared, &known, &fleet)
            .iter()
            .take(ROWS)
            .map(|queue| {
                let read = |count: Option<u64>| count.filter(|_| is_read);
                let oldest = queue.oldest.filter(|_| is_read);
                json!([queue.name, read(queue.ready), read(queue.in_flight), oldest])
            })
            .collect();
        let workers: Vec<_> =
            fleet.iter().take(ROWS).map(|worker| json!([worker.name, worker.status, worker.busy])).collect();
        let broker = shared.live.broker();
        let data = json!({
            "at": now(&shared),
            "now": shared.v1.numbers.get(&broker).json(&fleet, &broker),
            "queues": queues,
            "queues_as_of": known.as_of,
            "workers": workers,
            "broker": activity::broker(&broker),
            "coverage": activity::coverage(&shared.live.coverage()),
            "store": {"error": shared.store.health().error},
        });
        shared.v1.hub.put("tick", data.to_string());
    }
}

/// What changed since it was told last.
#[derive(Debug, Default)]
struct Changed {
    tasks: BTreeSet<Arc<str>>,
    /// Tasks beyond those.
    more: u64,
    workers: BTreeSet<Arc<str>>,
    broker: bool,
    /// Changes that were missed.
    missed: u64,
}

impl Changed {
    fn add(&mut self, change: Change) {
        match change {
            Change::Task(id) if self.tasks.len() < IDS => _ = self.tasks.insert(id),
            Change::Task(id) => self.more += u64::from(!self.tasks.contains(&id)),
            Change::Worker(name) => _ = self.workers.insert(name),
            Change::Broker => self.broker = true,
        }
    }

    fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.workers.is_empty() && !self.broker && self.missed == 0
    }

    fn data(&self) -> String {
        let texts = |set: &BTreeSet<Arc<str>>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "tasks": texts(&self.tasks), "more": self.more, "workers": texts(&self.workers),
            "broker": self.broker, "missed": self.missed,
        })
        .to_string()
    }
}

/// Changes, while somebody listens.
pub(super) async fn keep_telling(shared: Shared) {
    let mut changes = shared.live.subscribe();
    let mut beat = interval(TELL);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut changed = Changed::default();
    loop {
        tokio::select! {
            _ = beat.tick() => {
                let told = std::mem::take(&mut changed);
                if !told.is_empty() && shared.v1.hub.listeners() > 0 {
                    shared.v1.hub.put("change", told.data());
                }
            }
            change = changes.recv() => match change {
                Ok(change) => changed.add(change),
                Err(RecvError::Lagged(missed)) => changed.missed += missed,
                Err(RecvError::Closed) => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_bounded_number_of_tasks() {
        let mut changed = Changed::default();
        assert!(changed.is_empty());
        for number in 0..2 * IDS {
            changed.add(Change::Task(number.to_string().into()));
        }
        changed.add(Change::Task("0".into()));
        changed.add(Change::Worker("w".into()));
        assert_eq!(changed.tasks.len(), IDS);
        assert_eq!(changed.more, IDS as u64);
        assert!(changed.data().contains("\"workers\":[\"w\"]"));
    }
}
