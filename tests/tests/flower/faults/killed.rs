//! `kill -9` of the broker, the board and a worker in turn.

use serde_json::{Value, json};

use super::{Place, Server, call, ends, get, is_up, rules, until};
use crate::stream::Stream;

fn a_killed_broker_is_said_and_recovered_from(broker: Server) {
    let mut place = Place::new(broker);
    let board = place.board("board");
    let _worker = place.worker("w1@test");
    is_up(&board, "w1@test");
    let before = call(&board, "add", &json!([1, 2]));
    ends(&board, &before);
    let mut stream = Stream::open(&board, None);
    let tick = stream.tick("a worker is heard", |tick| tick["now"]["active"].is_number());
    assert_eq!(tick["broker"]["connected"], true, "{tick}");

    place.broker.kill();
    let tick = stream.tick("the broker is away", |tick| {
        tick["broker"]["connected"] == false
            && tick["now"]["throughput"].is_null()
            && tick["queues"][0][1].is_null()
    });
    // What runs, waits or passes now, nobody knows. Nothing is 0 that was not counted.
    for number in ["throughput", "failure_rate", "wait_p95", "run_p95", "active"] {
        assert_eq!(tick["now"][number], Value::Null, "{tick}");
    }
    assert_eq!(tick["queues"][0], json!(["celery", null, null, null]), "{tick}");
    assert_eq!(tick["workers"][0][1], "suspect", "silence of the broker says nothing of workers: {tick}");
    assert!(tick["broker"]["error"].is_string() && tick["queues_as_of"].is_number(), "{tick}");
    let overview = until(&board, "/api/v1/overview", "it is told", |it| rules(it) == ["broker"]);
    assert_eq!(overview["verdict"]["level"], "bad", "{overview}");
    assert_eq!(
        (&overview["broker"]["connected"], overview["broker"]["since"].is_number()),
        (&json!(false), true)
    );
    let queue = &overview["queues"][0];
    assert!(queue["ready"].is_number() && queue["as_of"].is_number(), "as it was, with its age: {queue}");
    for guess in ["net_rate", "in_rate", "out_rate", "empty_in", "growing_since"] {
        assert_eq!(queue[guess], Value::Null, "{guess}: {queue}");
    }
    assert_eq!(
        get(&board, &format!("/api/v1/tasks/{before}"))["task"]["state"],
        "SUCCESS",
        "history is there"
    );

    place.broker.restart();
    stream.tick("the broker is back", |tick| tick["broker"]["connected"] == true);
    is_up(&board, "w1@test");
    ends(&board, &call(&board, "add", &json!([3, 4])));
    let overview = until(&board, "/api/v1/overview", "all is well", |it| it["verdict"]["level"] == "ok");
    assert_eq!(overview["coverage"]["outages"].as_array().map(Vec::len), Some(1), "{overview}");
    assert!(overview["coverage"]["outages"][0][1].is_number(), "it is over: {overview}");
    let chart = get(&board, "/api/v1/series?measure=throughput");
    assert_eq!(chart["gaps"].as_array().map(Vec::len), Some(1), "{chart}");
}

#[test]
fn a_killed_redis_is_said_and_recovered_from() {
    a_killed_broker_is_said_and_recovered_from(Server::redis());
}

#[test]
fn a_killed_rabbitmq_is_said_and_recovered_from() {
    a_killed_broker_is_said_and_recovered_from(Server::rabbit());
}

