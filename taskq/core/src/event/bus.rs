//! The way out of events: collected, sent in batches, lossy.
//!
//! Kept true here: telling an event never waits and never fails; at most [`BOUND`] events wait, the oldest make
//! room and are counted; events of one sender leave in the order they were told.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, warn};

use super::{Event, Lamport, routing_key, wire::MULTI};
use crate::{
    broker::Broadcast,
    codec::{Map, Serializer, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
    time::Clock,
};

/// Events that may wait to be sent.
const BOUND: usize = 10_000;
/// How long events are collected before they are sent …
const COLLECT: Duration = Duration::from_millis(100);
/// … unless so many are there.
const PLENTY: usize = 2_000;
/// Events in one message. Python receivers read a list whole.
const BATCH: usize = 256;
/// Pause after the broker could not take events.
const AGAIN: Duration = Duration::from_secs(1);
/// Longest time that the last events may take.
const LAST: Duration = Duration::from_secs(2);

/// Who sends events, and how.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// Node name of the worker, or `gen<pid>@<host>`.
    pub hostname: Arc<str>,
    /// Logical time, shared with the app.
    pub lamport: Lamport,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// The exchange, `celeryev`.
    pub exchange: String,
    /// The format.
    pub serializer: Serializer,
}

/// Takes events and sends them when it [runs](Self::run). Clones are the same bus; when the last one is gone,
/// what waits is sent and the run ends.
#[derive(Clone)]
pub struct EventBus {
    inner: Arc<Inner>,
    relay: Option<Relay>,
    _open: Arc<DropGuard>,
}

/// Takes events instead of the bus.
type Relay = Arc<dyn Fn(String, Map) + Send + Sync>;

struct Inner {
    source: EventSource,
    pid: i64,
    utcoffset: f64,
    /// Whether task events are told.
    tasks: AtomicBool,
    waiting: Mutex<VecDeque<Event>>,
    some: Notify,
    plenty: Notify,
    dropped: AtomicU64,
    /// Cancelled when nothing more will be told.
    closed: CancellationToken,
}

impl EventBus {
    /// A bus that tells events of workers, and those of tasks if `tasks` (Celery: `-E`).
    pub fn new(source: EventSource, tasks: bool) -> Self {
        let closed = CancellationToken::new();
        let guard = closed.clone().drop_guard();
        let inner = Inner {
            source,
            pid: i64::from(std::process::id()),
            utcoffset: utcoffset(),
            tasks: AtomicBool::new(tasks),
            waiting: Mutex::default(),
            some: Notify::new(),
            plenty: Notify::new(),
            dropped: AtomicU64::new(0),
            closed,
        };
        Self { inner: Arc::new(inner), relay: None, _open: Arc::new(guard) }
    }

    /// Hands what is told to `relay` instead of sending it: for processes that run tasks for a worker.
    #[must_use]
    pub fn relayed(mut self, relay: impl Fn(String, Map) + Send + Sync + 'static) -> Self {
        self.relay = Some(Arc::new(relay));
        self
    }

    /// Whether task events are told. One load: ask before making one.
    pub fn tells_tasks(&self) -> bool {
        self.inner.tasks.load(Ordering::Relaxed)
    }

    /// Turns task events on or off; answers what it was before.
    pub fn tell_tasks(&self, on: bool) -> bool {
        self.inner.tasks.swap(on, Ordering::Relaxed)
    }

