//! Ends whatever a run left behind.
//!
//! A run cannot clean up after itself when it is killed, so the duty belongs to a second process in a process
//! group of its own. It sleeps until the pipe to the run closes, which happens however the run ends: normally,
//! by Ctrl-C, by a panic or by `kill -9`. Then it ends every process of the run and removes its folder.
//!
//! A process belongs to the run if it carries `TASKQ_TEST_RUN=<folder>` in its environment or works inside the
//! folder (servers that overwrite their environment do). Nothing else is ever signalled.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// The variable by which a process of a run is known.
pub(crate) const RUN: &str = "TASKQ_TEST_RUN";

/// How long a process may take to end when asked to.
const GRACE: Duration = Duration::from_secs(3);
/// How often the reaper looks whether all have ended.
const LOOK: Duration = Duration::from_millis(20);
/// Sent before the pipe closes to keep the folder for a person to look at.
const KEEP: &[u8] = b"keep";

/// The run's end of the reaper; dropping it cleans up and waits until that is done.
pub(crate) struct Reaper {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts the reaper of the run in `dir`.
    pub(crate) fn start(dir: &Path) -> Result<Self> {
        let own = std::env::current_exe().context("could not find the path of this program")?;
        let mut child = Command::new(own)
            .arg("reap")
            .arg(dir)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("could not start the process that cleans up")?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// Leaves the folder in place when the run ends.
    pub(crate) fn keep_folder(&mut self) {
        if let Some(pipe) = &mut self.pipe {
            let _ = pipe.write_all(KEEP);
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.child.wait();
        // The servers were our children: nobody else collects them while we live.
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive)
        {
        }
    }
}

/// The reaper process: waits for the end of stdin, then cleans up.
pub(crate) fn serve(dir: &Path) -> Result<()> {
    let mut said = Vec::new();
    // A read error means that the run is gone as well.
    let _ = io::stdin().read_to_end(&mut said);
    end_all(dir);
    if said != KEEP && dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("could not remove `{}`", dir.display()))?;
    }
    Ok(())
}

/// Asks every process of the run to end, then kills those that do not.
fn end_all(dir: &Path) {
    let began = Instant::now();
    let mut asked = Vec::new();
    loop {
        let left = processes_of(dir);
        if left.is_empty() {
            return;
        }
        for pid in left {
            // Processes may start others while they are ended: each one is asked once, then killed.
            let signal = if began.elapsed() > GRACE { Signal::SIGKILL } else { Signal::SIGTERM };
            if signal == Signal::SIGKILL || !asked.contains(&pid) {
                asked.push(pid);
                let _ = kill(pid, signal);
            }
        }
        if began.elapsed() > GRACE * 2 {
            return;
        }
        thread::sleep(LOOK);
    }
}

/// The processes of the run, without this one.
fn processes_of(dir: &Path) -> Vec<Pid> {
    let marker = [RUN.as_bytes(), b"=", dir.as_os_str().as_bytes()].concat();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|&pid| pid.unsigned_abs() != process::id() && !is_zombie(pid) && belongs(pid, dir, &marker))
        .map(Pid::from_raw)
        .collect()
}

fn belongs(pid: i32, dir: &Path, marker: &[u8]) -> bool {
    let carries = fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|&byte| byte == 0).any(|entry| entry == marker));
    carries || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
}

/// A process that has ended and only waits for its parent to notice.
fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}
