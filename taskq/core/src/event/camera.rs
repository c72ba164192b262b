//! Cameras: what a monitor knows, handed over every so often (Celery: `celery.events.snapshot`).
//!
//! Kept true here: a snapshot holds every task that was told of since the one before; memory is that of the
//! [`Cluster`].

use std::{collections::BTreeMap, collections::HashSet, fmt, sync::Arc};

use super::{Cluster, Event, TaskView, WorkerView};
use crate::Timestamp;

/// What is known at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Events since the snapshot before.
    pub events: u64,
    /// Every worker that is known, by name.
    pub workers: Vec<WorkerView>,
    /// The tasks that were told of since the snapshot before, in the order in which they were first heard of.
    pub tasks: Vec<TaskView>,
}

impl Snapshot {
    /// How many of [`tasks`](Self::tasks) are in each state, by Celery's name of it.
    pub fn states(&self) -> BTreeMap<&str, usize> {
        let mut states = BTreeMap::new();
        for task in &self.tasks {
            *states.entry(task.state.as_str()).or_default() += 1;
        }
        states
    }

    /// How many workers are alive.
    pub fn alive(&self) -> usize {
        let now = self.at.as_microsecond() as f64 / 1e6;
        self.workers.iter().filter(|worker| worker.is_alive(now)).count()
    }
}

/// What takes the snapshots: it gets each one. Celery: `Polaroid.on_shutter`.
pub type Shutter = Arc<dyn Fn(&Snapshot) + Send + Sync>;

/// The cameras of a program, by name.
#[derive(Clone, Default)]
pub struct Cameras(BTreeMap<String, Shutter>);

impl Cameras {
    /// The one of that name.
    pub fn get(&self, name: &str) -> Option<&Shutter> {
        self.0.get(name)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn add(&mut self, name: String, shutter: Shutter) {
        self.0.insert(name, shutter);
    }
}

impl fmt::Debug for Cameras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Takes in events and makes snapshots of them.
#[derive(Debug, Default)]
pub struct Film {
    cluster: Cluster,
    told: HashSet<String>,
    before: u64,
}

impl Film {
    /// Takes in an event that was received at `now`.
    pub fn take(&mut self, event: &Event, now: Timestamp) {
        self.cluster.take(event, now.as_microsecond() as f64 / 1e6);
        if let Some(id) = event.uuid() {
            self.told.insert(id.to_owned());
        }
    }

    /// What is known now. The next snapshot begins.
    pub fn snapshot(&mut self, at: Timestamp) -> Snapshot {
        let told = std::mem::take(&mut self.told);
        let events = self.cluster.events();
        Snapshot {
            at,
            events: events - std::mem::replace(&mut self.before, events),
            workers: self.cluster.workers().cloned().collect(),
            tasks: self.cluster.tasks().filter(|task| told.contains(&task.id)).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Map, Value};

    fn event(kind: &str, id: &str) -> Event {
        let fields: Map = [("uuid", Value::from(id)), ("name", "t.add".into())]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
        Event { kind: kind.into(), hostname: "a@b".into(), fields, ..Event::default() }
    }

    #[test]
    fn a_snapshot_has_what_was_told_since_the_one_before() {
        let (mut film, now) = (Film::default(), Timestamp::UNIX_EPOCH);
        for id in ["1", "2"] {
            film.take(&event("task-received", id), now);
        }
        film.take(&event("task-succeeded", "1"), now);
        let first = film.snapshot(now);
        assert_eq!((first.events, first.tasks.len()), (3, 2));
        assert_eq!(first.states(), [("RECEIVED", 1), ("SUCCESS", 1)].into());
        film.take(&event("task-started", "2"), now);
        let second = film.snapshot(now);
        assert_eq!((second.events, second.states()), (1, [("STARTED", 1)].into()));
        assert_eq!(second.tasks[0].id, "2");
        assert_eq!(film.snapshot(now).tasks.len(), 0);
    }
}
