//! What is taken before anybody asks for it, while what was taken before it is read.

use taskq_core::broker::Settle;
use taskq_tests::{
    conformance::broker::{
        Bench,
        bench::{Held, Taker},
    },
    redis_server::RedisServer,
};

use super::Redis;

const QUEUE: &str = "q";
const MESSAGES: u32 = 100;
const WINDOW: usize = 64;
const ASKED: usize = 16;

/// A consumer that holds what it was asked for, and what its window lets it take beside that.
async fn taken_ahead(bench: &Bench) -> (Taker, Vec<Held>) {
    bench.publish(QUEUE, 0..MESSAGES).await;
    let mut taker = Taker::start(&bench.broker, QUEUE, |spec| spec.prefetch = 0).await;
    taker.consumer.set_window(Some(WINDOW));
    // The first take shows that the owner's name is good; what follows goes on by itself.
    let mut held = taker.take(ASKED).await;
    held.extend(taker.take(ASKED).await);
    bench.stats_until(QUEUE, "the window is full", |stats| stats.in_flight == WINDOW as u64).await;
    (taker, held)
}

#[tokio::test]
async fn no_more_is_taken_ahead_than_the_window_holds() {
    let bench = Bench::new(Redis(RedisServer::start())).await;
    let (mut taker, held) = taken_ahead(&bench).await;
    let rest = taker.take(WINDOW - held.len()).await;
    assert_eq!(bench.stats(QUEUE).await.in_flight, WINDOW as u64);
    taker.ack(&held).await;
    taker.ack(&rest).await;
    let last = taker.take(MESSAGES as usize - WINDOW).await;
    let all = held.iter().chain(&rest).chain(&last);
    let mut numbers: Vec<u32> = all.map(Held::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>());
    taker.ack(&last).await;
    bench.stats_until(QUEUE, "nothing left", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
}

/// Work must not wait behind a long task while another worker is free.
#[tokio::test]
async fn what_was_taken_ahead_goes_back_uncounted_when_the_window_shrinks() {
    let bench = Bench::new(Redis(RedisServer::start())).await;
    let (mut taker, held) = taken_ahead(&bench).await;
    taker.consumer.set_window(Some(ASKED));
    let asked = held.len() as u64;
    bench.stats_until(QUEUE, "the rest is back", |stats| stats.in_flight == asked).await;
    let mut other = Taker::start(&bench.broker, QUEUE, |spec| spec.prefetch = 0).await;
    let rest = other.take(MESSAGES as usize - held.len()).await;
    assert!(rest.iter().all(|held| held.deliveries == 1), "what nobody saw counts as delivered");
    other.ack(&rest).await;
    taker.end(&held, &Settle::Ack).await;
    bench.stats_until(QUEUE, "nothing left", |stats| (stats.ready, stats.in_flight) == (0, 0)).await;
}

/// The same when it stops, and when it is dropped without a word.
#[tokio::test]
async fn what_was_taken_ahead_goes_back_uncounted_with_its_consumer() {
    for stops in [true, false] {
        let bench = Bench::new(Redis(RedisServer::start())).await;
        let (mut taker, held) = taken_ahead(&bench).await;
        if stops {
            taker.consumer.stop_fetching().await.expect("stop");
        }
        taker.ack(&held).await;
        drop(taker);
        let left = u64::from(MESSAGES) - held.len() as u64;
        bench.stats_until(QUEUE, "it is back", |stats| (stats.ready, stats.in_flight) == (left, 0)).await;
        let mut other = Taker::start(&bench.broker, QUEUE, |_| {}).await;
        let rest = other.take(left as usize).await;
        assert!(rest.iter().all(|held| held.deliveries == 1), "what nobody saw counts as delivered");
        other.ack(&rest).await;
    }
}
