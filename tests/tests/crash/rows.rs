//! The rows: for each point the scenes that lead to it, and what the books must show afterwards.
//!
//! [`rows`] is one `match` without a catch-all: a new point has no row until somebody says here what it may cost.

use std::ops::RangeInclusive;

use taskq_core::crash::Point;

use crate::{
    broker::Kind::{self, Classic, Quorum, Redis, Sqlite},
    scene::Scene::{self, *},
};

/// How often something must be in the books.
pub(crate) type Times = RangeInclusive<usize>;

const ONCE: Times = 1..=1;
const TWICE: Times = 2..=2;
const NEVER: Times = 0..=0;
/// What had ended when the process was killed and was not settled runs again.
const AGAIN: Times = 1..=2;

/// A process that is killed at a point in a scene.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) point: Point,
    /// It is killed when it comes there this often.
    pub(crate) nth: usize,
    pub(crate) scene: Scene,
    pub(crate) a: Times,
    pub(crate) b: Times,
    /// Each of the others.
    pub(crate) x: Times,
    /// Dead letters that are left.
    pub(crate) dead: Times,
    /// Where the point is not, and why.
    absent: &'static [(Kind, &'static str)],
}

impl Row {
    /// Why there is no such point on a broker.
    pub(crate) fn absent(&self, kind: Kind) -> Option<&'static str> {
        self.absent.iter().find(|(of, _)| *of == kind).map(|(_, why)| *why)
    }

    /// Names it: `settled:3, a chord`.
    pub(crate) fn title(&self) -> String {
        let nth = if self.nth > 1 { format!(":{}", self.nth) } else { String::new() };
        format!("{}{nth}, {}", self.point.name(), self.scene.name())
    }

    /// What ran and was not settled runs again.
    fn repeats(self) -> Self {
        let b = self.b.clone();
        Self { a: if self.scene.has_a() { TWICE } else { NEVER }, b, ..self.settled() }
    }

    /// `a` is settled; of the others, and of what follows, some may have run and not be settled.
    fn settled(self) -> Self {
        let again = |sent| if sent { AGAIN } else { NEVER };
        Self { x: again(self.scene.has_others()), b: again(self.scene.has_b()), ..self }
    }

    fn nth(self, nth: usize) -> Self {
        Self { nth, ..self }
    }

    fn a(self, a: Times) -> Self {
        Self { a, ..self }
    }

    fn b(self, b: Times) -> Self {
        Self { b, ..self }
    }

    fn dead(self, dead: Times) -> Self {
        Self { dead, ..self }
    }

    fn absent_on(self, absent: &'static [(Kind, &'static str)]) -> Self {
        Self { absent, ..self }
    }
}

/// Everything runs once.
fn row(point: Point, scene: Scene) -> Row {
    Row {
        point,
        nth: 1,
        scene,
        a: if scene.has_a() { ONCE } else { NEVER },
        b: if scene.has_b() { ONCE } else { NEVER },
        x: if scene.has_others() { ONCE } else { NEVER },
        dead: if scene == Dead { ONCE } else { NEVER },
        absent: &[],
    }
}

/// Every row.
pub(crate) fn all() -> Vec<Row> {
    Point::ALL.iter().flat_map(|point| rows(*point)).collect()
}

/// On Redis the first worker that takes a message with a time in the future parks it, so that it is settled twice.
const ONLY_REDIS: [(Kind, &str); 3] = [(Sqlite, PARKED), (Classic, PARKED), (Quorum, PARKED)];
/// There it is the only way in which one is delayed.
const PARKED_ALWAYS: [(Kind, &str); 1] = [(Redis, "see the rows of a delayed task")];
const PARKED: &str = "who sends it parks it";
const BROKER_DELAYS: &str = "the broker itself makes it ready";
const ONE_SCRIPT: &str = "one script does both";
const NO_REPLIES: [(Kind, &str); 2] = [(Redis, "no `rpc://`"), (Sqlite, "no `rpc://`")];
const IN_TRANSACTION: &str = "one transaction does both";
const BROKER_RETURNS: &str = "the broker itself returns what a dead connection held";

