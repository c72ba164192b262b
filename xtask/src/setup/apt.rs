//! Debian packages, installed without a question and without starting a service.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use super::quiet;
use crate::workspace;

/// Package lists are fetched once a run.
static UPDATED: AtomicBool = AtomicBool::new(false);

/// Installs `packages`, which bring `what`; the error tells a person what to do instead.
///
/// Callers name packages that bring no service, so that nothing is started that outlives the run.
pub(crate) fn install(what: &str, packages: &[&str]) -> Result<()> {
    let hint = format!("install {what} by hand (on Debian: `apt-get install {}`)", packages.join(" "));
    if workspace::find("apt-get").is_none() {
        bail!("{what} is missing and there is no `apt-get` here to install it with: {hint}");
    }
    if !Uid::effective().is_root() {
        bail!("{what} is missing and only root may install it: {hint}, or run this command as root");
    }
    if !UPDATED.swap(true, Ordering::Relaxed) {
        quiet(apt().arg("update")).with_context(|| format!("could not fetch the package lists; {hint}"))?;
    }
    quiet(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
        .with_context(|| format!("could not install {what}; {hint}"))?;
    Ok(())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive").env("NEEDRESTART_SUSPEND", "1");
    command
}
