//! What the workers that run say: whether anybody consumes what waits, whether their clocks and settings agree.

use std::{collections::BTreeMap, time::Duration};

use taskq_core::{
    Timestamp,
    broker::{BrokerAdmin, Finding, Severity},
    codec::{Value, json},
    config::RedisPriority,
    control::Replies,
};

use super::super::{Failure, Session};

/// Clocks that differ by more are told of, in seconds: events and heartbeats take some hundred milliseconds.
const SKEW: f64 = 2.0;
/// From here on tasks with an ETA or a time limit go wrong.
const BAD_SKEW: f64 = 10.0;
/// Settings that all workers of a broker have to share.
const SHARED: [&str; 5] = [
    "redis_priority",
    "task_queue_max_priority",
    "broker_transport_options",
    "result_backend",
    "max_deliveries",
];

/// Asks and listens for `patience`.
pub(super) async fn look(
    session: &Session,
    admin: &dyn BrokerAdmin,
    queues: &[String],
    patience: Duration,
) -> Result<Vec<Finding>, Failure> {
    let control = session.app.control();
    let ask = |method: &str| control.ask(method).timeout(patience.min(Duration::from_secs(1))).into_future();
    let stats = session.within(admin.stats(queues)).await?;
    let (consumed, conf, stats_of) = match tokio::try_join!(ask("active_queues"), ask("conf"), ask("stats")) {
        Ok(said) => said,
        Err(error) => {
            return Ok(vec![Finding::new(
                "workers.control",
                Severity::Warning,
                format!("workers cannot be asked anything: {error}"),
                "remote control needs the rights to declare and read `reply.celery.pidbox`",
            )]);
        }
    };
    let mut findings = Vec::new();
    findings.push(match consumed.len() {
        0 => Finding::new(
            "workers.online",
            Severity::Warning,
            "no worker answers",
            "start one, or set `worker_enable_remote_control` in those that run",
        ),
        count => Finding::good("workers.online", format!("{count} workers answer")),
    });
    for row in &stats {
        let (queue, waiting) = (&row.queue, row.ready + row.delayed);
        if waiting > 0 && !consumed.values().any(|queues| consumes(queues, queue)) {
            findings.push(Finding::new(
                "queues.consumer",
                Severity::Problem,
                format!("{waiting} tasks wait in `{queue}`, and no worker that answers consumes it"),
                format!("start a worker with `-Q {queue}`, or `control add_consumer {queue}`"),
            ));
        }
        if row.dead > 0 {
            findings.push(Finding::new(
                "queues.dead",
                Severity::Warning,
                format!("{} dead letters of `{queue}`", row.dead),
                format!("`dead list -Q {queue}` says why, `dead replay --all -Q {queue}` runs them again"),
            ));
        }
    }
    let nodes = |ours: bool| -> Vec<&str> {
        stats_of.iter().filter(|(_, stats)| is_ours(stats) == ours).map(|(node, _)| node.as_str()).collect()
    };
    let (ours, others) = (nodes(true), nodes(false));
    findings.extend(disagreements(&conf, &ours));
    findings.extend(priorities(session, &others));
    findings.extend(clocks(session, patience).await);
    Ok(findings)
}

fn consumes(queues: &Value, name: &str) -> bool {
    let Value::List(queues) = queues else { return false };
    let named = |queue: &Value| match queue {
        Value::Map(queue) => queue.get("name").and_then(Value::as_str) == Some(name),
        _ => false,
    };
    queues.iter().any(named)
}

fn setting<'a>(conf: &'a Value, name: &str) -> Option<&'a Value> {
    match conf {
        Value::Map(conf) => conf.get(name),
        _ => None,
    }
}

/// Settings in which taskq's workers differ.
fn disagreements(conf: &Replies, ours: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in SHARED {
        let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for node in ours {
            let value = conf
                .get(*node)
                .and_then(|conf| setting(conf, name))
                .map_or_else(|| "its default".to_owned(), shown);
            said.entry(value).or_default().push(node);
        }
        if said.len() > 1 {
            let said: Vec<String> =
                said.iter().map(|(value, nodes)| format!("{value} on {}", nodes.join(", "))).collect();
            findings.push(Finding::new(
                "workers.settings",
                Severity::Warning,
                format!("workers differ in `{name}`: {}", said.join("; ")),
                "give all of them the same, and restart those that are wrong",
            ));
        }
    }
    findings
}

