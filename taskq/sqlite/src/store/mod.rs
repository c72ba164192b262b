//! One file in this process: its threads, and how to give them work.
//!
//! Kept true here: however many brokers and backends of a process are on one file, there is one writer, one
//! reader and one watch; they end with the last user, who gives back what this process still holds.

mod bell;
mod clock;
mod connect;
mod error;
mod names;
mod owner;
mod schema;
#[cfg(test)]
mod tests;
mod tx;
mod waits;
mod watch;
mod writer;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak, atomic::Ordering},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use taskq_core::broker::BrokerErrorKind;
use tokio::sync::{OnceCell, mpsc, oneshot};

use self::{
    clock::WallClock,
    names::Names,
    owner::Owner,
    watch::Watch,
    writer::{Call, QUEUED, Writer},
};
pub(crate) use self::{
    error::{Failure, Result},
    names::find as find_queue,
    tx::{Tx, micros, micros_now, timestamp},
    watch::Signals,
    writer::{Inbox, Job},
};
use crate::SqliteOptions;

/// Something to read.
type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A file that is in use.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    options: SqliteOptions,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) signals: Arc<Signals>,
    reads: Option<mpsc::Sender<Read>>,
    owner: OnceCell<Owner>,
    last: Arc<Last>,
    readers: [Option<JoinHandle<()>>; 2],
    writer: Option<JoinHandle<()>>,
}

/// What the writer does at its end.
#[derive(Default)]
struct Last(Mutex<Option<Box<dyn Job>>>);

impl std::fmt::Debug for Last {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Last")
    }
}

/// Files by their full path.
static STORES: LazyLock<Mutex<HashMap<PathBuf, Weak<Store>>>> = LazyLock::new(Mutex::default);

impl Store {
    /// Opens a file, or joins those who have it open in this process.
    ///
    /// # Errors
    /// With the path, and how to mend it.
    pub(crate) async fn open(path: PathBuf, options: SqliteOptions) -> Result<Arc<Self>> {
        let opened = tokio::task::spawn_blocking(move || {
            let shown = path.clone();
            let patience = options.busy_timeout;
            Self::open_blocking(&path, options).map_err(|failure| failure.at(&shown, patience))
        });
        opened.await.unwrap_or_else(|error| {
            Err(Failure::new(BrokerErrorKind::Other, format!("opening broke off: {error}")))
        })
    }

    fn open_blocking(path: &Path, options: SqliteOptions) -> Result<Arc<Self>> {
        let path = full_path(path)?;
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        stores.retain(|_, store| store.strong_count() > 0);
        if let Some(store) = stores.get(&path).and_then(Weak::upgrade) {
            return Ok(store);
        }
        let store = Arc::new(Self::start(path.clone(), options)?);
        stores.insert(path, Arc::downgrade(&store));
        Ok(store)
    }

    fn start(path: PathBuf, options: SqliteOptions) -> Result<Self> {
        let mut conn = connect::open(&path, &options)?;
        schema::migrate(&mut conn)?;
        let (inbox, jobs) = Inbox::new();
        let signals = Arc::new(Signals::default());
        let last = Arc::new(Last::default());
        let writer = Writer {
            conn,
            path: path.clone(),
            patience: options.busy_timeout,
            inbox: Arc::clone(&inbox),
            changed: Arc::clone(&signals.changed),
            names: Names::default(),
            clock: WallClock::new(),
        };
        let watch = Watch::new(
            connect::open_for_reading(&path, &options)?,
            path.clone(),
            options.poll_interval,
            Arc::clone(&signals),
            Arc::clone(&inbox),
        )
        .map_err(|error| {
            Failure::new(BrokerErrorKind::Other, format!("could not watch `{}`: {error}", path.display()))
        })?;
        let reader = connect::open_for_reading(&path, &options)?;
        let (reads, mut todo) = mpsc::channel::<Read>(QUEUED);
        let end = Arc::clone(&last);
        // Where they are opened is not where they are used.
        let patience = options.busy_timeout;
        let writer = spawn("taskq-sqlite-write", move || {
            connect::be_patient(patience);
            writer.run(jobs, &end.0);
        })?;
        let reader = spawn("taskq-sqlite-read", move || {
            connect::be_patient(patience);
            while let Some(read) = todo.blocking_recv() {
                read(&reader);
            }
        })?;
        let watch = spawn("taskq-sqlite-watch", move || watch.run())?;
        let (readers, writer) = ([Some(reader), Some(watch)], Some(writer));
        let owner = OnceCell::new();
        Ok(Self { path, options, inbox, signals, reads: Some(reads), owner, last, readers, writer })
    }

    /// Writes in a transaction, maybe together with others; answers after the commit. A caller who goes away
    /// does not stop it.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Box::new(Call { work, value: None, reply: Some(reply) })).await?;
        answer.await.unwrap_or_else(|_| Err(Failure::closed()))
    }

    /// Reads what is committed.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |conn| {
            let _ = reply.send(work(conn)); // the caller may have gone
        });
        let reads = self.reads.as_ref().ok_or_else(Failure::closed)?;
        reads.send(read).await.map_err(|_| Failure::closed())?;
        let answer = answer.await.unwrap_or_else(|_| Err(Failure::closed()));
        answer.map_err(|failure| failure.at(&self.path, self.options.busy_timeout))
    }

    /// The id under which this process takes messages.
    pub(crate) async fn owner(&self, node: &str) -> Result<i64> {
        let register = || async {
            let owner = Owner::new(&self.path);
            let (id, node, row) = (owner.id, node.to_owned(), owner.row());
            self.write(move |tx| row.register(tx, &node)).await?;
            self.signals.own.store(id, Ordering::Release);
            Ok::<_, Failure>(owner)
        };
        Ok(self.owner.get_or_try_init(register).await?.id)
    }

    /// The file, for error texts.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.get() {
            let id = owner.id;
            let work = move |tx: &Tx<'_>| owner::release_own(tx, id);
            *self.last.0.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Box::new(Call { work, value: None, reply: None }));
        }
        self.signals.stop();
        self.reads = None;
        // The writer last and alone: SQLite puts the log away with the last connection, but not when two close at the
        // same time.
        self.readers.iter_mut().for_each(|thread| join(&self.path, thread));
        self.inbox.close();
        join(&self.path, &mut self.writer);
        if let Some(owner) = self.owner.get() {
            owner.remove();
        }
    }
}

fn join(path: &Path, thread: &mut Option<JoinHandle<()>>) {
    if thread.take().is_some_and(|thread| thread.join().is_err()) {
        tracing::error!(path = %path.display(), "a thread of the SQLite store panicked");
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| {
        Failure::new(BrokerErrorKind::Other, format!("could not start the thread `{name}`: {error}"))
    })
}

/// The path without links and dots, so that one file has one name.
fn full_path(path: &Path) -> Result<PathBuf> {
    if let Ok(full) = path.canonicalize() {
        return Ok(full);
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| {
        Failure::new(BrokerErrorKind::Config, format!("`{}` names no file", path.display()))
    })?;
    let folder = folder.canonicalize().map_err(|error| {
        let folder = folder.display();
        Failure::new(
            BrokerErrorKind::Config,
            format!("could not open `{}`: its folder `{folder}` cannot be used: {error}", path.display()),
        )
    })?;
    Ok(folder.join(name))
}
