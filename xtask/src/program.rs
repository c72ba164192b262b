//! Runs a program of `taskq-tests` that starts servers of its own.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::run::Run;
use crate::{progress, setup, workspace};

/// Whether there is a Python with Celery for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Python {
    With,
    Without,
}

/// Sets the machine up, builds all programs, and runs this one; answers as it does.
pub(crate) fn run(name: &str, python: Python, arguments: &[String]) -> Result<ExitCode> {
    let mut run = Run::start()?;
    progress::heading("set-up");
    setup::redis::provide(&mut run)?;
    setup::rabbitmq::provide(&mut run)?;
    if python == Python::With {
        setup::python::provide(&mut run)?;
    }
    progress::heading("build");
    let mut build = run.command(workspace::cargo());
    build.current_dir(workspace::root()).args(["build", "--package", "taskq-tests", "--bins"]);
    let built = build.stdin(Stdio::null()).status().context("could not run cargo")?;
    if !built.success() {
        return Ok(ExitCode::FAILURE);
    }
    progress::heading(name);
    let mut command = run.command(workspace::cargo());
    command.current_dir(workspace::root());
    command.args(["run", "--quiet", "--package", "taskq-tests", "--bin", name, "--"]).args(arguments);
    let status = command.stdin(Stdio::null()).status().context("could not run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
