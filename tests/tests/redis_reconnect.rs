//! What a server, or a network, that goes away and comes back does to a consumer, a publisher and a waiter:
//! nothing is lost, nothing comes twice, and all of them go on by themselves.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use taskq_core::{
    backend::{ResultBackend, State, TaskMeta, TaskOutput},
    broker::{Broker, BrokerError, BrokerErrorKind, Outgoing, Queue, Topology},
    config::Urls,
    protocol::{Message, TaskId},
};
use taskq_redis::{BackendOptions, RedisBackend, RedisBroker, RedisOptions};
use taskq_tests::{
    conformance::broker::bench::{Taker, numbered, soon},
    hole::Hole,
    redis_server::RedisServer,
};
use tokio::time::{sleep, timeout};

/// Within this, everybody is back at work.
const BACK: Duration = Duration::from_secs(5);
/// Within this a publisher has its error: a connection and an answer were waited for.
const DEADLINE: Duration = Duration::from_millis(4_500);
const QUEUE: &str = "q";

async fn broker(url: &str) -> Arc<dyn Broker> {
    let urls = Urls::parse(url).expect("a URL");
    Arc::new(RedisBroker::connect(&urls, RedisOptions::default()).await.expect("connect"))
}

async fn backend(url: &str) -> Arc<RedisBackend> {
    let urls = Urls::parse(url).expect("a URL");
    Arc::new(RedisBackend::connect(&urls, BackendOptions::default()).await.expect("connect"))
}

async fn publish(broker: &Arc<dyn Broker>, number: u32) -> Result<(), BrokerError> {
    broker.publish(&[Outgoing::to_queue(QUEUE, numbered(number))]).await
}

/// Waits in `next_batch` until health says what is wrong.
async fn until_away(taker: &mut Taker) -> String {
    let look = async {
        loop {
            let mut batch = Vec::new();
            let waited = timeout(Duration::from_millis(50), taker.consumer.next_batch(1, &mut batch)).await;
            assert!(waited.is_err() && batch.is_empty(), "{waited:?} {batch:?}");
            if let Err(why) = taker.consumer.health() {
                return why;
            }
        }
    };
    soon("health says why", look).await
}

