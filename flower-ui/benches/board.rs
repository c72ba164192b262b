//! The board under load: events heard, tasks kept, lists answered. One number per line.
//!
//! Tasks are told of at a steady rate, four events each, through a broker in memory, while lists are asked for;
//! then the board is stopped and its history opened again. Run it with `cargo xtask bench-board -- [--tasks N]
//! [--rate EVENTS]`. It fails when a promise is broken.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use taskq_core::{Error, protocol::Message, testing::TestApp};
use taskq_flower::{
    feed::{self, Start},
    query::{Page, Search, TaskQuery},
    store::{Store, StoreOptions},
};
use tokio_util::sync::CancellationToken;

/// Tasks, unless `--tasks` says otherwise.
const TASKS: usize = 1_000_000;
/// Events a second, unless `--rate` says otherwise.
const RATE: usize = 10_000;
/// Tasks whose events are told in one go.
const BATCH: usize = 25;
/// Promised: seconds an event may be late, seconds of the slowest list in a hundred, bytes of memory.
const LAG: f64 = 1.0;
const LIST: f64 = 0.1;
const MEMORY: u64 = 300 << 20;

const QUERIES: [&str; 6] = [
    "state:failure",
    "name:shop.task7",
    "name:shop.task3 state:failure",
    "queue:queue2 state:success",
    "worker:worker5@bench",
    "seen:>-1m state:started,received",
];

fn main() -> Result<(), Error> {
    let (mut tasks, mut rate) = (TASKS, RATE);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = |next: Option<String>| next.and_then(|n| n.parse().ok()).expect("a number");
        match argument.as_str() {
            "--tasks" => tasks = number(arguments.next()),
            "--rate" => rate = number(arguments.next()),
            _ => {} // cargo's own
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(folder.path().join("board.db"), tasks, rate))
}

