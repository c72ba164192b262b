use super::*;
use crate::{backend::State, codec::Value};

fn event(kind: &str, clock: u64, timestamp: f64, fields: &[(&str, Value)]) -> Event {
    Event {
        kind: kind.to_owned(),
        hostname: if kind == "task-sent" { "gen1@test" } else { "w@test" }.to_owned(),
        pid: 1,
        clock,
        timestamp,
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ..Event::default()
    }
}

fn of_task(kind: &str, clock: u64) -> Event {
    event(kind, clock, 100.0 + clock as f64 / 1000.0, &[("uuid", "t1".into()), ("name", kind.into())])
}

#[test]
fn whatever_the_order_the_newest_word_stands() {
    let story = [
        of_task("task-received", 2),
        of_task("task-started", 3),
        of_task("task-retried", 4),
        of_task("task-received", 5),
        of_task("task-started", 6),
        of_task("task-succeeded", 7),
    ];
    let mut order: Vec<usize> = (0..story.len()).collect();
    for turn in 0..200 {
        let mut cluster = Cluster::default();
        for &at in &order {
            cluster.take(&story[at], 100.0);
        }
        cluster.take(&event("task-sent", 9, 200.0, &[("uuid", "t1".into()), ("queue", "q".into())]), 200.0);
        let task = cluster.task("t1").unwrap();
        assert_eq!(task.state, State::Success, "{order:?}");
        assert_eq!(task.queue.as_deref(), Some("q"));
        assert_eq!(task.worker.as_deref(), Some("w@test"));
        assert_eq!(task.client.as_deref(), Some("gen1@test"));
        assert_eq!(task.time_of("received"), Some(100.005));
        order.swap(turn % 6, (turn * 7 + 3) % 6);
    }
}

#[test]
fn a_worker_is_alive_until_two_heartbeats_are_missed_or_it_says_goodbye() {
    let mut cluster = Cluster::default();
    let beat =
        |kind, clock| event(kind, clock, 0.0, &[("freq", Value::Float(2.0)), ("active", Value::Int(3))]);
    cluster.take(&beat("worker-online", 1), 100.0);
    let worker = cluster.worker("w@test").unwrap();
    assert_eq!((worker.is_alive(103.9), worker.is_alive(104.0), worker.active), (true, false, 3));
    cluster.take(&beat("worker-offline", 3), 101.0);
    cluster.take(&beat("worker-heartbeat", 2), 101.0); // late
    assert!(!cluster.worker("w@test").unwrap().is_alive(101.0));
}

#[test]
fn garbage_is_counted_and_memory_is_bounded() {
    let mut cluster = Cluster::new(100);
    for kind in ["", "task", "nonsense-x", "task-received"] {
        cluster.take(&event(kind, 1, 1.0, &[("freq", "x".into())]), 1.0);
    }
    assert_eq!((cluster.events(), cluster.strange()), (4, 4));
    for id in 0..1_000 {
        cluster.take(&event("task-received", 1, f64::NAN, &[("uuid", id.to_string().into())]), 1.0);
    }
    assert!(cluster.tasks().count() <= 100);
    assert!(cluster.task("999").is_some());
}
