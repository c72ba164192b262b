//! A take that waits on the server: it is there before the message is, and nobody holds what nobody asked for.

use std::time::Duration;

use redis::{Connection, Value};
use taskq_core::broker::{Outgoing, Queue, QueueStats};
use taskq_tests::{
    conformance::broker::{
        Bench,
        bench::{Held, SHORT, Taker, numbered, soon},
    },
    redis_server::RedisServer,
};
use tokio::{task::spawn_blocking, time::sleep};

use super::{Redis, impatient};

const QUEUE: &str = "q";
/// The list of its least urgent priority.
const LEAST: &str = "q\u{6}\u{16}9";
const LOOK: Duration = Duration::from_millis(10);

/// What a server tells of a client that waits.
#[derive(Debug)]
struct Waiting {
    id: u64,
    address: String,
    /// Bytes that it has sent and that were not looked at.
    unread: u64,
}

fn all_waiting(look: &mut Connection) -> Vec<Waiting> {
    let clients: String = redis::cmd("CLIENT").arg("LIST").query(look).expect("CLIENT LIST");
    let field = |line: &str, name: &str| {
        let field = line.split(' ').find_map(|field| field.strip_prefix(&format!("{name}=")));
        field.expect("a field of CLIENT LIST").to_owned()
    };
    let read = |line: &str| {
        let number = |name| field(line, name).parse().expect("a number");
        Waiting { id: number("id"), address: field(line, "addr"), unread: number("qbuf") }
    };
    clients.lines().filter(|line| field(line, "flags").contains('b')).map(read).collect()
}

fn waiting(look: &mut Connection) -> Option<Waiting> {
    all_waiting(look).into_iter().next()
}

/// Asks for `max` messages until a client waits; nothing must come meanwhile.
async fn until_waiting(taker: &mut Taker, look: &mut Connection, max: usize) -> Waiting {
    let mut batch = Vec::new();
    let waits = async {
        loop {
            match waiting(look) {
                Some(waiting) => break waiting,
                None => sleep(LOOK).await,
            }
        }
    };
    soon("it waits", async {
        tokio::select! {
            waiting = waits => waiting,
            asked = taker.consumer.next_batch(max, &mut batch) => panic!("{asked:?} {batch:?}"),
        }
    })
    .await
}

/// The same, with a take behind the wait.
async fn until_armed(taker: &mut Taker, look: &mut Connection, max: usize) -> Waiting {
    let waiting = until_waiting(taker, look, max).await;
    assert!(waiting.unread > 0, "only a wait: {waiting:?}");
    waiting
}

fn ready_and_held(ready: u64, held: u64) -> impl Fn(&QueueStats) -> bool {
    move |stats| (stats.ready, stats.in_flight) == (ready, held)
}

fn least_urgent(number: u32) -> Outgoing {
    let mut message = numbered(number);
    message.properties.priority = Some(9);
    Outgoing::to_queue(QUEUE, message)
}

async fn bench() -> (Bench, Connection) {
    let server = RedisServer::start();
    let look = server.connect(0);
    (Bench::new(Redis(server)).await, look)
}

/// From far away, the network would be waited for twice.
#[tokio::test]
async fn the_take_is_there_before_the_message() {
    let server = RedisServer::start();
    let (mut look, mut monitor) = (server.connect(0), server.connect(0));
    let bench = Bench::new(Redis(server)).await;
    let mut taker = bench.consumer(QUEUE).await;
    let waiting = until_armed(&mut taker, &mut look, 10).await;
    redis::cmd("MONITOR").exec(&mut monitor).expect("MONITOR");
    bench.publish(QUEUE, 1..2).await;
    // What came after the message, by whom.
    let after = spawn_blocking(move || {
        let mut pushed = false;
        loop {
            let Ok(Value::SimpleString(line)) = monitor.recv_response() else { panic!("no line") };
            if pushed && !line.contains(" lua]") && !line.contains("\"PUBLISH\"") {
                break line;
            }
            pushed |= line.contains("\"LPUSH\"");
        }
    });
    assert_eq!(taker.numbers(1).await, [1]);
    let after = after.await.expect("a line");
    assert!(after.contains(&waiting.address) && after.contains("\"EVALSHA\""), "{after} {waiting:?}");
    until_armed(&mut taker, &mut look, 10).await;
    bench.publish(QUEUE, 2..100).await;
    assert_eq!(taker.numbers(98).await, (2..100).collect::<Vec<_>>());
    bench.stats_until(QUEUE, "nothing left", ready_and_held(0, 0)).await;
}

