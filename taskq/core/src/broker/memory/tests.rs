//! What the contract suite cannot see: that time comes from the injected clock, and who shares what.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;
use crate::{
    Timestamp,
    broker::{Queue, Settle, Settlement},
    protocol::Message,
};

#[derive(Debug)]
struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn manual() -> (Arc<ManualClock>, MemoryBroker) {
    let clock = Arc::new(ManualClock(Mutex::new("2030-01-01T00:00:00Z".parse().unwrap())));
    (Arc::clone(&clock), MemoryBroker::with_clock(clock))
}

async fn consumer(broker: &MemoryBroker) -> Box<dyn Consumer> {
    broker.consume(ConsumeSpec::new("w@h", vec![Queue::named("q")])).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_a_day_ends_when_the_clock_says_so() {
    let (clock, broker) = manual();
    let mut later = Outgoing::to_queue("q", Message::default());
    later.not_before = Some(clock.now() + Duration::from_secs(86_400));
    broker.publish(&[later]).await.unwrap();
    let mut consumer = consumer(&broker).await;
    let mut batch = Vec::new();
    clock.advance(Duration::from_secs(86_399));
    let early = tokio::time::timeout(Duration::from_secs(5), consumer.next_batch(1, &mut batch)).await;
    assert!(early.is_err() && batch.is_empty());
    clock.advance(Duration::from_secs(1));
    consumer.next_batch(1, &mut batch).await.unwrap();
    assert_eq!(batch.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_lapses_by_the_clock_and_not_before() {
    let (clock, broker) = manual();
    broker.publish(&[Outgoing::to_queue("q", Message::default())]).await.unwrap();
    let (mut first, mut second) = (consumer(&broker).await, consumer(&broker).await);
    let mut batch = Vec::new();
    first.next_batch(1, &mut batch).await.unwrap();
    let (lost, ..) = batch.remove(0).accept();
    clock.advance(Duration::from_secs(29));
    let early = tokio::time::timeout(Duration::from_secs(5), second.next_batch(1, &mut batch)).await;
    assert!(early.is_err());
    clock.advance(Duration::from_secs(1));
    second.next_batch(1, &mut batch).await.unwrap();
    let (held, _, info, deliveries) = batch.remove(0).accept();
    assert!(info.redelivered && deliveries == 2);
    let settled = first.settler().settle(&[Settlement::new(lost, Settle::Ack)]).await.unwrap();
    assert_eq!(settled.lost, [lost]);
    let settled = second.settler().settle(&[Settlement::new(held, Settle::Ack)]).await.unwrap();
    assert_eq!(settled.lost, []);
}

#[tokio::test]
async fn handles_of_one_name_share_queues_and_close_apart() {
    let (one, two, other) =
        (MemoryBroker::shared("one"), MemoryBroker::shared("one"), MemoryBroker::shared("other"));
    one.publish(&[Outgoing::to_queue("q", Message::default())]).await.unwrap();
    one.close().await.unwrap();
    assert_eq!(one.publish(&[]).await.unwrap_err().kind(), BrokerErrorKind::Closed);
    let names = ["q".to_owned()];
    assert_eq!(two.stats(&names).await.unwrap()[0].ready, 1);
    assert_eq!(other.stats(&names).await.unwrap()[0].ready, 0);
}
