//! Runs the `demo-app` binary as a person would, in a folder of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Running;

/// The program in an empty folder, with none of the caller's settings.
#[derive(Debug)]
pub struct Demo {
    binary: PathBuf,
    dir: TempDir,
}

/// What a finished run left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Demo {
    /// The program at `binary`: `env!("CARGO_BIN_EXE_demo-app")` in a test.
    ///
    /// # Panics
    /// If there is no room for a folder.
    pub fn new(binary: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("demo-")
            .tempdir()
            .unwrap_or_else(|error| panic!("could not create a folder: {error}"));
        Self { binary: binary.into(), dir }
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A command for it, with arguments separated by blanks.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.binary);
        let ours = |name: &str| name.starts_with("TASKQ_") || name.starts_with("CELERY_");
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name) && name != "TASKQ_TEST_RUN") {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").args(line.split_whitespace()).current_dir(self.dir());
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started, or was ended by a signal.
    pub fn run(&self, line: &str) -> Finished {
        self.run_command(&mut self.command(line))
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// If it cannot be started, or was ended by a signal.
    pub fn run_command(&self, command: &mut Command) -> Finished {
        let output = command
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("could not run {command:?}: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let code = output.status.code().unwrap_or_else(|| panic!("{command:?} {}: {stderr}", output.status));
        Finished { code, stdout, stderr }
    }

    /// Starts it and leaves it running; it ends with the test.
    pub fn start(&self, line: &str) -> Running {
        Running::start(&mut self.command(line), self.dir().join("running.log"))
    }
}

impl Finished {
    /// Its standard output, after it ended well.
    ///
    /// # Panics
    /// If it did not.
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout.trim_end()
    }

    /// Its standard output as JSON, after it ended well.
    ///
    /// # Panics
    /// If it did not, or that is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Its standard error, after it ended with `code`.
    ///
    /// # Panics
    /// If it ended otherwise.
    pub fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stderr.trim_end()
    }
}
