//! The soak: producers and workers on every broker, while everything around them fails by a seed.
//!
//! Kept true here: what was confirmed to its sender and has not ended by the time all faults are over is lost; what
//! ended twice without a fault that explains it is doubled; a fault after which nothing new ends in time is silence.
//! All three fail the soak. What Python workers run is counted apart: they are there to share the servers, and
//! promise less.

mod book;
mod course;
mod fault;
mod producer;
mod site;
mod tally;

use std::{path::PathBuf, thread, time::Duration};

pub use tally::Tally;

use site::{Kind, Site};

/// What to soak.
#[derive(Clone, Debug)]
pub struct Soak {
    /// How long faults happen.
    pub lasts: Duration,
    /// What they follow from. Processes and networks have their own time, so a seed gives the same faults, not the
    /// same run.
    pub seed: u64,
    /// The executable of the interop worker.
    pub worker: PathBuf,
    /// With Python workers beside.
    pub python: bool,
}

impl Soak {
    /// Soaks Redis, RabbitMQ and SQLite at once; answers what came of each.
    ///
    /// # Panics
    /// When a server or a worker cannot be started, or a worker stays silent after a fault.
    #[must_use]
    pub fn run(&self) -> Vec<Tally> {
        thread::scope(|scope| {
            let sites: Vec<_> = [Kind::Redis, Kind::RabbitMq, Kind::Sqlite]
                .into_iter()
                .map(|kind| scope.spawn(move || course::run(Site::open(self, kind), self)))
                .collect();
            sites
                .into_iter()
                .map(|site| site.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }
}
