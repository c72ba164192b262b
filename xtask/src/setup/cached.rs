//! Folders of the cache that are made once: whoever finds one complete uses it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// Written last, so that a folder whose making was interrupted is made again.
const COMPLETE: &str = ".complete";

/// The folder `<name>-<hash of key>`, which `make` makes and fills if it is not there.
pub(super) fn folder(name: &str, key: &impl Hash, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let cache = workspace::cache()?;
    let folder = cache.join(format!("{name}-{:016x}", hasher.finish()));

    // Two runs at once must not make the same one.
    let lock = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock).with_context(|| format!("could not create `{}`", lock.display()))?;
    lock.lock().with_context(|| format!("could not lock `{}`", folder.display()))?;
    if folder.join(COMPLETE).exists() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove `{}`", folder.display()))?;
    }
    make(&folder)?;
    let complete = folder.join(COMPLETE);
    File::create(&complete).with_context(|| format!("could not mark `{}` as complete", folder.display()))?;
    Ok(folder)
}
