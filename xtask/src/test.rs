//! `cargo xtask test`: everything that tests this project, from a fresh Debian machine with Rust on.
//!
//! It finds or installs what is missing, starts private servers, runs the tests, the documentation's examples
//! and the example programs, and closes with one line of totals. What a flag leaves out is named there too.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::run::Run;
use crate::totals::{Totals, watch};
use crate::{examples, progress, servers, setup, workspace};

/// What to leave out.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only tests whose name contains this; may be given several times. Leaves out the rest of the suite.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Leave out the tests against real Celery (the test binary `interop`, and the board's in a browser), and their
    /// set-up.
    #[arg(long)]
    no_python: bool,
    /// Leave out the examples in the documentation.
    #[arg(long)]
    no_doc: bool,
    /// Leave out the example programs.
    #[arg(long)]
    no_examples: bool,
    /// Keep the folder of the run with the servers' logs.
    #[arg(long)]
    keep: bool,
    /// Arguments for `cargo nextest run` (or `cargo test`).
    #[arg(last = true, value_name = "ARGS")]
    rest: Vec<String>,
}

/// Runs the whole suite; fails if a test did.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let began = Instant::now();
    let mut left_out = Vec::new();
    let mut run = Run::start()?;
    if options.keep {
        run.keep_folder();
        progress::note(format_args!("the folder of this run stays: {}", run.dir().display()));
    }

    progress::heading("set-up");
    setup::redis::provide(&mut run)?;
    setup::rabbitmq::provide(&mut run)?;
    let rabbitmq = servers::rabbitmq::start(&mut run, servers::rabbitmq::Memory::Small)?;
    if options.no_python {
        left_out.push("tests against real Celery (--no-python)");
    } else {
        setup::python::provide(&mut run)?;
        setup::browser::provide(&mut run)?;
    }
    let sentinels = servers::sentinel::start(&mut run)?;
    servers::redis::start(&mut run)?;
    sentinels.wait()?;
    rabbitmq.wait()?;

    let mut totals = tests(&run, options)?;
    if options.no_doc || !options.filter.is_empty() {
        left_out.push("examples in the documentation (--no-doc or --filter)");
    } else {
        progress::heading("examples in the documentation");
        totals += watch(run.command(workspace::cargo()).current_dir(workspace::root()).args([
            "test",
            "--doc",
            "--workspace",
        ]))?;
    }
    if options.no_examples || !options.filter.is_empty() {
        left_out.push("example programs (--no-examples or --filter)");
    } else {
        progress::heading("example programs");
        totals += examples::run(&run)?;
    }

    progress::heading(format_args!("done in {:.0} s", began.elapsed().as_secs_f32()));
    for what in &left_out {
        progress::note(format_args!("left out: {what}"));
    }
    // The folder goes before the verdict, so that the verdict is the last line.
    drop(run);
    println!("{totals}");
    Ok(if totals.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tests(run: &Run, options: &Options) -> Result<Totals> {
    let nextest = workspace::find("cargo-nextest").is_some();
    let mut command = run.command(workspace::cargo());
    command.current_dir(workspace::root());
    if nextest {
        progress::heading("tests, by cargo nextest");
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]).args(&options.rest);
        if options.no_python {
            command.args(["--filterset", "not binary(interop) and not test(/^(pages|types)::/)"]);
        }
        command.args(&options.filter);
    } else {
        progress::heading("tests, by cargo test (cargo-nextest is not installed)");
        if options.no_python {
            bail!("`--no-python` needs cargo-nextest to leave tests out: `cargo install cargo-nextest`");
        }
        command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
        command.args(options.rest.iter()).arg("--").args(&options.filter);
    }
    let totals = watch(&mut command)?;
    if totals == Totals::default() {
        bail!("no test was run");
    }
    Ok(totals)
}
