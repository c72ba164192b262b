//! What is held, by number: who settles or gives back what others had a hand in, or whose answers got lost, is told
//! exactly what became of each message.

use std::time::Duration;

use redis::Connection;
use taskq_core::broker::{
    ConsumeSpec, DeliveryTag, Outgoing, Queue, QueueStats, Settle, Settled, Settlement,
};
use taskq_tests::{
    conformance::broker::{
        Bench,
        bench::{Held, SHORT, Taker, numbered, soon},
    },
    redis_server::RedisServer,
};
use tokio::time::timeout;

use super::{PATIENCE, Redis, impatient};

const QUEUE: &str = "q";
/// Longer than it waits.
const LATE: Duration = Duration::from_millis(1_500);

fn acks(held: &[Held]) -> Vec<Settlement> {
    held.iter().map(|held| Settlement::new(held.tag, Settle::Ack)).collect()
}

fn tags<'a>(held: impl IntoIterator<Item = &'a Held>) -> Vec<DeliveryTag> {
    held.into_iter().map(|held| held.tag).collect()
}

fn sorted(mut tags: Vec<DeliveryTag>) -> Vec<DeliveryTag> {
    tags.sort_unstable();
    tags
}

/// The hash of the one consumer that holds something of the queue.
fn in_flight(look: &mut Connection) -> String {
    let pattern = format!("taskq:inflight:*:{QUEUE}");
    let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query(look).expect("KEYS");
    let [key] = <[String; 1]>::try_from(keys).expect("one key");
    key
}

/// Asks for messages until health says that the server does not answer.
async fn until_away(taker: &mut Taker) {
    let look = async {
        while taker.consumer.health().is_ok() {
            let mut batch = Vec::new();
            let asked = timeout(PATIENCE / 10, taker.consumer.next_batch(10, &mut batch)).await;
            assert!(asked.is_err() && batch.is_empty(), "{asked:?} {batch:?}");
        }
    };
    soon("health says that it is away", look).await;
}