fn shown(value: &Value) -> String {
    json::to_string(value).unwrap_or_default()
}

/// What the pool is called tells taskq's workers from Celery's.
fn is_ours(stats: &Value) -> bool {
    let pool = setting(stats, "pool").and_then(|pool| setting(pool, "implementation"));
    pool.and_then(Value::as_str).is_some_and(|pool| pool.starts_with("taskq"))
}

/// On Redis, Celery serves 0 first and taskq, unless it is told otherwise, 9.
fn priorities(session: &Session, pythons: &[&str]) -> Option<Finding> {
    let settings = session.app.settings();
    let scheme = settings.read_url().scheme().to_string();
    if !(scheme.starts_with("redis") || scheme.starts_with("sentinel")) {
        return None;
    }
    if pythons.is_empty() || settings.redis_priority == RedisPriority::Celery {
        return Some(Finding::good("redis.priority", "priorities mean the same to all who answer"));
    }
    Some(Finding::new(
        "redis.priority",
        Severity::Warning,
        format!(
            "Celery's workers ({}) take a task's priority 0 for the most urgent, this program 9: a priority that \
             Python sends means the opposite here",
            pythons.join(", ")
        ),
        "set `redis_priority = \"celery\"` in every taskq program on this Redis, or use priorities on one side only",
    ))
}

/// What the heartbeats say of the clocks.
async fn clocks(session: &Session, patience: Duration) -> Vec<Finding> {
    let Ok(mut feed) = session.app.event_feed().await else { return Vec::new() };
    let _ = session.app.control().ask("heartbeat").tell().await; // without it, they come by themselves
    let mut skews: BTreeMap<String, f64> = BTreeMap::new();
    let listen = async {
        while let Ok(event) = feed.next().await {
            let late = Timestamp::now().as_microsecond() as f64 / 1e6 - event.timestamp;
            // What came late was on its way: the smallest is nearest to the truth.
            let known = skews.entry(event.hostname).or_insert(late);
            if late.abs() < known.abs() {
                *known = late;
            }
        }
    };
    let _ = tokio::time::timeout(patience, listen).await;
    tell_apart(&skews)
}

/// What to say of clocks that differ from this machine's by so many seconds.
fn tell_apart(skews: &BTreeMap<String, f64>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, skew) in skews {
        if skew.abs() > SKEW {
            findings.push(Finding::new(
                "workers.clock",
                if skew.abs() > BAD_SKEW { Severity::Problem } else { Severity::Warning },
                format!("the clock of `{node}` is {:+.1} s from this machine's", -skew),
                "let NTP set it: delays, expiry and schedules go by it",
            ));
        }
    }
    if findings.is_empty() && !skews.is_empty() {
        findings.push(Finding::good("workers.clock", format!("the clocks of {} workers agree", skews.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_are_named_by_how_much() {
        let of = |skews: &[(&str, f64)]| {
            let skews = skews.iter().map(|(node, skew)| ((*node).to_owned(), *skew)).collect();
            tell_apart(&skews)
        };
        assert_eq!(of(&[("a@h", 0.1), ("b@h", -1.0)])[0].severity, Severity::Good);
        let found = of(&[("a@h", 0.1), ("slow@h", 5.0), ("fast@h", -60.0)]);
        let said: Vec<_> = found.iter().map(|finding| (finding.severity, finding.what.as_str())).collect();
        assert_eq!(
            said,
            [
                (Severity::Problem, "the clock of `fast@h` is +60.0 s from this machine's"),
                (Severity::Warning, "the clock of `slow@h` is -5.0 s from this machine's"),
            ]
        );
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn only_what_taskqs_workers_say_differently_is_told() {
        let conf = |priority: &str| {
            Value::Map([("redis_priority".to_owned(), priority.into())].into_iter().collect())
        };
        let replies: Replies = [("a@h", conf("celery")), ("b@h", conf("celery")), ("py@h", conf("other"))]
            .map(|(node, conf)| (node.to_owned(), conf))
            .into();
        assert!(disagreements(&replies, &["a@h", "b@h"]).is_empty());
        let found = disagreements(&replies, &["a@h", "b@h", "py@h"]);
        assert!(found[0].what.contains("\"celery\" on a@h, b@h; \"other\" on py@h"), "{found:?}");
    }
}