#[tokio::test]
async fn nothing_is_armed_once_something_else_was_found() {
    for told in [true, false] {
        let (bench, mut look) = bench().await;
        let mut taker = bench.consumer(QUEUE).await;
        until_armed(&mut taker, &mut look, 1).await;
        if told {
            bench.broker.publish(&[least_urgent(1)]).await.expect("publish");
        } else {
            // As Python does.
            bench.publish("elsewhere", 1..2).await;
            redis::cmd("LMOVE").arg(&["elsewhere", LEAST, "RIGHT", "LEFT"]).exec(&mut look).expect("LMOVE");
        }
        let first = taker.one().await;
        assert_eq!(first.number(), 1);
        assert!(waiting(&mut look).is_none());
        bench.publish(QUEUE, 2..3).await;
        assert_eq!(look_at(&bench).await, (1, 1));
        let second = taker.one().await;
        assert_eq!(second.number(), 2);
        taker.ack(&[first, second]).await;
        bench.stats_until(QUEUE, "nothing left", ready_and_held(0, 0)).await;
    }
}

/// What is found and what the armed take brings may be more than was asked for.
#[tokio::test]
async fn what_comes_beyond_what_was_asked_for_goes_back_uncounted() {
    let (bench, mut look) = bench().await;
    let mut taker = bench.consumer(QUEUE).await;
    for _ in 0..20 {
        until_armed(&mut taker, &mut look, 1).await;
        let batch = [least_urgent(1), Outgoing::to_queue(QUEUE, numbered(2)), least_urgent(3)];
        bench.broker.publish(&batch).await.expect("publish");
        let mut all: Vec<Held> = Vec::new();
        for held in 1..=3 {
            let [one] = <[Held; 1]>::try_from(taker.some(1).await).expect("one");
            assert_eq!(one.deliveries, 1, "what nobody saw counts as delivered");
            all.push(one);
            bench.stats_until(QUEUE, "the rest is back", ready_and_held(3 - held, held)).await;
        }
        let mut numbers: Vec<u32> = all.iter().map(Held::number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3]);
        taker.ack(&all).await;
        assert_eq!(look_at(&bench).await, (0, 0));
    }
}

#[tokio::test]
async fn nothing_is_taken_for_who_has_stopped_or_is_gone() {
    for stops in [true, false] {
        let (bench, mut look) = bench().await;
        let mut taker = bench.consumer(QUEUE).await;
        until_armed(&mut taker, &mut look, 10).await;
        if stops {
            taker.consumer.stop_fetching().await.expect("stop");
            assert!(waiting(&mut look).is_none());
        } else {
            drop(taker);
            until_nobody_waits(&mut look).await;
        }
        bench.publish(QUEUE, 1..4).await;
        assert_eq!(look_at(&bench).await, (3, 0));
        let mut other = bench.consumer(QUEUE).await;
        let held = other.take(3).await;
        assert!(held.iter().all(|held| held.deliveries == 1));
        other.ack(&held).await;
    }
}

#[tokio::test]
async fn nothing_is_taken_from_a_queue_that_was_left() {
    let (bench, mut look) = bench().await;
    let mut taker = bench.consumer(QUEUE).await;
    until_armed(&mut taker, &mut look, 10).await;
    taker.consumer.set_queues(vec![Queue::named("other")]).await.expect("set_queues");
    assert!(waiting(&mut look).is_none());
    bench.publish(QUEUE, 1..2).await;
    until_armed(&mut taker, &mut look, 10).await;
    bench.publish("other", 2..3).await;
    assert_eq!(taker.numbers(1).await, [2]);
    assert_eq!(look_at(&bench).await, (1, 0));

    // Of several queues each is watched.
    taker.consumer.set_queues(vec![Queue::named(QUEUE), Queue::named("other")]).await.expect("set_queues");
    assert_eq!(taker.numbers(1).await, [1]);
    let waiting = until_waiting(&mut taker, &mut look, 10).await;
    assert_eq!(waiting.unread, 0);
    bench.publish("other", 3..4).await;
    assert_eq!(taker.numbers(1).await, [3]);
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_nothing() {
    let (bench, mut look) = bench().await;
    let mut taker = bench.consumer(QUEUE).await;
    for round in 0..3 {
        let waiting = until_armed(&mut taker, &mut look, 10).await;
        redis::cmd("CLIENT").arg("KILL").arg("ID").arg(waiting.id).exec(&mut look).expect("CLIENT KILL");
        bench.publish(QUEUE, round..round + 1).await;
        let held = taker.one().await;
        assert_eq!((held.number(), held.deliveries), (round, 1));
        taker.consumer.health().expect("another connection is good");
        taker.ack(&[held]).await;
    }
    taker.nothing().await;
    assert_eq!(look_at(&bench).await, (0, 0));
}

/// The line fell silent while the server did the take.
#[tokio::test]
async fn what_an_armed_take_took_without_an_answer_is_found() {
    let server = RedisServer::start();
    let mut look = server.connect(0);
    let (hole, far) = impatient(&server, false).await;
    let bench = Bench::new(Redis(server)).await;
    for known in [false, true] {
        let mut taker = Taker::start(&far, QUEUE, |_| {}).await;
        if known {
            bench.publish(QUEUE, 0..1).await;
            taker.numbers(1).await;
        }
        until_armed(&mut taker, &mut look, 10).await;
        hole.close();
        bench.publish(QUEUE, 1..6).await;
        bench.stats_until(QUEUE, "the server took them", ready_and_held(0, 5)).await;
        hole.open();
        let held = taker.take(5).await;
        let numbers: Vec<u32> = held.iter().map(Held::number).collect();
        assert_eq!(numbers, (1..6).collect::<Vec<_>>());
        assert!(held.iter().all(|held| held.deliveries == 1));
        taker.ack(&held).await;
        taker.nothing().await;
        assert_eq!(look_at(&bench).await, (0, 0));
        taker.consumer.stop_fetching().await.expect("stop");
    }
}

#[tokio::test]
async fn a_take_whose_script_was_forgotten_is_done_by_another() {
    let (bench, mut look) = bench().await;
    let mut taker = bench.consumer(QUEUE).await;
    until_armed(&mut taker, &mut look, 10).await;
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut look).expect("SCRIPT FLUSH");
    bench.publish(QUEUE, 1..2).await;
    assert_eq!(taker.numbers(1).await, [1]);
}

