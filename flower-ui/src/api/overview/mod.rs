//! `GET /overview`: how it is, in one look.

mod judge;
mod numbers;
mod problems;
mod schedules;

use axum::extract::State;
use serde_json::json;

pub(crate) use self::{
    judge::{Judged, keep_judging},
    numbers::{Numbers, ended, measure, per_second},
};
use super::{
    activity,
    problem::{Problem, Reply, now, reply},
    queues,
    tasks::rows,
    workers::fleet,
};
use crate::{
    auth::Caller,
    query::{Page, TaskQuery},
    server::Shared,
};

/// Failures that are shown.
const FAILURES: u64 = 10;
/// Schedule entries that are shown.
const SCHEDULES: usize = 8;

pub(super) async fn overview(State(shared): State<Shared>, caller: Caller) -> Reply {
    shared.v1.samples.watch(now(&shared));
    judge::judge(&shared).await;
    let judged = shared.v1.judged.get();
    let fleet = fleet(&shared);
    let broker = shared.live.broker();
    let numbers = shared.v1.numbers.get(&broker);
    let failed = TaskQuery { state: Some("FAILURE".to_owned()), ..TaskQuery::default() };
    let page = Page { limit: Some(FAILURES), ..Page::default() };
    let failures = shared.store.tasks(&failed, &page).await.map_err(|error| Problem::history(&error))?;
    let count = |status: &str| fleet.iter().filter(|worker| worker.status == status).count();
    let list: Vec<_> = fleet
        .iter()
        .map(|worker| json!({"name": worker.name, "status": worker.status, "busy": worker.busy, "slots": worker.slots}))
        .collect();
    let known = shared.v1.samples.queues();
    let mut schedules = judged.next.clone();
    schedules.truncate(SCHEDULES);
    Ok(reply(
        &shared,
        json!({
            "verdict": judged.verdict(),
            "problems": judged.problems,
            "now": numbers.json(&fleet, &broker),
            "queues": queues::rows(&shared, &known, &fleet),
            "queues_as_of": known.as_of,
            "workers": {
                "online": count("online"), "draining": count("draining"), "suspect": count("suspect"),
                "lost": count("lost"), "offline": count("offline"), "list": list,
            },
            "schedules": schedules,
            "failures": rows(&failures.rows, &caller),
            "coverage": activity::coverage(&shared.live.coverage()),
            "broker": activity::broker(&broker),
        }),
    ))
}
