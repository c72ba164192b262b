//! An entry of the schedule: what is sent, when, and what happens when it could not be sent on time.

mod map;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use jiff::{Zoned, tz::TimeZone};
use uuid::Uuid;

use super::Timing;
use crate::{
    Timestamp,
    canvas::{Args, Signature},
    protocol::TaskId,
};

/// Ticks that are missed no longer than this are always sent: so long may one beat take over from another.
pub const TAKEOVER: Duration = Duration::from_secs(10);

/// A periodic task. Celery: an item of `beat_schedule`.
///
/// ```
/// use std::time::Duration;
/// use taskq_core::{args, canvas::Signature, schedule::{Entry, Interval}};
///
/// let every = Interval::new(Duration::from_secs(30))?;
/// let entry = Entry::new("refresh", every, Signature::by_name("proj.tasks.refresh", args![1]));
/// assert!(entry.enabled);
/// # Ok::<(), taskq_core::schedule::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Names it; unique in a schedule.
    pub name: String,
    /// When.
    pub timing: Timing,
    /// What is sent: task, arguments, options of the call.
    pub call: Signature,
    /// Positional arguments that are computed when a tick is sent; only for entries in code.
    pub at_send: Option<AtSend>,
    /// The zone of its times. Default: the setting `timezone`.
    pub zone: Option<TimeZone>,
    /// Not due before.
    pub start: Option<Timestamp>,
    /// Not due after.
    pub end: Option<Timestamp>,
    /// Each tick is sent up to so much later, at random but the same for every beat. Default 0.
    pub jitter: Duration,
    /// Not more often than this.
    pub max_runs: Option<u64>,
    /// What to do when the run before is not over. Default: send all the same, as Celery.
    pub overlap: Overlap,
    /// What to do about times that were missed. Default: the last of them, as Celery.
    pub catch_up: CatchUp,
    /// Due times of a disabled entry pass.
    pub enabled: bool,
    /// Where it is from.
    pub source: Source,
}

/// Arguments that are computed when a tick is sent.
#[derive(Clone)]
pub struct AtSend(Arc<dyn Fn(Timestamp) -> Args + Send + Sync>);

impl fmt::Debug for AtSend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtSend")
    }
}

impl PartialEq for AtSend {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What to do when an entry is due and its run before is not over.
///
/// All but `Allow` look at the stored result of the run before, so the task must store one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// Send.
    #[default]
    Allow,
    /// Leave this tick out.
    Skip,
    /// Send once more when it is over; further ticks until then are left out.
    QueueOne,
    /// Revoke and terminate the run before, then send.
    CancelPrevious,
}

/// What to do about due times that passed while no beat ran. Those of the last 10 s are always sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// Leave them out.
    None,
    /// Send the last of them.
    #[default]
    Last,
    /// Send all that are no older than this.
    All {
        /// Older ones are left out.
        within: Duration,
    },
}

/// Where an entry is from. What is no longer in its code or file leaves the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Source {
    /// The program.
    Code,
    /// The settings: file or environment.
    Settings,
    /// Added while beat ran: stays until it is removed.
    #[default]
    Runtime,
}

impl Entry {
    /// An entry with the defaults above.
    pub fn new(name: impl Into<String>, timing: impl Into<Timing>, call: impl Into<Signature>) -> Self {
        Self {
            name: name.into(),
            timing: timing.into(),
            call: call.into(),
            at_send: None,
            zone: None,
            start: None,
            end: None,
            jitter: Duration::ZERO,
            max_runs: None,
            overlap: Overlap::default(),
            catch_up: CatchUp::default(),
            enabled: true,
            source: Source::default(),
        }
    }

    /// Computes its positional arguments when a tick is sent, from its due time. Celery: `BeatLazyFunc`.
    ///
    /// ```
    /// use taskq_core::{args, canvas::Signature, schedule::{Crontab, Entry}};
    ///
    /// let cron: Crontab = "0 4 * * *".parse()?;
    /// let entry = Entry::new("report", cron, Signature::by_name("proj.tasks.report", args![]))
    ///     .arguments(|due| args![due.to_string()]);
    /// let due = "2026-03-01T04:00:00Z".parse().unwrap();
    /// assert_eq!(entry.call_at(due).args, [taskq_core::codec::Value::Str("2026-03-01T04:00:00Z".into())]);
    /// # Ok::<(), taskq_core::schedule::ScheduleError>(())
    /// ```
    #[must_use]
    pub fn arguments(mut self, compute: impl Fn(Timestamp) -> Args + Send + Sync + 'static) -> Self {
        self.at_send = Some(AtSend(Arc::new(compute)));
        self
    }

