//! Places between two steps of a delivery where a test kills this process with `kill -9`.
//!
//! Kept true here: without the feature `crash-points` [`reached`] is nothing at all. With it, the process that was
//! started with `TASKQ_TEST_CRASH_POINT=settled` (or `settled:3`: the third time) dies there as from a power cut:
//! no destructor runs, nothing is flushed. `tests/tests/crash` has a row for each point and each broker.

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// A place where a process can be killed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Point { $($(#[$doc])* $point,)* }

        impl Point {
            /// Every point, in the order of a message's life.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// Its name, as in the environment.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$point => $name),* }
            }
        }
    };
}

points! {
    /// SQLite: delayed messages were made ready, in a transaction that is not committed.
    Promoting = "promoting",
    /// The broker has leased messages to this process, which has not looked at them.
    Fetched = "fetched",
    /// The worker has them, and has not read them.
    Taken = "taken",
    /// They were read, have passed the gates and are in line to run.
    Passed = "passed",
    /// A task with early acknowledgement is acknowledged and has not begun.
    EarlyAcked = "early-acked",
    /// A task is about to begin.
    Beginning = "beginning",
    /// Process pool: a child has the task.
    HandedOver = "handed-over",
    /// It has ended; nothing of what it came to is anywhere else.
    Ended = "ended",
    /// Results are stored.
    Stored = "stored",
    /// Chords that follow are started.
    ChordStarted = "chord-started",
    /// A member of a chord is counted.
    Counted = "counted",
    /// The header is complete, and this process has claimed to send the body.
    Claimed = "claimed",
    /// The body is written and its claim renewed.
    Joined = "joined",
    /// Everything before the settlement is done.
    Settling = "settling",
    /// What follows is published and the delivery not settled (RabbitMQ), or the delivery is removed in
    /// a transaction that is not committed (SQLite).
    HalfSettled = "half-settled",
    /// It is settled.
    Settled = "settled",
    /// The settlement that carried the body of a chord is done.
    ChordSettled = "chord-settled",
    /// The chord whose body was sent is finished.
    ChordFinished = "chord-finished",
    /// A worker that stops is about to give back what it has not started.
    GivingBack = "giving-back",
    /// A dead worker was noticed. Redis: it is marked; SQLite: its leases ended in an uncommitted transaction.
    LapseSeen = "lapse-seen",
    /// Redis: what the dead worker held is back in its queue, and the worker not forgotten.
    LapseReturned = "lapse-returned",
    /// RabbitMQ, classic queues: a message that came back is published again with its count, and the one that came
    /// is not acknowledged.
    Recounted = "recounted",
    /// RabbitMQ: a dead letter is back in its queue, and still among the dead letters. SQLite: it is back in
    /// a transaction that is not committed.
    Replaying = "replaying",
}

/// Dies here if this process was told to.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn reached(_: Point) {}

/// Dies here if this process was told to.
#[cfg(feature = "crash-points")]
pub fn reached(point: Point) {
    armed::reached(point);
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::{
        env, process,
        sync::{
            LazyLock,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };

    use super::Point;

    const VARIABLE: &str = "TASKQ_TEST_CRASH_POINT";

    /// Which point, and how often it is passed before.
    static ARMED: LazyLock<Option<(Point, AtomicUsize)>> = LazyLock::new(|| {
        let text = env::var(VARIABLE).ok()?;
        let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
        let point = Point::ALL.iter().copied().find(|point| point.name() == name);
        match (point, nth.parse::<usize>()) {
            (Some(point), Ok(nth)) if nth > 0 => Some((point, AtomicUsize::new(nth - 1))),
            // A test that armed nothing must not pass.
            _ => {
                eprintln!("error: `{VARIABLE}={text}` names no crash point");
                process::abort();
            }
        }
    });

    pub(super) fn reached(point: Point) {
        let Some((armed, before)) = &*ARMED else { return };
        let less_one = |left: usize| left.checked_sub(1);
        if *armed != point || before.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less_one).is_ok() {
            return;
        }
        eprintln!("killed at `{}`", point.name());
        if kill(Pid::this(), Signal::SIGKILL).is_err() {
            process::abort();
        }
        // The signal may need a moment; nothing may happen after this point.
        loop {
            std::thread::park();
        }
    }
}
