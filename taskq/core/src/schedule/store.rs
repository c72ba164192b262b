//! The seam to where schedules are kept: entries, what happened to them, and who leads.
//!
//! Kept true by every store:
//!
//! * At most one beat leads at a time, by a lease; its token grows with every change of leader, and what an
//!   older token asks for is refused.
//! * A tick is claimed once. A due tick names the due time that came before it, so two beats that disagree, or
//!   one that woke from a long sleep, cannot send two.
//! * Where [`publishes`](ScheduleStore::publishes) is true, claiming a tick and publishing its message is one
//!   step: a beat that is killed at any moment neither loses a tick nor sends it twice. Elsewhere the claim is
//!   kept as pending until it is confirmed, and whoever leads next sends it again, under the same task id.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::Entry;
use crate::{BoxFuture, Error, Timestamp, broker::Outgoing, protocol::TaskId};

/// Keeps entries and their state. Shared by any number of beats.
pub trait ScheduleStore: Send + Sync + fmt::Debug {
    /// Whether it publishes the message of a tick in the same step as it claims it. Else
    /// [`claim`](Self::claim) leaves publishing to the caller.
    fn publishes(&self) -> bool;

    /// Everything, as of one moment.
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, Error>>;

    /// Grows with every [`change`](Self::change): cheap to ask.
    fn revision(&self) -> BoxFuture<'_, Result<u64, Error>>;

    /// Applies changes in order; answers for each whether the entry was there (always true for
    /// [`Change::Put`]).
    fn change<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Vec<bool>, Error>>;

    /// Becomes or stays the leader for `lease`, if nobody else is.
    fn lead<'a>(&'a self, beat: &'a str, lease: Duration) -> BoxFuture<'a, Result<Leadership, Error>>;

    /// Stops leading, so that another can at once.
    fn resign<'a>(&'a self, beat: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Claims ticks, in order, and publishes them where [`publishes`](Self::publishes) says so. Any process may
    /// claim a [`TickKind::Backfill`], with any token: its due time is claim enough.
    fn claim<'a>(&'a self, token: u64, ticks: &'a [Tick]) -> BoxFuture<'a, Result<Vec<Claim>, Error>>;

    /// Says that claimed ticks were published; only where the store does not publish itself.
    fn confirm<'a>(&'a self, token: u64, entries: &'a [String]) -> BoxFuture<'a, Result<(), Error>>;

    /// The last ticks of an entry, newest first.
    fn history<'a>(&'a self, entry: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TickRecord>, Error>>;
}

/// How many ticks of an entry are remembered.
pub const HISTORY: usize = 1_000;

/// What a store holds.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Of which revision.
    pub revision: u64,
    /// The entries, by name.
    pub entries: Vec<Entry>,
    /// What happened to each, by name; also to those that cannot be read.
    pub states: BTreeMap<String, EntryState>,
    /// Entries that cannot be read: name, and why. They are left alone.
    pub unreadable: Vec<(String, String)>,
    /// Who leads.
    pub leader: Option<String>,
}

impl Snapshot {
    /// Every entry with its state, by name, for a program with these entries of its `own`. Only the program knows
    /// those in full, so they stand in the place of what is stored of them; no beat may have stored them yet.
    pub fn known(&self, own: &[Entry]) -> Vec<(Entry, EntryState)> {
        let is_own = |stored: &Entry| own.iter().any(|own| own.name == stored.name);
        let mut entries: Vec<&Entry> =
            own.iter().chain(self.entries.iter().filter(|stored| !is_own(stored))).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let state_of = |entry: &Entry| self.states.get(&entry.name).cloned().unwrap_or_default();
        entries.into_iter().map(|entry| (entry.clone(), state_of(entry))).collect()
    }
}

