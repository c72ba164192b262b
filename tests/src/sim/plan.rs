//! What a seed means.

use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;

/// After this no fault begins, and what was begun must end.
pub(super) const CALM: Duration = Duration::from_secs(90);

/// What is sent, who runs, what goes wrong when.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) seed: u64,
    /// How likely a single call fails, in thousandths.
    pub(super) error_rate: u32,
    pub(super) lease: Duration,
    pub(super) workers: Vec<Life>,
    pub(super) beats: Vec<Life>,
    /// Servers away for everybody.
    pub(super) outages: Vec<Outage>,
    pub(super) sends: Vec<Send>,
}

/// A process: its ends, each of which is followed by a new one.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) slots: usize,
    pub(super) skew: SignedDuration,
    pub(super) ends: Vec<(Duration, End)>,
    /// When only it cannot reach the servers.
    pub(super) cuts: Vec<Outage>,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `kill -9`.
    Killed,
    /// A first signal.
    Warm,
    /// A second one.
    Cold,
}

/// Time without a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    pub(super) what: Server,
    pub(super) from: Duration,
    pub(super) to: Duration,
    /// Calls get no answer until it is over; else they are refused.
    pub(super) hangs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Broker,
    Backend,
}

/// One send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Send {
    pub(super) at: Duration,
    pub(super) what: What,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A task that takes so long.
    Step(Duration),
    /// The same, not before that time has passed.
    Delayed(Duration, Duration),
    /// One that asks for so many retries, so long apart.
    Flaky(u32, Duration),
    /// One that fails.
    Broken,
    /// So many tasks one after the other.
    Chain(u32),
    /// So many tasks and a body.
    Chord(u32),
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let workers = (0..rng.usize(1..=3)).map(|_| Life::draw(rng, 4)).collect();
        let beats = (0..rng.usize(0..=2)).map(|_| Life::draw(rng, 1)).collect();
        let outages = (0..rng.usize(0..=1)).map(|_| Outage::draw(rng, 20)).collect();
        let mut sends: Vec<Send> = (0..rng.usize(3..=9)).map(|_| Send::draw(rng)).collect();
        sends.sort_by_key(|send| send.at);
        Self {
            seed,
            error_rate: [0, 10, 50, 150][rng.usize(..4)],
            lease: Duration::from_secs(if rng.bool() { 30 } else { 6 }),
            workers,
            beats,
            outages,
            sends,
        }
    }

    /// Its number.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl Life {
    fn draw(rng: &mut Rng, slots: usize) -> Self {
        let mut ends: Vec<_> = (0..rng.usize(0..=2)).map(|_| (moment(rng), End::draw(rng))).collect();
        ends.sort_by_key(|(at, _)| *at);
        Self {
            slots: rng.usize(1..=slots),
            skew: SignedDuration::from_secs(if rng.u8(..4) == 0 { rng.i64(-20..=20) } else { 0 }),
            ends,
            cuts: (0..rng.usize(0..=1)).map(|_| Outage::draw(rng, 60)).collect(),
        }
    }
}

impl End {
    fn draw(rng: &mut Rng) -> Self {
        [Self::Killed, Self::Killed, Self::Warm, Self::Cold][rng.usize(..4)]
    }
}

impl Outage {
    fn draw(rng: &mut Rng, longest: u64) -> Self {
        let from = moment(rng);
        let to = (from + Duration::from_millis(rng.u64(100..longest * 1_000))).min(CALM);
        let what = if rng.u8(..3) == 0 { Server::Backend } else { Server::Broker };
        Self { what, from, to, hangs: rng.bool() }
    }
}

impl Send {
    fn draw(rng: &mut Rng) -> Self {
        let long = |rng: &mut Rng| match rng.u8(..4) {
            0 => Duration::from_millis(rng.u64(10_000..50_000)),
            1 => Duration::from_millis(rng.u64(500..9_000)),
            _ => Duration::from_millis(rng.u64(0..300)),
        };
        let what = match rng.u8(..12) {
            0..=3 => What::Step(long(rng)),
            4..=5 => What::Delayed(Duration::from_millis(rng.u64(1..60_000)), long(rng)),
            6..=7 => What::Flaky(rng.u32(1..=3), Duration::from_millis(rng.u64(1..15_000))),
            8 => What::Broken,
            9 => What::Chain(rng.u32(2..=4)),
            _ => What::Chord(rng.u32(2..=5)),
        };
        Self { at: Duration::from_millis(rng.u64(0..60_000)), what }
    }
}

/// A moment before the calm.
fn moment(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.u64(0..80_000))
}
