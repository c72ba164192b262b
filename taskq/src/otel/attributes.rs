//! What spans tell: the semantic conventions of messaging, and under `celery.` what Python's instrumentation
//! tells, so that one query finds the runs of both kinds of worker.
//!
//! Kept true here: no argument and no result of a task gets into a span.

use opentelemetry::{
    KeyValue,
    trace::{SpanRef, Status},
};
use taskq_core::{
    Error,
    app::App,
    protocol::{Headers, Request},
    send::Draft,
    task::{Failure, Outcome},
};

/// Of a publish.
pub(super) fn of_publish(draft: &Draft) -> Vec<KeyValue> {
    let mut all = common("apply_async", "send", &draft.message.headers);
    destination(&mut all, draft.route.destination(), &draft.route.exchange);
    conversation(&mut all, draft.message.properties.correlation_id.as_deref(), &draft.message.headers);
    all
}

/// Of a run.
pub(super) fn of_run(request: &Request) -> Vec<KeyValue> {
    let mut all = common("run", "process", &request.headers);
    destination(&mut all, &request.delivery.queue, &request.delivery.exchange);
    conversation(&mut all, request.properties.correlation_id.as_deref(), &request.headers);
    if request.delivery.redelivered {
        all.push(KeyValue::new("celery.redelivered", true));
    }
    all
}

fn common(action: &'static str, operation: &'static str, headers: &Headers) -> Vec<KeyValue> {
    let mut all = vec![
        KeyValue::new("celery.action", action),
        KeyValue::new("celery.task_name", headers.task.clone()),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.message.id", headers.id.to_string()),
    ];
    if let Some(system) = App::current().ok().and_then(|app| system(&app.settings().broker_url.scheme())) {
        all.push(KeyValue::new("messaging.system", system));
    }
    let mut put = |name: &'static str, value: Option<String>| {
        all.extend(value.map(|value| KeyValue::new(name, value)));
    };
    put("celery.hostname", headers.origin.clone());
    put("celery.eta", headers.eta.clone());
    put("celery.expires", headers.expires.clone());
    put("celery.group", headers.group.clone());
    put("celery.root_id", headers.root_id.as_ref().map(ToString::to_string));
    put("celery.parent_id", headers.parent_id.as_ref().map(ToString::to_string));
    if headers.retries > 0 {
        all.push(KeyValue::new("celery.retries", i64::from(headers.retries)));
    }
    all
}

fn destination(all: &mut Vec<KeyValue>, queue: &str, exchange: &str) {
    all.push(KeyValue::new("messaging.destination.name", queue.to_owned()));
    if !exchange.is_empty() {
        all.push(KeyValue::new("celery.exchange", exchange.to_owned()));
    }
}

fn conversation(all: &mut Vec<KeyValue>, correlation: Option<&str>, headers: &Headers) {
    let id = correlation.unwrap_or(headers.id.as_str());
    all.push(KeyValue::new("messaging.message.conversation_id", id.to_owned()));
}

/// The name that the conventions have for what is behind an address.
fn system(scheme: &str) -> Option<&'static str> {
    Some(match scheme.split('+').next()? {
        "amqp" | "amqps" | "pyamqp" | "rabbitmq" => "rabbitmq",
        "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "socket" | "sentinel" => "redis",
        "sqlite" => "sqlite",
        "memory" => "memory",
        _ => return None,
    })
}

/// A publish that failed.
pub(super) fn not_sent(span: &SpanRef<'_>, error: &Error) {
    span.set_attribute(KeyValue::new("error.type", format!("{:?}", error.kind())));
    span.set_status(Status::error(error.to_string()));
}

/// What a run came to.
pub(super) fn ended(span: &SpanRef<'_>, task: &str, outcome: &Outcome) {
    let tell = |name: &'static str, text: String| span.set_attribute(KeyValue::new(name, text));
    let state = match outcome {
        Outcome::Success(_) => "SUCCESS",
        Outcome::Failure(failure) => {
            if !is_expected(task, failure) {
                failed(span, failure);
            }
            "FAILURE"
        }
        Outcome::Retry { cause, .. } => {
            tell("celery.retry.reason", cause.to_string());
            "RETRY"
        }
        Outcome::Ignore | Outcome::Replace(_) => "IGNORED",
        Outcome::Reject { reason, .. } => {
            tell("celery.reject.reason", reason.clone());
            "REJECTED"
        }
        Outcome::Revoked { reason } => {
            tell("celery.revoked.reason", (*reason).to_owned());
            "REVOKED"
        }
    };
    tell("celery.state", state.to_owned());
}

/// A failure that the task declares (`throws`) is no error of the program.
fn is_expected(task: &str, failure: &Failure) -> bool {
    let Ok(app) = App::current() else { return false };
    let throws = app.registry().get(task).and_then(|def| def.options.throws);
    throws.is_some_and(|throws| throws(failure))
}

fn failed(span: &SpanRef<'_>, failure: &Failure) {
    let module = &failure.error.exc_module;
    let kind = match module.as_str() {
        "" | "builtins" => failure.error.exc_type.clone(),
        module => format!("{module}.{}", failure.error.exc_type),
    };
    let mut exception = vec![
        KeyValue::new("exception.type", kind.clone()),
        KeyValue::new("exception.message", failure.error.message()),
    ];
    exception.extend(failure.traceback.clone().map(|text| KeyValue::new("exception.stacktrace", text)));
    span.add_event("exception", exception);
    span.set_attribute(KeyValue::new("error.type", kind));
    span.set_status(Status::error(failure.error.message()));
}
