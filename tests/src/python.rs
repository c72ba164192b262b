//! Real Celery, run from the environment that `cargo xtask test` made.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::given;
use crate::process::Running;

/// The folder of the Python side of the tests.
#[must_use]
pub fn dir() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/python")).to_path_buf()
}

/// A Python command with the tests' own modules importable.
///
/// # Panics
/// If `TASKQ_TEST_PYTHON` is not set: a test against Celery must not pass without Celery.
#[must_use]
pub fn command() -> Command {
    let python = given("TASKQ_TEST_PYTHON");
    let mut command = Command::new(python);
    command
        .env("PYTHONPATH", dir())
        .env("PYTHONUNBUFFERED", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUTF8", "1");
    command
}

/// A script of the tests' Python folder.
#[must_use]
pub fn script(name: &str) -> Command {
    let mut command = command();
    command.arg(dir().join(name));
    command
}

/// Runs a command to its end and returns what it printed.
///
/// # Panics
/// If it fails or takes longer than `deadline`; its output is in the message.
pub fn run(command: &mut Command, log: &Path, deadline: Duration) -> String {
    let shown = format!("{command:?}");
    let mut running = Running::start(command, log);
    let status = running.wait(deadline);
    let output = running.output();
    assert!(status.success(), "{shown} failed ({status}):\n{output}");
    output
}
