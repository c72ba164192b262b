//! Changing what a consumer takes.

use taskq_core::broker::Queue;

use super::bench::{Bench, QUIET, soon};

/// `set_queues` adds and removes queues of a running consumer.
pub async fn a_consumer_takes_other_queues_when_told(bench: &Bench) {
    let (one, two) = (bench.queue("set-one").await, bench.queue("set-two").await);
    let mut taker = bench.consumer(&one).await;
    bench.publish(&one, 0..2).await;
    assert_eq!(taker.numbers(2).await, [0, 1]);
    bench.publish(&two, 10..12).await;
    taker.nothing().await;
    let both = vec![Queue::named(&one), Queue::named(&two)];
    soon("set_queues", taker.consumer.set_queues(both)).await.expect("set_queues");
    assert_eq!(taker.numbers(2).await, [10, 11]);
    soon("set_queues", taker.consumer.set_queues(vec![Queue::named(&two)])).await.expect("set_queues");
    bench.publish(&one, 2..3).await;
    taker.nothing().await;
    bench.publish(&two, 12..13).await;
    assert_eq!(taker.numbers(1).await, [12]);
    assert_eq!(bench.consumer(&one).await.numbers(1).await, [2]);
}

/// After `stop_fetching` a take comes back at once with nothing, and messages stay for others.
pub async fn after_the_stop_nothing_is_taken(bench: &Bench) {
    let queue = bench.queue("stopped").await;
    let mut taker = bench.consumer(&queue).await;
    assert_eq!(taker.consumer.health(), Ok(()));
    soon("the stop", taker.consumer.stop_fetching()).await.expect("stop_fetching");
    bench.publish(&queue, 0..3).await;
    let mut batch = Vec::new();
    tokio::time::timeout(QUIET * 10, taker.consumer.next_batch(10, &mut batch))
        .await
        .expect("next_batch waited after the stop")
        .expect("next_batch");
    assert!(batch.is_empty(), "{batch:?}");
    assert_eq!(bench.consumer(&queue).await.numbers(3).await, [0, 1, 2]);
}
