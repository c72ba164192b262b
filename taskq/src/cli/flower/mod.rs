//! `flower`: the board, in a browser.

mod access;
mod args;

use clap::Args;
use taskq_core::app::App;
use taskq_flower::Board;
use taskq_worker::{SignalRule, Signals, Stop};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::{access::Access, args::BoardArgs};
use super::{Exit, Failure, LogArgs, Session, SettingFlag};

/// Show tasks, workers and queues in a browser, with Flower's HTTP API
#[derive(Args, Debug)]
pub(crate) struct Flower {
    #[command(subcommand)]
    access: Option<Access>,
    #[command(flatten)]
    board: BoardArgs,
    #[command(flatten)]
    logs: LogArgs,
}

impl Flower {
    /// How it logs, also as Flower would be told.
    pub(crate) fn logs(&self) -> LogArgs {
        let mut logs = self.logs.clone();
        let level =
            self.board.told("logging").or_else(|| self.board.told("debug").map(|_| "debug".to_owned()));
        logs.loglevel = logs.loglevel.or_else(|| level?.parse().ok());
        logs.logfile = logs.logfile.or_else(|| self.board.told("log_file_prefix").map(Into::into));
        logs
    }

    /// The settings that its options stand for.
    pub(crate) fn flags(&self) -> Vec<SettingFlag> {
        self.board.flags()
    }

    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        if let Some(access) = &self.access {
            return access.run(session, &self.board.load()?).await;
        }
        let board = Board::new(&session.app, self.board.load()?)?;
        let stop = Stop::new();
        let _signals = Signals::install(&stop, SignalRule::Escalate)
            .map_err(|error| Failure::new(Exit::Failed, format!("could not listen for signals: {error}")))?;
        let ended = CancellationToken::new();
        let cancel = ended.clone();
        let listening = tokio::spawn(async move {
            stop.warm_asked().await;
            cancel.cancel();
        });
        let run = board.run(ended).await;
        listening.abort();
        Ok(run?)
    }
}

/// A board beside a worker.
pub(super) struct Beside {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Beside {
    /// Starts it with the options of the environment. A board that cannot run is told of, and is no reason not to work.
    pub(super) fn start(app: &App) -> Self {
        let (stop, app) = (CancellationToken::new(), app.clone());
        let ended = stop.clone();
        let task = tokio::spawn(async move {
            let board = BoardArgs::default().load().and_then(|options| Board::new(&app, options));
            let run = match board {
                Ok(board) => board.run(ended).await,
                Err(error) => Err(error),
            };
            if let Err(error) = run {
                tracing::warn!(%error, "there is no board");
            }
        });
        Self { stop, task }
    }

    /// Stops it, and waits until it has given its last answers.
    pub(super) async fn end(self) {
        self.stop.cancel();
        let _ = self.task.await; // a panic was logged
    }
}
