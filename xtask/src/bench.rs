//! `cargo xtask bench`: the table of `tests/benches`, optimised, against a private Redis and RabbitMQ, and Celery.
//!
//! The table is on stdout; everything else is on stderr.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::run::Run;
use crate::{progress, servers, setup, workspace};

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// How it is built: `dev` is quick, to try a benchmark out, and its figures mean nothing.
    #[arg(long, value_name = "NAME", default_value = "bench")]
    profile: String,
    /// The smoke form: what the tests have built anyway, a small part of the work, without Celery; fails when taskq
    /// does less beside the bare broker than the noise of a shared machine explains.
    #[arg(long, conflicts_with = "profile")]
    floors: bool,
    /// Arguments for the table: `redis` for the rows whose name contains that, `--runs 3`, `--shrink 10`,
    /// `--no-celery`, `--floors`.
    #[arg(last = true, value_name = "ARGS")]
    rest: Vec<String>,
}

/// What the smoke form passes on.
const FLOORS: [&str; 4] = ["--floors", "--no-celery", "--runs=3", "--shrink=100"];

/// Builds and runs the benchmarks; fails if one does.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut run = Run::start()?;
    progress::heading("set-up");
    setup::redis::provide(&mut run)?;
    setup::rabbitmq::provide(&mut run)?;
    if !options.floors {
        setup::python::provide(&mut run)?;
    }
    let rabbitmq = servers::rabbitmq::start(&mut run, servers::rabbitmq::Memory::Default)?;
    servers::redis::start(&mut run)?;
    rabbitmq.wait()?;

    progress::heading("benchmarks");
    let mut command = run.command(workspace::cargo());
    command.current_dir(workspace::root()).args(["bench", "--quiet"]);
    if options.floors {
        // Of the whole workspace: so the packages have the features with which the tests were built.
        command.args(["--workspace", "--profile", "dev", "--bench", "table", "--"]).args(FLOORS);
    } else {
        command.args(["--package", "taskq-benches", "--profile", &options.profile, "--bench", "table", "--"]);
    }
    command.args(&options.rest);
    let status = command.stdin(Stdio::null()).status().context("could not run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
