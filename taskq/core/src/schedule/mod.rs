//! When periodic tasks are due: intervals, crontabs, solar events, single times.
//!
//! Kept true here: a schedule is a pure function of an instant and a time zone. It knows no store, no clock and
//! no beat, so the same call gives the same answer on every machine, and two beats agree on what is due. The
//! answer is always later than what was asked after: a schedule can end, never stand still.

mod crontab;
mod entry;
mod error;
mod interval;
mod memory;
mod once;
mod solar;
mod store;
mod timing;

use std::{borrow::Cow, fmt};

use jiff::Zoned;

pub use crontab::{Crontab, CrontabFields};
pub use entry::{CatchUp, Entry, Overlap, Source, TAKEOVER};
pub use error::ScheduleError;
pub use interval::Interval;
pub use memory::MemorySchedules;
pub use once::Once;
pub use solar::{Solar, SolarEvent};
pub use store::{
    Change, Claim, EntryState, HISTORY, Leadership, ScheduleStore, Snapshot, Tick, TickKind, TickRecord,
};
pub use timing::Timing;

/// Says when something is due next.
///
/// Celery: `celery.schedules.BaseSchedule`, whose `remaining_estimate` is the distance to [`next`](Self::next).
pub trait Schedule: Send + Sync + fmt::Debug + 'static {
    /// The first due time after `after`, in the zone of `after`; `None` when there is none any more.
    fn next(&self, after: &Zoned) -> Option<Zoned>;

    /// In words, for people: `every 5 minutes`.
    fn describe(&self) -> Cow<'_, str>;
}
