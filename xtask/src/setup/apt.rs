//! Debian packages, installed without a question and without starting a service.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
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
/// Callers name packages that bring no service, so that nothing is started that outlives the run; for others
/// there is [`install_without_service`].
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

/// The same for packages that would start a service when they are installed: none is started.
///
/// Debian asks `/usr/sbin/policy-rc.d` first. One that is there already is left to decide, else ours forbids it
/// for as long as the installation takes.
pub(crate) fn install_without_service(what: &str, packages: &[&str]) -> Result<()> {
    let _policy = Uid::effective().is_root().then(Policy::forbid).transpose()?;
    install(what, packages)
}

/// Our policy while it is in place; dropping it removes it.
struct Policy {
    ours: bool,
}

impl Policy {
    const FILE: &str = "/usr/sbin/policy-rc.d";
    /// The marker tells a file that a killed run has left from one of the machine's owner.
    const TEXT: &str = "#!/bin/sh\n# Written by `cargo xtask test` of taskq, and removed by it.\nexit 101\n";

    fn forbid() -> Result<Self> {
        let file = Path::new(Self::FILE);
        if file.exists() && fs::read_to_string(file).is_ok_and(|text| text != Self::TEXT) {
            return Ok(Self { ours: false });
        }
        fs::write(file, Self::TEXT)
            .and_then(|()| fs::set_permissions(file, Permissions::from_mode(0o755)))
            .with_context(|| format!("could not write `{}`, which keeps services from starting", Self::FILE))?;
        Ok(Self { ours: true })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(Self::FILE);
        }
    }
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive").env("NEEDRESTART_SUSPEND", "1");
    command
}
