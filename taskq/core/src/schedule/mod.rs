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

use std::{borrow::Cow, collections::BTreeSet, fmt};

use jiff::Zoned;

pub use crontab::{Crontab, CrontabFields};
pub use entry::{AtSend, CatchUp, Entry, Overlap, Source, TAKEOVER};
pub use error::ScheduleError;
pub use interval::Interval;
pub use memory::MemorySchedules;
pub use once::Once;
pub use solar::{Solar, SolarEvent};
pub use store::{
    Change, Claim, EntryState, HISTORY, Leadership, ScheduleStore, Snapshot, Tick, TickKind, TickRecord,
};
pub use timing::Timing;

use crate::{
    Error, ErrorKind,
    canvas::Signature,
    codec::{Map, Value},
    config::Settings,
    task::{Registry, TaskDef},
};

/// The entries of an app: those of its code, those that tasks declare, and those of the setting `beat_schedule`.
pub(crate) fn of_app(
    code: Vec<Entry>,
    registry: &Registry,
    settings: &Settings,
) -> Result<Vec<Entry>, Error> {
    let mut entries = code;
    for def in registry.iter() {
        entries.extend(of_task(def)?);
    }
    entries.iter_mut().for_each(|entry| entry.source = Source::Code);
    entries.extend(Entry::all_from_map(&settings.beat_schedule, Source::Settings)?);
    let mut names = BTreeSet::new();
    match entries.iter().find(|entry| !names.insert(entry.name.as_str())) {
        None => Ok(entries),
        Some(twice) => Err(Error::new(
            ErrorKind::Config,
            format!("schedule entry `{}`: there are two of that name; rename one", twice.name),
        )),
    }
}

/// The entry of a task with `every` or `cron`, under the task's name.
fn of_task(def: &TaskDef) -> Result<Option<Entry>, Error> {
    let options = &def.options;
    if let Some(every) = options.every {
        let every = Interval::new(every).map_err(|error| {
            Error::with_source(ErrorKind::Config, format!("task `{}`: `every`", def.name), error)
        })?;
        return Ok(Some(Entry::new(&*def.name, every, Signature::by_name(&*def.name, crate::args![]))));
    }
    let Some(cron) = options.cron else { return Ok(None) };
    let text = |text: &str| Value::Str(text.to_owned());
    let mut map: Map =
        [("task".to_owned(), text(&def.name)), ("cron".to_owned(), text(cron))].into_iter().collect();
    map.extend(options.tz.map(|tz| ("tz".to_owned(), text(tz))));
    Entry::from_map(&def.name, &map, Source::Code).map(Some)
}

/// Says when something is due next.
///
/// Celery: `celery.schedules.BaseSchedule`, whose `remaining_estimate` is the distance to [`next`](Self::next).
pub trait Schedule: Send + Sync + fmt::Debug + 'static {
    /// The first due time after `after`, in the zone of `after`; `None` when there is none any more.
    fn next(&self, after: &Zoned) -> Option<Zoned>;

    /// In words, for people: `every 5 minutes`.
    fn describe(&self) -> Cow<'_, str>;
}
