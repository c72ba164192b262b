//! History: every task and attempt, rollups for charts, the audit log.
//!
//! Kept true here: a read sees everything that was taken in before it; memory does not grow with history; a full
//! disk or a damaged file is said, never hidden, and never stops the board.

mod audit;
mod export;
mod find;
mod groups;
mod histogram;
mod hot;
mod kept;
mod open;
mod options;
mod order;
mod readers;
mod retention;
mod rollup;
mod row;
mod samples;
mod series;
#[cfg(test)]
mod tests;
mod totals;
mod trend;
mod unwritten;
mod watched;
mod words;
mod writer;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, types::Value};
use taskq_core::{Error, ErrorKind};
use tokio::sync::oneshot;

pub use self::{
    audit::{AuditCheck, AuditEntry, AuditRow, check_audit},
    groups::{ErrorGroup, Facets, NameStats, Workflow},
    histogram::Histogram,
    kept::Kept,
    options::StoreOptions,
    rollup::Rollup,
    samples::QueueSample,
    series::{Point, SeriesQuery, Split},
    trend::Trend,
};
pub(crate) use self::{
    hot::Heard,
    row::id_value,
    totals::{BOUNDS, Durations, OTHER, Spent, Totals},
    words::{Kind, Words},
};
use self::{
    hot::Hot,
    readers::Readers,
    writer::{Command, PLENTY, Writer},
};
use crate::{
    query::Condition,
    record::{History, StoreHealth, TaskRecord, Told},
    redact::Redact,
};

/// Commands that wait for the writer.
const COMMANDS: usize = 1_024;
/// How long a read waits for what was told before it to be written. Longer only if the disk fails: then it reads
/// what is there.
const SETTLE: Duration = Duration::from_secs(2);
/// Ids in one statement.
const IDS: usize = 500;

/// The history of a board.
pub struct Store {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// What is taken out of what is told.
    redact: Option<Redact>,
    /// Holds the file of a store that is not kept.
    _folder: Option<tempfile::TempDir>,
}

/// What the writer and the readers share.
struct Shared {
    options: StoreOptions,
    hot: Mutex<Hot>,
    words: RwLock<Arc<Words>>,
    readers: Readers,
    health: Mutex<StoreHealth>,
}

impl Shared {
    fn hot(&self) -> MutexGuard<'_, Hot> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn words(&self) -> Arc<Words> {
        Arc::clone(&self.words.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn health(&self) -> MutexGuard<'_, StoreHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self, change: impl FnOnce(&mut StoreHealth)) {
        change(&mut self.health());
    }
}

impl Store {
    /// Opens the file, or one that goes with the store. A file that cannot be read is set aside as `*.corrupt`.
    ///
    /// # Errors
    /// When its folder cannot be used, or the file is of a newer version or of another program.
    pub fn open(options: &StoreOptions) -> Result<Self, Error> {
        let (path, folder) = match &options.path {
            Some(path) => (path.clone(), None),
            None => {
                let folder = tempfile::tempdir().map_err(|error| {
                    Error::with_source(
                        ErrorKind::Config,
                        "could not make a temporary folder for history",
                        error,
                    )
                })?;
                (folder.path().join("board.db"), Some(folder))
            }
        };
        let opened = open::open(&path)?;
        let load = |conn: &Connection| {
            let tasks = conn.query_row("SELECT count(*) FROM task", [], |row| row.get(0))?;
            let last = conn.query_row("SELECT ifnull(max(key), 0) FROM task", [], |row| row.get(0))?;
            Ok::<_, rusqlite::Error>((Words::load(conn)?, tasks, last, retention::bytes(conn)?.1))
        };
        let (words, tasks, last, bytes) = load(&opened.conn).map_err(|error| {
            Error::with_source(ErrorKind::Other, format!("could not read `{}`", path.display()), error)
        })?;
        let health = StoreHealth {
            path: options.path.clone(),
            set_aside: opened.set_aside,
            tasks,
            bytes,
            ..StoreHealth::default()
        };
        let shared = Arc::new(Shared {
            options: options.clone(),
            hot: Mutex::new(Hot::after(last)),
            words: RwLock::new(Arc::new(words)),
            readers: Readers::new(path.clone()),
            health: Mutex::new(health),
        });
        let (commands, inbox) = sync_channel(COMMANDS);
        let writer = Writer::new(opened.conn, path, Arc::clone(&shared));
        let thread =
            std::thread::Builder::new().name("board-history".to_owned()).spawn(move || writer.run(&inbox));
        let thread = thread.map_err(|error| {
            Error::with_source(ErrorKind::Other, "could not start the thread of history", error)
        })?;
        Ok(Self { shared, commands, writer: Mutex::new(Some(thread)), redact: None, _folder: folder })
    }

    /// The same, which takes secrets out of what it is told.
    #[must_use]
    pub(crate) fn without(mut self, redact: Redact) -> Self {
        self.redact = Some(redact);
        self
    }

