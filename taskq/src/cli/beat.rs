//! `beat`: sends the entries of the schedule when they are due.

use clap::Args;
use taskq_beat::Beat as Service;
use taskq_worker::{SignalRule, Signals, Stop};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Exit, Failure, LogArgs, Session};

const MANY: &str = "\
Any number of beats may run on one `beat_store`: one leads, the others take over within seconds when
it is gone. Entries come from the program, the setting `beat_schedule`, and `schedule add`.";

/// Send periodic tasks when they are due
#[derive(Args, Debug)]
#[command(after_help = MANY)]
pub(crate) struct Beat {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
}

impl Beat {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let settings = session.app.settings();
        tracing::info!(broker = %settings.write_url(), schedule = %settings.beat_store_url(), "beat starts");
        let stop = Stop::new();
        let _signals = Signals::install(&stop, SignalRule::Escalate)
            .map_err(|error| Failure::new(Exit::Failed, format!("could not listen for signals: {error}")))?;
        let ended = CancellationToken::new();
        let cancel = ended.clone();
        let listening = tokio::spawn(async move {
            stop.warm_asked().await;
            cancel.cancel();
        });
        let run = Service::new(&session.app).run(ended).await;
        listening.abort();
        Ok(run?)
    }
}

/// A beat beside a worker.
pub(super) struct Embedded {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Starts a beat beside a worker; it stops when the worker is told to.
pub(super) fn embed(session: &Session, worker: &Stop) -> Embedded {
    let stop = CancellationToken::new();
    let (ended, asked, cancel) = (stop.clone(), worker.clone(), stop.clone());
    let beat = Service::new(&session.app);
    let task = tokio::spawn(async move {
        let listening = tokio::spawn(async move {
            asked.warm_asked().await;
            cancel.cancel();
        });
        if let Err(error) = beat.run(ended).await {
            tracing::error!(%error, "the beat of this worker has ended");
        }
        listening.abort();
    });
    Embedded { stop, task }
}

impl Embedded {
    /// Stops it, and waits until it has let go.
    pub(super) async fn end(self) {
        self.stop.cancel();
        let _ = self.task.await; // a panic was logged
    }
}
