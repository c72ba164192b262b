//! The way in: events are heard, understood, and told to the state of now and to history.
//!
//! Kept true here: whatever is sent, and however long the broker is away, the feed goes on; what it could not hear
//! is measured and said.

mod backfill;
mod intake;
mod listen;
#[cfg(test)]
mod tests;
mod watch;

use std::{sync::Arc, time::Duration};

use taskq_core::{Error, ErrorKind, app::App};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use self::intake::Intake;
use crate::{
    live::Live,
    redact::Redact,
    store::{Store, StoreOptions},
};

/// How to watch.
#[derive(Clone, Debug)]
pub struct Start {
    /// How history is kept.
    pub store: StoreOptions,
    /// Upper bounds of the run time metric in seconds, ascending.
    pub runtime_buckets: Vec<f64>,
    /// Whether workers are told every five seconds to send events.
    pub enable_events: bool,
    /// Workers that are remembered.
    pub max_workers: usize,
    /// Workers that were silent for longer are forgotten.
    pub purge_offline: Option<Duration>,
    /// What is not written down.
    pub redact: Redact,
}

/// A running watch.
#[derive(Debug)]
pub struct Watch {
    /// History.
    pub store: Arc<Store>,
    /// The state of now.
    pub live: Arc<Live>,
    tasks: JoinSet<()>,
}

impl Watch {
    /// Waits until everything that was heard is written. Call it after the token was cancelled.
    pub async fn finished(mut self) {
        while self.tasks.join_next().await.is_some() {}
        let store = Arc::clone(&self.store);
        // A panic of the writer was said where it happened.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

/// Starts to watch the workers on the app's broker, until `stop`.
///
/// # Errors
/// When the folder of the store cannot be used. Never because the broker is away.
pub async fn start(app: &App, start: Start, stop: CancellationToken) -> Result<Watch, Error> {
    let redact = start.redact;
    let store =
        tokio::task::spawn_blocking(move || Store::open(&start.store).map(|store| store.without(redact)))
            .await
            .map_err(|error| {
                Error::with_source(ErrorKind::Other, "opening history ended with a panic", error)
            })?;
    let store = Arc::new(store?);
    let live = Arc::new(Live::new(start.runtime_buckets, start.max_workers, start.purge_offline));
    match store.spans().await {
        Ok(spans) => live.remember(&spans),
        Err(error) => tracing::warn!(%error, "it is not known when events were heard before"),
    }
    let back = Arc::new(Notify::new());
    // Also at the start: what happened while there was no board.
    back.notify_one();
    let mut tasks = JoinSet::new();
    let intake = Intake::new(Arc::clone(&store), Arc::clone(&live));
    tasks.spawn(listen::listen(app.clone(), Arc::clone(&live), intake, stop.clone()));
    let probe =
        listen::probe(app.clone(), Arc::clone(&live), start.enable_events, Arc::clone(&back), stop.clone());
    tasks.spawn(probe);
    tasks.spawn(watch::keep(Arc::clone(&store), Arc::clone(&live), stop.clone()));
    tasks.spawn(backfill::run(app.clone(), Arc::clone(&store), Arc::clone(&live), back, stop));
    Ok(Watch { store, live, tasks })
}
