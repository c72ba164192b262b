//! `inspect`, `control`, `status`: remote control from the command line, with Celery's commands and arguments.

use clap::Args;
use taskq_core::{
    codec::{Map, Value},
    control::{ControlKind, Replies},
};

use super::{
    Failure, Session,
    failure::nearest,
    remote::{self, Whom},
};

/// Ask running workers
#[derive(Args, Debug)]
#[command(after_help = INSPECT)]
pub(crate) struct Inspect {
    /// What to ask
    command: String,
    /// Its arguments, in order or as `name=value`
    arguments: Vec<String>,
    #[command(flatten)]
    whom: Whom,
}

/// Tell running workers what to do
#[derive(Args, Debug)]
#[command(after_help = CONTROL)]
pub(crate) struct Control {
    /// What to do
    command: String,
    /// Its arguments, in order or as `name=value`
    #[arg(allow_negative_numbers = true)]
    arguments: Vec<String>,
    #[command(flatten)]
    whom: Whom,
}

/// List the workers that are online
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    whom: Whom,
}

const INSPECT: &str = "\
Commands: active, active_queues, clock, conf [true], memdump, memsample, objgraph, ping, query_task ID…,
registered [ITEM…], report, reserved, revoked, scheduled, stats; and those of the program's own.";

const CONTROL: &str = "\
Commands: add_consumer QUEUE [EXCHANGE [TYPE [KEY]]], autoscale MAX MIN, cancel_consumer QUEUE,
disable_events, election ID TOPIC ACTION, enable_events, heartbeat, pool_grow [N], pool_restart,
pool_shrink [N], rate_limit TASK RATE, revoke ID…, revoke_by_stamped_headers NAME=VALUE…,
shutdown, terminate SIGNAL ID…, time_limit TASK SOFT [HARD]; and those of the program's own.";

/// A command as the command line takes it: its parameters in order; the last takes the rest if it ends in a dot.
type Known = (&'static str, &'static [&'static str]);

const INSPECTS: &[Known] = &[
    ("active", &["safe"]),
    ("active_queues", &[]),
    ("clock", &[]),
    ("conf", &["with_defaults"]),
    ("hello", &["from_node"]),
    ("memdump", &["samples"]),
    ("memsample", &[]),
    ("objgraph", &["type", "num", "max_depth"]),
    ("ping", &[]),
    ("query_task", &["ids."]),
    ("registered", &["taskinfoitems."]),
    ("report", &[]),
    ("reserved", &[]),
    ("revoked", &[]),
    ("scheduled", &[]),
    ("stats", &[]),
];

const CONTROLS: &[Known] = &[
    ("add_consumer", &["queue", "exchange", "exchange_type", "routing_key"]),
    ("autoscale", &["max", "min"]),
    ("cancel_consumer", &["queue"]),
    ("disable_events", &[]),
    ("election", &["id", "topic", "action"]),
    ("enable_events", &[]),
    ("heartbeat", &[]),
    ("pool_grow", &["n"]),
    ("pool_restart", &[]),
    ("pool_shrink", &["n"]),
    ("queue_concurrency", &["queue", "n"]),
    ("rate_limit", &["task_name", "rate_limit"]),
    ("revoke", &["task_id."]),
    ("revoke_by_stamped_headers", &["headers."]),
    ("shutdown", &[]),
    ("task_concurrency", &["task_name", "n"]),
    ("terminate", &["signal", "task_id."]),
    ("time_limit", &["task_name", "soft", "hard"]),
];

/// Parameters that are numbers.
const NUMBERS: &[&str] = &["n", "max", "min", "soft", "hard", "samples", "num", "max_depth"];

impl Inspect {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let arguments = arguments(session, &self.command, &self.arguments, INSPECTS, ControlKind::Inspect)?;
        let replies = self.whom.ask(session, &self.command, arguments).await?;
        finish(session, &replies)
    }
}

impl Control {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let arguments = arguments(session, &self.command, &self.arguments, CONTROLS, ControlKind::Control)?;
        if self.command == "shutdown" {
            return self.whom.tell(session, &self.command, arguments).await; // never answered
        }
        let replies = self.whom.ask(session, &self.command, arguments).await?;
        finish(session, &replies)
    }
}

impl Status {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let replies = self.whom.ask(session, "ping", Map::default()).await?;
        session.out.print(
            || remote::document(&replies),
            |style| {
                let mut lines: Vec<String> =
                    replies.keys().map(|node| format!("->  {node}: {}", style.good("OK"))).collect();
                let plural = if replies.len() == 1 { "node" } else { "nodes" };
                lines.push(format!("\n{} {plural} online.", replies.len()));
                lines.join("\n")
            },
        )
    }
}

fn finish(session: &Session, replies: &Replies) -> Result<(), Failure> {
    remote::show(session, replies)?;
    remote::check(replies)
}

/// The arguments by name.
fn arguments(
    session: &Session,
    command: &str,
    given: &[String],
    known: &[Known],
    kind: ControlKind,
) -> Result<Map, Failure> {
    let custom = session.app.custom_commands();
    let mut map = Map::default();
    let Some((_, names)) = known.iter().find(|(name, _)| *name == command) else {
        if !custom.names(kind).any(|name| name == command) {
            let failure = Failure::usage(format!("there is no command `{command}`"));
            let names = known.iter().map(|(name, _)| *name).chain(custom.names(kind));
            return Err(match nearest(command, names) {
                Some(name) => failure.hint(format!("did you mean `{name}`?")),
                None => failure.hint("`--help` lists them"),
            });
        }
        for pair in given {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(Failure::usage(format!("`{pair}` is no argument: write `name=value`")));
            };
            map.insert(name.to_owned(), guess(value));
        }
        return Ok(map);
    };
    let mut left = given.iter();
    for name in *names {
        if let Some(name) = name.strip_suffix('.') {
            let rest: Vec<&str> = left.by_ref().map(String::as_str).collect();
            if !rest.is_empty() || *name != *"taskinfoitems" {
                map.insert(name.to_owned(), rest.into());
            }
        } else if let Some(text) = left.next() {
            // `name=value` too, where that is meant.
            let value = text.strip_prefix(&format!("{name}=")).unwrap_or(text);
            let value = match NUMBERS.contains(name) {
                true => value.parse::<f64>().map(number).map_err(|_| {
                    Failure::usage(format!("`{value}` is no number: `{command}` takes `{name}` as one"))
                })?,
                false if matches!(*name, "safe" | "with_defaults") => {
                    Value::Bool(matches!(value, "true" | "yes" | "1" | "on" | "True"))
                }
                false => Value::from(value),
            };
            map.insert((*name).to_owned(), value);
        }
    }
    match left.next() {
        Some(extra) => Err(Failure::usage(format!("`{command}` does not take `{extra}`"))),
        None => Ok(map),
    }
}

fn number(value: f64) -> Value {
    if value.fract() == 0.0 { Value::Int(value as i64) } else { Value::Float(value) }
}

/// JSON if it is some, else a text.
fn guess(text: &str) -> Value {
    taskq_core::codec::json::from_slice(text.as_bytes()).unwrap_or_else(|_| Value::from(text))
}