/// A consumer and a publisher through an outage: `broker` is the path that fails, `steady` sees what is there.
async fn survives(broker: &Arc<dyn Broker>, address: &str, fail: impl FnOnce(), mend: impl FnOnce()) {
    let mut taker = Taker::start(broker, QUEUE, |_| {}).await;
    publish(broker, 1).await.expect("publish");
    publish(broker, 2).await.expect("publish");
    let kept = taker.one().await;
    assert_eq!(taker.numbers(1).await, [2]);
    assert_eq!(taker.consumer.health(), Ok(()));

    fail();
    let began = Instant::now();
    let error = publish(broker, 99).await.expect_err("nobody is there");
    assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
    assert!(error.is_retryable(), "{error:?}");
    let why = until_away(&mut taker).await;
    assert!(why.contains(address), "{why}");

    mend();
    let began = Instant::now();
    let message = Outgoing::to_queue(QUEUE, numbered(3));
    while broker.publish(std::slice::from_ref(&message)).await.is_err() {
        assert!(began.elapsed() < BACK, "could not publish again");
        sleep(Duration::from_millis(10)).await;
    }
    // What could not be published may have arrived, its answer was lost; nothing else comes.
    let mut came = taker.numbers(1).await;
    if came == [99] {
        came = taker.numbers(1).await;
    }
    assert_eq!(came, [3]);
    assert!(began.elapsed() < BACK, "back after {:?}", began.elapsed());
    assert_eq!(taker.consumer.health(), Ok(()));
    // What was held all the time is still ours.
    taker.ack(&[kept]).await;
    taker.nothing().await;
    let stats = broker.admin().expect("admin").stats(&[QUEUE.to_owned()]).await.expect("stats");
    assert_eq!((stats[0].ready, stats[0].in_flight, stats[0].dead), (0, 0, 0), "{stats:?}");
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again() {
    let mut server = RedisServer::start_durable();
    let broker = broker(&server.url(0)).await;
    let address = server.url(0);
    let cell = std::cell::RefCell::new(&mut server);
    survives(&broker, &address, || cell.borrow_mut().kill(), || cell.borrow_mut().restart()).await;
}

#[tokio::test]
async fn a_server_that_stops_answering() {
    let server = RedisServer::start();
    let broker = broker(&server.url(0)).await;
    survives(&broker, &server.url(0), || server.pause(), || server.resume()).await;
}

#[tokio::test]
async fn a_network_that_swallows_everything() {
    let server = RedisServer::start();
    let hole = Hole::before(server.port()).await;
    let broker = broker(&hole.url(0)).await;
    survives(&broker, &hole.url(0), || hole.close(), || hole.open()).await;
}

/// A take that the server does long after we gave its answer up: the message is found and comes once.
#[tokio::test]
async fn messages_published_while_the_consumer_was_cut_off() {
    let server = RedisServer::start();
    let hole = Hole::before(server.port()).await;
    let (near, far) = (broker(&server.url(0)).await, broker(&hole.url(0)).await);
    let mut taker = Taker::start(&far, QUEUE, |_| {}).await;
    taker.nothing().await;
    hole.close();
    until_away(&mut taker).await;
    for number in 0..50 {
        publish(&near, number).await.expect("publish");
    }
    hole.open();
    let began = Instant::now();
    let mut numbers = taker.numbers(50).await;
    assert!(began.elapsed() < BACK, "back after {:?}", began.elapsed());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    taker.nothing().await;
}

fn success(id: &TaskId) -> TaskMeta {
    TaskMeta::new(id.clone(), State::Success, TaskOutput::Json(Bytes::from_static(b"5")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_ends_though_its_notification_was_lost() {
    let server = RedisServer::start();
    let hole = Hole::before(server.port()).await;
    let (near, far) = (backend(&server.url(0)).await, backend(&hole.url(0)).await);
    let id = TaskId::new();
    let waiting = tokio::spawn({
        let (far, id) = (Arc::clone(&far), id.clone());
        async move { far.wait(&id, None).await }
    });
    // The waiter has subscribed, so its connection is the one that goes silent.
    let mut inspect = server.connect(0);
    let channel = format!("celery-task-meta-{id}");
    taskq_tests::process::eventually("a subscription", BACK, || {
        let (_, count): (String, u32) =
            redis::cmd("PUBSUB").arg("NUMSUB").arg(&channel).query(&mut inspect).expect("NUMSUB");
        count == 1
    });
    hole.close();
    near.store(&[success(&id)]).await.expect("store");
    hole.open();
    let meta = timeout(BACK * 2, waiting).await.expect("the wait ends").expect("no panic").expect("a result");
    assert_eq!(meta.state, State::Success);
}

/// The subscription is made anew: what is announced later arrives at once, not by the slow look.
#[tokio::test]
async fn a_broadcast_is_heard_after_the_connection_went_silent() {
    let server = RedisServer::start();
    let hole = Hole::before(server.port()).await;
    let (near, far) = (broker(&server.url(0)).await, broker(&hole.url(0)).await);
    let mut subscription =
        far.broadcast().expect("broadcast").subscribe("celeryev", "#").await.expect("subscribe");
    hole.close();
    hole.open();
    let sender = near.broadcast().expect("broadcast");
    let began = Instant::now();
    loop {
        let event = Message { body: Bytes::from_static(b"{}"), ..numbered(7) };
        sender.publish("celeryev", "worker.heartbeat", &event).await.expect("broadcast");
        // Cut short again and again, as by a caller's own clock.
        if let Ok(heard) = timeout(Duration::from_millis(100), subscription.next()).await {
            assert_eq!(heard.expect("a message").body, event.body);
            break;
        }
        assert!(began.elapsed() < BACK, "not heard");
    }
}

/// Symptom: after Redis came back empty, what was sent to a named exchange was refused until somebody started
/// again and declared it.
#[tokio::test]
async fn a_named_exchange_is_known_after_the_server_came_back_empty() {
    let mut server = RedisServer::start();
    let broker = broker(&server.url(0)).await;
    let mut queue = Queue::named(QUEUE);
    queue.exchange.name = "orders".to_owned();
    queue.routing_key = "new".to_owned();
    broker.declare(&Topology { queues: vec![queue] }).await.expect("declare");
    server.restart();
    let mut out = Outgoing::to_queue(QUEUE, numbered(1));
    out.exchange = "orders".to_owned();
    out.routing_key = "new".to_owned();
    let began = Instant::now();
    while let Err(error) = broker.publish(std::slice::from_ref(&out)).await {
        assert!(error.is_retryable() && began.elapsed() < BACK, "{error:?}");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(Taker::start(&broker, QUEUE, |_| {}).await.numbers(1).await, [1]);
    // What nothing was declared for is still refused.
    out.routing_key = "old".to_owned();
    let error = broker.publish(&[out]).await.expect_err("no queue takes it");
    assert_eq!(error.kind(), BrokerErrorKind::Unroutable);
}