    /// The call of a tick, under the tick's own task id.
    pub fn call_at(&self, due: Timestamp) -> Signature {
        let mut call = self.call.clone();
        if let Some(AtSend(compute)) = &self.at_send {
            let Signature { args, options, .. } = Signature::by_name(call.task.as_str(), compute(due));
            call.args = args;
            if let Err(problem) = options.check() {
                call.options.note(problem.to_string());
            }
        }
        call.options.task_id = Some(self.task_id(due));
        call
    }

    /// The zone it lives in.
    pub fn zone_or<'a>(&'a self, default: &'a TimeZone) -> &'a TimeZone {
        self.zone.as_ref().unwrap_or(default)
    }

    /// How many more runs it may have after so many; `None`: any number.
    pub fn runs_left(&self, runs: u64) -> Option<u64> {
        self.max_runs.map(|most| most.saturating_sub(runs))
    }

    /// Whether it has had all its runs.
    pub fn is_spent(&self, runs: u64) -> bool {
        self.runs_left(runs) == Some(0)
    }

    /// The first due time after `after`, within start and end.
    pub fn next_due(&self, after: Timestamp, default: &TimeZone) -> Option<Zoned> {
        let zone = self.zone_or(default);
        let due = match self.start {
            // The start itself may be a due time.
            Some(start) if start > after => {
                let just_before = start.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?;
                match &self.timing {
                    Timing::Every(_) => start.to_zoned(zone.clone()),
                    timing => timing.next(&just_before.to_zoned(zone.clone()))?,
                }
            }
            _ => self.timing.next(&after.to_zoned(zone.clone()))?,
        };
        self.end.is_none_or(|end| due.timestamp() <= end).then_some(due)
    }

    /// How much later than due this tick is sent: the same for every beat that asks.
    pub fn delay_of(&self, due: Timestamp) -> Duration {
        if self.jitter.is_zero() {
            return Duration::ZERO;
        }
        let key = self.tick_key(due).as_u128();
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        // a fraction of 2^53 is enough
        let fraction = ((key as u64) >> 11) as f64 / (1_u64 << 53) as f64;
        self.jitter.mul_f64(fraction)
    }

    /// The id of the task of a tick: the same for every beat, so that a tick has one task.
    pub fn task_id(&self, due: Timestamp) -> TaskId {
        TaskId::from(self.tick_key(due).to_string().as_str())
    }

    fn tick_key(&self, due: Timestamp) -> Uuid {
        let key = format!("{}\n{}", due.as_microsecond(), self.name);
        Uuid::new_v5(&TICKS, key.as_bytes())
    }

    /// When, in words.
    pub fn describe(&self) -> Cow<'_, str> {
        self.timing.schedule().describe()
    }
}

/// The namespace of the ids of ticks; drawn once, at random.
const TICKS: Uuid = Uuid::from_u128(0x6f3d_2a54_9d0b_4c1e_8f27_51e6_0c9a_b7d3);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, schedule::Interval};

    fn entry() -> Entry {
        let every = Interval::new(Duration::from_secs(10)).unwrap();
        Entry::new("e", every, Signature::by_name("t", args![]))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn start_and_end_are_kept() {
        let mut entry = entry();
        entry.start = Some(at("2026-01-01T00:00:05Z"));
        entry.end = Some(at("2026-01-01T00:00:20Z"));
        let mut due = Vec::new();
        let mut after = at("2025-06-01T00:00:00Z");
        while let Some(next) = entry.next_due(after, &TimeZone::UTC) {
            after = next.timestamp();
            due.push(after.to_string());
        }
        assert_eq!(due, ["2026-01-01T00:00:05Z", "2026-01-01T00:00:15Z"]);
    }

    #[test]
    fn every_beat_gives_a_tick_the_same_id_and_jitter() {
        let beat = || Entry { jitter: Duration::from_secs(60), ..entry() };
        let (entry, other) = (beat(), beat());
        let due = at("2026-01-01T00:00:05Z");
        assert_eq!(entry.task_id(due), other.task_id(due));
        assert_ne!(entry.task_id(due), entry.task_id(at("2026-01-01T00:00:15Z")));
        assert!(entry.delay_of(due) < entry.jitter);
        assert_eq!(entry.delay_of(due), other.delay_of(due));
        let different = (0..20).map(|n| entry.delay_of(due + jiff::SignedDuration::from_secs(n)));
        assert!(different.collect::<std::collections::HashSet<_>>().len() > 15);
    }
}
