//! Where things are, and how programs are found.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the checkout: of the one that is run, not of another that shares its target directory.
pub(crate) fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let here = Path::new(&here);
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs us, else the one in `PATH`.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A program by its name, looked up as the shell does.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// What outlives a run and can be made again: `$XDG_CACHE_HOME/taskq`, else `~/.cache/taskq`.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cache")))
        .context("could not find a cache folder: set `XDG_CACHE_HOME` or `HOME`")?;
    let dir = base.join("taskq");
    std::fs::create_dir_all(&dir).with_context(|| format!("could not create `{}`", dir.display()))?;
    Ok(dir)
}
