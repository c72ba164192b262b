//! Whether queues on RabbitMQ are such that nothing is dropped or run twice. What AMQP does not tell is asked of
//! the management API, where it is configured.

use std::time::Duration;

use taskq_core::broker::{BrokerError, Finding, Severity};

use super::Shared;
use crate::management::{DetailedQueue, Management};

/// RabbitMQ's own `consumer_timeout`: a delivery that is not settled by then closes its channel.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Looks at these queues.
pub(super) async fn look(
    shared: &Shared,
    queues: &[String],
    max_deliveries: u32,
) -> Result<Vec<Finding>, BrokerError> {
    let Some(management) = &shared.management else {
        return Ok(vec![
            Finding::new(
                "rabbitmq.management",
                Severity::Notice,
                "no management API is configured: alarms, policies and the arguments of queues cannot be looked at",
                "set `broker_api` to `http://user:password@host:15672/api/`",
            ),
            timeout(None),
        ]);
    };
    let mut findings = vec![alarms(management).await?];
    let known = management.details().await?;
    let known: Vec<_> = known.iter().filter(|queue| queues.contains(&queue.name)).collect();
    findings.extend(known.iter().flat_map(|queue| of_queue(queue, max_deliveries)));
    let shortest = known.iter().filter_map(|queue| queue.milliseconds("consumer-timeout")).min();
    findings.push(timeout(shortest));
    Ok(findings)
}

async fn alarms(management: &Management) -> Result<Finding, BrokerError> {
    let nodes = management.nodes().await?;
    let alarmed: Vec<String> = nodes
        .iter()
        .filter(|node| node.mem_alarm || node.disk_free_alarm)
        .map(|node| format!("`{}` ({})", node.name, if node.mem_alarm { "memory" } else { "disk" }))
        .collect();
    Ok(if alarmed.is_empty() {
        Finding::good("rabbitmq.alarms", format!("{} nodes without alarm", nodes.len()))
    } else {
        Finding::new(
            "rabbitmq.alarms",
            Severity::Problem,
            format!("an alarm blocks every publisher: {}", alarmed.join(", ")),
            "free memory or disk on the node, or raise its watermark",
        )
    })
}

fn timeout(shortest: Option<Duration>) -> Finding {
    let (after, whose) = match shortest {
        Some(after) => (after, "the queue's"),
        None => (CONSUMER_TIMEOUT, "RabbitMQ's own, if rabbitmq.conf does not say otherwise"),
    };
    Finding::new(
        "rabbitmq.consumer_timeout",
        Severity::Notice,
        format!("a task that runs longer than {} s is delivered again ({whose})", after.as_secs()),
        "give long tasks a shorter `time_limit`, or `acks_late = false`, or raise `consumer_timeout` in rabbitmq.conf",
    )
}

fn of_queue(queue: &DetailedQueue, max_deliveries: u32) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = &queue.name;
    let mut add =
        |check, severity, what: String, fix: &str| findings.push(Finding::new(check, severity, what, fix));
    if !queue.durable {
        add(
            "rabbitmq.durable",
            Severity::Warning,
            format!("queue `{name}` is not durable: a restart of RabbitMQ removes it with all tasks"),
            "delete it when it is empty; a worker declares it again as durable",
        );
    }
    if queue.setting("ha-mode").is_some() {
        add(
            "rabbitmq.queue_type",
            Severity::Warning,
            format!("queue `{name}` is a mirrored classic queue, which RabbitMQ 4 does not know"),
            "remove the policy; use `task_default_queue_type = \"quorum\"` with a new queue, and `taskq migrate`",
        );
    }
    for (key, drops) in [("max-length", true), ("max-length-bytes", true), ("message-ttl", false)] {
        let rejects = queue
            .setting("overflow")
            .is_some_and(|how| how.as_str().is_some_and(|how| how.starts_with("reject")));
        if let Some(value) = queue.setting(key)
            && !(drops && rejects)
        {
            add(
                "rabbitmq.drops",
                Severity::Problem,
                format!("queue `{name}` has `{key}` {value}: RabbitMQ drops tasks that nobody has run"),
                "remove it from the policy or the arguments, or set `overflow` to `reject-publish`",
            );
        }
    }
    if queue.kind == "quorum"
        && queue.setting("dead-letter-exchange").is_none()
        && let Some(limit) = queue.setting("delivery-limit").and_then(serde_json::Value::as_i64)
        && limit >= 0
        && limit <= i64::from(max_deliveries)
    {
        add(
            "rabbitmq.delivery-limit",
            Severity::Problem,
            format!(
                "quorum queue `{name}` drops a message after {limit} deliveries, before taskq puts it aside after \
                 {max_deliveries}"
            ),
            "set `delivery-limit` to -1 by policy: taskq counts deliveries itself and keeps dead letters",
        );
    }
    if findings.is_empty() {
        findings.push(Finding::good("rabbitmq.queue", format!("{} queue `{name}`, durable", queue.kind)));
    }
    findings
}
