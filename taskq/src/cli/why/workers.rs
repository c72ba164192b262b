//! What the workers say of a task: who holds it, who holds one that leads to it, who consumes and knows what.

use std::{collections::BTreeMap, time::Duration};

use taskq_core::{
    codec::{Map, Value},
    control::Replies,
};

use super::super::{Failure, Session};

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) holders: Vec<Holder>,
    pub(super) before: Vec<Leading>,
    pub(super) workers: BTreeMap<String, Worker>,
}

/// A worker that holds the task.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) node: String,
    /// `active`, `reserved`, `scheduled`.
    pub(super) state: String,
    pub(super) task: String,
    /// When it started, in seconds since 1970.
    pub(super) since: Option<f64>,
}

/// A task that leads to it and is held by a worker.
#[derive(Debug)]
pub(super) struct Leading {
    pub(super) node: String,
    pub(super) id: String,
    pub(super) task: String,
    pub(super) state: String,
    pub(super) how: String,
}

/// A worker that answers.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) queues: Vec<String>,
    /// Its tasks, each with its rate limit.
    pub(super) tasks: BTreeMap<String, Option<String>>,
    pub(super) slots: Option<i64>,
    pub(super) running: usize,
}

pub(super) async fn ask(session: &Session, id: &str, patience: Duration) -> Result<Said, Failure> {
    let control = session.app.control();
    let ask = |method: &str| control.ask(method).timeout(patience).into_future();
    let ids = || Value::List(vec![Value::from(id)]);
    let ask_of = |method: &str| control.ask(method).arg("ids", ids()).timeout(patience).into_future();
    let (held, leading, queues, tasks, active, stats) = tokio::try_join!(
        ask_of("query_task"),
        // Celery's workers do not know it, and say so.
        ask_of("leading_to"),
        ask("active_queues"),
        ask("registered"),
        ask("active"),
        ask("stats"),
    )?;
    let mut said = Said { holders: holders(&held, id), before: before(&leading), ..Said::default() };
    for (node, value) in &queues {
        let worker = said.workers.entry(node.clone()).or_default();
        worker.queues = list(value).filter_map(|queue| text(queue, "name")).collect();
    }
    for (node, value) in &tasks {
        let worker = said.workers.entry(node.clone()).or_default();
        worker.tasks = list(value).filter_map(Value::as_str).map(task).collect();
    }
    for (node, value) in &active {
        said.workers.entry(node.clone()).or_default().running = list(value).count();
    }
    for (node, value) in &stats {
        let slots = map(value).and_then(|stats| map(stats.get("pool")?)?.get("max-concurrency")?.as_i64());
        said.workers.entry(node.clone()).or_default().slots = slots;
    }
    Ok(said)
}

/// `name [rate_limit=10/s …]`
fn task(shown: &str) -> (String, Option<String>) {
    let (name, rest) = shown.split_once(" [").unwrap_or((shown, ""));
    let rate = rest.trim_end_matches(']').split(' ').find_map(|item| item.strip_prefix("rate_limit="));
    (name.to_owned(), rate.map(str::to_owned))
}

/// `{id: [state, info]}` of each node.
fn holders(replies: &Replies, id: &str) -> Vec<Holder> {
    let of = |(node, value): (&String, &Value)| {
        let found: Vec<&Value> = list(map(value)?.get(id)?).collect();
        let [state, info] = found[..] else { return None };
        let since = match map(info)?.get("time_start")? {
            Value::Float(since) => Some(*since),
            Value::Int(since) => Some(*since as f64),
            _ => None,
        };
        let task = text(info, "type").or_else(|| text(info, "name")).unwrap_or_default();
        Some(Holder { node: node.clone(), state: state.as_str()?.to_owned(), task, since })
    };
    replies.iter().filter_map(of).collect()
}

fn before(replies: &Replies) -> Vec<Leading> {
    let of = |node: &String, task: &Value| {
        Some(Leading {
            node: node.clone(),
            id: text(task, "id")?,
            task: text(task, "name")?,
            state: text(task, "state")?,
            how: text(task, "how")?,
        })
    };
    replies
        .iter()
        .flat_map(|(node, value)| list(value).filter_map(|task| of(node, task)).collect::<Vec<_>>())
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    let items = if let Value::List(items) = value { items.as_slice() } else { &[] };
    items.iter()
}

fn map(value: &Value) -> Option<&Map> {
    if let Value::Map(map) = value { Some(map) } else { None }
}

fn text(value: &Value, name: &str) -> Option<String> {
    map(value)?.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_rates_are_read_as_workers_write_them() {
        assert_eq!(task("a.b"), ("a.b".to_owned(), None));
        assert_eq!(task("a.b [rate_limit=10/s]"), ("a.b".to_owned(), Some("10/s".to_owned())));
        assert_eq!(task("a.b [exchange=x rate_limit=1/m]").1.as_deref(), Some("1/m"));
    }
}