/// It renews no lease while it holds nothing, and cannot take under a name whose lease has lapsed.
#[tokio::test]
async fn who_idles_longer_than_a_lease_is_armed_anew() {
    let (bench, mut look) = bench().await;
    let mut taker = bench.consumer_with(QUEUE, |spec| spec.lease = SHORT).await;
    bench.publish(QUEUE, 1..2).await;
    assert_eq!(taker.numbers(1).await, [1]);
    until_armed(&mut taker, &mut look, 10).await;
    let lapsed = async {
        loop {
            let mut count = |key: &str, command: &str| redis::cmd(command).arg(key).query::<u64>(&mut look);
            let owners = count("taskq:owners", "ZCARD").expect("ZCARD");
            let leaving = count("taskq:leaving", "SCARD").expect("SCARD");
            if owners + leaving == 0 {
                break;
            }
            sleep(LOOK).await;
        }
    };
    soon("the lease lapses", lapsed).await;
    until_armed(&mut taker, &mut look, 10).await;
    bench.publish(QUEUE, 2..5).await;
    let held = taker.take(3).await;
    assert_eq!(held.iter().map(Held::number).collect::<Vec<_>>(), [2, 3, 4]);
    taker.ack(&held).await;
    assert_eq!(look_at(&bench).await, (0, 0));
}

/// Servers without the mends of 2025 crash when they are told to unblock who waits for the end of a pause.
#[tokio::test]
async fn a_wait_that_ends_while_the_server_is_paused_does_not_crash_it() {
    let (bench, mut look) = bench().await;
    let mut taker = bench.consumer(QUEUE).await;
    let armed = until_armed(&mut taker, &mut look, 10).await;
    redis::cmd("CLIENT").arg(&["PAUSE", "60000", "WRITE"]).exec(&mut look).expect("CLIENT PAUSE");
    // The take that was sent with it comes next, and is kept waiting.
    redis::cmd("CLIENT").arg("UNBLOCK").arg(armed.id).exec(&mut look).expect("CLIENT UNBLOCK");
    let stopped = tokio::spawn(async move {
        taker.consumer.stop_fetching().await.expect("stop");
        taker
    });
    let told = async {
        while all_waiting(&mut look).len() < 2 {
            sleep(LOOK).await;
        }
    };
    soon("both are kept waiting", told).await;
    redis::cmd("CLIENT").arg("UNPAUSE").exec(&mut look).expect("CLIENT UNPAUSE");
    let _taker = soon("it stops", stopped).await.expect("a consumer");
    bench.publish(QUEUE, 1..4).await;
    assert_eq!(look_at(&bench).await, (3, 0));
}

/// `CLIENT UNBLOCK` counts as dangerous, and may be forbidden.
#[tokio::test]
async fn where_waits_cannot_be_ended_nothing_is_armed() {
    let (bench, mut look) = bench().await;
    redis::cmd("ACL").arg(&["SETUSER", "default", "-client|unblock"]).exec(&mut look).expect("ACL SETUSER");
    let mut taker = bench.consumer(QUEUE).await;
    for number in 0..3 {
        let waiting = until_waiting(&mut taker, &mut look, 10).await;
        assert_eq!(waiting.unread, 0);
        bench.publish(QUEUE, number..number + 1).await;
        assert_eq!(taker.numbers(1).await, [number]);
    }
}

async fn look_at(bench: &Bench) -> (u64, u64) {
    let stats = bench.stats(QUEUE).await;
    (stats.ready, stats.in_flight)
}

async fn until_nobody_waits(look: &mut Connection) {
    let waits = async {
        while waiting(look).is_some() {
            sleep(LOOK).await;
        }
    };
    soon("nobody waits", waits).await;
}
