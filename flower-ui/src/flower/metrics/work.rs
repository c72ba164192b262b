//! The board's own metrics of the work: queues, how long tasks waited and ran, and why they failed.
//!
//! Kept true here: what is not known now has no sample, rather than an old one; the number of series is bounded, and
//! what is beyond that is `other`.

use super::text::{Kind, Text, number};
use crate::{
    api::fleet,
    sample::QueueNow,
    server::Shared,
    store::{BOUNDS, Durations, OTHER, Spent},
};

/// Queues that have series of their own.
const QUEUES: usize = 500;
/// What workers may be.
const STATES: [&str; 5] = ["online", "draining", "suspect", "lost", "offline"];

pub(super) fn of_queues(text: &mut Text, shared: &Shared) {
    let known = shared.v1.samples.queues();
    // What was read before the broker went away says nothing of now.
    let queues = if known.error.is_none() { known.queues } else { Vec::new() };
    let named = |at: usize, queue: &QueueNow| match at < QUEUES {
        true => queue.stats.queue.clone(),
        false => OTHER.to_owned(),
    };
    text.head("taskq_queue_messages", "Messages in a queue, by what they wait for", Kind::Gauge);
    for (at, queue) in queues.iter().enumerate() {
        let name = named(at, queue);
        let stats = &queue.stats;
        for (state, count) in
            [("ready", stats.ready), ("delayed", stats.delayed), ("in_flight", stats.in_flight)]
        {
            text.add("taskq_queue_messages", &[("queue", &name), ("state", state)], count as f64);
        }
    }
    let name = "taskq_queue_oldest_age_seconds";
    text.head(name, "How long the oldest message of a queue has waited", Kind::Gauge);
    for (at, queue) in queues.iter().enumerate() {
        if let Some(age) = queue.stats.oldest {
            text.most(name, &[("queue", &named(at, queue))], age.as_secs_f64());
        }
    }
    text.head("taskq_dead_letters", "Messages that were put aside, by their queue", Kind::Gauge);
    for (at, queue) in queues.iter().enumerate() {
        text.add("taskq_dead_letters", &[("queue", &named(at, queue))], queue.stats.dead as f64);
    }
}

pub(super) fn of_tasks(text: &mut Text, shared: &Shared) {
    let totals = shared.store.totals();
    let mut spent: Vec<_> = totals.spent.iter().collect();
    spent.sort_by_key(|(key, _)| *key);
    type Part = fn(&Spent) -> &Durations;
    let parts: [(&str, &str, Part); 2] = [
        ("taskq_task_wait_seconds", "From a task being due to it being started", |it| &it.wait),
        ("taskq_task_run_seconds", "From a task being started to the end of that attempt", |it| &it.run),
    ];
    for (name, help, of) in parts {
        text.head(name, help, Kind::Histogram);
        for ((task, queue), spent) in &spent {
            let durations = of(spent);
            if durations.count > 0 {
                histogram(text, name, [("queue", queue), ("task", task)], durations);
            }
        }
    }
    let name = "taskq_task_failures_total";
    text.head(name, "Tasks that failed, by the class of the error", Kind::Counter);
    let mut failures: Vec<_> = totals.failures.iter().collect();
    failures.sort_by_key(|(key, _)| *key);
    for ((task, error), count) in failures {
        text.add(name, &[("error", error), ("task", task)], *count as f64);
    }
}

fn histogram(text: &mut Text, name: &str, labels: [(&str, &str); 2], durations: &Durations) {
    let mut seen = 0;
    let finite = BOUNDS.iter().zip(durations.buckets).map(|(bound, count)| {
        seen += count;
        (*bound, seen)
    });
    let buckets: Vec<(f64, u64)> = finite.collect();
    for (bound, count) in buckets.into_iter().chain([(f64::INFINITY, durations.count)]) {
        let bound = number(bound);
        let labels = [("le", bound.as_str()), labels[0], labels[1]];
        text.add(&format!("{name}_bucket"), &labels, count as f64);
    }
    text.add(&format!("{name}_count"), &labels, durations.count as f64);
    text.add(&format!("{name}_sum"), &labels, durations.sum);
}

/// All states of both kinds are there, so that a rule sees a worker come and go.
pub(super) fn of_workers(text: &mut Text, shared: &Shared) {
    let name = "taskq_workers";
    text.head(name, "Workers by what is known of them, and by what they are", Kind::Gauge);
    for kind in ["python", "rust"] {
        for state in STATES {
            text.add(name, &[("kind", kind), ("state", state)], 0.0);
        }
    }
    for worker in fleet(shared) {
        text.add(name, &[("kind", worker.kind.unwrap_or(OTHER)), ("state", worker.status)], 1.0);
    }
}

pub(super) fn of_schedules(text: &mut Text, shared: &Shared) {
    let name = "taskq_schedule_late_seconds";
    text.head(name, "How long a schedule entry that was missed is due", Kind::Gauge);
    for (entry, late) in shared.v1.judged.late(crate::api::now(shared)) {
        text.most(name, &[("entry", &entry)], late);
    }
}
