//! `cargo xtask bench`: the benchmarks of `tests/benches`, optimised, against a private Redis and RabbitMQ.
//!
//! Each prints one number per line on stdout; everything else is on stderr.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::run::Run;
use crate::{progress, servers, setup, workspace};

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only this benchmark (a file of `tests/benches`); may be given several times.
    #[arg(long, value_name = "NAME")]
    bench: Vec<String>,
    /// Arguments for the benchmarks themselves.
    #[arg(last = true, value_name = "ARGS")]
    rest: Vec<String>,
}

/// Builds and runs the benchmarks; fails if one does.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut run = Run::start()?;
    progress::heading("set-up");
    setup::redis::provide(&mut run)?;
    setup::rabbitmq::provide(&mut run)?;
    let rabbitmq = servers::rabbitmq::start(&mut run, servers::rabbitmq::Memory::Default)?;
    servers::redis::start(&mut run)?;
    rabbitmq.wait()?;

    progress::heading("benchmarks");
    let mut command = run.command(workspace::cargo());
    command.current_dir(workspace::root()).args(["bench", "--quiet", "--package", "taskq-benches"]);
    if options.bench.is_empty() {
        command.arg("--benches");
    }
    for name in &options.bench {
        command.args(["--bench", name]);
    }
    command.arg("--").args(&options.rest);
    let status = command.stdin(Stdio::null()).status().context("could not run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
