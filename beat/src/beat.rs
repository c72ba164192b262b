//! A beat: waits until it may lead, leads, and lets go in order.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    Error,
    app::{self, App},
    schedule::{Leadership, ScheduleStore},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{ping, report::Report, sources, term::Term};

/// How a beat runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BeatOptions {
    /// How long it leads without a sign of life. Default: the setting `beat_lease`, 3 s.
    pub lease: Duration,
}

/// A scheduler of an app. Any number may run: one leads, the others wait.
///
/// ```no_run
/// # async fn run(app: taskq_core::app::App) -> Result<(), taskq_core::Error> {
/// use taskq_beat::Beat;
/// use tokio_util::sync::CancellationToken;
///
/// let stop = CancellationToken::new();
/// Beat::new(&app).run(stop).await
/// # }
/// ```
#[derive(Debug)]
pub struct Beat {
    app: App,
    options: BeatOptions,
    name: String,
    report: Report,
}

impl Beat {
    /// A beat with the settings of the app.
    pub fn new(app: &App) -> Self {
        let options = BeatOptions { lease: app.settings().beat_lease.max(Duration::from_millis(300)) };
        // Unique, so that a restarted beat does not take itself for the one before.
        let name = format!("beat@{}.{}", app::hostname(), Uuid::new_v4().simple());
        Self { app: app.clone(), options, name, report: Report::default() }
    }

    /// The name it leads under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its numbers, live.
    pub fn report(&self) -> Report {
        self.report.clone()
    }

    /// Runs until stopped. A store or broker that cannot be reached is waited for.
    ///
    /// # Errors
    /// When the address of the store or the broker is wrong.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        sources::check(&self.app);
        let _answering = ping::start(&self.app, &self.report);
        let Some(store) = self.open(&stop).await? else { return Ok(()) };
        let mut follows = String::new();
        while !stop.is_cancelled() {
            match store.lead(&self.name, self.options.lease).await {
                Ok(Leadership::Leader { token }) => {
                    follows.clear();
                    self.lead(store.as_ref(), token, &stop).await;
                    continue;
                }
                Ok(Leadership::Follower { leader }) => {
                    self.report.set_looked(self.app.clock().now());
                    if leader != follows {
                        info!(beat = self.name, leader, "another beat leads; ready to take over");
                        follows = leader;
                    }
                }
                Err(error) => {
                    self.report.count_error();
                    warn!(%error, "could not reach the schedule; trying again");
                }
            }
            wait(&stop, self.options.lease / 6).await;
        }
        if let Err(error) = store.resign(&self.name).await {
            warn!(%error, "could not resign; another beat takes over when the lease lapses");
        }
        info!(beat = self.name, sent = self.report.sent(), "beat has stopped");
        Ok(())
    }

    /// Opens the store, waiting for a server that is not there yet. `None`: stopped meanwhile.
    async fn open(&self, stop: &CancellationToken) -> Result<Option<Arc<dyn ScheduleStore>>, Error> {
        loop {
            match self.app.schedules().await {
                Ok(store) => return Ok(Some(store)),
                Err(error) if error.is_retryable() => {
                    self.report.count_error();
                    warn!(%error, "could not open the schedule; trying again");
                }
                Err(error) => return Err(error),
            }
            wait(stop, self.options.lease).await;
            if stop.is_cancelled() {
                return Ok(None);
            }
        }
    }

    async fn lead(&self, store: &dyn ScheduleStore, token: u64, stop: &CancellationToken) {
        self.report.set_leads(true);
        let term = Term {
            app: &self.app,
            store,
            report: &self.report,
            name: &self.name,
            lease: self.options.lease,
            token,
        };
        if let Err(error) = term.run(stop).await {
            self.report.count_error();
            warn!(%error, "could not go on leading; trying again");
            wait(stop, self.options.lease / 6).await;
        }
        self.report.set_leads(false);
    }
}

async fn wait(stop: &CancellationToken, time: Duration) {
    tokio::select! {
        biased;
        () = sleep(time) => {}
        () = stop.cancelled() => {}
    }
}
