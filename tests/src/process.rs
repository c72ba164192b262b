//! A process that a test starts: it logs to a file, and it ends with the test.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a condition that nothing announces is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How much of its processes' output a failed test shows.
const SHOWN_LINES: usize = 40;

/// Looks until `condition` holds.
///
/// # Panics
/// If that takes longer than `deadline`; `what` is in the message.
pub fn eventually(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < deadline, "{what}: not within {deadline:?}");
        thread::sleep(LOOK);
    }
}

/// The same for a test that leaves its thread to others meanwhile.
///
/// # Panics
/// If that takes longer than `deadline`; `what` is in the message.
pub async fn until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < deadline, "{what}: not within {deadline:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A running process, in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command` with closed stdin; what it prints goes to `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command, log: impl Into<PathBuf>) -> Self {
        let log = log.into();
        let shown = format!("{command:?}");
        let out = File::create(&log)
            .unwrap_or_else(|error| panic!("could not create `{}`: {error}", log.display()));
        let err = out.try_clone().unwrap_or_else(|error| panic!("could not share a log file: {error}"));
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {shown}: {error}"));
        Self { child, log }
    }

    /// What it has printed until now.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The file that it prints to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has printed `text`.
    ///
    /// # Panics
    /// If it ends before, or does not print it within `deadline`; its output is in the message.
    pub fn wait_for_output(&mut self, text: &str, deadline: Duration) {
        let began = Instant::now();
        loop {
            let output = self.output();
            if output.contains(text) {
                return;
            }
            if let Some(status) = self.exited() {
                panic!("ended ({status}) before it printed `{text}`:\n{}", self.output());
            }
            assert!(began.elapsed() < deadline, "did not print `{text}` within {deadline:?}:\n{output}");
            thread::sleep(LOOK);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it is still running after `deadline`; its output is in the message.
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            assert!(began.elapsed() < deadline, "still running after {deadline:?}:\n{}", self.output());
            thread::sleep(LOOK);
        }
    }

    /// Asks it to end, as an init system does.
    pub fn terminate(&self) {
        self.signal("TERM", &self.id().to_string());
    }

    /// Freezes it: it does nothing, and does not know.
    pub fn pause(&self) {
        self.signal("STOP", &format!("-{}", self.id()));
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT", &format!("-{}", self.id()));
    }

    /// Kills it and everything in its group, as a power cut does, and collects it.
    pub fn kill(&mut self) {
        // The leader first: children must not see it alive while they die.
        let _ = self.child.kill();
        self.signal("KILL", &format!("-{}", self.id()));
        let _ = self.child.wait();
    }

    /// Whether it has ended, and how.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        let ended: io::Result<Option<ExitStatus>> = self.child.try_wait();
        ended.unwrap_or_else(|error| panic!("could not look after a process: {error}"))
    }

    fn signal(&self, signal: &str, target: &str) {
        let _ = Command::new("kill").args(["-s", signal, "--", target]).stderr(Stdio::null()).status();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("---- end of {} ----\n{}", self.log.display(), last.join("\n"));
        }
    }
}
