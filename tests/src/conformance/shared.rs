//! What workers share besides messages and results: turns under rate limits, and what was revoked. Brokers keep
//! it; where they do not, result backends.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    broker::{RATE_HOLD, RateAsk, RateLimits, RateTurn, Revocation, Revocations},
    protocol::TaskId,
};

const INTERVAL: Duration = Duration::from_millis(200);

fn key() -> String {
    format!("limit-{}", uuid::Uuid::now_v7().simple())
}

fn ask(key: &str, permits: u32, may_hold: u32) -> RateAsk {
    RateAsk { key: key.to_owned(), interval: INTERVAL, permits, may_hold }
}

/// Turns are an interval apart, whoever asks; what finds none is told to come back.
pub async fn turns(one: Arc<dyn RateLimits>, other: Arc<dyn RateLimits>) {
    let key = key();
    let first = one.take(&[ask(&key, 3, 9)]).await.expect("turns").remove(0);
    assert_eq!(first, [0, 1, 2].map(|n| RateTurn::In(INTERVAL * n)));
    // Later by what the question took.
    let next = other.take(&[ask(&key, 1, 9)]).await.expect("turns").remove(0);
    let [RateTurn::In(wait)] = next[..] else { panic!("{next:?}") };
    assert!(wait <= INTERVAL * 3, "{wait:?}");
    let none = other.take(&[ask(&key, 3, 0)]).await.expect("turns").remove(0);
    let mut before = Duration::ZERO;
    for turn in none {
        let RateTurn::AskIn(wait) = turn else { panic!("{turn:?}") };
        assert!(wait > before && wait <= INTERVAL * 7, "{wait:?} after {before:?}");
        before = wait;
    }
}

/// Every key has turns of its own, and an answer comes for each permit of each.
pub async fn keys(one: Arc<dyn RateLimits>) {
    let asks: Vec<RateAsk> = (1..=50).map(|n| ask(&key(), n, 100)).collect();
    let answers = one.take(&asks).await.expect("turns");
    assert_eq!(answers.len(), asks.len());
    for (ask, turns) in asks.iter().zip(answers) {
        assert_eq!(turns.len(), ask.permits as usize);
        assert_eq!(turns[0], RateTurn::In(Duration::ZERO));
        for turn in turns {
            match turn {
                RateTurn::In(wait) => assert!(wait <= RATE_HOLD, "{wait:?}"),
                RateTurn::AskIn(wait) => assert!(wait > Duration::ZERO && wait < INTERVAL * 50, "{wait:?}"),
            }
        }
    }
    assert_eq!(one.take(&[]).await.expect("turns"), Vec::<Vec<RateTurn>>::new());
}

/// Many ask at once for a while: no more turns are given than the rate allows, and none is wasted.
pub async fn crowd(clients: Vec<Arc<dyn RateLimits>>) {
    let key = key();
    let start = std::time::Instant::now();
    let asking = clients.into_iter().map(|client| {
        let key = key.clone();
        tokio::spawn(async move {
            let mut given = 0;
            for _ in 0..10 {
                let turns = client.take(&[ask(&key, 2, 2)]).await.expect("turns").remove(0);
                given += turns.iter().filter(|turn| matches!(turn, RateTurn::In(_))).count();
            }
            given
        })
    });
    let mut given = 0;
    for asked in futures_util::future::join_all(asking).await {
        given += asked.expect("a client");
    }
    let allowed = (start.elapsed() + RATE_HOLD).as_millis() / INTERVAL.as_millis() + 1;
    assert!(given as u128 <= allowed, "{given} turns where {allowed} are allowed");
    assert!(given >= 6, "{given} turns: those of the next second are given out at once");
}

/// What one remembers another reads, once more when it is told again, and only what is new when it says so.
pub async fn revocations(one: Arc<dyn Revocations>, other: Arc<dyn Revocations>) {
    let tasks: Vec<Revocation> = (0..3).map(|_| Revocation::Task(TaskId::new())).collect();
    let mark = Revocation::Mark(TaskId::from("stamp customer='ü: 7'"));
    one.remember(&tasks).await.expect("remember");
    one.remember(&[]).await.expect("remember nothing");
    let (found, seen) = other.since(0).await.expect("read");
    assert!(tasks.iter().all(|task| found.contains(task)), "{found:?}");
    other.remember(std::slice::from_ref(&mark)).await.expect("remember");
    let (found, seen) = one.since(seen).await.expect("read");
    assert!(found.contains(&mark), "{found:?}");
    one.remember(&tasks[..1]).await.expect("remember again");
    let (found, _) = other.since(seen).await.expect("read");
    assert!(found.contains(&tasks[0]), "{found:?}");
}
