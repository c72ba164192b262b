//! The way to the broker, paused and cut: noticed, said, and tried again at a bounded rate.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use taskq_tests::hole::Hole;

use super::{Place, Server, call, ends, is_up, rules, until};

fn a_paused_broker_is_noticed_and_heard_again(broker: Server) {
    let place = Place::new(broker);
    let board = place.board("board");
    let _worker = place.worker("w1@test");
    is_up(&board, "w1@test");
    place.broker.pause();
    let overview = until(&board, "/api/v1/overview", "it is told", |it| {
        rules(it) == ["broker"] && it["broker"]["connected"] == false
    });
    assert!(overview["now"]["throughput"].is_null() && overview["now"]["active"].is_null(), "{overview}");
    place.broker.resume();
    until(&board, "/api/v1/overview", "it is back", |it| it["broker"]["connected"] == true);
    ends(&board, &call(&board, "add", &json!([1, 2])));
    until(&board, "/api/v1/overview", "all is well", |it| it["verdict"]["level"] == "ok");
}

#[test]
fn a_paused_redis_is_noticed_and_heard_again() {
    a_paused_broker_is_noticed_and_heard_again(Server::redis());
}

#[test]
fn a_paused_rabbitmq_is_noticed_and_heard_again() {
    a_paused_broker_is_noticed_and_heard_again(Server::rabbit());
}

/// A firewall that forgets connections tells nobody.
fn a_network_that_swallows_everything_is_noticed_and_what_was_missed_is_learnt(broker: Server) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let place = Place::new(broker);
    let hole = runtime.block_on(Hole::before(place.broker.port()));
    let url = place
        .broker
        .url()
        .replace(&format!(":{}", place.broker.port()), &format!(":{}", hole.address().port()));
    let board = place.board_on(&url, "board");
    let worker = place.worker("w1@test");
    is_up(&board, "w1@test");
    let id = call(&board, "sleeping", &json!([3.0]));
    let path = format!("/api/v1/tasks/{id}");
    until(&board, &path, "it runs", |it| it["task"]["state"] == "STARTED");
    hole.close();
    until(&board, "/api/v1/health", "it is noticed", |it| it["broker"]["connected"] == false);
    // The worker goes on, and is gone before the board hears anything again.
    place.ended(&id);
    drop(worker);
    hole.open();
    until(&board, "/api/v1/health", "it is back", |it| it["broker"]["connected"] == true);
    ends(&board, &id);
    let health = until(&board, "/api/v1/health", "it was learnt", |it| it["coverage"]["backfilled"] == 1);
    assert_eq!(health["broker"]["losses"], 1, "{health}");
}

#[test]
fn a_network_that_swallows_redis_is_noticed_and_what_was_missed_is_learnt() {
    a_network_that_swallows_everything_is_noticed_and_what_was_missed_is_learnt(Server::redis());
}

#[test]
fn a_network_that_swallows_rabbitmq_is_noticed_and_what_was_missed_is_learnt() {
    a_network_that_swallows_everything_is_noticed_and_what_was_missed_is_learnt(Server::rabbit());
}

/// Connections that may be tried a second, by everything in the board together.
const TRIES: f64 = 10.0;
/// How long they are counted.
const COUNTED: Duration = Duration::from_secs(10);

#[test]
fn a_broker_that_drops_everybody_is_tried_again_at_a_bounded_rate() {
    let mut place = Place::new(Server::redis());
    let board = place.board("board");
    until(&board, "/api/v1/health", "it is connected", |it| it["broker"]["connected"] == true);
    let port = place.broker.port();
    place.broker.kill();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port of the broker");
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    until(&board, "/api/v1/health", "it is noticed", |it| it["broker"]["connected"] == false);
    let (began, before) = (Instant::now(), count.load(Ordering::Relaxed));
    // Somebody looks all the time: that costs the broker nothing more.
    while began.elapsed() < COUNTED {
        let overview = super::get(&board, "/api/v1/overview");
        assert_eq!(overview["broker"]["connected"], false, "{overview}");
        thread::sleep(Duration::from_millis(200));
    }
    let tries = count.load(Ordering::Relaxed) - before;
    let rate = f64::from(tries) / began.elapsed().as_secs_f64();
    assert!(tries >= 2, "it does not try any more");
    assert!(rate < TRIES, "{rate} connections a second");
}