async fn run(path: PathBuf, tasks: usize, rate: usize) -> Result<(), Error> {
    let app = TestApp::new();
    let options = StoreOptions { path: Some(path.clone()), ..StoreOptions::default() };
    let start = Start {
        store: options.clone(),
        runtime_buckets: vec![0.01, 0.1, 1.0, 10.0],
        enable_events: false,
        max_workers: 5_000,
        purge_offline: None,
        redact: taskq_flower::redact::Redact::default(),
    };
    let stop = CancellationToken::new();
    let watch = feed::start(&app, start, stop.clone()).await?;
    while !watch.live.broker().connected {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let broadcast = app.broadcast().await?;
    let exchange = app.settings().event_exchange.clone();
    let teller = tokio::spawn(async move {
        let mut told = 0;
        let begin = Instant::now();
        while told < tasks {
            let batch: Vec<Value> = (told..(told + BATCH).min(tasks)).flat_map(events).collect();
            let message = Message {
                content_type: Some("application/json".to_owned()),
                content_encoding: Some("utf-8".to_owned()),
                body: serde_json::to_vec(&batch).expect("plain JSON").into(),
                ..Message::default()
            };
            broadcast.publish(&exchange, "task.multi", &message).await.expect("a broker in memory");
            told += BATCH;
            let due = begin + Duration::from_secs_f64((told * 4) as f64 / rate as f64);
            tokio::time::sleep_until(due.into()).await;
        }
        begin.elapsed()
    });
    let (mut lists, mut lag) = (Vec::new(), 0_f64);
    while !teller.is_finished() {
        lists.push(list(&watch.store, lists.len()).await?);
        lag = lag.max(watch.live.coverage().lag.unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = teller.await.expect("the teller");
    let last = Instant::now();
    while watch.live.coverage().events < (tasks * 4) as u64 && last.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let caught_up = last.elapsed().as_secs_f64();
    let events = watch.live.coverage().events;
    println!("events_per_second {:.0}", events as f64 / took.as_secs_f64());
    println!("events_missed {}", (tasks * 4) as u64 - events);
    println!("ingest_lag_seconds {lag:.3}");
    println!("caught_up_seconds {caught_up:.3}");
    println!("list_p50_seconds {:.4}", percentile(&mut lists, 0.50));
    println!("list_p99_seconds {:.4}", percentile(&mut lists, 0.99));
    println!("memory_peak_bytes {}", memory("VmHWM"));
    println!("memory_bytes {}", memory("VmRSS"));
    let list_while = percentile(&mut lists, 0.99);
    stop.cancel();
    watch.finished().await;
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    println!("bytes_per_task {:.0}", bytes as f64 / tasks as f64);

    let begin = Instant::now();
    let store = tokio::task::spawn_blocking(move || Store::open(&options)).await.expect("no panic")?;
    println!("restart_seconds {:.3}", begin.elapsed().as_secs_f64());
    let mut lists = Vec::new();
    for turn in 0..200 {
        lists.push(list(&store, turn).await?);
    }
    let kept = store.health().tasks;
    println!("tasks_after_restart {kept}");
    println!("list_after_restart_p99_seconds {:.4}", percentile(&mut lists, 0.99));
    let peak = memory("VmHWM");
    assert_eq!(kept, tasks as u64, "tasks were lost");
    assert!(lag < LAG && caught_up < LAG, "events were late");
    assert!(list_while < LIST && percentile(&mut lists, 0.99) < LIST, "lists were slow");
    assert!(peak < MEMORY, "it took too much memory");
    Ok(())
}

/// Seconds that a list takes.
async fn list(store: &Store, turn: usize) -> Result<f64, Error> {
    let now = taskq_core::Timestamp::now().as_second() as f64;
    let search = Search::parse(QUERIES[turn % QUERIES.len()], now).expect("a query");
    let query = TaskQuery { search: Some(search), ..TaskQuery::default() };
    let page = Page { limit: Some(50), ..Page::default() };
    let begin = Instant::now();
    store.tasks(&query, &page).await?;
    Ok(begin.elapsed().as_secs_f64())
}

/// What a task tells.
fn events(number: usize) -> [Value; 4] {
    let id = format!("{:08x}-0000-4000-8000-{number:012x}", number.wrapping_mul(2_654_435_761) & 0xffff_ffff);
    let now = taskq_core::Timestamp::now().as_microsecond() as f64 / 1e6;
    let (name, queue) = (format!("shop.task{}", number % 20), format!("queue{}", number % 5));
    let worker = format!("worker{}@bench", number % 8);
    let (args, kwargs) =
        (format!("({number}, 'some text')"), format!("{{'tenant': 'tenant-{}'}}", number % 100));
    let event = |kind: &str, host: &str, more: Value| {
        let mut event = json!({"type": kind, "hostname": host, "uuid": id, "timestamp": now, "clock": number, "pid": 1, "utcoffset": 0});
        if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
            event.extend(more);
        }
        event
    };
    let call = json!({"name": name, "args": args, "kwargs": kwargs, "retries": 0, "root_id": id, "parent_id": null,
        "eta": null, "expires": null});
    let mut sent = call.clone();
    sent["queue"] = queue.into();
    sent["routing_key"] = "shop".into();
    let end = match number % 20 {
        0 => event(
            "task-failed",
            &worker,
            json!({"exception": format!("ValueError('no account {number}')"), "traceback": "Traceback (most recent call last):\n  File \"shop.py\", line 40, in charge\n    raise ValueError(f'no account {id}')\n"}),
        ),
        _ => event("task-succeeded", &worker, json!({"result": number.to_string(), "runtime": 0.05})),
    };
    [
        event("task-sent", "gen1@bench", sent),
        event("task-received", &worker, call),
        event("task-started", &worker, json!({})),
        end,
    ]
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(at).copied().unwrap_or_default()
}

/// A line of the process's status, in bytes.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or_default()
        << 10
}
