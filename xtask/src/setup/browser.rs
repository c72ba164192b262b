//! A browser to press the board's buttons with, and what drives it: Debian's Chromium, and the packages of
//! `tests/ui/package.json`, installed once and kept in the cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{apt, cached, quiet};
use crate::progress;
use crate::run::Run;
use crate::workspace;

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
    cached::folder("ui", &text, |folder| {
        fs::create_dir_all(folder).with_context(|| format!("could not create `{}`", folder.display()))?;
        fs::write(folder.join("package.json"), &text).context("could not write the list of packages")?;
        let npm = program("npm", &["npm"])?;
        quiet(
            Command::new(npm)
                .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
                .current_dir(folder),
        )
        .context(
            "could not install the packages of the browser tests; check that npm reaches its registry",
        )?;
        Ok(())
    })
}
