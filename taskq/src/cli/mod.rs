//! The command line of every taskq program: one file a command.
//!
//! Kept true here: data goes to standard output and nothing else does; every command that prints data has
//! `--json`; every error says what was tried and how to mend it; flags that Celery has carry Celery's names.

mod beat;
mod call;
mod completions;
mod dead;
mod dev;
mod doctor;
mod events;
mod failure;
mod flower;
mod global;
mod inspect;
mod json_arg;
mod list;
mod meta;
mod migrate;
mod move_to;
mod multi;
mod output;
mod pidfile;
mod purge;
mod queues;
mod remote;
mod report;
mod result;
mod schedule;
mod session;
mod setting_flag;
mod style;
mod table;
mod time_arg;
mod why;
mod worker;
mod workflow;

use clap::{Parser, Subcommand};
use taskq_core::BoxFuture;

pub(crate) use self::{
    failure::{Exit, Failure},
    global::Global,
    output::Output,
    session::Session,
    setting_flag::SettingFlag,
    worker::LogArgs,
};

/// Below the help of every program.
const AFTER_HELP: &str = "\
Settings come from `taskq.toml` (or --config), the environment (TASKQ_BROKER_URL, …), the program
and the command line; later ones win.

Exit codes: 0 done, 1 failed, 2 wrong command line or setting, 3 the task asked about failed,
4 its result is not there yet, 69 the broker or the result backend cannot be reached.";

/// Runs tasks, sends them, and looks after their queues.
#[derive(Debug, Parser)]
#[command(version = concat!("(taskq ", env!("CARGO_PKG_VERSION"), ")"), after_help = AFTER_HELP, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Worker(Box<worker::Worker>),
    Multi(Box<multi::Multi>),
    Beat(beat::Beat),
    Dev(dev::Dev),
    Flower(Box<flower::Flower>),
    Call(call::Call),
    Result(result::ResultOf),
    List(list::List),
    Queues(queues::Queues),
    Purge(purge::Purge),
    Move(move_to::Move),
    #[command(subcommand)]
    Dead(dead::Dead),
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    Inspect(inspect::Inspect),
    Control(inspect::Control),
    Status(inspect::Status),
    Events(events::Events),
    Doctor(doctor::Doctor),
    Why(why::Why),
    #[command(subcommand)]
    Workflow(workflow::Workflow),
    Migrate(migrate::Migrate),
    Report(report::Report),
    Completions(completions::Completions),
}

impl Command {
    /// The settings that its options stand for.
    pub(crate) fn flags(&self) -> Result<Vec<SettingFlag>, Failure> {
        match self {
            Self::Worker(worker) => worker.flags(),
            Self::Dev(dev) => Ok(dev.flags()),
            Self::Flower(flower) => Ok(flower.flags()),
            _ => Ok(Vec::new()),
        }
    }

    /// Its logging options, if it has any.
    pub(crate) fn logs(&self) -> Option<LogArgs> {
        match self {
            Self::Worker(worker) => Some(worker.logs.clone()),
            Self::Beat(beat) => Some(beat.logs.clone()),
            Self::Dev(dev) => Some(dev.logs.clone()),
            Self::Flower(flower) => Some(flower.logs()),
            _ => None,
        }
    }

    /// Runs it to its end. On the heap: the commands' futures are of very different sizes, and deep.
    pub(crate) fn run<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), Failure>> {
        match self {
            Self::Worker(worker) => Box::pin(worker.run(session)),
            Self::Multi(multi) => Box::pin(multi.run(session)),
            Self::Beat(beat) => Box::pin(beat.run(session)),
            Self::Dev(dev) => Box::pin(dev.run(session)),
            Self::Flower(flower) => Box::pin(flower.run(session)),
            Self::Call(call) => Box::pin(call.run(session)),
            Self::Result(result) => Box::pin(result.run(session)),
            Self::List(list) => Box::pin(list.run(session)),
            Self::Queues(queues) => Box::pin(queues.run(session)),
            Self::Purge(purge) => Box::pin(purge.run(session)),
            Self::Move(to) => Box::pin(to.run(session)),
            Self::Dead(dead) => Box::pin(dead.run(session)),
            Self::Schedule(schedule) => Box::pin(schedule.run(session)),
            Self::Inspect(inspect) => Box::pin(inspect.run(session)),
            Self::Control(control) => Box::pin(control.run(session)),
            Self::Status(status) => Box::pin(status.run(session)),
            Self::Events(events) => Box::pin(events.run(session)),
            Self::Doctor(doctor) => Box::pin(doctor.run(session)),
            Self::Why(why) => Box::pin(why.run(session)),
            Self::Workflow(workflow) => Box::pin(workflow.run(session)),
            Self::Migrate(migrate) => Box::pin(migrate.run(session)),
            Self::Report(report) => Box::pin(report.run(session)),
            Self::Completions(completions) => {
                Box::pin(async { completions.run(&session.program, session.out) })
            }
        }
    }
}
