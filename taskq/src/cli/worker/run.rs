//! Running the worker: what the options say, signals, and a sign while it drains.

use std::time::Duration;

use taskq_core::config::PoolKind;
use taskq_worker::{SignalRule, Signals, Stop, WorkerOptions};

use super::{
    super::{Exit, Failure, Session, beat, purge},
    Options, idle,
    restart::Restart,
};
use crate::{http, notify, progress};

impl Options {
    /// Runs a worker until a signal stops it, and a beat beside it if `-B` was given.
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        self.run_both(session, self.beat).await
    }

    /// Runs a worker and a beat until a signal stops them.
    pub(crate) async fn run_with_beat(&self, session: &Session) -> Result<(), Failure> {
        self.run_both(session, true).await
    }

    async fn run_both(&self, session: &Session, with_beat: bool) -> Result<(), Failure> {
        let mut options = WorkerOptions::new().queues(&self.queues).exclude_queues(&self.exclude_queues);
        options.hostname.clone_from(&self.hostname);
        options.watched = self.http.is_some() || std::env::var_os("WATCHDOG_USEC").is_some();
        options.mingle = !self.without_mingle;
        options.heartbeat = match (self.without_heartbeat, self.heartbeat_interval) {
            (true, _) => Some(Duration::ZERO),
            (false, Some(seconds)) => Some(
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| Failure::usage(format!("`--heartbeat-interval {seconds}` is no time")))?,
            ),
            (false, None) => None,
        };
        options.autoscale = match self.autoscale[..] {
            [] => None,
            [max] => Some((max, 1)),
            [max, min] => Some((max, min)),
            _ => return Err(Failure::usage("`--autoscale` takes two numbers: MAX,MIN")),
        };
        options.autoscale_keep = match std::env::var("AUTOSCALE_KEEPALIVE").map(|text| text.parse()) {
            Ok(Ok(seconds)) => Duration::try_from_secs_f64(seconds).ok(),
            Ok(Err(_)) => return Err(Failure::usage("`AUTOSCALE_KEEPALIVE` is no number of seconds")),
            Err(_) => None,
        };
        if session.app.settings().worker_pool == PoolKind::Solo {
            options.concurrency = Some(1);
        }
        let settings = session.app.settings();
        tracing::info!(broker = %settings.read_url(), results = %settings.backend_url(), "worker starts");
        idle::tell(settings);
        let worker = taskq_worker::Worker::new(&session.app, &options)?;
        let beat = with_beat.then(|| beat::Embedded::new(session));
        let _server = match self.http {
            Some(address) => Some(self.answer(address, session, &worker, beat.as_ref()).await?),
            None => None,
        };
        let stop = Stop::new();
        let _signals = Signals::install(&stop, SignalRule::Escalate)
            .map_err(|error| Failure::new(Exit::Failed, format!("could not listen for signals: {error}")))?;
        let restart = Restart::listen(stop.clone())
            .map_err(|error| Failure::new(Exit::Failed, format!("could not listen for SIGHUP: {error}")))?;
        let _told = notify::start(worker.ready(), stop.clone(), worker.monitor());
        if self.purge {
            purge::of_worker(session, &self.queues, &self.exclude_queues).await?;
        }
        let draining = tokio::spawn(show_drain(stop.clone(), session.out.draws_progress()));
        let beat = beat.map(|beat| beat.start(&stop));
        let ended = Box::pin(worker.run(stop)).await;
        if let Some(beat) = beat {
            beat.end().await;
        }
        draining.abort();
        let _ = draining.await; // its sign is gone before anything else is printed
        let report = ended?;
        if restart.is_asked() {
            tracing::info!(left = report.left, "starting again");
            let error = restart.now();
            return Err(Failure::new(Exit::Failed, format!("could not start again: {error}")));
        }
        Ok(())
    }
}

impl Options {
    /// Answers those who ask how it is.
    async fn answer(
        &self,
        address: std::net::SocketAddr,
        session: &Session,
        worker: &taskq_worker::Worker,
        beat: Option<&beat::Embedded>,
    ) -> Result<http::Server, Failure> {
        let watched = http::Watched {
            worker: Some(worker.monitor()),
            beat: beat.map(beat::Embedded::report),
            queues: if self.queues.is_empty() { session.own_queues() } else { self.queues.clone() },
        };
        http::serve(address, &session.app, watched).await.map_err(|why| Failure::new(Exit::Failed, why))
    }
}

/// A sign on the terminal while a stopped worker waits for its running tasks.
async fn show_drain(stop: Stop, watched: bool) {
    stop.warm_asked().await;
    let spinner = progress::spinner(watched, "running tasks may finish; Ctrl-C gives them back");
    let _clear = Clear(spinner);
    std::future::pending::<()>().await;
}

/// Clears a sign when it is dropped.
struct Clear(indicatif::ProgressBar);

impl Drop for Clear {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
