//! `cargo xtask bench-board`: the board under load, optimised; needs no server.
//!
//! A million tasks at 10,000 events a second take about seven minutes.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace;

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Arguments for the benchmark: `--tasks N`, `--rate EVENTS`.
    #[arg(last = true, value_name = "ARGS")]
    rest: Vec<String>,
}

/// Builds and runs it; fails if it keeps less than it promises.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root());
    command
        .args(["bench", "--quiet", "--package", "taskq-flower", "--bench", "board", "--"])
        .args(&options.rest);
    let status = command.stdin(Stdio::null()).status().context("could not run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
