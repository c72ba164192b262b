//! `dev`: everything a developer needs in one process, with no server.

use clap::Args;
use taskq_core::{
    config::Source,
    protocol::{Param, ParamKind},
};

use super::{
    Failure, Session,
    flower::Beside,
    setting_flag::SettingFlag,
    worker::{LogArgs, Options},
};

/// What `dev` runs on unless `-b` says otherwise.
pub(crate) const DEV_URL: &str = "sqlite:./taskq.db";

/// Run a worker, a beat and a board on `sqlite:./taskq.db`, with no server: for development
#[derive(Args, Debug)]
pub(crate) struct Dev {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) logs: LogArgs,
}

/// The parameters a call must give.
fn required(params: &[Param]) -> impl Iterator<Item = &'static str> {
    params.iter().filter(|param| param.kind == ParamKind::Required).map(|param| param.name)
}

impl Dev {
    /// The settings that the command and its options stand for.
    pub(crate) fn flags(&self) -> Vec<SettingFlag> {
        let place = ["broker_url", "result_backend"].map(|name| SettingFlag::new("dev", name, DEV_URL));
        place.into_iter().chain(self.options.flags()).collect()
    }

    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let settings = session.app.settings();
        let own = matches!(settings.source("broker_url"), Some(Source::Flag(flag)) if flag == "dev");
        let option = if own { String::new() } else { format!("-b {} ", settings.broker_url) };
        session.out.note(&format!("worker on `{}`, no server needed; Ctrl-C stops it", settings.broker_url));
        if let Some(task) = session.app.registry().iter().next() {
            let names: Vec<&str> = required(task.params).collect();
            let args = if names.is_empty() { String::new() } else { format!(" -a '[{}]'", names.join(", ")) };
            session
                .out
                .note(&format!("send a task: {} {option}call {}{args} --wait", session.program, task.name));
        }
        let board = Beside::start(&session.app);
        let run = self.options.run_with_beat(session).await;
        board.end().await;
        run
    }
}
