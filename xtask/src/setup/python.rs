//! A Python environment with exactly `tests/python/requirements.txt`, made once and kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{apt, cached, quiet};
use crate::progress;
use crate::run::Run;
use crate::workspace;

/// Makes the environment if it is not there, and exports its interpreter as `TASKQ_TEST_PYTHON`.
pub(crate) fn provide(run: &mut Run) -> Result<()> {
    let python = progress::step("python with celery", || {
        let (base, version) = interpreter()?;
        let requirements = workspace::root().join("tests/python/requirements.txt");
        let venv = environment(&base, &version, &requirements)?;
        let found = format!("python {version} at {}", venv.display());
        Ok((venv.join("bin/python"), found))
    })?;
    run.export("TASKQ_TEST_PYTHON", python);
    Ok(())
}

/// A Python that can make environments, and its version.
///
/// The first `python3` of `PATH` may be a pyenv shim, whose real path it tells itself; Debian's own lacks
/// `ensurepip` until `python3-venv` is installed.
fn interpreter() -> Result<(PathBuf, String)> {
    if let Some(found) = usable() {
        return Ok(found);
    }
    apt::install("Python with `venv`", &["python3", "python3-venv"])?;
    usable().context("`python3-venv` is installed, but no `python3` of `PATH` can make environments")
}

fn usable() -> Option<(PathBuf, String)> {
    const ASK: &str = "import ensurepip, platform, sys, venv; \
                       print(sys.executable); print(platform.python_version())";
    ["python3", "/usr/bin/python3"].iter().find_map(|python| {
        let output = quiet(Command::new(python).args(["-c", ASK])).ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (path, version) = text.trim().split_once('\n')?;
        Some((PathBuf::from(path), version.trim().to_owned()))
    })
}

fn environment(base: &Path, version: &str, requirements: &Path) -> Result<PathBuf> {
    let pinned = fs::read_to_string(requirements)
        .with_context(|| format!("could not read `{}`", requirements.display()))?;
    cached::folder("venv", &(&pinned, version, base), |venv| {
        quiet(Command::new(base).args(["-m", "venv"]).arg(venv))?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(["--prefer-binary", "--requirement"])
            .arg(requirements);
        if let Err(error) = quiet(&mut pip) {
            bail!("could not install the Python packages; check that pip reaches its index: {error:#}");
        }
        Ok(())
    })
}
