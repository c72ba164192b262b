//! A server that has reached `maxmemory` and evicts nothing: what was published before it was full is worked
//! off, which makes room.

use std::time::Duration;

use taskq_core::{
    backend::{ResultBackend, State, TaskMeta, TaskOutput},
    broker::{BrokerErrorKind, DeadKind, DeadReason, Outgoing, Settle, Settled, Settlement},
    config::Urls,
    protocol::{Message, TaskId},
};
use taskq_redis::{BackendOptions, RedisBackend};
use taskq_tests::{
    conformance::broker::bench::{SHORT, Taker, numbered},
    redis_server::RedisServer,
};

use super::broker;

const QUEUE: &str = "q";
/// What is left for messages, in bytes.
const ROOM: u64 = 3_000_000;

fn large(number: u32) -> Outgoing {
    let padding = "x".repeat(10_000);
    let headers = format!("{{\"task\": \"t\", \"id\": \"{number}\", \"padding\": \"{padding}\"}}");
    Outgoing::to_queue(
        QUEUE,
        Message { headers: taskq_core::protocol::RawHeaders(headers.into()), ..numbered(number) },
    )
}

/// Symptom: a worker could neither take nor acknowledge on a full server, so it stayed full for ever.
#[tokio::test]
async fn a_full_server_is_emptied() {
    let server = RedisServer::start();
    let mut look = server.connect(0);
    let broker = broker(&server).await;
    // Connected before, as a worker is that was there all the time.
    let mut taker = Taker::start(&broker, QUEUE, |spec| spec.lease = SHORT * 3).await;
    taker.nothing().await;
    let info: String = redis::cmd("INFO").arg("memory").query(&mut look).expect("INFO");
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("used_memory");
    let limit = used.trim().parse::<u64>().expect("a number") + ROOM;
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(limit).exec(&mut look).expect("CONFIG SET");

    let mut stored = 0;
    let error = loop {
        match broker.publish(&[large(stored)]).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 5_000, "never full");
    };
    assert!(stored > 100, "{stored}");
    assert_eq!(error.kind(), BrokerErrorKind::Other);
    let text = error.to_string();
    assert!(text.contains("the server is full") && text.contains("`maxmemory`"), "{text}");

    // A worker that starts now can work too; leases are renewed; every kind of end is possible.
    let mut late = Taker::start(&broker, "other", |_| {}).await;
    late.consumer.stop_fetching().await.expect("stop");
    let held = taker.take(4).await;
    let tags: Vec<_> = held.iter().map(|held| held.tag).collect();
    assert_eq!(taker.settler.extend(&tags, SHORT * 3).await.expect("extend"), Settled::default());
    let reason = DeadReason::new(DeadKind::Rejected, "a test");
    let soon = taskq_core::Timestamp::now() + Duration::from_millis(100);
    let ends = [
        Settle::Ack,
        Settle::Requeue { not_before: None },
        Settle::Requeue { not_before: Some(soon) },
        Settle::DeadLetter { reason },
    ];
    let mut batch: Vec<_> = tags.iter().zip(ends).map(|(tag, how)| Settlement::new(*tag, how)).collect();
    batch[0].publish = vec![large(100_000)];
    assert_eq!(taker.settle(&batch).await, Settled::default());
    // Results of what ran find room.
    let urls = Urls::parse(&server.url(0)).expect("a URL");
    let results = RedisBackend::connect(&urls, BackendOptions::default()).await.expect("connect");
    let id = TaskId::new();
    let output = TaskOutput::Json(bytes::Bytes::from_static(b"5"));
    results.store(&[TaskMeta::new(id.clone(), State::Success, output)]).await.expect("store");
    assert!(results.fetch(&[id]).await.expect("fetch")[0].is_some());

    // One acknowledged and followed by another, one dead.
    let mut left = stored - 1;
    while left > 0 {
        let held = taker.some(50).await;
        left -= u32::try_from(held.len()).expect("a few");
        taker.ack(&held).await;
    }
    taker.nothing().await;
    let stats = broker.admin().expect("admin").stats(&[QUEUE.to_owned()]).await.expect("stats");
    assert_eq!((stats[0].ready, stats[0].in_flight, stats[0].dead), (0, 0, 1), "{stats:?}");
    broker.publish(&[large(stored)]).await.expect("there is room again");
}
