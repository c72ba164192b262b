//! What the settings and the tasks of this program say that does not go together.

use std::time::Duration;

use taskq_core::{
    broker::{Finding, Severity},
    codec::Accept,
    task::TaskDef,
};

use super::super::{Session, worker::idle};

/// RabbitMQ's own `consumer_timeout`.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(30 * 60);

pub(super) fn look(session: &Session) -> Vec<Finding> {
    let settings = session.app.settings();
    let mut findings = Vec::new();
    let scheme = settings.read_url().scheme().to_string();
    let accepted = Accept::from_names(&settings.accept_content);
    let own = settings.task_serializer.content_type();
    findings.push(match accepted {
        Ok(accepted) if accepted.check(own).is_ok() => {
            Finding::good("settings.accept_content", "workers accept what this program sends")
        }
        Ok(_) => Finding::new(
            "settings.accept_content",
            Severity::Problem,
            format!(
                "this program sends `{own}`, which `accept_content` refuses: workers put every task aside"
            ),
            "add it to `accept_content`, or change `task_serializer`",
        ),
        Err(error) => Finding::new(
            "settings.accept_content",
            Severity::Problem,
            format!("`accept_content` cannot be read: {error}"),
            "name `json`, `msgpack` or `yaml`",
        ),
    });
    let idle = idle::idle(settings);
    if !idle.is_empty() {
        findings.push(Finding::new(
            "settings.idle",
            Severity::Notice,
            format!("these settings have no effect: {}", idle.join(", ")),
            "remove them, so that nobody counts on them",
        ));
    }
    if !settings.task_acks_late {
        findings.push(Finding::new(
            "settings.task_acks_late",
            Severity::Notice,
            "tasks are acknowledged before they run: a worker that dies loses what it runs",
            "remove `task_acks_late = false`, if running twice does less harm than not at all",
        ));
    }
    if scheme.starts_with("amqp") || scheme.starts_with("pyamqp") {
        findings.extend(long_tasks(session));
    }
    findings
}

/// Tasks that RabbitMQ would deliver a second time while they run.
fn long_tasks(session: &Session) -> Option<Finding> {
    let settings = session.app.settings();
    let is_long = |def: &TaskDef| {
        let late = def.options.acks_late.unwrap_or(settings.task_acks_late);
        let limit = def.options.time_limit.or(settings.task_time_limit);
        late && limit.is_some_and(|limit| limit >= CONSUMER_TIMEOUT)
    };
    let long: Vec<String> = session
        .app
        .registry()
        .iter()
        .filter(|def| is_long(def))
        .map(|def| format!("`{}`", def.name))
        .collect();
    (!long.is_empty()).then(|| {
        Finding::new(
            "rabbitmq.long_tasks",
            Severity::Warning,
            format!(
                "{} may run longer than RabbitMQ waits for an acknowledgement (30 minutes by default), and be \
                 delivered again",
                long.join(", ")
            ),
            "a shorter `time_limit`, `acks_late = false`, or a higher `consumer_timeout` in rabbitmq.conf",
        )
    })
}
