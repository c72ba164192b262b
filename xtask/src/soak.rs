//! `cargo xtask soak`: faults on Redis, RabbitMQ and SQLite by a seed, for as long as one likes.
//!
//! The last lines say, for each broker and for all, what was sent, done, lost, doubled, and how soon it had recovered.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::program::{self, Python};

/// How long, and what.
#[derive(Args)]
pub(crate) struct Options {
    /// How long faults happen.
    #[arg(long, value_name = "N", default_value = "10")]
    minutes: f64,
    /// What the faults follow from. Default: another one every time.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Leave Python workers out.
    #[arg(long)]
    no_python: bool,
}

/// Builds and runs the soak; fails if something was lost, doubled without a reason, or stayed silent.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut arguments = vec!["--minutes".to_owned(), options.minutes.to_string()];
    if let Some(seed) = options.seed {
        arguments.extend(["--seed".to_owned(), seed.to_string()]);
    }
    let python = if options.no_python { Python::Without } else { Python::With };
    program::run("soak", python, &arguments)
}