#[tokio::test]
async fn what_was_moved_after_the_lease_lapsed_is_lost_and_nothing_else() {
    let server = RedisServer::start();
    let mut look = server.connect(0);
    let bench = Bench::new(Redis(server)).await;
    let batch = (0..20).map(|number| {
        let mut message = numbered(number);
        message.properties.priority = Some(if number % 3 == 0 { 3 } else { 0 });
        Outgoing::to_queue(QUEUE, message)
    });
    bench.broker.publish(&batch.collect::<Vec<_>>()).await.expect("publish");
    let mut dead = bench.consumer_with(QUEUE, |spec| spec.lease = SHORT).await;
    let held = dead.take(20).await;
    dead.consumer.stop_fetching().await.expect("stop");
    // Those of one priority cannot go back.
    let step = format!("{QUEUE}\u{6}\u{16}3");
    redis::cmd("SET").arg(&step).arg("by something else").exec(&mut look).expect("SET");
    let _live = bench.consumer_with("other", |spec| spec.lease = SHORT).await;
    let wrong: fn(&&Held) -> bool = |held| held.number() % 3 == 0;
    let stuck = held.iter().filter(wrong).count() as u64;
    // A count would fail at the key that is none of ours.
    let key = in_flight(&mut look);
    let left = async {
        while redis::cmd("HLEN").arg(&key).query::<u64>(&mut look).expect("HLEN") != stuck {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the others are moved", left).await;

    let lost = dead.settle(&acks(&held)).await.lost;
    assert_eq!(sorted(lost), sorted(tags(held.iter().filter(|held| !wrong(held)))));
    redis::cmd("DEL").arg(&step).exec(&mut look).expect("DEL");
    let moved = held.len() as u64 - stuck;
    bench
        .stats_until(QUEUE, "all else is settled", |stats| (stats.ready, stats.in_flight) == (moved, 0))
        .await;
}

#[tokio::test]
async fn what_somebody_deleted_is_lost_and_nothing_else() {
    let server = RedisServer::start();
    let mut look = server.connect(0);
    let bench = Bench::new(Redis(server)).await;
    bench.publish(QUEUE, 0..30).await;
    let mut taker = bench.consumer(QUEUE).await;
    let held = taker.take(20).await;
    let key = in_flight(&mut look);
    let fields: Vec<String> = redis::cmd("HKEYS").arg(&key).query(&mut look).expect("HKEYS");
    assert_eq!(fields.len(), held.len());
    // By numbers, as they were taken.
    let base = held[0].tag.id - 1;
    for held in [&held[0], &held[7], &held[19]] {
        redis::cmd("HDEL").arg(&key).arg(held.tag.id - base).exec(&mut look).expect("HDEL");
    }
    let lost = taker.settle(&acks(&held)).await.lost;
    assert_eq!(sorted(lost), sorted(tags([&held[0], &held[7], &held[19]])));

    // All that was taken until a moment, and more was taken after it.
    let before = taker.take(5).await;
    redis::cmd("DEL").arg(&key).exec(&mut look).expect("DEL");
    let mut all = taker.take(5).await;
    let lost_then = tags(&before);
    all.extend(before);
    let lost = taker.settle(&acks(&all)).await.lost;
    assert_eq!(sorted(lost), sorted(lost_then));
    bench.stats_until(QUEUE, "nothing left", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
}

/// Numbers have three digits and four, there are more than one step gives back, and two queues take turns.
#[tokio::test]
async fn what_a_dead_worker_held_comes_back_in_its_order() {
    const EACH: u32 = 600;
    let bench = Bench::new(Redis(RedisServer::start())).await;
    let other = "other";
    bench.publish(QUEUE, 0..EACH).await;
    bench.publish(other, 0..EACH).await;
    let both = |spec: &mut ConsumeSpec| {
        spec.queues.push(Queue::named(other));
        spec.lease = SHORT;
    };
    let in_order = |held: &[Held]| {
        for queue in [QUEUE, other] {
            let here = held.iter().filter(|held| &*held.info.queue == queue);
            let numbers: Vec<u32> = here.map(Held::number).collect();
            assert_eq!(numbers, (0..EACH).collect::<Vec<_>>(), "{queue}");
        }
    };
    let mut dead = bench.consumer_with(QUEUE, both).await;
    let held = dead.take(2 * EACH as usize).await;
    in_order(&held);
    let turns: Vec<&str> = held[..4].iter().map(|held| &*held.info.queue).collect();
    assert_eq!((turns[0] == turns[1], turns[0] == turns[2]), (false, true), "{turns:?}");
    dead.consumer.stop_fetching().await.expect("stop");

    let _looks = bench.consumer_with("elsewhere", |spec| spec.lease = SHORT).await;
    for queue in [QUEUE, other] {
        let back = |stats: &QueueStats| (stats.ready, stats.in_flight) == (u64::from(EACH), 0);
        bench.stats_until(queue, "it is back", back).await;
    }
    let mut live = bench.consumer_with(QUEUE, |spec| spec.queues.push(Queue::named(other))).await;
    let again = live.take(2 * EACH as usize).await;
    in_order(&again);
    assert!(again.iter().all(|held| held.deliveries == 2));
    live.ack(&again).await;
    assert_eq!(dead.settle(&acks(&held)).await.lost.len(), held.len());
    for queue in [QUEUE, other] {
        bench.stats_until(queue, "nothing left", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
    }
}

/// As a batch of first deliveries, most of them plain, and more than Lua passes at once.
#[tokio::test]
async fn a_large_batch_is_acknowledged_at_once() {
    const MESSAGES: u32 = 2_500;
    let bench = Bench::new(Redis(RedisServer::start())).await;
    bench.publish(QUEUE, 0..MESSAGES).await;
    let mut taker = bench.consumer(QUEUE).await;
    let mut held = taker.take(MESSAGES as usize).await;
    // In the order in which they end, which is any.
    held.reverse();
    held.rotate_left(700);
    taker.ack(&held).await;
    assert_eq!(taker.settle(&acks(&held)).await.lost, tags(&held));
    bench.stats_until(QUEUE, "nothing left", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
}

/// The server did it, but its answer came too late.
#[tokio::test]
async fn a_batch_that_was_settled_without_an_answer_is_not_lost() {
    let server = RedisServer::start();
    let (hole, far) = impatient(&server, false).await;
    let bench = Bench::new(Redis(server)).await;
    bench.publish(QUEUE, 0..20).await;
    let mut taker = Taker::start(&far, QUEUE, |_| {}).await;
    let held = taker.take(20).await;
    let mut batch = acks(&held);
    batch[3].how = Settle::Requeue { not_before: None };
    batch[4].publish = vec![Outgoing::to_queue("next", numbered(100))];
    hole.slow(LATE);
    let error = taker.settler.settle(&batch).await.expect_err("its answer is late");
    assert!(error.is_retryable(), "{error:?}");
    bench.stats_until(QUEUE, "the server did it", |stats| (stats.ready, stats.in_flight) == (1, 0)).await;
    hole.slow(Duration::ZERO);
    assert_eq!(taker.settle(&batch).await, Settled::default());
    assert_eq!(bench.stats("next").await.ready, 1);
    assert_eq!(taker.settle(&batch).await.lost, tags(&held), "by now it is known");
}

/// The server took, and the answer was given up before it came.
#[tokio::test]
async fn what_was_taken_without_an_answer_is_found() {
    for mirrors in [false, true] {
        let server = RedisServer::start();
        let mut look = server.connect(0);
        let mut mirrored = move || -> usize {
            redis::cmd("HLEN").arg("unacked").query(&mut look).expect("an answer from redis")
        };
        let (hole, far) = impatient(&server, mirrors).await;
        let bench = Bench::new(Redis(server)).await;
        let mut taker = Taker::start(&far, QUEUE, |_| {}).await;
        bench.publish(QUEUE, 0..5).await;
        let mut held = taker.take(5).await;
        taker.nothing().await;
        hole.slow(LATE);
        bench.publish(QUEUE, 5..12).await;
        until_away(&mut taker).await;
        let took = |stats: &QueueStats| (stats.ready, stats.in_flight) == (0, 12);
        bench.stats_until(QUEUE, "the server took them", took).await;
        hole.slow(Duration::ZERO);
        bench.publish(QUEUE, 12..15).await;
        held.extend(taker.take(10).await);
        let numbers: Vec<u32> = held.iter().map(Held::number).collect();
        assert_eq!(numbers, (0..15).collect::<Vec<_>>());
        assert!(held.iter().all(|held| held.deliveries == 1));
        assert_eq!(mirrored(), if mirrors { held.len() } else { 0 });
        taker.ack(&held).await;
        taker.nothing().await;
        assert_eq!((bench.stats(QUEUE).await.in_flight, mirrored()), (0, 0));
    }
}

/// The line kept a take back for so long that others came and went before the server saw it.
#[tokio::test]
async fn a_take_that_comes_late_is_found_among_what_is_held_and_settled() {
    let server = RedisServer::start();
    let (hole, far) = impatient(&server, false).await;
    let bench = Bench::new(Redis(server)).await;
    let mut taker = Taker::start(&far, QUEUE, |_| {}).await;
    bench.publish(QUEUE, 0..5).await;
    let first = taker.take(5).await;
    taker.nothing().await;
    // What is asked now arrives when later ones have been answered.
    hole.slow(LATE * 4);
    until_away(&mut taker).await;
    hole.slow(Duration::ZERO);
    bench.publish(QUEUE, 5..15).await;
    let mut later = taker.take(10).await;
    assert_eq!(later.iter().map(Held::number).collect::<Vec<_>>(), (5..15).collect::<Vec<_>>());
    taker.ack(&later.split_off(4)).await;
    taker.ack(&first).await;

    bench.publish(QUEUE, 15..22).await;
    bench
        .stats_until(QUEUE, "the late take is done", |stats| (stats.ready, stats.in_flight) == (0, 11))
        .await;
    bench.publish(QUEUE, 22..25).await;
    let rest = taker.take(10).await;
    let mut numbers: Vec<u32> = rest.iter().map(Held::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (15..25).collect::<Vec<_>>());
    later.extend(rest);
    taker.ack(&later).await;
    taker.nothing().await;
    bench.stats_until(QUEUE, "nothing left", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
}
