//! Events that no worker of ours would send: shown as what they are, and the board goes on.

use serde_json::{Value, json};

use super::{
    Place, Server, call, ends, get, is_up, rules,
    tell::{Teller, event, now},
    until,
};
use crate::board::Board;

/// A board that hears events.
fn board(place: &Place) -> Board {
    let board = place.board("board");
    until(&board, "/api/v1/health", "events are heard", |it| it["broker"]["connected"] == true);
    board
}

#[test]
fn garbage_among_events_is_counted_and_the_board_goes_on() {
    let place = Place::new(Server::redis());
    let (board, teller) = (board(&place), Teller::new(&place));
    let deep = "[".repeat(100_000);
    let garbage: [&[u8]; 8] = [
        b"",
        b"{[",
        b"\xff\xfe\x00garbage",
        b"42",
        b"null",
        b"{}",
        br#"{"type": 7, "uuid": [], "timestamp": "soon"}"#,
        deep.as_bytes(),
    ];
    garbage.iter().for_each(|body| teller.send(body));
    // In one message with what is right; and right but for the types of its fields.
    teller.send(
        format!(r#"[7, null, {{}}, {}]"#, event("task-received", "mixed", now(), &json!({"name": "a"})))
            .as_bytes(),
    );
    for id in [json!(null), json!(""), json!(["x"]), json!("x".repeat(10_000))] {
        teller.tell(&event("task-received", "", now(), &json!({"uuid": id, "name": "nobody"})));
    }
    let odd = json!({"name": ["a", {"b": 1}], "args": {"x": 1}, "retries": "many", "eta": 7, "root_id": 3, "clock": -5});
    teller.tell(&event("task-received", "odd", now(), &odd));
    teller.tell(&event("task-succeeded", "odd", now(), &json!({"runtime": "long", "result": [1, 2]})));
    for path in ["mixed", "odd"] {
        until(&board, &format!("/api/v1/tasks/{path}"), "it is known", |it| it["task"]["id"] == path);
    }
    let health = get(&board, "/api/v1/health");
    assert!(health["coverage"]["garbage"].as_u64() >= Some(garbage.len() as u64), "{health}");
    assert_eq!(get(&board, "/api/v1/tasks/odd")["task"]["state"], "SUCCESS");
    assert_eq!(get(&board, "/api/v1/tasks?q=name:nobody")["tasks"], json!([]), "what has no id is no task");
    let metrics = board.get("/metrics").raw;
    assert!(!metrics.contains("taskq_board_garbage_total 0.0"), "{metrics}");
}

#[test]
fn events_from_the_future_are_counted_and_do_not_lead_the_list_for_ever() {
    let place = Place::new(Server::redis());
    let (board, teller) = (board(&place), Teller::new(&place));
    let at = now();
    for (id, time) in [("next-year", at + 3.2e7), ("far", 1e18), ("never", 0.0), ("before", -5.0)] {
        teller.tell(&event("task-received", id, time, &json!({"name": "odd"})));
        teller.tell(&event("task-succeeded", id, time, &json!({"runtime": 0.1, "result": "1"})));
    }
    until(&board, "/api/v1/tasks", "they are known", |it| it["matched"]["count"] == 4);
    teller.tell(&event("task-received", "fair", now(), &json!({"name": "fair"})));
    until(&board, "/api/v1/tasks/fair", "it is known", |it| it["task"]["id"] == "fair");
    let list = get(&board, "/api/v1/tasks");
    assert_eq!(list["tasks"][0]["id"], "fair", "{list}");
    for task in list["tasks"].as_array().into_iter().flatten() {
        let told = task["timestamp"].as_f64().expect("a time");
        assert!(told >= at - 60.0 && told <= now() + 60.0, "it counts as told when it came: {task}");
        assert!(task["wait"].as_f64().is_none_or(|wait| (0.0..60.0).contains(&wait)), "{task}");
    }
    let coverage = get(&board, "/api/v1/health")["coverage"].clone();
    assert_eq!(coverage["future"], 4, "{coverage}");
    assert!(coverage["lag"].as_f64().is_some_and(|lag| lag < 60.0), "{coverage}");
}

#[test]
fn two_workers_with_one_name_are_told_apart_and_said() {
    let place = Place::new(Server::redis());
    let board = board(&place);
    let first = place.worker("w1@test");
    is_up(&board, "w1@test");
    let second = place.worker("w1@test");
    let overview = until(&board, "/api/v1/overview", "it is said", |it| rules(it).contains(&"namesake"));
    assert_eq!(overview["workers"]["list"].as_array().map(Vec::len), Some(1), "{overview}");
    let worker = get(&board, "/api/v1/workers/w1@test");
    let pids = [u64::from(first.id()), u64::from(second.id())];
    let mut seen = vec![worker["pid"].as_u64().expect("a process")];
    seen.extend(worker["namesakes"].as_array().into_iter().flatten().filter_map(Value::as_u64));
    seen.sort_unstable();
    let mut both = pids.to_vec();
    both.sort_unstable();
    assert_eq!(seen, both, "{worker}");
    drop(second);
    ends(&board, &call(&board, "add", &json!([1, 2])));
}

#[test]
fn a_megabyte_of_arguments_is_kept_cut_and_said_to_be() {
    let place = Place::new(Server::redis());
    let (board, teller) = (board(&place), Teller::new(&place));
    let long = "ä".repeat(500_000);
    let call_of =
        json!({"name": long, "args": format!("('{long}',)"), "kwargs": format!("{{'a': '{long}'}}")});
    teller.tell(&event("task-received", "long", now(), &call_of));
    let end = json!({"exception": format!("ValueError('{long}')"), "traceback": long});
    teller.tell(&event("task-failed", "long", now(), &end));
    let seen = until(&board, "/api/v1/tasks/long", "it is known", |it| it["task"]["state"] == "FAILURE");
    for part in ["args", "kwargs", "exception", "traceback"] {
        let text = seen["task"][part].as_str().unwrap_or_default();
        assert!(text.len() < 70_000 && text.ends_with("cut by the board)"), "{part}: {}", text.len());
    }
    assert!(seen["task"]["name"].as_str().is_some_and(|name| name.len() <= 512));
    assert_eq!(seen["arguments"]["exact"], false, "what was cut is never sent again");
    let list = board.get("/api/v1/tasks");
    assert!(list.raw.len() < 100_000, "a list stays small: {} bytes", list.raw.len());
    // A real call of that size is taken, run and shown.
    let _worker = place.worker("w1@test");
    let id = call(&board, "identity", &json!([long]));
    let seen = ends(&board, &id);
    assert_eq!(
        seen["arguments"]["args"][0].as_str().map(str::len),
        Some(long.len()),
        "the backend has all of it"
    );
}
