//! Settlements that fail, beside others that do not.

use taskq_core::broker::{Outgoing, QueueStats, Settle, Settled, Settlement};
use taskq_tests::{
    conformance::broker::bench::{Taker, numbered},
    redis_server::RedisServer,
};

use super::broker;

const QUEUE: &str = "q";

/// Symptom: a retry whose queue's key was of another type failed the whole batch; the acknowledgements beside
/// it were done all the same, and were called lost when the batch was repeated.
#[tokio::test]
async fn one_follow_up_that_fails_leaves_its_neighbours_settled() {
    let server = RedisServer::start();
    let mut look = server.connect(0);
    redis::cmd("SET").arg("taken").arg("by something else").exec(&mut look).expect("SET");
    let broker = broker(&server).await;
    let mut taker = Taker::start(&broker, QUEUE, |_| {}).await;
    for number in 0..5 {
        broker.publish(&[Outgoing::to_queue(QUEUE, numbered(number))]).await.expect("publish");
    }
    let held = taker.take(5).await;
    let mut batch: Vec<_> = held.iter().map(|held| Settlement::new(held.tag, Settle::Ack)).collect();
    batch[1].publish = vec![Outgoing::to_queue("taken", numbered(100))];
    batch[2].publish = vec![Outgoing::to_queue("fine", numbered(101))];
    batch[3].how = Settle::Requeue { not_before: None };

    let error = taker.settler.settle(&batch).await.expect_err("a list cannot be pushed to a text");
    assert!(!error.is_retryable(), "{error:?}");
    let stats = |queue: &'static str| {
        let admin = broker.admin().expect("admin");
        async move { admin.stats(&[queue.to_owned()]).await.expect("stats").remove(0) }
    };
    let is = |stats: QueueStats, ready, in_flight| {
        assert_eq!((stats.ready, stats.in_flight), (ready, in_flight), "{stats:?}");
    };
    is(stats(QUEUE).await, 1, 1);
    is(stats("fine").await, 1, 0);

    // As the worker does: by halves, and at last without what was refused.
    let (left, right) = batch.split_at(2);
    assert_eq!(taker.settle(right).await, Settled::default());
    taker.settler.settle(left).await.expect_err("it still cannot");
    batch[1].publish.clear();
    assert_eq!(taker.settle(&batch[..2]).await, Settled::default());
    is(stats(QUEUE).await, 1, 0);
    is(stats("fine").await, 1, 0);
    let again = taker.one().await;
    assert_eq!((again.number(), again.deliveries), (3, 2));
    taker.ack(&[again]).await;
    // What is settled stays settled: a second end of it finds nothing.
    assert_eq!(taker.settle(&batch[..1]).await.lost, [batch[0].tag]);
}

/// Symptom: after `SCRIPT FLUSH`, a batch whose first command called no script was settled twice.
#[tokio::test]
async fn scripts_that_were_flushed_come_back_in_the_middle_of_a_batch() {
    let server = RedisServer::start();
    let broker = broker(&server).await;
    let mut taker = Taker::start(&broker, QUEUE, |_| {}).await;
    for number in 0..3 {
        broker.publish(&[Outgoing::to_queue(QUEUE, numbered(number))]).await.expect("publish");
    }
    let held = taker.take(3).await;
    let mut batch: Vec<_> = held.iter().map(|held| Settlement::new(held.tag, Settle::Ack)).collect();
    batch[1].how = Settle::Requeue { not_before: None };
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connect(0)).expect("SCRIPT FLUSH");
    assert_eq!(taker.settle(&batch).await, Settled::default());
    assert_eq!(taker.numbers(1).await, [1]);
    taker.nothing().await;
}
