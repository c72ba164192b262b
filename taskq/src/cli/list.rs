//! `list`: the tasks this program has, and the bindings its broker has.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use taskq_core::{
    broker::Binding,
    protocol::{Param, ParamKind},
    task::{RateScope, TaskDef, TaskKind, TaskOptions},
};

use super::{
    Failure, Session,
    table::{Align, Table},
    time_arg,
};

/// List the tasks of this program, or the bindings of the broker
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct List {
    /// Only tasks whose name contains this
    filter: Option<String>,
    #[command(subcommand)]
    what: Option<What>,
}

/// What else can be listed.
#[derive(Clone, Copy, Debug, Subcommand)]
enum What {
    /// List which exchanges lead to which queues, and with which keys
    Bindings,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    parameters: Vec<Parameter>,
    runs_on: &'static str,
    options: Vec<(&'static str, String)>,
    location: &'static str,
}

#[derive(Serialize)]
struct Parameter {
    name: &'static str,
    kind: &'static str,
}

impl List {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        match self.what {
            Some(What::Bindings) => bindings(session).await,
            None => self.tasks(session),
        }
    }

    fn tasks(&self, session: &Session) -> Result<(), Failure> {
        let filter = self.filter.as_deref().unwrap_or_default();
        let tasks: Vec<_> = session.app.registry().iter().filter(|task| task.name.contains(filter)).collect();
        if tasks.is_empty() && !session.out.is_json() {
            session.out.note(
                "no task is registered here: give a function `#[task]`, and mention its crate (`use tasks as _;`)",
            );
            return Ok(());
        }
        session.out.print(
            || tasks.iter().map(|task| row(task)).collect::<Vec<_>>(),
            |style| {
                let columns = [
                    ("task", Align::Left),
                    ("parameters", Align::Left),
                    ("runs on", Align::Left),
                    ("options", Align::Left),
                ];
                let mut table = Table::new(columns);
                for task in &tasks {
                    let row = row(task);
                    let options: Vec<_> =
                        row.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    let parameters: Vec<_> = task.params.iter().map(show).collect();
                    table.row([row.name, &parameters.join(" "), row.runs_on, &options.join(" ")]);
                }
                table.render(style)
            },
        )
    }
}

async fn bindings(session: &Session) -> Result<(), Failure> {
    let bindings = session.within(session.admin().await?.bindings()).await?;
    session.out.print(
        || {
            let document = |binding: &Binding| {
                json!({
                    "exchange": binding.exchange, "routing_key": binding.routing_key, "queue": binding.queue,
                })
            };
            bindings.iter().map(document).collect::<Vec<_>>()
        },
        |style| {
            let columns = [("exchange", Align::Left), ("routing key", Align::Left), ("queue", Align::Left)];
            let mut table = Table::new(columns);
            for binding in &bindings {
                table.row([&binding.exchange, &binding.routing_key, &binding.queue]);
            }
            table.render(style)
        },
    )
}

fn row(task: &TaskDef) -> Row<'_> {
    Row {
        name: &task.name,
        parameters: task
            .params
            .iter()
            .map(|param| Parameter { name: param.name, kind: kind(param.kind) })
            .collect(),
        runs_on: match task.kind {
            TaskKind::Async => "async",
            TaskKind::Blocking => "thread",
        },
        options: changed(&task.options),
        location: task.location,
    }
}

fn kind(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Required => "required",
        ParamKind::Optional => "optional",
        ParamKind::Rest => "rest",
        ParamKind::RestByName => "rest-by-name",
    }
}

/// `url`, `[depth]`, `*more`, `**named`.
fn show(param: &Param) -> String {
    match param.kind {
        ParamKind::Required => param.name.to_owned(),
        ParamKind::Optional => format!("[{}]", param.name),
        ParamKind::Rest => format!("*{}", param.name),
        ParamKind::RestByName => format!("**{}", param.name),
    }
}

/// The options that are not at their default, as they are written in the attribute.
fn changed(options: &TaskOptions) -> Vec<(&'static str, String)> {
    let default = TaskOptions::DEFAULT;
    let mut rows = Vec::new();
    let mut add = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    add("queue", options.queue.map(str::to_owned));
    add("exchange", options.exchange.map(str::to_owned));
    add("routing_key", options.routing_key.map(str::to_owned));
    add("priority", options.priority.map(|priority| priority.to_string()));
    add("compression", options.compression.map(str::to_owned));
    add("expires", options.expires.map(time_arg::show));
    if options.max_retries != default.max_retries {
        add(
            "max_retries",
            Some(options.max_retries.map_or_else(|| "unlimited".into(), |max| max.to_string())),
        );
    }
    if options.default_retry_delay != default.default_retry_delay {
        add("default_retry_delay", Some(time_arg::show(options.default_retry_delay)));
    }
    add("retry_backoff", options.retry_backoff.map(time_arg::show));
    if options.retry_backoff_max != default.retry_backoff_max {
        add("retry_backoff_max", Some(time_arg::show(options.retry_backoff_max)));
    }
    if !options.retry_jitter {
        add("retry_jitter", Some("false".into()));
    }
    add("rate_limit", options.rate_limit.map(|rate| rate.to_string()));
    if options.rate_limit_scope == RateScope::Cluster {
        add("rate_limit_scope", Some("cluster".into()));
    }
    add("rate_limit_key", options.rate_limit_key.map(str::to_owned));
    add("max_concurrency", options.max_concurrency.map(|most| most.to_string()));
    add("time_limit", options.time_limit.map(time_arg::show));
    add("soft_time_limit", options.soft_time_limit.map(time_arg::show));
    for (name, flag) in [
        ("ignore_result", options.ignore_result),
        ("store_errors_even_if_ignored", options.store_errors_even_if_ignored),
        ("track_started", options.track_started),
        ("acks_late", options.acks_late),
        ("acks_on_failure", options.acks_on_failure),
        ("acks_on_timeout", options.acks_on_timeout),
        ("reject_on_worker_lost", options.reject_on_worker_lost),
        ("retry_on_worker_lost", options.retry_on_worker_lost),
    ] {
        add(name, flag.map(|is| is.to_string()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_changed_options_are_shown() {
        assert!(changed(&TaskOptions::DEFAULT).is_empty());
        let options = TaskOptions {
            queue: Some("high"),
            max_retries: None,
            time_limit: Some(Duration::from_secs(90)),
            ..TaskOptions::DEFAULT
        };
        let shown: Vec<_> =
            changed(&options).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["queue=high", "max_retries=unlimited", "time_limit=1m 30s"]);
    }
}