    /// Tells an event now, whatever its type. Never waits.
    pub fn tell(&self, kind: impl Into<String>, fields: Map) {
        if let Some(relay) = &self.relay {
            return relay(kind.into(), fields);
        }
        let inner = &*self.inner;
        let source = &inner.source;
        let event = Event {
            kind: kind.into(),
            hostname: source.hostname.as_ref().to_owned(),
            utcoffset: inner.utcoffset,
            pid: inner.pid,
            clock: source.lamport.tick(),
            timestamp: source.clock.now().as_microsecond() as f64 / 1e6,
            fields,
        };
        let mut waiting = inner.lock();
        if waiting.len() >= BOUND {
            waiting.pop_front();
            inner.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(event);
        let count = waiting.len();
        drop(waiting);
        if count == 1 {
            inner.some.notify_one();
        } else if count == PLENTY {
            inner.plenty.notify_one();
        }
    }

    /// How many events were dropped: more were told than could be sent.
    pub fn dropped(&self) -> u64 {
        self.inner.dropped.load(Ordering::Relaxed)
    }

    /// Says that nothing more will be told: what waits is sent at once, and the run ends.
    pub fn close(&self) {
        self.inner.closed.cancel();
    }

    /// Sends what is told, until the bus is closed or dropped.
    pub fn run(&self, broadcast: Arc<dyn Broadcast>) -> impl Future<Output = ()> + Send + use<> {
        self.run_on(async { Some(broadcast) })
    }

    /// As [`run`](Self::run), on a connection that is opened first. Without one nothing is sent.
    pub fn run_on<F>(&self, open: F) -> impl Future<Output = ()> + Send + use<F>
    where
        F: Future<Output = Option<Arc<dyn Broadcast>>> + Send,
    {
        let inner = Arc::clone(&self.inner);
        async move {
            let Some(broadcast) = open.await else { return };
            while !inner.closed.is_cancelled() {
                tokio::select! {
                    biased;
                    () = inner.some.notified() => {}
                    () = inner.closed.cancelled() => break,
                }
                tokio::select! {
                    biased;
                    () = sleep(COLLECT) => {}
                    () = inner.plenty.notified() => {}
                    () = inner.closed.cancelled() => break,
                }
                inner.flush(broadcast.as_ref()).await;
            }
            if timeout(LAST, inner.flush(broadcast.as_ref())).await.is_err() {
                debug!(events = inner.lock().len(), "the last events could not be sent in time");
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn flush(&self, broadcast: &dyn Broadcast) {
        let before = self.dropped.load(Ordering::Relaxed);
        loop {
            let batch = next_batch(&mut self.lock());
            if batch.is_empty() {
                break;
            }
            self.send(broadcast, &batch).await;
        }
        let dropped = self.dropped.load(Ordering::Relaxed) - before;
        if dropped > 0 {
            warn!(dropped, "events were dropped: more were told than could be sent");
        }
    }

    /// Sends one message; repeats it while the broker is away.
    async fn send(&self, broadcast: &dyn Broadcast, events: &[Event]) {
        let [first, ..] = events else { return };
        let key = if first.is_batched() { MULTI.to_owned() } else { routing_key(&first.kind) };
        let message = match self.message(events) {
            Ok(message) => message,
            Err(error) => {
                self.dropped.fetch_add(events.len() as u64, Ordering::Relaxed);
                debug!(%error, kind = first.kind, "could not write an event");
                return;
            }
        };
        loop {
            match broadcast.publish(&self.source.exchange, &key, &message).await {
                Ok(()) => return,
                Err(error) if error.is_retryable() && !self.closed.is_cancelled() => {
                    debug!(%error, "could not send events; trying again");
                    sleep(AGAIN).await;
                }
                Err(error) => {
                    self.dropped.fetch_add(events.len() as u64, Ordering::Relaxed);
                    debug!(%error, "events are dropped");
                    return;
                }
            }
        }
    }

    fn message(&self, events: &[Event]) -> Result<Message, crate::codec::CodecError> {
        let serializer = self.source.serializer;
        let headers: Map =
            [("hostname".to_owned(), Value::from(&*self.source.hostname))].into_iter().collect();
        Ok(Message {
            headers: RawHeaders(json::to_bytes(&headers)?),
            properties: Properties { delivery_mode: DeliveryMode::Transient, ..Properties::default() },
            content_type: Some(serializer.content_type().to_owned()),
            content_encoding: Some(serializer.content_encoding().to_owned()),
            body: Event::write(events, serializer)?,
        })
    }
}

/// The events that travel together: one that goes alone, or as many in a row as go in a list.
fn next_batch(waiting: &mut VecDeque<Event>) -> Vec<Event> {
    let batched = waiting.iter().take(BATCH).take_while(|event| event.is_batched()).count();
    waiting.drain(..batched.max(1).min(waiting.len())).collect()
}

/// Hours west of UTC, now, here.
fn utcoffset() -> f64 {
    f64::from(-jiff::Zoned::now().offset().seconds()) / 3600.0
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBus")
            .field("hostname", &self.inner.source.hostname)
            .field("tells_tasks", &self.tells_tasks())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{Broker, MemoryBroker},
        time::system_clock,
    };

    fn bus() -> EventBus {
        let source = EventSource {
            hostname: "rs@test".into(),
            lamport: Lamport::default(),
            clock: system_clock(),
            exchange: "celeryev".to_owned(),
            serializer: Serializer::Json,
        };
        EventBus::new(source, true)
    }

    #[tokio::test(start_paused = true)]
    async fn task_events_travel_in_lists_and_others_alone_in_the_order_they_were_told() {
        let broadcast = MemoryBroker::default().broadcast().unwrap();
        let mut heard = broadcast.subscribe("celeryev", "#").await.unwrap();
        let bus = bus();
        for kind in ["worker-online", "task-received", "task-started", "task-custom", "task-succeeded"] {
            bus.tell(kind, Map::default());
        }
        let run = tokio::spawn(bus.run(Arc::clone(&broadcast)));
        let mut seen = Vec::new();
        for count in [1, 2, 1, 1] {
            let (events, garbage) = Event::read(&heard.next().await.unwrap());
            assert_eq!((events.len(), garbage), (count, 0));
            seen.extend(events.into_iter().map(|event| (event.clock, event.kind)));
        }
        assert_eq!(seen.iter().map(|(clock, _)| *clock).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        bus.tell("worker-offline", Map::default());
        drop(bus);
        run.await.unwrap();
        assert_eq!(Event::read(&heard.next().await.unwrap()).0[0].kind, "worker-offline");
    }

    #[test]
    fn the_oldest_events_make_room_and_are_counted() {
        let bus = bus();
        for _ in 0..BOUND + 5 {
            bus.tell("task-started", Map::default());
        }
        assert_eq!((bus.dropped(), bus.inner.lock().len()), (5, BOUND));
        assert_eq!(bus.inner.lock()[0].clock, 6);
    }
}
