//! What this worker holds: every delivery between its arrival and its settlement.
//!
//! Kept true here: a delivery in the table keeps its lease, and knows until when it has it for sure; exactly one party may end it
//! ([`Held::claim`]); its place is free again only after it has been settled. The table is locked once a batch,
//! never once a task.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    time::Duration,
};

use nix::sys::signal::Signal;
use taskq_core::{broker::DeliveryTag, protocol::TaskId, task::TaskContext};
use tokio::{sync::Notify, time::Instant};

use crate::gate::Marks;

/// Why a run is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Why {
    /// Its lease was lost: it runs, or will run, somewhere else.
    LeaseLost = 1,
    /// The worker stops and gives it back.
    GivenBack = 2,
    /// It was terminated by remote control.
    Terminated = 3,
}

/// One delivery.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) tag: DeliveryTag,
    pub(crate) id: TaskId,
    pub(crate) marks: Marks,
    /// How often its message was delivered, this time included.
    pub(crate) deliveries: u32,
    /// Bytes of its message, until it runs.
    bytes: AtomicUsize,
    why: AtomicU8,
    /// The signal that ends its child; 0: SIGKILL.
    signal: AtomicI32,
    /// The process that runs it; 0: this one.
    pid: AtomicU32,
    drop_it: Notify,
    claimed: AtomicBool,
    running: AtomicBool,
    acking: AtomicBool,
    acked: AtomicBool,
    run: OnceLock<Run>,
    /// When its lease was asked for last, of those that were given.
    leased: Mutex<Instant>,
}

/// A run that has begun.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) cx: TaskContext,
    /// In seconds since 1970.
    pub(crate) since: f64,
}

impl Held {
    pub(crate) fn new(tag: DeliveryTag, id: TaskId) -> Self {
        Self {
            tag,
            id,
            marks: Marks::default(),
            deliveries: 1,
            bytes: AtomicUsize::new(0),
            why: AtomicU8::new(0),
            signal: AtomicI32::new(0),
            pid: AtomicU32::new(0),
            drop_it: Notify::new(),
            claimed: AtomicBool::new(false),
            running: AtomicBool::new(false),
            acking: AtomicBool::new(false),
            acked: AtomicBool::new(false),
            run: OnceLock::new(),
            leased: Mutex::new(Instant::now()),
        }
    }

    /// With what else may revoke it.
    pub(crate) fn marked(self, marks: Marks) -> Self {
        Self { marks, ..self }
    }

    /// Delivered so often.
    pub(crate) fn delivered(self, deliveries: u32) -> Self {
        Self { deliveries, ..self }
    }

    /// Of so many bytes.
    pub(crate) fn sized(self, bytes: usize) -> Self {
        Self { bytes: AtomicUsize::new(bytes), ..self }
    }

    /// Terminates the run: in a child, by this signal.
    pub(crate) fn terminate(&self, signal: Signal) {
        let _ = self.signal.compare_exchange(0, signal as i32, Ordering::AcqRel, Ordering::Acquire);
        self.cancel(Why::Terminated);
    }

    /// The signal that ends its child.
    pub(crate) fn signal(&self) -> Signal {
        Signal::try_from(self.signal.load(Ordering::Acquire)).unwrap_or(Signal::SIGKILL)
    }

    /// The same, if one was given.
    pub(crate) fn signal_given(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// Notes which process runs it.
    pub(crate) fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Ordering::Release);
    }

    /// The process that runs it.
    pub(crate) fn pid(&self) -> u32 {
        match self.pid.load(Ordering::Acquire) {
            0 => std::process::id(),
            pid => pid,
        }
    }

    /// Ends the run early. The first reason stays.
    pub(crate) fn cancel(&self, why: Why) {
        let _ = self.why.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire);
        // Either this sees the run, or the run sees why it is to end.
        fence(Ordering::SeqCst);
        if let Some(run) = self.run.get() {
            run.cx.cancel();
        }
        self.drop_it.notify_one();
    }

    /// Why the run is to end early, if it is.
    pub(crate) fn why(&self) -> Option<Why> {
        match self.why.load(Ordering::Acquire) {
            1 => Some(Why::LeaseLost),
            2 => Some(Why::GivenBack),
            3 => Some(Why::Terminated),
            _ => None,
        }
    }

    /// Waits until the run is to be dropped. One waiter: whoever runs it.
    pub(crate) async fn cancelled(&self) -> Why {
        loop {
            if let Some(why) = self.why() {
                return why;
            }
            self.drop_it.notified().await;
        }
    }

    /// Takes the right to settle it. True for the first caller only.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    /// Its lease was renewed; it was asked for at `asked`.
    pub(crate) fn renewed(&self, asked: Instant) {
        *self.leased.lock().unwrap_or_else(PoisonError::into_inner) = asked;
    }

    /// Whether a lease so long may be over, for all that this process knows.
    pub(crate) fn may_have_lapsed(&self, lease: Duration) -> bool {
        !self.is_acking() && self.leased.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= lease
    }

    pub(crate) fn set_running(&self) {
        self.running.store(true, Ordering::Release);
    }

    /// Notes what runs, since when.
    pub(crate) fn set_run(&self, cx: TaskContext, since: f64) {
        let run = self.run.get_or_init(|| Run { cx, since }); // one run for each delivery
        fence(Ordering::SeqCst);
        if self.why().is_some() {
            run.cx.cancel();
        }
    }

    /// What runs.
    pub(crate) fn run(&self) -> Option<&Run> {
        self.run.get()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Notes that it is about to be acknowledged before its run.
    pub(crate) fn set_acking(&self) {
        self.acking.store(true, Ordering::Release);
    }

    /// Whether its early acknowledgement is on its way, or done: only the settlement tells whether it was ours.
    pub(crate) fn is_acking(&self) -> bool {
        self.acking.load(Ordering::Acquire)
    }

    /// Whether it was acknowledged before its run: it has no lease and takes no room.
    pub(crate) fn is_acked(&self) -> bool {
        self.acked.load(Ordering::Acquire)
    }
}

