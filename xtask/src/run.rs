//! One run: its folder, the environment of everything that it starts, and the promise that it all ends with it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::reap::{RUN, Reaper};

/// A run in progress. Dropping it ends its processes and removes its folder.
pub(crate) struct Run {
    dir: PathBuf,
    env: Vec<(OsString, OsString)>,
    reaper: Reaper,
}

impl Run {
    /// Makes the folder and starts the process that will clean up.
    pub(crate) fn start() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("taskq-")
            .tempdir()
            .context("could not create a folder for this run")?
            .keep();
        let dir = fs::canonicalize(&dir).with_context(|| format!("could not resolve `{}`", dir.display()))?;
        let reaper = Reaper::start(&dir)?;
        let mut run = Self { env: Vec::new(), reaper, dir };
        fs::create_dir(run.bin()).context("could not create the folder of programs")?;
        run.export(RUN, run.dir.clone());
        let path = env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(run.bin()).chain(env::split_paths(&path));
        run.export("PATH", env::join_paths(dirs).context("could not extend `PATH`")?);
        Ok(run)
    }

    /// The folder of this run.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Programs put here come first in the `PATH` of everything that the run starts.
    pub(crate) fn bin(&self) -> PathBuf {
        self.dir.join("bin")
    }

    /// A new folder inside the run's.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("could not create `{}`", dir.display()))?;
        Ok(dir)
    }

    /// Sets a variable for everything started from now on.
    pub(crate) fn export(&mut self, name: &str, value: impl Into<OsString>) {
        self.env.push((name.into(), value.into()));
    }

    /// What [`export`](Self::export) was last given under this name.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.env.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }

    /// A command that belongs to this run: it ends when the run does.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Keeps the folder after the run, for a person to look at.
    pub(crate) fn keep_folder(&mut self) {
        self.reaper.keep_folder();
    }
}
