//! `GET /metrics`: Flower's names and labels, and the board's own after them.
//!
//! Kept true here: the series of Flower mean what they mean in Flower, except where Flower's grow without end
//! or are wrong, which strict mode keeps.

mod text;
mod work;

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};

use self::text::{Kind, Text};
use crate::{
    live::{Counters, Live},
    options::WorkerLabel,
    record::WorkerStatus,
    server::Shared,
    store::Store,
};

/// What a scraper asks for, and gets.
const OPEN: &str = "application/openmetrics-text";
const OPEN_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let wanted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_open = wanted.is_some_and(|wanted| wanted.contains(OPEN));
    let mut text = if is_open { Text::open() } else { Text::default() };
    let label = Label { how: shared.options.metrics_worker_label, strict: shared.options.strict() };
    of_flower(&mut text, &shared.live.counters(), &shared.live, label);
    work::of_queues(&mut text, &shared);
    work::of_tasks(&mut text, &shared);
    work::of_schedules(&mut text, &shared);
    work::of_workers(&mut text, &shared);
    of_the_board(&mut text, &shared.live, &shared.store);
    let mut response = text.finish().into_response();
    let kind = if is_open { OPEN_TYPE } else { "text/plain" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What the label `worker` says.
#[derive(Clone, Copy)]
struct Label {
    how: WorkerLabel,
    strict: bool,
}

impl Label {
    fn of(self, worker: &str) -> String {
        match self.how {
            WorkerLabel::Off => String::new(),
            WorkerLabel::Host => worker.split_once('@').map_or(worker, |(_, host)| host).to_owned(),
            WorkerLabel::Full => worker.to_owned(),
        }
    }

    /// Publishers name themselves after their process: a series for each of them never ends.
    fn of_event(self, kind: &str, worker: &str) -> String {
        if kind == "task-sent" && !self.strict { String::new() } else { self.of(worker) }
    }
}

fn of_flower(text: &mut Text, counters: &Counters, live: &Live, label: Label) {
    for (name, kind) in [("flower_events_total", Kind::Counter), ("flower_events_created", Kind::Gauge)] {
        text.head(name, "Number of events", kind);
        for event in &counters.events {
            let worker = label.of_event(&event.kind, &event.worker);
            let labels = [("task", event.task.as_str()), ("type", &event.kind), ("worker", &worker)];
            match kind {
                Kind::Counter => text.add(name, &labels, event.count as f64),
                _ => text.least(name, &labels, event.created),
            }
        }
    }
    text.head("flower_task_runtime_seconds", "Task runtime", Kind::Histogram);
    for runtime in &counters.runtimes {
        let worker = label.of(&runtime.worker);
        let labels = [("task", runtime.task.as_str()), ("worker", &worker)];
        let infinite = (f64::INFINITY, runtime.count);
        let finite = runtime.buckets.iter().filter(|(bound, _)| bound.is_finite()).copied();
        for (bound, count) in finite.chain([infinite]) {
            let bound = text::number(bound);
            let labels = [("le", bound.as_str()), labels[0], labels[1]];
            text.add("flower_task_runtime_seconds_bucket", &labels, count as f64);
        }
        text.add("flower_task_runtime_seconds_count", &labels, runtime.count as f64);
        text.add("flower_task_runtime_seconds_sum", &labels, runtime.sum);
    }
    text.head("flower_task_runtime_seconds_created", "Task runtime", Kind::Gauge);
    for runtime in &counters.runtimes {
        let worker = label.of(&runtime.worker);
        let labels = [("task", runtime.task.as_str()), ("worker", &worker)];
        text.least("flower_task_runtime_seconds_created", &labels, runtime.created);
    }
    text.head(
        "flower_task_prefetch_time_seconds",
        "The time the task spent waiting at the celery worker to be executed.",
        Kind::Gauge,
    );
    for time in &counters.prefetch_times {
        let labels = [("task", time.task.as_str()), ("worker", &label.of(&time.worker))];
        text.most("flower_task_prefetch_time_seconds", &labels, time.seconds);
    }
    text.head(
        "flower_worker_prefetched_tasks",
        "Number of tasks of given type prefetched at a worker",
        Kind::Gauge,
    );
    for held in &counters.prefetched {
        let labels = [("task", held.task.as_str()), ("worker", &label.of(&held.worker))];
        text.add("flower_worker_prefetched_tasks", &labels, held.count as f64);
    }
    text.head("flower_worker_online", "Worker online status", Kind::Gauge);
    if label.strict {
        for (worker, online) in &counters.online {
            text.most("flower_worker_online", &[("worker", &label.of(worker))], f64::from(*online));
        }
    } else {
        // A worker whose heartbeats stopped is not online, whether it said goodbye or not.
        for worker in live.workers() {
            let online = matches!(worker.status, WorkerStatus::Online | WorkerStatus::Suspect);
            text.most("flower_worker_online", &[("worker", &label.of(&worker.hostname))], f64::from(online));
        }
    }
    let name = "flower_worker_number_of_currently_executing_tasks";
    text.head(name, "Number of tasks currently executing at a worker", Kind::Gauge);
    for (worker, count) in &counters.executing {
        text.add(name, &[("worker", &label.of(worker))], *count as f64);
    }
}

fn of_the_board(text: &mut Text, live: &Live, store: &Store) {
    let (coverage, broker, store) = (live.coverage(), live.broker(), store.health());
    let mut one = |name: &str, help: &str, kind: Kind, value: Option<f64>| {
        text.head(name, help, kind);
        if let Some(value) = value {
            text.add(name, &[], value);
        }
    };
    one(
        "taskq_board_broker_connected",
        "Whether events are heard",
        Kind::Gauge,
        Some(f64::from(broker.connected)),
    );
    one("taskq_board_events_total", "Events taken in", Kind::Counter, Some(coverage.events as f64));
    one(
        "taskq_board_garbage_total",
        "Messages and events that could not be read",
        Kind::Counter,
        Some(coverage.garbage as f64),
    );
    one(
        "taskq_board_event_coverage",
        "Share of started tasks that were seen, 0 to 1",
        Kind::Gauge,
        coverage.share,
    );
    one(
        "taskq_board_event_lag_seconds",
        "From the newest event being told to it being taken in",
        Kind::Gauge,
        coverage.lag,
    );
    one(
        "taskq_board_dropped_total",
        "Tasks that the store could not take",
        Kind::Counter,
        Some(store.dropped as f64),
    );
    one("taskq_board_flush_seconds", "How long the last write took", Kind::Gauge, store.flush);
    one("taskq_board_store_bytes", "Size of the store", Kind::Gauge, Some(store.bytes as f64));
    one("taskq_board_store_tasks", "Tasks in the store", Kind::Gauge, Some(store.tasks as f64));
}
