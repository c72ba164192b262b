//! A browser to press the board's buttons with, and what drives it: Debian's Chromium, and the packages of
//! `tests/ui/package.json`, installed once and kept in the cache.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{apt, quiet};
use crate::progress;
use crate::run::Run;
use crate::workspace;

/// Written last, so that a folder whose making was interrupted is made again.
const COMPLETE: &str = ".complete";

/// Finds or installs them, and exports `TASKQ_TEST_CHROMIUM`, `TASKQ_TEST_NODE` and `TASKQ_TEST_UI`.
pub(crate) fn provide(run: &mut Run) -> Result<()> {
    let (chromium, node, modules) = progress::step("chromium with playwright", || {
        let chromium = program("chromium", &["chromium"])?;
        let node = program("node", &["nodejs"])?;
        let modules = modules()?;
        let found = format!("{} with {}", chromium.display(), modules.display());
        Ok(((chromium, node, modules), found))
    })?;
    run.export("TASKQ_TEST_CHROMIUM", chromium);
    run.export("TASKQ_TEST_NODE", node);
    run.export("TASKQ_TEST_UI", modules);
    Ok(())
}

fn program(name: &str, packages: &[&str]) -> Result<PathBuf> {
    if let Some(found) = workspace::find(name) {
        return Ok(found);
    }
    apt::install(name, packages)?;
    workspace::find(name).with_context(|| format!("`{name}` is installed, but not in `PATH`"))
}

fn modules() -> Result<PathBuf> {
    let wanted = workspace::root().join("tests/ui/package.json");
    let text =
        fs::read_to_string(&wanted).with_context(|| format!("could not read `{}`", wanted.display()))?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let cache = workspace::cache()?;
    let folder = cache.join(format!("ui-{:016x}", hasher.finish()));

    // Two runs at once must not fill the same folder.
    let lock = cache.join("ui.lock");
    let lock = File::create(&lock).with_context(|| format!("could not create `{}`", lock.display()))?;
    lock.lock().context("could not lock the packages of the browser tests")?;
    if folder.join(COMPLETE).exists() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not create `{}`", folder.display()))?;
    fs::write(folder.join("package.json"), text).context("could not write the list of packages")?;
    let npm = program("npm", &["npm"])?;
    quiet(
        Command::new(npm)
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&folder),
    )
    .context("could not install the packages of the browser tests; check that npm reaches its registry")?;
    File::create(folder.join(COMPLETE)).context("could not mark the packages as complete")?;
    Ok(folder)
}
