//! `cargo xtask compare`: the same faults for workers of Celery and of taskq, as a Markdown table on stdout.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::program::{self, Python};

/// What to compare.
#[derive(Args)]
pub(crate) struct Options {
    /// Words that the rows to run contain: `killed redis`. Default: all of `killed`, `longtask`, `restarted`, `silent`,
    /// `poison`, on `redis` and `rabbitmq`.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// One row in seconds, with times made short: `killed redis`.
    #[arg(long)]
    short: bool,
}

/// Builds and runs the comparison.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let short = options.short.then(|| "--short".to_owned());
    let arguments: Vec<String> = options.words.iter().cloned().chain(short).collect();
    program::run("compare", Python::With, &arguments)
}