/// Every delivery that has not ended yet.
#[derive(Debug, Default)]
pub(crate) struct HeldTable {
    table: Mutex<Table>,
    /// Those that are not acknowledged.
    len: AtomicUsize,
    /// All of them.
    total: AtomicUsize,
    /// Bytes of those that do not run yet.
    waiting_bytes: AtomicU64,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// Tags are of our own making: nobody can choose them so that they collide.
    map: HashMap<DeliveryTag, Arc<Held>, foldhash::fast::RandomState>,
    acked: usize,
}

impl HeldTable {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, table: &Table) {
        self.len.store(table.map.len() - table.acked, Ordering::Release);
        self.total.store(table.map.len(), Ordering::Release);
    }

    /// Adds a batch.
    pub(crate) fn insert(&self, batch: impl IntoIterator<Item = Arc<Held>>) {
        let mut table = self.lock();
        let mut bytes = 0;
        table.map.extend(batch.into_iter().map(|held| {
            bytes += held.bytes.load(Ordering::Acquire) as u64;
            (held.tag, held)
        }));
        self.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
        self.count(&table);
    }

    /// Removes what has ended; wakes whoever waits for room.
    pub(crate) fn remove(&self, ended: impl IntoIterator<Item = DeliveryTag>) {
        let mut table = self.lock();
        let removed: Vec<_> = ended.into_iter().filter_map(|tag| table.map.remove(&tag)).collect();
        for held in &removed {
            table.acked -= usize::from(held.is_acked());
            self.runs(held);
        }
        self.count(&table);
        drop(table);
        self.freed.notify_one();
        // Messages and all: not while others wait for the table.
        drop(removed);
    }

    /// Notes what was acknowledged and runs on; wakes whoever waits for room.
    pub(crate) fn acked(&self, tags: &[DeliveryTag]) {
        let mut table = self.lock();
        for tag in tags {
            if table.map.get(tag).is_some_and(|held| !held.acked.swap(true, Ordering::AcqRel)) {
                table.acked += 1;
            }
        }
        self.count(&table);
        drop(table);
        self.freed.notify_one();
    }

    /// It does not wait any more: it runs, or has ended without.
    pub(crate) fn runs(&self, held: &Held) {
        let bytes = held.bytes.swap(0, Ordering::AcqRel);
        if bytes > 0 {
            self.waiting_bytes.fetch_sub(bytes as u64, Ordering::AcqRel);
        }
    }

    /// Bytes of the messages that do not run yet.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes.load(Ordering::Acquire)
    }

    /// How many are held and not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// How many there are, those that run acknowledged included.
    pub(crate) fn total(&self) -> usize {
        self.total.load(Ordering::Acquire)
    }

    /// Says that there may be room again.
    pub(crate) fn wake(&self) {
        self.freed.notify_one();
    }

    /// Waits until there may be room again. One waiter.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// The delivery of that tag.
    pub(crate) fn get(&self, tag: DeliveryTag) -> Option<Arc<Held>> {
        self.lock().map.get(&tag).cloned()
    }

    /// The tags that have a lease, in the order of arrival.
    pub(crate) fn leased(&self) -> Vec<DeliveryTag> {
        self.which(|held| !held.is_acked()).iter().map(|held| held.tag).collect()
    }

    /// All that have not ended, in the order of arrival.
    pub(crate) fn all(&self) -> Vec<Arc<Held>> {
        self.which(|_| true)
    }

    /// Those with one of these ids.
    pub(crate) fn with_ids(&self, ids: &[TaskId]) -> Vec<Arc<Held>> {
        self.which(|held| ids.contains(&held.id))
    }

    /// Those of which it is true, in the order of arrival: what follows must not depend on how a map is laid out.
    pub(crate) fn which(&self, is: impl Fn(&Held) -> bool) -> Vec<Arc<Held>> {
        let mut found: Vec<_> = self.lock().map.values().filter(|held| is(held)).cloned().collect();
        found.sort_unstable_by_key(|held| held.tag);
        found
    }
}
