//! What the cases work with: messages that say their number, consumers that take an exact number of them.

use std::{future::Future, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use taskq_core::{
    broker::{
        Broker, BrokerAdmin, ConsumeSpec, Consumer, Delivery, DeliveryTag, Outgoing, Payload, Queue,
        QueueStats, Settle, Settled, Settlement, Settler, Topology,
    },
    protocol::{DeliveryInfo, Message, RawHeaders},
};

use super::Factory;

/// What must happen happens within this time, or the case fails.
pub const SOON: Duration = Duration::from_secs(30);
/// What must not happen is waited for this long.
pub const QUIET: Duration = Duration::from_millis(400);
/// A lease that is meant to lapse.
pub const SHORT: Duration = Duration::from_secs(1);

/// A store under test, one client of it, and names that no other case uses.
#[derive(Debug)]
pub struct Bench {
    factory: Box<dyn Factory>,
    /// The client most cases use.
    pub broker: Arc<dyn Broker>,
}

impl Bench {
    /// Opens the first client.
    pub async fn new(factory: impl Factory) -> Self {
        let broker = factory.open().await;
        Self { factory: Box::new(factory), broker }
    }

    /// Another client of the same store.
    pub async fn another(&self) -> Arc<dyn Broker> {
        self.factory.open().await
    }

    /// Says that a case is left out because the driver declares that it lacks `what`. True: leave it out.
    pub fn lacks(&self, has: bool, what: &str) -> bool {
        if !has {
            println!("skipped: this broker declares that it has no {what}");
        }
        !has
    }

    /// A new queue, declared.
    pub async fn queue(&self, name: &str) -> String {
        let name = format!("{name}-{}", uuid::Uuid::now_v7().simple());
        let topology = Topology { queues: vec![Queue::named(name.clone())] };
        self.broker.declare(&topology).await.expect("declare a queue");
        name
    }

    /// Publishes messages with these numbers.
    pub async fn publish(&self, queue: &str, numbers: Range<u32>) {
        let batch: Vec<_> = numbers.map(|n| Outgoing::to_queue(queue, numbered(n))).collect();
        self.broker.publish(&batch).await.expect("publish");
    }

    /// A consumer with defaults.
    pub async fn consumer(&self, queue: &str) -> Taker {
        self.consumer_with(queue, |_| {}).await
    }

    /// A consumer with a changed spec.
    pub async fn consumer_with(&self, queue: &str, change: impl FnOnce(&mut ConsumeSpec)) -> Taker {
        Taker::start(&self.broker, queue, change).await
    }

    /// As [`Factory::inject_raw`].
    pub async fn inject_raw(&self, queue: &str, bytes: &[u8]) {
        self.factory.inject_raw(queue, bytes).await;
    }

    /// The administrative side, which every driver here has.
    pub fn admin(&self) -> Arc<dyn BrokerAdmin> {
        self.broker.admin().expect("this broker has no admin")
    }

    /// The counts of a queue.
    pub async fn stats(&self, queue: &str) -> QueueStats {
        let stats = self.admin().stats(&[queue.to_owned()]).await.expect("stats");
        let [stats] = <[QueueStats; 1]>::try_from(stats).expect("one answer for one queue");
        assert_eq!(stats.queue, queue);
        stats
    }

    /// How many of `sent` to these queues are with consumers and not acknowledged. Some brokers tell seconds late what
    /// is in flight, but all of them at once what is ready.
    pub async fn in_flight(&self, queues: &[String], sent: usize, acked: usize) -> usize {
        let stats = self.admin().stats(queues).await.expect("stats");
        let ready: u64 = stats.iter().map(|stats| stats.ready).sum();
        (sent - acked).saturating_sub(usize::try_from(ready).expect("a count"))
    }

    /// Looks until the counts fit.
    pub async fn stats_until(&self, queue: &str, what: &str, fit: impl Fn(&QueueStats) -> bool) {
        let look = async {
            while !fit(&self.stats(queue).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(SOON, look).await.is_err() {
            panic!("{what}: not within {SOON:?}: {:?}", self.stats(queue).await);
        }
    }
}

/// A message whose body is its number.
pub fn numbered(number: u32) -> Message {
    Message {
        headers: RawHeaders(Bytes::from(format!(
            "{{\"lang\": \"rs\", \"task\": \"conformance\", \"id\": \"{number}\"}}"
        ))),
        content_type: Some("application/json".into()),
        content_encoding: Some("utf-8".into()),
        body: Bytes::from(number.to_string()),
        ..Message::default()
    }
}

/// The number of a message.
pub fn number(message: &Message) -> u32 {
    std::str::from_utf8(&message.body).ok().and_then(|text| text.parse().ok()).expect("a numbered message")
}

/// A delivery that somebody answers for.
#[derive(Debug)]
pub struct Held {
    /// Its name.
    pub tag: DeliveryTag,
    /// What came.
    pub payload: Payload,
    /// Where from.
    pub info: DeliveryInfo,
    /// Which time.
    pub deliveries: u32,
}

impl Held {
    /// Its message.
    pub fn message(&self) -> &Message {
        match &self.payload {
            Payload::Message(message) => message,
            Payload::Undecodable(bytes) => panic!("undecodable: {}", bytes.why),
        }
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        number(self.message())
    }
}

impl From<Delivery> for Held {
    fn from(delivery: Delivery) -> Self {
        let (tag, payload, info, deliveries) = delivery.accept();
        Self { tag, payload, info, deliveries }
    }
}

/// A consumer that takes exact numbers.
pub struct Taker {
    /// The consumer.
    pub consumer: Box<dyn Consumer>,
    /// Its settler.
    pub settler: Arc<dyn Settler>,
}

impl Taker {
    /// Consumes one queue.
    pub async fn start(broker: &Arc<dyn Broker>, queue: &str, change: impl FnOnce(&mut ConsumeSpec)) -> Self {
        let mut spec = ConsumeSpec::new("conformance@test", vec![Queue::named(queue)]);
        change(&mut spec);
        let consumer = broker.consume(spec).await.expect("consume");
        Self { settler: consumer.settler(), consumer }
    }

    /// One take of at most `max`, waited for.
    pub async fn some(&mut self, max: usize) -> Vec<Held> {
        let mut batch = Vec::new();
        soon("a take", self.consumer.next_batch(max, &mut batch)).await.expect("next_batch");
        assert!(batch.len() <= max, "asked for {max}, got {}", batch.len());
        batch.into_iter().map(Held::from).collect()
    }

    /// Exactly `count` messages.
    pub async fn take(&mut self, count: usize) -> Vec<Held> {
        let mut held = Vec::new();
        while held.len() < count {
            held.extend(self.some(count - held.len()).await);
        }
        held
    }

    /// Exactly one message.
    pub async fn one(&mut self) -> Held {
        self.take(1).await.remove(0)
    }

    /// The numbers of exactly `count` messages, which are acknowledged.
    pub async fn numbers(&mut self, count: usize) -> Vec<u32> {
        let held = self.take(count).await;
        self.ack(&held).await;
        held.iter().map(Held::number).collect()
    }

    /// Nothing comes for a while.
    pub async fn nothing(&mut self) {
        let mut batch = Vec::new();
        let took = tokio::time::timeout(QUIET, self.consumer.next_batch(10, &mut batch)).await;
        assert!(took.is_err() && batch.is_empty(), "expected nothing, got {batch:?}");
    }

    /// Acknowledges; all leases were held.
    pub async fn ack(&mut self, held: &[Held]) {
        self.end(held, &Settle::Ack).await;
    }

    /// Ends all in one way; all leases were held.
    pub async fn end(&mut self, held: &[Held], how: &Settle) {
        let batch: Vec<_> = held.iter().map(|held| Settlement::new(held.tag, how.clone())).collect();
        assert_eq!(self.settle(&batch).await, Settled::default(), "leases were lost");
    }

    /// Settles.
    pub async fn settle(&mut self, batch: &[Settlement]) -> Settled {
        self.settler.settle(batch).await.expect("settle")
    }
}

/// Waits for what must happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {SOON:?}"),
    }
}