    /// Takes in what was told of a task. Never waits for the disk.
    pub(crate) fn tell(&self, mut told: Told) -> Heard {
        if let Some(redact) = &self.redact {
            redact.told(&mut told);
        }
        let mut hot = self.shared.hot();
        let heard = hot.tell(told);
        let waiting = hot.waiting();
        drop(hot);
        if waiting > 0 && waiting.is_multiple_of(PLENTY) {
            // A full queue means that the writer is at it.
            let _ = self.commands.try_send(Command::Nudge);
        }
        heard
    }

    /// A task, with its attempts.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn task(&self, id: &str) -> Result<Option<TaskRecord>, Error> {
        let known = self.shared.hot().get(id);
        let mut history = match known {
            Some((history, true)) => return Ok(Some(history.record(id))),
            Some((history, false)) => history,
            None => History::default(),
        };
        let owned = id.to_owned();
        let stored = self.read(move |conn, _| row::load(conn, &owned)).await?;
        if let Some((_, Some(stored))) = stored {
            history.merge(stored);
        }
        Ok((!history.is_empty()).then(|| history.record(id)))
    }

    /// The ids of tasks that these sent, by id; ids without children are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn children_of(&self, ids: &[&str]) -> Result<HashMap<String, Vec<String>>, Error> {
        self.settle(false).await;
        let ids: Vec<Value> = ids.iter().map(|id| row::id_value(id)).collect();
        self.read(move |conn, _| {
            let mut children: HashMap<String, Vec<String>> = HashMap::new();
            for ids in ids.chunks(IDS) {
                let marks = vec!["?"; ids.len()].join(",");
                let sql = format!("SELECT parent, id FROM task WHERE parent IN ({marks}) ORDER BY key");
                let mut rows = conn.prepare(&sql)?;
                let mut rows = rows.query(rusqlite::params_from_iter(ids))?;
                while let Some(row) = rows.next()? {
                    children.entry(row::id_text(row.get(0)?)).or_default().push(row::id_text(row.get(1)?));
                }
            }
            Ok(children)
        })
        .await
    }

    /// The names of tasks that were seen, sorted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn names(&self) -> Result<Vec<String>, Error> {
        self.words(Kind::Name).await
    }

    /// The queues that tasks were sent to, sorted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn queues(&self) -> Result<Vec<String>, Error> {
        self.words(Kind::Queue).await
    }

    async fn words(&self, kind: Kind) -> Result<Vec<String>, Error> {
        self.settle(false).await;
        let mut names: Vec<String> = self.shared.words().all(kind).map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// What happened since it was opened.
    pub(crate) fn totals(&self) -> Totals {
        self.shared.hot().totals.clone()
    }

    /// How it does.
    pub fn health(&self) -> StoreHealth {
        let mut health = self.shared.health().clone();
        let hot = self.shared.hot();
        health.waiting = hot.waiting() as u64;
        health.dropped = hot.dropped;
        health
    }

    /// Tasks that are not known to have ended, the latest told of first.
    pub(crate) async fn unfinished(&self, most: usize) -> Result<Vec<String>, Error> {
        self.settle(false).await;
        self.read(move |conn, words| {
            let states =
                words.find(Kind::State, |name| ["PENDING", "RECEIVED", "STARTED", "RETRY"].contains(&name));
            let unfinished = Condition::one_of("state", &states).sql;
            let sql = format!("SELECT id FROM task WHERE {unfinished} ORDER BY timestamp DESC LIMIT {most}");
            conn.prepare(&sql)?.query_map([], |row| Ok(row::id_text(row.get(0)?)))?.collect()
        })
        .await
    }

    /// Waits until everything that was told before is written, rollups too if so.
    pub(crate) async fn settle(&self, rollups: bool) {
        {
            let hot = self.shared.hot();
            if hot.waiting() == 0 && (!rollups || hot.rollups.is_empty()) {
                return;
            }
        }
        let (done, is_done) = oneshot::channel();
        if self.commands.try_send(Command::Flush { rollups, done }).is_ok() {
            let _ = tokio::time::timeout(SETTLE, is_done).await;
        }
    }

    /// Reads on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Words) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let _turn = self.shared.readers.turn().await?;
        let shared = Arc::clone(&self.shared);
        let words = shared.words();
        let work = move || shared.readers.read(|conn| read(conn, &words));
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            Error::with_source(ErrorKind::Other, "reading history ended with a panic", error)
        })?
    }

    /// Does something on the thread of the writer, and answers what it answers.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, is_done) = oneshot::channel();
        let work = move |conn: &mut Connection| {
            // Whoever asked may be gone.
            let _ = done.send(work(conn));
        };
        self.commands.try_send(Command::Do(Box::new(work))).map_err(|error| {
            let why = if matches!(error, TrySendError::Full(_)) {
                "too much waits to be written"
            } else {
                "it is closed"
            };
            Error::new(ErrorKind::Other, format!("could not write to history: {why}"))
        })?;
        let answer =
            is_done.await.map_err(|_| Error::new(ErrorKind::Other, "history was closed meanwhile"))?;
        answer.map_err(|error| Error::with_source(ErrorKind::Other, "could not write to history", error))
    }

    /// Writes what is left and closes the file. Blocks.
    pub fn close(&self) {
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.commands.send(Command::Stop);
            let _ = thread.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.shared.options.path).finish_non_exhaustive()
    }
}
