//! What the cases work with: two clients of one store, and ticks.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    Timestamp, args,
    broker::{Broker, Outgoing},
    canvas::Signature,
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
    schedule::{Change, Claim, Entry, EntryState, Interval, Leadership, ScheduleStore, Tick, TickKind},
};

use super::Factory;

/// A lease that does not lapse while a case runs.
pub const LONG: Duration = Duration::from_secs(600);
/// One that lapses at once.
pub const SHORT: Duration = Duration::from_millis(50);

/// A store under test with two clients of it.
#[derive(Debug)]
pub struct Bench {
    /// The client of the beat that leads, mostly.
    pub store: Arc<dyn ScheduleStore>,
    /// Another one.
    pub other: Arc<dyn ScheduleStore>,
    /// Where the store publishes to.
    pub broker: Option<Arc<dyn Broker>>,
    /// Kept, because the store may end with it.
    _factory: Box<dyn Factory>,
}

impl Bench {
    /// Opens both.
    pub async fn new(factory: impl Factory) -> Self {
        let (store, other) = (factory.open().await, factory.open().await);
        let broker = factory.broker().await;
        Self { store, other, broker, _factory: Box::new(factory) }
    }

    /// Stores an entry of that name, due every second.
    pub async fn put(&self, name: &str) {
        self.change(Change::Put(Box::new(entry(name)))).await;
    }

    /// Applies one change; answers whether the entry was there.
    pub async fn change(&self, change: Change) -> bool {
        let there = self.store.change(&[change]).await.expect("change");
        assert_eq!(there.len(), 1, "one answer for one change");
        there[0]
    }

    /// Leads under this name, with a lease that holds; answers the token.
    pub async fn lead(&self, beat: &str) -> u64 {
        match self.store.lead(beat, LONG).await.expect("lead") {
            Leadership::Leader { token } => token,
            Leadership::Follower { leader } => panic!("`{leader}` leads, not `{beat}`"),
        }
    }

    /// The state of an entry, as the other client reads it.
    pub async fn state(&self, name: &str) -> Option<EntryState> {
        self.other.snapshot().await.expect("snapshot").states.remove(name)
    }

    /// Claims one.
    pub async fn claim(&self, token: u64, tick: &Tick) -> Claim {
        let claims = self.store.claim(token, std::slice::from_ref(tick)).await.expect("claim");
        assert_eq!(claims.len(), 1, "one answer for one tick");
        claims[0]
    }
}

/// An entry that is due every second.
pub fn entry(name: &str) -> Entry {
    let every = Interval::new(Duration::from_secs(1)).expect("an interval");
    Entry::new(name, every, Signature::by_name("proj.tasks.tick", args![name]))
}

/// A time so many seconds after a fixed one.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

/// The tick of an entry at a second, which follows the one at another.
pub fn tick(name: &str, due: i64, after: Option<i64>) -> Tick {
    Tick {
        entry: name.to_owned(),
        kind: TickKind::Due,
        due: at(due),
        after: after.map(at),
        at: at(due),
        task: entry(name).task_id(at(due)),
        message: Some(Box::new(Outgoing::to_queue("ticks", message()))),
    }
}

fn message() -> Message {
    Message {
        headers: RawHeaders(br#"{"task": "proj.tasks.tick", "id": "1"}"#.as_slice().into()),
        properties: Properties { delivery_mode: DeliveryMode::Persistent, ..Properties::default() },
        content_type: Some("application/json".into()),
        content_encoding: Some("utf-8".into()),
        body: b"[[], {}, {}]".as_slice().into(),
    }
}
