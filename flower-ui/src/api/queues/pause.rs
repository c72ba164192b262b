//! Pausing a queue: its consumers are cancelled on all workers, and started again later.
//!
//! Kept true here: it is told which workers obeyed; those that come up later consume, and that is said.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::extract::{Path, State};
use serde_json::{Value as Json, json};

use super::known;
use crate::{
    api::{
        audit::Act,
        problem::{Problem, Reply, reply},
        workers::{answers, fleet},
    },
    auth::{Caller, Permission, Target},
    server::Shared,
};

/// How long answers are waited for.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Queues that were paused, and the workers that consumed them.
#[derive(Debug, Default)]
pub(crate) struct Paused(Mutex<BTreeMap<String, Vec<String>>>);

impl Paused {
    pub(crate) fn contains(&self, queue: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(queue)
    }

    fn set(&self, queue: &str, workers: Option<Vec<String>>) -> Option<Vec<String>> {
        let mut paused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match workers {
            Some(workers) => paused.insert(queue.to_owned(), workers),
            None => paused.remove(queue),
        }
    }
}

pub(super) async fn pause(State(shared): State<Shared>, caller: Caller, Path(queue): Path<String>) -> Reply {
    caller.require_on(Permission::QueuePause, Target::queue(&queue))?;
    known(&shared, &queue)?;
    let mut act = Act::new(&caller, "queue.pause", &queue, Json::Null);
    let consumers: Vec<String> = consumers(&shared, &queue);
    let was_paused = shared.v1.kept.paused.contains(&queue);
    act.change(json!({"paused": was_paused, "consumers": consumers}), Json::Null);
    let result = match consumers.is_empty() {
        true => Err(Problem::conflict(format!("no worker consumes `{queue}`"))),
        false => tell(&shared, &queue, "cancel_consumer", &consumers).await,
    };
    if result.is_ok() {
        act.change(json!({"paused": was_paused, "consumers": consumers}), json!({"paused": true}));
        shared.v1.kept.paused.set(&queue, Some(consumers));
    }
    finish(&shared, act, result).await
}

pub(super) async fn resume(State(shared): State<Shared>, caller: Caller, Path(queue): Path<String>) -> Reply {
    caller.require_on(Permission::QueuePause, Target::queue(&queue))?;
    let mut act = Act::new(&caller, "queue.resume", &queue, Json::Null);
    let result = match shared.v1.kept.paused.set(&queue, None) {
        None => Err(Problem::conflict(format!("`{queue}` was not paused by this board"))
            .fix("add a consumer on the page of a worker")),
        Some(workers) => {
            let result = tell(&shared, &queue, "add_consumer", &workers).await;
            let after = json!({"paused": result.is_err(), "consumers": workers});
            act.change(json!({"paused": true, "consumers": []}), after);
            if result.is_err() {
                shared.v1.kept.paused.set(&queue, Some(workers));
            }
            result
        }
    };
    finish(&shared, act, result).await
}

async fn finish(shared: &Shared, act: Act, result: Result<Json, Problem>) -> Reply {
    act.done(shared, &result, Json::clone).await;
    let _ = shared.workers.refresh(&shared.app, shared.options.inspect_timeout, None).await; // dated anyway
    Ok(reply(shared, result?))
}

fn consumers(shared: &Shared, queue: &str) -> Vec<String> {
    let consumes = |queues: &Option<Vec<String>>| queues.iter().flatten().any(|name| name == queue);
    fleet(shared).into_iter().filter(|worker| consumes(&worker.queues)).map(|worker| worker.name).collect()
}

async fn tell(shared: &Shared, queue: &str, method: &str, workers: &[String]) -> Result<Json, Problem> {
    let ask = shared.app.control().ask(method).arg("queue", queue).destination(workers.to_vec());
    let replies = ask
        .timeout(TIMEOUT)
        .await
        .map_err(|error| Problem::unavailable("the workers cannot be told", &error))?;
    let mut body = answers(workers, &replies);
    body["note"] = json!("workers that start later consume it as they are told to");
    Ok(body)
}