fn rows(point: Point) -> Vec<Row> {
    let at = |scene| row(point, scene);
    match point {
        Point::Promoting => vec![at(Delayed).absent_on(&[
            (Redis, ONE_SCRIPT),
            (Classic, BROKER_DELAYS),
            (Quorum, BROKER_DELAYS),
        ])],
        Point::Fetched => vec![at(Plain), at(Delayed), at(Chain)],
        Point::Taken => vec![at(Plain), at(Delayed), at(Parked).absent_on(&PARKED_ALWAYS)],
        Point::Passed => vec![at(Plain), at(Delayed)],
        // The only loss, and the one that was asked for: `acks_late = false`.
        Point::EarlyAcked => vec![at(Early).a(NEVER)],
        Point::Beginning => vec![at(Plain), at(InChild)],
        // Whatever the child has come to, it does not go on.
        Point::HandedOver => vec![at(InChild).a(AGAIN), at(ChildHolds)],
        Point::Ended => vec![
            at(Plain).repeats(),
            at(Chord).nth(3).repeats(),
            at(InChild).repeats(),
            at(Asked).repeats().b(ONCE).absent_on(&NO_REPLIES),
        ],
        Point::Stored => vec![
            at(Plain).repeats(),
            at(Chain).repeats(),
            at(Retry).repeats(),
            at(Dead).repeats(),
            at(Asked).repeats().b(ONCE).absent_on(&NO_REPLIES),
        ],
        Point::ChordStarted => vec![at(ChordAfter).repeats()],
        Point::Counted => vec![
            at(Chord).repeats(),
            at(Chord).nth(3).repeats(),
            at(ChordFails).repeats(),
            at(ChordFails).nth(3).repeats(),
        ],
        Point::Claimed => vec![at(Chord).repeats(), at(ChordFails).repeats()],
        Point::Joined => vec![at(Chord).repeats()],
        Point::Settling => {
            vec![
                at(Chain).repeats(),
                at(Retry).repeats(),
                at(Dead).repeats(),
                at(Delayed).absent_on(&ONLY_REDIS),
                at(Delayed).nth(2).repeats().absent_on(&ONLY_REDIS),
                at(Delayed).repeats().absent_on(&[(Redis, "see the rows of a worker that parks it")]),
                at(Parked).absent_on(&PARKED_ALWAYS),
                at(Parked).nth(2).repeats().absent_on(&PARKED_ALWAYS),
                at(InChild).repeats(),
            ]
        }
        Point::HalfSettled => {
            // Published and not settled: what follows comes twice. The first of them may have run before the
            // kill: it is in the queue of the process that dies. Of what ends a chord one message runs.
            let twice = 2..=3;
            let on_amqp = &[(Redis, ONE_SCRIPT), (Sqlite, "see the rows in a transaction")];
            let on_sqlite = &[
                (Redis, ONE_SCRIPT),
                (Classic, "see the rows without a transaction"),
                (Quorum, "see the rows without a transaction"),
            ];
            vec![
                at(Chain).repeats().b(twice.clone()).absent_on(on_amqp),
                at(Retry).repeats().b(twice).absent_on(on_amqp),
                at(Chord).repeats().b(AGAIN).absent_on(on_amqp),
                at(ChordFails).repeats().b(AGAIN).absent_on(on_amqp),
                at(Parked).a(TWICE).absent_on(on_amqp),
                at(Dead).repeats().dead(TWICE).absent_on(on_amqp),
                at(Chain).repeats().absent_on(on_sqlite),
                at(Retry).repeats().absent_on(on_sqlite),
                at(Chord).nth(3).repeats().absent_on(on_sqlite),
                at(ChordFails).nth(3).repeats().absent_on(on_sqlite),
                at(Parked).absent_on(on_sqlite),
                at(Dead).repeats().absent_on(on_sqlite),
            ]
        }
        Point::Settled => vec![
            // Two batches are on their way at once: that of the others may be settled first.
            at(Plain).a(AGAIN).settled(),
            at(Chain).a(AGAIN).settled(),
            at(Retry).a(AGAIN).settled(),
            at(Dead).dead(AGAIN).settled(),
            at(Asked).a(AGAIN).settled().b(ONCE).absent_on(&NO_REPLIES),
            at(Delayed).absent_on(&ONLY_REDIS),
            at(Delayed).nth(2).absent_on(&ONLY_REDIS),
            at(Delayed).absent_on(&[(Redis, "see the rows of a worker that parks it")]),
            at(Parked).absent_on(&PARKED_ALWAYS),
            at(Parked).nth(2).absent_on(&PARKED_ALWAYS),
            // Nothing else is settled there: `a` still runs.
            at(Stop),
        ],
        Point::ChordSettled | Point::ChordFinished => vec![at(Chord).settled(), at(ChordFails).settled()],
        Point::GivingBack => vec![at(Stop)],
        // Published with its count and not acknowledged: there are two of it. All that came back are counted at once,
        // so which of them that is, is not told.
        Point::Recounted => vec![at(TakeOver).a(AGAIN).settled().absent_on(&[
            (Redis, "counted in one step with giving back"),
            (Sqlite, "counted in one step with the take"),
            (Quorum, "the broker itself counts"),
        ])],
        Point::LapseSeen => {
            vec![at(TakeOver).absent_on(&[(Classic, BROKER_RETURNS), (Quorum, BROKER_RETURNS)])]
        }
        Point::LapseReturned => vec![at(TakeOver).absent_on(&[
            (Sqlite, IN_TRANSACTION),
            (Classic, BROKER_RETURNS),
            (Quorum, BROKER_RETURNS),
        ])],
        Point::Replaying => vec![
            at(Replay).absent_on(&[(Redis, ONE_SCRIPT), (Classic, "see below"), (Quorum, "see below")]),
            // Published and still among the dead letters: putting it back once more runs it twice.
            at(Replay).a(TWICE).absent_on(&[(Redis, ONE_SCRIPT), (Sqlite, "see above")]),
        ],
    }
}
