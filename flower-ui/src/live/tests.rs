//! Workers, counters and coverage, from events.

use taskq_core::codec::Value;

use super::*;
use crate::{
    feed::Intake,
    record::WorkerStatus,
    store::{Store, StoreOptions},
};

fn event(kind: &str, host: &str, pid: i64, clock: u64, fields: &[(&str, Value)]) -> Event {
    Event {
        kind: kind.to_owned(),
        hostname: host.to_owned(),
        pid,
        clock,
        timestamp: clock as f64,
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ..Event::default()
    }
}

fn beat(pid: i64, clock: u64, processed: i64) -> Event {
    let fields =
        [("freq", Value::Float(2.0)), ("active", Value::Int(1)), ("processed", Value::Int(processed))];
    event("worker-heartbeat", "a@demo", pid, clock, &fields)
}

fn only(workers: &Workers, now: f64) -> WorkerRecord {
    workers.records(now, Some(0.0)).remove(0)
}

#[test]
fn a_worker_is_online_then_suspect_then_lost_or_offline_when_it_says_so() {
    let mut workers = Workers::new(10);
    workers.take(&beat(1, 1, 0), 100.0);
    for (now, status, alive) in [
        (103.0, WorkerStatus::Online, true),
        (105.0, WorkerStatus::Suspect, false),
        (110.0, WorkerStatus::Lost, false),
    ] {
        let worker = only(&workers, now);
        assert_eq!((worker.status, worker.alive), (status, alive), "{now}");
    }
    // While the broker is not heard nobody knows, and just after nobody is lost yet.
    assert_eq!(workers.records(110.0, None)[0].status, WorkerStatus::Suspect);
    assert_eq!(workers.records(110.0, Some(109.0))[0].status, WorkerStatus::Online);
    workers.take(&event("worker-offline", "a@demo", 1, 5, &[]), 111.0);
    workers.take(&beat(1, 4, 0), 111.1); // late
    let worker = only(&workers, 112.0);
    assert_eq!(
        (worker.status, worker.offline_since, worker.heartbeats.len()),
        (WorkerStatus::Offline, Some(111.0), 0)
    );
    assert_eq!(worker.events["worker-heartbeat"], 2);
}

#[test]
fn two_workers_with_one_name_are_told_from_one_that_was_restarted() {
    let mut workers = Workers::new(10);
    workers.take(&beat(1, 1, 0), 100.0);
    workers.take(&beat(2, 1, 0), 102.0);
    assert!(only(&workers, 103.0).namesakes.is_empty());
    workers.take(&beat(1, 2, 0), 103.0);
    assert_eq!(only(&workers, 103.0).namesakes, [2]);
}

#[test]
fn coverage_is_the_share_of_started_tasks_that_were_seen() {
    let mut workers = Workers::new(10);
    workers.take(&beat(1, 1, 500), 100.0);
    assert_eq!(workers.coverage(), None);
    for clock in 2..5 {
        workers.take(&event("task-started", "a@demo", 1, clock, &[]), 101.0);
    }
    workers.take(&beat(1, 6, 504), 112.0);
    assert_eq!(workers.coverage(), Some((4, 3)));
    assert_eq!(only(&workers, 112.0).coverage, Some(0.75));
}

#[test]
fn no_number_of_names_grows_memory_without_bound() {
    let mut workers = Workers::new(3);
    for number in 0..10 {
        workers.take(&event("worker-online", &format!("w{number}"), 1, 1, &[]), f64::from(number));
    }
    let names: Vec<String> = workers.records(10.0, Some(0.0)).into_iter().map(|it| it.hostname).collect();
    assert_eq!((names, workers.folded), (["w7", "w8", "w9"].map(str::to_owned).to_vec(), 7));
}

#[tokio::test]
async fn flowers_metrics_count_as_flower_does() {
    let store = Arc::new(Store::open(&StoreOptions::default()).unwrap());
    let live = Arc::new(Live::new(vec![0.1, 1.0, f64::INFINITY], 10, None));
    let mut changes = live.subscribe();
    let mut intake = Intake::new(Arc::clone(&store), Arc::clone(&live));
    let at = clock() - 10.0;
    let mut tell = |kind: &str, id: &str, late: f64, more: &[(&str, Value)]| {
        let mut fields = vec![("uuid", Value::from(id))];
        fields.extend(more.iter().cloned());
        let host = if kind == "task-sent" { "gen1@client" } else { "a@demo" };
        let mut event = event(kind, host, 1, 1, &fields);
        event.timestamp = at + late;
        intake.take(event, at + late);
    };
    tell("task-sent", "t", 0.0, &[("name", "shop.add".into())]);
    tell("task-received", "t", 1.0, &[("name", "shop.add".into())]);
    tell("task-received", "held", 1.0, &[("name", "shop.add".into())]);
    tell("task-started", "t", 1.5, &[]);
    let counters = live.counters();
    assert_eq!((counters.prefetched[0].count, counters.prefetch_times[0].seconds), (1, 0.5));
    tell("task-succeeded", "t", 2.0, &[("runtime", Value::Float(0.5))]);
    tell("task-received", "", 2.0, &[]);
    let counters = live.counters();
    let counts: Vec<(&str, &str, u64)> =
        counters.events.iter().map(|it| (it.worker.as_str(), it.kind.as_str(), it.count)).collect();
    assert_eq!(
        counts,
        [
            ("a@demo", "task-received", 2),
            ("a@demo", "task-started", 1),
            ("a@demo", "task-succeeded", 1),
            ("gen1@client", "task-sent", 1)
        ]
    );
    assert_eq!(counters.prefetch_times[0].seconds, 0.0);
    let runtimes = &counters.runtimes[0];
    assert_eq!(
        (runtimes.buckets.as_slice(), runtimes.count, runtimes.sum),
        ([(0.1, 0), (1.0, 1)].as_slice(), 1, 0.5)
    );
    assert_eq!(counters.online, [("a@demo".to_owned(), true)]);
    assert_eq!((live.coverage().garbage, live.coverage().events), (1, 6));
    assert_eq!(changes.recv().await.unwrap(), Change::Task("t".into()));
}

#[test]
fn what_boards_before_heard_is_remembered_and_the_rest_is_a_gap() {
    let live = Live::new(Vec::new(), 10, None);
    assert_eq!(live.coverage().heard(0.0, 1e12), 0.0, "nothing was ever heard");
    live.remember(&[(100.0, 200.0), (260.0, 300.0)]);
    let coverage = live.coverage();
    assert_eq!(coverage.outages, [(200.0, Some(260.0)), (300.0, None)]);
    assert_eq!(coverage.heard(0.0, 280.0), 120.0);
    assert_eq!(coverage.heard(210.0, 250.0), 0.0);
    assert_eq!(coverage.heard(290.0, 400.0), 10.0);
    live.heard(Ok(()));
    let coverage = live.coverage();
    assert!(coverage.outages[1].1.is_some_and(|until| until > 1e9), "it is over: {coverage:?}");
    live.heard(Err("gone"));
    assert_eq!(live.coverage().outages.len(), 3);
    assert!(!*live.linked().borrow());
}
