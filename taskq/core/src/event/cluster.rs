//! What a monitor knows from events: workers that are alive, tasks and their states.
//!
//! Kept true here: events may come late, twice, in any order, from clocks that are wrong, or be garbage; the
//! newest word on a task stands, older ones only fill in what is missing; memory is bounded.

mod task;
mod worker;

use std::collections::BTreeMap;

use indexmap::IndexMap;

pub use self::{task::TaskView, worker::WorkerView};
use super::Event;

/// Tasks that are remembered unless told otherwise; those that changed longest ago are forgotten first.
const MOST_TASKS: usize = 10_000;
/// Workers that are remembered.
const MOST_WORKERS: usize = 5_000;

/// Workers and tasks, as their events tell.
#[derive(Clone, Debug)]
pub struct Cluster {
    workers: BTreeMap<String, WorkerView>,
    tasks: IndexMap<String, TaskView>,
    most_tasks: usize,
    events: u64,
    strange: u64,
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new(MOST_TASKS)
    }
}

impl Cluster {
    /// Remembers so many tasks.
    pub fn new(most_tasks: usize) -> Self {
        Self { workers: BTreeMap::new(), tasks: IndexMap::new(), most_tasks, events: 0, strange: 0 }
    }

    /// Takes in an event that was received at `now`, in seconds since 1970.
    pub fn take(&mut self, event: &Event, now: f64) {
        self.events += 1;
        match event.kind.split_once('-') {
            Some(("worker", what)) => self.of_worker(event, what, now),
            Some(("task", what)) => self.of_task(event, what, now),
            _ => self.strange += 1,
        }
    }

    fn of_worker(&mut self, event: &Event, what: &str, now: f64) {
        if !self.workers.contains_key(&event.hostname) && self.workers.len() >= MOST_WORKERS {
            self.strange += 1;
            return;
        }
        self.workers.entry(event.hostname.clone()).or_default().take(event, what, now);
    }

    fn of_task(&mut self, event: &Event, what: &str, now: f64) {
        let Some(id) = event.uuid() else {
            self.strange += 1;
            return;
        };
        let at = match self.tasks.get_index_of(id) {
            Some(at) => at,
            None => {
                if self.tasks.len() >= self.most_tasks.max(1) {
                    // A tenth at once: taking one from the front moves all others.
                    let old = (self.most_tasks / 10).max(1);
                    self.tasks.drain(..old.min(self.tasks.len()));
                }
                self.tasks.insert_full(id.to_owned(), TaskView::new(id)).0
            }
        };
        self.tasks[at].take(event, what);
        if what != "sent" {
            // Whoever tells of tasks is alive.
            if let Some(worker) = self.workers.get_mut(&event.hostname) {
                worker.heard(now);
            }
        }
    }

    /// The workers, by name.
    pub fn workers(&self) -> impl Iterator<Item = &WorkerView> {
        self.workers.values()
    }

    /// A worker.
    pub fn worker(&self, hostname: &str) -> Option<&WorkerView> {
        self.workers.get(hostname)
    }

    /// The tasks, in the order in which they were first heard of.
    pub fn tasks(&self) -> impl DoubleEndedIterator<Item = &TaskView> {
        self.tasks.values()
    }

    /// A task.
    pub fn task(&self, id: &str) -> Option<&TaskView> {
        self.tasks.get(id)
    }

    /// How many events were taken in.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many of them said nothing that could be understood.
    pub fn strange(&self) -> u64 {
        self.strange
    }

    /// Forgets workers that were not heard of for `seconds`.
    pub fn forget_workers(&mut self, now: f64, seconds: f64) {
        self.workers.retain(|_, worker| now - worker.last_heard < seconds);
    }
}

#[cfg(test)]
mod tests;
