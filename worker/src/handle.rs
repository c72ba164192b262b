//! A worker in the background, and what it reports at its end.

use std::sync::Arc;

use taskq_core::{Error, ErrorKind};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Stats, Stop, Worker, node::Node, stats::Counters};

/// What a worker has done, when it has stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Its counters.
    pub stats: Stats,
    /// Deliveries it could not settle: they come back when their leases lapse.
    pub left: usize,
}

impl Report {
    pub(crate) fn of(node: &Node) -> Self {
        Self { stats: node.counters.snapshot(), left: node.held.len() }
    }
}

/// A worker in the background. Dropping it stops it at once and waits for nothing.
#[derive(Debug)]
pub struct WorkerHandle {
    name: Arc<str>,
    stop: Stop,
    ready: CancellationToken,
    counters: Arc<Counters>,
    run: Option<JoinHandle<Result<Report, Error>>>,
}

impl WorkerHandle {
    pub(crate) fn start(worker: Worker) -> Self {
        let stop = Stop::new();
        Self {
            name: worker.name().into(),
            ready: worker.ready(),
            counters: worker.counters(),
            run: Some(tokio::spawn(worker.run(stop.clone()))),
            stop,
        }
    }

    /// Its node name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// Tells it to stop, harder than [`stop`](Self::stop) does.
    pub fn stopper(&self) -> &Stop {
        &self.stop
    }

    /// Waits until it consumes.
    ///
    /// # Errors
    /// When it ends before: what it ended with.
    pub async fn ready(&mut self) -> Result<(), Error> {
        let Some(run) = &mut self.run else { return Err(over()) };
        let ended = tokio::select! {
            biased;
            () = self.ready.cancelled() => return Ok(()),
            ended = run => ended,
        };
        self.run = None;
        match ended {
            Ok(Ok(_)) => Err(over()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(panicked(error)),
        }
    }

    /// Stops it: it takes nothing new, and running tasks finish within the grace.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn stop(mut self) -> Result<Report, Error> {
        self.stop.warm();
        self.join().await
    }

    /// Waits until it has stopped, for whatever reason.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn join(&mut self) -> Result<Report, Error> {
        match self.run.take() {
            Some(run) => run.await.map_err(panicked)?,
            None => Err(over()),
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        if let Some(run) = &self.run {
            self.stop.now();
            run.abort();
        }
    }
}

fn over() -> Error {
    Error::new(ErrorKind::Other, "the worker has stopped already")
}

fn panicked(error: tokio::task::JoinError) -> Error {
    Error::with_source(ErrorKind::Other, "the worker ended badly", error)
}
