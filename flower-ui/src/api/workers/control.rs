//! `POST /workers/{w}/{action}`: a command to one worker, and what it answered.
//!
//! Kept true here: a worker that did not answer is listed as silent, not as done.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::extract::{Path, State};
use serde_json::{Value as Json, json};
use taskq_core::{
    codec::Value,
    control::{Ask, Replies},
};

use super::detail::known;
use crate::{
    api::{
        audit::Act,
        body::Body,
        plain,
        problem::{Problem, Reply, reply},
    },
    auth::{Caller, Permission, Target},
    inspect::LIMITS,
    server::Shared,
};

/// How long answers are waited for.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often a drain looks whether the worker is empty.
const LOOK: Duration = Duration::from_secs(1);

/// Workers that are being drained.
#[derive(Debug, Default)]
pub(crate) struct Drains(Mutex<BTreeSet<String>>);

impl Drains {
    pub(crate) fn contains(&self, worker: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(worker)
    }

    fn add(&self, worker: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(worker.to_owned())
    }

    fn remove(&self, worker: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(worker);
    }
}

pub(super) async fn act(
    State(shared): State<Shared>,
    caller: Caller,
    Path((worker, action)): Path<(String, String)>,
    body: Body,
) -> Reply {
    let (permission, name) = allowed(&action)?;
    caller.require_on(permission, Target { queue: body.text("queue")?, task: body.text("task")? })?;
    known(&shared, &worker)?;
    let mut act = Act::new(&caller, name, &worker, body.shown());
    let before = told(&shared, &worker, &action, &body);
    let result = match action.as_str() {
        "drain" => drain(&shared, &worker).await,
        "shutdown" => shut_down(&shared, &worker).await,
        _ => match ask(&shared, &action, &body) {
            Ok(ask) => one(&worker, ask).await,
            Err(problem) => Err(problem),
        },
    };
    if action != "shutdown" && result.is_ok() {
        // What it said before is old now.
        let timeout = shared.options.inspect_timeout;
        let _ = shared.workers.refresh(&shared.app, timeout, Some(&worker)).await;
        act.change(before, told(&shared, &worker, &action, &body));
    }
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

/// What the worker said of what an action changes.
fn told(shared: &Shared, worker: &str, action: &str, body: &Body) -> Json {
    let Some(said) = shared.workers.get(worker) else { return Json::Null };
    let said = plain::object(&said);
    match action {
        "pool-grow" | "pool-shrink" | "autoscale" => {
            json!({"slots": said["stats"]["pool"]["max-concurrency"], "autoscaler": said["stats"]["autoscaler"]})
        }
        "add-consumer" | "cancel-consumer" | "drain" => {
            let queues = said["active_queues"].as_array();
            json!({"queues": queues.map(|all| all.iter().map(|queue| queue["name"].clone()).collect::<Vec<_>>())})
        }
        "rate-limit" | "time-limit" => {
            let task = body.text("task").ok().flatten().unwrap_or_default();
            let all = said[LIMITS].as_array().or(said["registered"].as_array());
            let own = |it: &&Json| it.as_str().and_then(|it| it.split(' ').next()) == Some(task);
            json!({"registered": all.and_then(|all| all.iter().find(own))})
        }
        _ => Json::Null,
    }
}

fn allowed(action: &str) -> Result<(Permission, &'static str), Problem> {
    Ok(match action {
        "shutdown" => (Permission::WorkerShutdown, "worker.shutdown"),
        "drain" => (Permission::WorkerShutdown, "worker.drain"),
        "pool-grow" => (Permission::WorkerPool, "worker.pool-grow"),
        "pool-shrink" => (Permission::WorkerPool, "worker.pool-shrink"),
        "pool-restart" => (Permission::WorkerPool, "worker.pool-restart"),
        "autoscale" => (Permission::WorkerPool, "worker.autoscale"),
        "add-consumer" => (Permission::WorkerConsumers, "worker.add-consumer"),
        "cancel-consumer" => (Permission::WorkerConsumers, "worker.cancel-consumer"),
        "rate-limit" => (Permission::WorkerLimits, "worker.rate-limit"),
        "time-limit" => (Permission::WorkerLimits, "worker.time-limit"),
        "enable-events" => (Permission::WorkerLimits, "worker.enable-events"),
        _ => return Err(Problem::missing(format!("a worker has no action `{action}`"))),
    })
}

fn ask(shared: &Shared, action: &str, body: &Body) -> Result<Ask, Problem> {
    let control = shared.app.control();
    let slots = || Ok::<_, Problem>(body.int("n")?.unwrap_or(1));
    Ok(match action {
        "pool-grow" => control.ask("pool_grow").arg("n", slots()?),
        "pool-shrink" => control.ask("pool_shrink").arg("n", slots()?),
        "pool-restart" => control.ask("pool_restart").arg("reload", false),
        "autoscale" => {
            let (min, max) = (body.int("min")?.unwrap_or(0), body.int("max")?.unwrap_or(0));
            if min < 0 || max < 1 || min > max {
                return Err(Problem::argument(
                    "`min` and `max` have to be 0 <= min <= max, and max at least 1",
                ));
            }
            control.ask("autoscale").arg("min", min).arg("max", max)
        }
        "add-consumer" => control.ask("add_consumer").arg("queue", body.required("queue")?),
        "cancel-consumer" => control.ask("cancel_consumer").arg("queue", body.required("queue")?),
        "rate-limit" => {
            let rate = match body.value("rate_limit") {
                Some(rate @ (Value::Str(_) | Value::Int(_) | Value::Float(_))) => rate.clone(),
                _ => {
                    return Err(Problem::argument(
                        "`rate_limit` is missing, such as `10/m`; `0` is no limit",
                    ));
                }
            };
            control.ask("rate_limit").arg("task_name", body.required("task")?).arg("rate_limit", rate)
        }
        "time-limit" => control
            .ask("time_limit")
            .arg("task_name", body.required("task")?)
            .arg("hard", body.float("hard")?)
            .arg("soft", body.float("soft")?),
        _ => control.ask("enable_events"),
    })
}

/// A worker that goes does not answer any more.
async fn shut_down(shared: &Shared, worker: &str) -> Result<Json, Problem> {
    let told = shared.app.control().ask("shutdown").destination([worker]).tell().await;
    told.map_err(|error| Problem::unavailable("the worker cannot be told", &error))?;
    Ok(json!({"replies": [], "silent": [], "note": "told to shut down; it does not answer to that"}))
}

async fn one(worker: &str, ask: Ask) -> Result<Json, Problem> {
    let replies = ask
        .destination([worker])
        .timeout(TIMEOUT)
        .await
        .map_err(|error| Problem::unavailable("the worker cannot be asked", &error))?;
    Ok(answers(&[worker.to_owned()], &replies))
}

/// What each worker answered, and who did not.
pub(crate) fn answers(asked: &[String], replies: &Replies) -> Json {
    let said: Vec<Json> = replies
        .iter()
        .map(|(worker, value)| {
            let (ok, text) = understood(value);
            json!({"worker": worker, "ok": ok, "text": text})
        })
        .collect();
    let silent: Vec<&String> = asked.iter().filter(|worker| !replies.contains_key(*worker)).collect();
    json!({"replies": said, "silent": silent})
}

/// `{"ok": …}`, `{"error": …}`, or something.
fn understood(value: &Value) -> (bool, String) {
    let text = |value: &Value| match plain::plain(value) {
        Json::String(text) => text,
        Json::Null => String::new(),
        other => other.to_string(),
    };
    match value.as_map() {
        Some(map) if map.contains_key("error") => (false, map.get("error").map(text).unwrap_or_default()),
        Some(map) if map.contains_key("ok") => (true, map.get("ok").map(text).unwrap_or_default()),
        _ => (true, text(value)),
    }
}

/// Takes its queues away, waits until it is empty, and shuts it down. The answer comes when the queues are gone.
async fn drain(shared: &Shared, worker: &str) -> Result<Json, Problem> {
    if !shared.v1.drains.add(worker) {
        return Err(Problem::conflict(format!("`{worker}` is being drained already")));
    }
    let done = cancel_all(shared, worker).await;
    let obeyed = done.as_ref().is_ok_and(|answers| {
        let all = |list: &Json| list.as_array().is_some_and(|list| list.iter().all(|one| one["ok"] == true));
        all(&answers["replies"]) && answers["silent"].as_array().is_some_and(Vec::is_empty)
    });
    if !obeyed {
        shared.v1.drains.remove(worker);
        return done;
    }
    let (shared, worker) = (shared.clone(), worker.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            () = until_empty(&shared, &worker) => {}
            () = shared.stop.cancelled() => {}
        }
        shared.v1.drains.remove(&worker);
    });
    done
}