fn a_killed_board_keeps_its_history_and_learns_what_it_missed(broker: Server) {
    let place = Place::new(broker);
    let mut board = place.board("board");
    let worker = place.worker("w1@test");
    is_up(&board, "w1@test");
    let before: Vec<String> = (0..5).map(|number| call(&board, "add", &json!([number, 1]))).collect();
    before.iter().for_each(|id| drop(ends(&board, id)));
    let running = call(&board, "sleeping", &json!([4.0]));
    until(&board, &format!("/api/v1/tasks/{running}"), "it runs", |it| it["task"]["state"] == "STARTED");
    // Lists are read from what is written.
    let listed = get(&board, "/api/v1/tasks");
    assert_eq!(listed["matched"]["count"], 6, "{listed}");
    board.process.kill();
    place.ended(&running);
    // What it has not told yet, nobody hears.
    drop(worker);

    let board = place.board("again");
    let learnt = ends(&board, &running);
    assert_eq!(learnt["attempts"].as_array().map(Vec::len), Some(1), "{learnt}");
    for id in &before {
        assert_eq!(get(&board, &format!("/api/v1/tasks/{id}"))["task"]["state"], "SUCCESS");
    }
    assert_eq!(get(&board, "/api/v1/tasks")["matched"], json!({"count": 6, "exact": true}));
    let coverage = get(&board, "/api/v1/health")["coverage"].clone();
    assert_eq!(coverage["backfilled"], 1, "{coverage}");
    // While there was no board nothing was heard: that is a gap, not a time without tasks.
    assert_eq!(coverage["outages"].as_array().map(Vec::len), Some(1), "{coverage}");
    assert!(coverage["outages"][0][0].as_f64() < coverage["outages"][0][1].as_f64(), "{coverage}");
    let chart = get(&board, "/api/v1/series?measure=throughput");
    assert_eq!(chart["gaps"].as_array().map(Vec::len), Some(1), "{chart}");
    let _worker = place.worker("w2@test");
    ends(&board, &call(&board, "add", &json!([3, 4])));
}

#[test]
fn a_killed_board_on_redis_keeps_its_history_and_learns_what_it_missed() {
    a_killed_board_keeps_its_history_and_learns_what_it_missed(Server::redis());
}

#[test]
fn a_killed_board_on_rabbitmq_keeps_its_history_and_learns_what_it_missed() {
    a_killed_board_keeps_its_history_and_learns_what_it_missed(Server::rabbit());
}

fn a_killed_worker_is_lost_and_its_task_is_seen_to_run_elsewhere(broker: Server, runs_again: bool) {
    let place = Place::new(broker);
    let board = place.board("board");
    let mut workers = ["w1@test", "w2@test"].map(|name| (name, place.worker(name)));
    workers.iter().for_each(|(name, _)| is_up(&board, name));
    let id = call(&board, "sleeping", &json!([4.0]));
    let path = format!("/api/v1/tasks/{id}");
    let seen = until(&board, &path, "it runs", |it| it["task"]["state"] == "STARTED");
    let place = workers.iter().position(|(name, _)| seen["task"]["worker"] == *name).expect("one of them");
    workers[place].1.kill();
    let (killed, other) = (workers[place].0, workers[1 - place].0);
    let path = format!("/api/v1/workers/{killed}");
    let worker = until(&board, &path, "it is lost", |it| it["status"] == "lost");
    assert_eq!(worker["busy"], Value::Null, "what it ran is not known: {worker}");
    let overview = until(&board, "/api/v1/overview", "it is told", |it| rules(it).contains(&"worker_lost"));
    assert_eq!(overview["workers"]["lost"], 1, "{overview}");
    assert_eq!(get(&board, &format!("/api/v1/workers/{other}"))["status"], "online");
    if runs_again {
        let seen = ends(&board, &id);
        let ran: Vec<&Value> =
            seen["attempts"].as_array().into_iter().flatten().map(|attempt| &attempt["worker"]).collect();
        assert_eq!(ran, [killed, other], "{seen}");
        assert_eq!(seen["attempts"][0]["run"], Value::Null, "nobody saw how long it ran: {seen}");
    }
}

#[test]
fn a_killed_worker_on_redis_is_lost() {
    // Its lease lasts for longer than this test.
    a_killed_worker_is_lost_and_its_task_is_seen_to_run_elsewhere(Server::redis(), false);
}

#[test]
fn a_killed_worker_on_rabbitmq_is_lost_and_its_task_is_seen_to_run_elsewhere() {
    a_killed_worker_is_lost_and_its_task_is_seen_to_run_elsewhere(Server::rabbit(), true);
}
