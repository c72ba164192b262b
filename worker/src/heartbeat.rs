//! Signs of life: `worker-online`, a heartbeat every two seconds, `worker-offline`.
//!
//! Kept true here: a worker that says it is online says that it is offline when it stops in order, after
//! everything else that it has to tell.

use std::{sync::Arc, time::Duration};

use taskq_core::codec::{Map, Value};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::debug;

use crate::node::Node;

/// Longest time that the last events may take.
const LAST: Duration = Duration::from_secs(3);

/// A worker that tells that it is alive. Nothing is told where the broker has no fan-out.
pub(crate) struct Life {
    freq: Duration,
    stopping: CancellationToken,
    beats: Option<AbortOnDropHandle<()>>,
    events: Option<AbortOnDropHandle<()>>,
}

impl Life {
    /// Says that the worker is there, and goes on saying so.
    pub(crate) fn begin(node: &Arc<Node>, freq: Duration) -> Self {
        let stopping = CancellationToken::new();
        let events = node
            .broker
            .broadcast()
            .map(|broadcast| AbortOnDropHandle::new(tokio::spawn(node.events.run(broadcast))));
        let beats = events.is_some().then(|| {
            node.events.tell("worker-online", state(node, freq));
            AbortOnDropHandle::new(tokio::spawn(beat(Arc::clone(node), freq, stopping.clone())))
        });
        Self { freq, stopping, beats, events }
    }

    /// Says goodbye, and waits until it is said, but not for long.
    pub(crate) async fn end(self, node: &Node) {
        self.stopping.cancel();
        drop(self.beats);
        let Some(events) = self.events else { return };
        node.events.tell("worker-offline", state(node, self.freq));
        node.events.close();
        if timeout(LAST, events).await.is_err() {
            debug!("the last events were not sent in time");
        }
    }
}

async fn beat(node: Arc<Node>, freq: Duration, stopping: CancellationToken) {
    if freq.is_zero() {
        return;
    }
    let mut tick = interval(freq);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = tick.tick() => node.events.tell("worker-heartbeat", state(&node, freq)),
            () = stopping.cancelled() => return,
        }
    }
}

/// What a worker says of itself, in Celery's order.
pub(crate) fn state(node: &Node, freq: Duration) -> Map {
    let entry = |(name, value): (&str, Value)| (name.to_owned(), value);
    [
        ("freq", Value::Float(freq.as_secs_f64())),
        ("active", Value::from(node.running())),
        ("processed", Value::from(node.counters.started.get())),
        ("loadavg", loadavg().map_or(Value::Null, |loads| loads.into_iter().collect())),
    ]
    .into_iter()
    .map(entry)
    .chain(software())
    .collect()
}

/// What it says of its software.
pub(crate) fn software() -> [(String, Value); 3] {
    [
        ("sw_ident".to_owned(), Value::from("taskq")),
        ("sw_ver".to_owned(), Value::from(env!("CARGO_PKG_VERSION"))),
        ("sw_sys".to_owned(), Value::from(system())),
    ]
}

/// As Python's `platform.system()`.
fn system() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        "freebsd" => "FreeBSD",
        other => other,
    }
}

/// The machine's load over 1, 5 and 15 minutes, where the system tells it.
fn loadavg() -> Option<[f64; 3]> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let mut loads = text.split_ascii_whitespace().map_while(|word| word.parse().ok());
    Some([loads.next()?, loads.next()?, loads.next()?])
}