/// What happened to an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryState {
    /// When it was first stored: what an entry that never ran counts from.
    pub since: Option<Timestamp>,
    /// The last due time that was dealt with: sent, or left out on purpose.
    pub last_due: Option<Timestamp>,
    /// When a tick was last sent.
    pub last_sent: Option<Timestamp>,
    /// The task of the last tick.
    pub last_task: Option<TaskId>,
    /// Ticks sent.
    pub runs: u64,
    /// Paused by an operator: stays so when the definition changes.
    pub paused: bool,
    /// Somebody asked, then, to run it once now.
    pub asked: Option<Timestamp>,
    /// Claimed, and not confirmed.
    pub pending: Option<Timestamp>,
}

/// A change by an operator, or by a beat that read its sources.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds it, or replaces its definition and keeps its state.
    Put(Box<Entry>),
    /// Removes it with its state.
    Remove(String),
    /// Pauses it (`true`) or lets it go on. Due times that pass meanwhile are left out.
    Pause(String, bool),
    /// Runs it once, as soon as the leader sees it.
    RunNow(String, Timestamp),
}

/// Whether a beat leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// It does.
    Leader {
        /// Names its term.
        token: u64,
    },
    /// Another does.
    Follower {
        /// Who.
        leader: String,
    },
}

/// One due time of one entry.
#[derive(Clone, Debug)]
pub struct Tick {
    /// The entry's name.
    pub entry: String,
    /// What kind.
    pub kind: TickKind,
    /// When it was due; for [`TickKind::RunNow`], when it was asked for.
    pub due: Timestamp,
    /// The [`EntryState::last_due`] that it follows; for [`TickKind::Due`] and [`TickKind::LeftOut`].
    pub after: Option<Timestamp>,
    /// When it is sent.
    pub at: Timestamp,
    /// Its task.
    pub task: TaskId,
    /// Its message; `None` for [`TickKind::LeftOut`].
    pub message: Option<Box<Outgoing>>,
}

/// Why something is sent, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TickKind {
    /// The schedule says so.
    Due,
    /// Due, but left out: overlap, catch-up policy, or a middleware's wish.
    LeftOut,
    /// An operator asked for it.
    RunNow,
    /// An operator asked for a time that has passed.
    Backfill,
}

impl TickKind {
    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::LeftOut => "left-out",
            Self::RunNow => "run-now",
            Self::Backfill => "backfill",
        }
    }

    /// Reads [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Due, Self::LeftOut, Self::RunNow, Self::Backfill].into_iter().find(|kind| kind.name() == name)
    }
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was ours: published, or ours to publish.
    Won,
    /// It was dealt with already.
    Lost,
    /// We do not lead any more: nothing was done.
    Fenced,
}

/// A tick that was dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickRecord {
    /// What kind.
    pub kind: TickKind,
    /// When it was due.
    pub due: Timestamp,
    /// When it was sent.
    pub at: Timestamp,
    /// Its task.
    pub task: TaskId,
}

impl TickRecord {
    /// What is remembered of a tick.
    pub fn of(tick: &Tick) -> Self {
        Self { kind: tick.kind, due: tick.due, at: tick.at, task: tick.task.clone() }
    }

    /// How late it was sent; zero when it was early.
    pub fn late(&self) -> Duration {
        self.at.duration_since(self.due).try_into().unwrap_or_default()
    }

    /// One line, for stores that keep text.
    pub fn to_line(&self) -> String {
        let (due, at) = (self.due.as_microsecond(), self.at.as_microsecond());
        format!("{} {due} {at} {}", self.kind.name(), self.task)
    }

    /// Reads [`to_line`](Self::to_line).
    pub fn from_line(line: &str) -> Option<Self> {
        let mut parts = line.splitn(4, ' ');
        let kind = TickKind::from_name(parts.next()?)?;
        let mut time = || Timestamp::from_microsecond(parts.next()?.parse().ok()?).ok();
        let (due, at) = (time()?, time()?);
        Some(Self { kind, due, at, task: TaskId::from(parts.next()?) })
    }
}
