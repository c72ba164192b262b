//! Finds or installs `redis-server`.
//!
//! Debian's package `redis-server` starts a service; `redis-tools` does not, and its `redis-check-rdb` is the
//! same program, which acts by the name it is called by. So that one is installed, and called `redis-server`.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{apt, quiet};
use crate::progress;
use crate::run::Run;
use crate::workspace::find;

/// Makes `redis-server` callable in this run and exports its path.
pub(crate) fn provide(run: &mut Run) -> Result<()> {
    let program = progress::step("redis-server", || {
        let program = match locate(run)? {
            Some(program) => program,
            None => {
                apt::install("Redis", &["redis-tools"])?;
                locate(run)?.context("`redis-tools` is installed, but brought no `redis-check-rdb`")?
            }
        };
        let version = quiet(Command::new(&program).arg("--version"))?;
        let version = String::from_utf8_lossy(&version.stdout);
        let number = version.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or("?");
        let found = format!("{number} at {}", program.display());
        Ok((program, found))
    })?;
    run.export("TASKQ_TEST_REDIS_SERVER", program);
    Ok(())
}

fn locate(run: &Run) -> Result<Option<PathBuf>> {
    if let Some(program) = find("redis-server") {
        return Ok(Some(program));
    }
    let Some(same) = find("redis-check-rdb") else { return Ok(None) };
    let link = run.bin().join("redis-server");
    symlink(&same, &link).with_context(|| format!("could not link `{}`", same.display()))?;
    Ok(Some(link))
}
