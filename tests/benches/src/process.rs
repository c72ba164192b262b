//! A worker in a process of its own, watched from outside.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::task::AbortOnDropHandle;

use crate::rig::Rig;

/// A worker that is not ready by then will not be.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nanoseconds of the clock that all processes of the machine share.
#[must_use]
pub fn monotonic() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}

/// That it is ready, and what goes wrong: not a line for each task, which nobody would read.
const LOGGED: &str = "taskq_worker::worker=info,warn";

/// A running `worker`; dropping it kills it.
pub struct WorkerProcess {
    child: Child,
    /// What its tasks print.
    pub stdout: Lines<BufReader<ChildStdout>>,
    /// Reads what it logs later: a full pipe would stop it.
    _logs: AbortOnDropHandle<()>,
    /// From the start of the process to the line that says it is ready.
    pub ready_after: Duration,
}

impl WorkerProcess {
    /// Starts it for the queue of `rig` and waits until it consumes.
    ///
    /// # Errors
    /// If it ends before that, with the last line it printed.
    pub async fn start(program: &Path, rig: &Rig, args: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("worker").args(["--queues", &rig.queue, "--loglevel", LOGGED]).args(args);
        for (name, value) in rig.settings() {
            command.env(format!("TASKQ_{}", name.to_uppercase()), value);
        }
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start `{}`", program.display()))?;
        let stdout = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let mut stderr = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let waiting = async {
            let mut last = String::new();
            while let Some(line) = stderr.next_line().await? {
                if line.contains("worker is ready") {
                    return Ok(());
                }
                last = line;
            }
            anyhow::bail!("the worker ended before it was ready: {last}")
        };
        tokio::time::timeout(PATIENCE, waiting).await.context("the worker is not ready")??;
        let ready_after = began.elapsed();
        let logs = tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                eprintln!("worker: {line}");
            }
        });
        Ok(Self { child, stdout, _logs: AbortOnDropHandle::new(logs), ready_after })
    }

    fn pid(&self) -> Result<u32> {
        self.child.id().context("the worker has ended")
    }

    /// Resident memory, in megabytes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn rss(&self) -> Result<f64> {
        rss_of(self.pid()?)
    }

    /// Processor time spent until now.
    ///
    /// # Errors
    /// If it has ended.
    pub fn cpu(&self) -> Result<Duration> {
        // Not the ticks of `/proc/PID/stat`: each is what an idle worker may take in ten seconds.
        let clock = clock_getcpuclockid(Pid::from_raw(self.pid()?.cast_signed()))?;
        Ok(clock_gettime(clock)?.into())
    }

    /// Ends it warm and waits for that.
    ///
    /// # Errors
    /// If it fails on the way.
    pub async fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.pid()?.cast_signed()), Signal::SIGTERM)?;
        let status = self.child.wait().await?;
        ensure!(status.success(), "the worker ended with {status}");
        Ok(())
    }
}

/// Resident memory of a process, in megabytes.
fn rss_of(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1_024.0 / 1e6)
}
