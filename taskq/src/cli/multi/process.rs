//! One worker process, by its pidfile.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

use super::super::{
    Exit, Failure,
    pidfile::{self, Pidfile},
};

/// A worker that cannot start says so within this time: no broker is asked before.
const AT_ONCE: Duration = Duration::from_millis(700);

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Options of the program that its workers get, too.
const GLOBAL: [&str; 4] = ["-b", "--broker", "--result-backend", "--config"];

/// One of the workers.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) pidfile: PathBuf,
    pub(super) logfile: PathBuf,
    /// Its options.
    pub(super) options: Vec<String>,
}

/// What came of a start.
pub(super) enum Started {
    New(u32),
    Already(u32),
    Ended(ExitStatus),
}

impl Node {
    /// Its process, if it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        pidfile::read(&self.pidfile).filter(|pid| pidfile::is_alive(*pid))
    }

    /// Starts it, and looks whether it stays.
    pub(super) async fn start(&self) -> Result<Started, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Failed, format!("could not start the worker `{}`: {error}", self.name))
        };
        if let Some(pid) = self.pid() {
            return Ok(Started::Already(pid));
        }
        for path in [&self.pidfile, &self.logfile] {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(failed)?;
            }
        }
        let claim = Pidfile::take(&self.pidfile)?;
        let log = fs::OpenOptions::new().append(true).create(true).open(&self.logfile).map_err(failed)?;
        // A group of its own: Ctrl-C of this terminal is not for it.
        let mut process = Command::new(std::env::current_exe().map_err(failed)?)
            .arg("worker")
            .args(["-n", &self.name])
            .args(global(std::env::args()))
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let since = Instant::now();
        while since.elapsed() < AT_ONCE {
            if let Some(status) = process.try_wait().map_err(failed)? {
                return Ok(Started::Ended(status)); // the claim goes with it
            }
            sleep(LOOK).await;
        }
        claim.leave_to(process.id())?;
        Ok(Started::New(process.id()))
    }

    /// Sends it a signal; answers its process. `None`: it does not run, and its pidfile goes.
    pub(super) fn signal(&self, signal: Signal) -> Option<u32> {
        let Some(pid) = self.pid() else {
            let _ = fs::remove_file(&self.pidfile); // there may be none
            return None;
        };
        let sent = i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok());
        sent.then_some(pid)
    }

    /// Waits until it is gone; its pidfile goes, too. False: it is still there.
    pub(super) async fn gone(&self, wait: Duration) -> bool {
        let since = Instant::now();
        while self.pid().is_some() {
            if since.elapsed() >= wait {
                return false;
            }
            sleep(LOOK).await;
        }
        let _ = fs::remove_file(&self.pidfile); // somebody may have been faster
        true
    }
}

/// What a worker of the same program needs of our own command line.
fn global(args: impl Iterator<Item = String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut args = args.skip(1).take_while(|arg| arg != "--");
    while let Some(arg) = args.next() {
        if GLOBAL.contains(&arg.as_str()) {
            found.push(arg);
            found.extend(args.next());
        } else if GLOBAL.iter().any(|name| arg.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))) {
            found.push(arg);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_workers_use_the_same_broker_and_configuration() {
        let line = "proj -b redis://h multi start 2 --config=x.toml --json --result-backend r -- -b other";
        let found = global(line.split(' ').map(str::to_owned));
        assert_eq!(found, ["-b", "redis://h", "--config=x.toml", "--result-backend", "r"]);
    }
}
