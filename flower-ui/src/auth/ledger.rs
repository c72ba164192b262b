//! What has to outlive the process about who may act: tokens, and sessions with their ends. A file beside history.
//!
//! Kept true here: secrets are not in it, only their hashes; nobody but its owner reads it; two programs that change
//! it lose nothing of each other's, and one that only reads it sees what the other wrote.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use taskq_core::{Error, ErrorKind};

use super::users::Said;

/// What the name of history's file is followed by.
const SUFFIX: &str = ".access";
/// Only its owner.
const MODE: u32 = 0o600;

/// A token, without what it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) name: String,
    /// Of the secret, SHA-256, base64.
    pub(super) hash: String,
    pub(super) rights: Said,
    pub(super) by: String,
    /// In seconds since 1970.
    pub(super) created: i64,
    pub(super) expires: Option<i64>,
}

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SessionRow {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) began: i64,
    pub(super) until: i64,
    pub(super) from: Option<String>,
    /// What the browser calls itself.
    pub(super) agent: Option<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    pub(super) tokens: Vec<TokenRow>,
    pub(super) sessions: Vec<SessionRow>,
    /// Sessions that were ended before their time, until when they would have lasted.
    pub(super) ended: BTreeMap<String, i64>,
}

/// When a file was written, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

/// The file, or memory where history is in memory, too.
#[derive(Debug)]
pub(super) struct Ledger {
    path: Option<PathBuf>,
    held: Mutex<(Arc<Content>, Stamp)>,
}

impl Ledger {
    /// Beside that history.
    ///
    /// # Errors
    /// When there is a file, and it cannot be read.
    pub(super) fn open(history: Option<&Path>) -> Result<Self, Error> {
        let path = history.map(|history| {
            let mut path = history.as_os_str().to_owned();
            path.push(SUFFIX);
            PathBuf::from(path)
        });
        let ledger = Self { path, held: Mutex::default() };
        ledger.reread().map_err(|error| ledger.failed("read", error))?;
        Ok(ledger)
    }

    /// Whether it is in memory only.
    pub(super) fn is_memory(&self) -> bool {
        self.path.is_none()
    }

    /// What stands in it now. While the file cannot be read, what was read last.
    pub(super) fn content(&self) -> Arc<Content> {
        self.reread().unwrap_or_else(|error| {
            tracing::warn!("{}", self.failed("read", error));
            Arc::clone(&self.held().0)
        })
    }

    /// Changes it. Blocks while another program does.
    ///
    /// # Errors
    /// When it cannot be written; then nothing has changed.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> Result<T, Error> {
        let failed = |error| self.failed("write", error);
        let Some(path) = &self.path else {
            return Ok(change(Arc::make_mut(&mut self.held().0)));
        };
        let lock = private(&with(path, ".lock"), true).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut content = (*self.reread().map_err(failed)?).clone();
        let done = change(&mut content);
        let beside = with(path, ".new");
        let text = serde_json::to_vec_pretty(&content).map_err(|error| failed(error.into()))?;
        let mut file = private(&beside, false).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)?;
        *self.held() = (Arc::new(content), stamp(path).map_err(failed)?);
        Ok(done)
    }

    fn reread(&self) -> io::Result<Arc<Content>> {
        let mut held = self.held();
        if let Some(path) = &self.path {
            let now = stamp(path)?;
            if now != held.1 {
                let content = match now {
                    Some(_) => serde_json::from_slice(&fs::read(path)?)?,
                    None => Content::default(),
                };
                *held = (Arc::new(content), now);
            }
        }
        Ok(Arc::clone(&held.0))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, (Arc<Content>, Stamp)> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        let path = self.path.as_deref().unwrap_or(Path::new("memory")).display();
        Error::with_source(ErrorKind::Other, format!("could not {what} `{path}`"), error)
    }
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// A file that nobody else reads; `kept`: with what is in it.
fn private(path: &Path, kept: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(!kept).mode(MODE).open(path)
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.modified()?, found.len()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn two_programs_lose_nothing_of_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let history = dir.path().join("board.sqlite");
        let ledgers = [(); 2].map(|()| Ledger::open(Some(&history)).unwrap());
        std::thread::scope(|scope| {
            for (at, ledger) in ledgers.iter().enumerate() {
                scope.spawn(move || {
                    for n in 0..25 {
                        let end = |content: &mut Content| content.ended.insert(format!("{at}-{n}"), n);
                        ledger.change(end).unwrap();
                    }
                });
            }
        });
        for ledger in &ledgers {
            assert_eq!(ledger.content().ended.len(), 50);
        }
        let mode = fs::metadata(dir.path().join("board.sqlite.access")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_said_and_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let history = dir.path().join("h");
        fs::write(dir.path().join("h.access"), "{").unwrap();
        let said = Ledger::open(Some(&history)).unwrap_err().to_string();
        assert!(said.contains("h.access"), "{said}");
        assert_eq!(fs::read(dir.path().join("h.access")).unwrap(), b"{");
    }
}
