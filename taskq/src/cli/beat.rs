//! `beat`: sends the entries of the schedule when they are due.

use clap::Args;
use taskq_beat::{Beat as Service, Report};
use taskq_worker::{SignalRule, Signals, Stop};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Exit, Failure, LogArgs, Session};
use crate::http;

const MANY: &str = "\
Any number of beats may run on one `beat_store`: one leads, the others take over within seconds when
it is gone. Entries come from the program, the setting `beat_schedule`, and `schedule add`.";

/// Send periodic tasks when they are due
#[derive(Args, Debug)]
#[command(after_help = MANY)]
pub(crate) struct Beat {
    /// Answer `/live`, `/ready` and `/metrics` there, such as `127.0.0.1:9809`
    #[arg(long, value_name = "ADDR")]
    http: Option<std::net::SocketAddr>,
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
        let beat = Service::new(&session.app);
        let _server = match self.http {
            Some(address) => {
                let watched = http::Watched {
                    beat: Some(beat.report()),
                    queues: session.own_queues(),
                    ..http::Watched::default()
                };
                let served = http::serve(address, &session.app, watched).await;
                Some(served.map_err(|why| Failure::new(Exit::Failed, why))?)
            }
            None => None,
        };
        let run = beat.run(ended).await;
        listening.abort();
        Ok(run?)
    }
}

/// A beat beside a worker that has not started.
pub(super) struct Embedded(Service);

/// A beat beside a worker.
pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Embedded {
    pub(super) fn new(session: &Session) -> Self {
        Self(Service::new(&session.app))
    }

    pub(super) fn report(&self) -> Report {
        self.0.report()
    }

    /// Starts it; it stops when the worker is told to.
    pub(super) fn start(self, worker: &Stop) -> Running {
        let stop = CancellationToken::new();
        let (ended, asked, cancel) = (stop.clone(), worker.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let listening = tokio::spawn(async move {
                asked.warm_asked().await;
                cancel.cancel();
            });
            if let Err(error) = self.0.run(ended).await {
                tracing::error!(%error, "the beat of this worker has ended");
            }
            listening.abort();
        });
        Running { stop, task }
    }
}

impl Running {
    /// Stops it, and waits until it has let go.
    pub(super) async fn end(self) {
        self.stop.cancel();
        let _ = self.task.await; // a panic was logged
    }
}