async fn cancel_all(shared: &Shared, worker: &str) -> Result<Json, Problem> {
    let failed = |error: &taskq_core::Error| Problem::unavailable("the worker cannot be asked", error);
    let to = |method: &str| shared.app.control().ask(method).destination([worker]).timeout(TIMEOUT);
    let queues = to("active_queues").await.map_err(|error| failed(&error))?;
    let Some(queues) = queues.get(worker).and_then(Value::as_list).map(<[_]>::to_vec) else {
        return Ok(answers(&[worker.to_owned()], &Replies::new()));
    };
    let name = |queue: &Value| queue.as_map()?.get("name")?.as_str().map(str::to_owned);
    let mut said = Vec::new();
    let mut silent = BTreeSet::new();
    for queue in queues.iter().filter_map(name) {
        let replies = to("cancel_consumer").arg("queue", queue).await.map_err(|error| failed(&error))?;
        let mut answers = answers(&[worker.to_owned()], &replies);
        if let Some(Json::Array(mut replies)) = answers.get_mut("replies").map(Json::take) {
            said.append(&mut replies);
        }
        silent.extend(replies.is_empty().then(|| worker.to_owned()));
    }
    Ok(json!({"replies": said, "silent": silent}))
}

/// Asks until nothing is left, then shuts it down.
async fn until_empty(shared: &Shared, worker: &str) {
    // Those that wait for their time are given back when it stops.
    const KINDS: [&str; 2] = ["active", "reserved"];
    loop {
        let mut left = 0;
        let mut answered = true;
        for kind in KINDS {
            let ask = shared.app.control().ask(kind).destination([worker]).timeout(TIMEOUT);
            match ask.await.ok().and_then(|replies| Some(replies.get(worker)?.as_list()?.len())) {
                Some(count) => left += count,
                None => answered = false,
            }
        }
        let gone = shared.live.workers().iter().any(|it| {
            it.hostname == worker
                && matches!(
                    it.status,
                    crate::record::WorkerStatus::Offline | crate::record::WorkerStatus::Lost
                )
        });
        if gone {
            return;
        }
        if answered && left == 0 {
            let told = shared.app.control().ask("shutdown").destination([worker]).tell().await;
            tracing::info!(worker, ok = told.is_ok(), "drained");
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use taskq_core::control::{nok, ok};

    use super::*;

    #[test]
    fn who_did_not_answer_is_silent() {
        let replies = Replies::from([("a".to_owned(), ok("pool will grow")), ("b".to_owned(), nok("no"))]);
        let asked = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            answers(&asked, &replies),
            json!({"replies": [
                {"worker": "a", "ok": true, "text": "pool will grow"},
                {"worker": "b", "ok": false, "text": "no"},
            ], "silent": ["c"]})
        );
    }
}
