//! `/names` and `/errors`: tasks by name, and what they fail with.

use std::collections::HashMap;

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use serde_json::{Value as Json, json};
use taskq_core::codec::Map;

use super::{
    calls,
    overview::ended,
    problem::{Problem, Reply, now, reply},
    tasks::{TaskRow, rows},
};
use crate::{
    auth::Caller,
    query::{Page, Search, TaskQuery},
    server::{Params, Shared},
    store::{ErrorGroup, Histogram, NameStats, Trend},
};

/// What is looked at when nothing is said, in seconds.
const SPAN: f64 = 86_400.0;
/// Tasks that are shown of one name or error.
const TASKS: u64 = 50;
/// Points of a small chart.
const SPARK: usize = 24;
/// Kinds of errors whose trend and newest task are listed; the most frequent.
const DETAILED: usize = 50;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/names", get(names))
        .route("/api/v1/names/{name}", get(name))
        .route("/api/v1/errors", get(errors))
        .route("/api/v1/errors/{fingerprint}", get(error))
}

/// The time that is asked for.
pub(super) fn range(shared: &Shared, params: &Params, span: f64) -> Result<(f64, f64), Problem> {
    let until = params.float("to")?.unwrap_or_else(|| now(shared));
    let from = params.float("from")?.unwrap_or(until - span);
    match from.is_finite() && until.is_finite() && from < until {
        true => Ok((from, until)),
        false => Err(Problem::argument("`from` has to be before `to`")),
    }
}

async fn names(State(shared): State<Shared>, params: Params) -> Reply {
    let (from, until) = range(&shared, &params, SPAN)?;
    let stats = shared.store.name_stats(from, until).await.map_err(|error| Problem::history(&error))?;
    let said = shared.workers.all();
    let rows: Vec<Json> =
        stats.iter().filter(|stats| stats.name.is_some()).map(|stats| row(stats, &said)).collect();
    let unnamed = stats.iter().find(|stats| stats.name.is_none()).map(|stats| row(stats, &said));
    Ok(reply(&shared, json!({"names": rows, "unnamed": unnamed, "from": from, "to": until})))
}

/// `said` is what all workers said.
fn row(stats: &NameStats, said: &Map) -> Json {
    let it = &stats.rollup;
    json!({
        "name": stats.name,
        "count": ended(it),
        "started": it.started,
        "succeeded": it.succeeded,
        "failed": it.failed,
        "retried": it.retried,
        "revoked": it.revoked,
        "rejected": it.rejected,
        "wait": percentiles(&it.wait),
        "run": percentiles(&it.run),
        "workers": stats.name.as_ref().map(|name| calls::registered_by(said, name)),
    })
}

fn percentiles(it: &Histogram) -> Json {
    json!({"p50": it.percentile(0.5), "p95": it.percentile(0.95), "p99": it.percentile(0.99), "count": it.count()})
}

async fn name(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    params: Params,
) -> Reply {
    let (from, until) = range(&shared, &params, SPAN)?;
    let stats = shared.store.name_stats(from, until).await.map_err(|error| Problem::history(&error))?;
    let stats = stats.into_iter().find(|stats| stats.name.as_ref() == Some(&name));
    let query = TaskQuery { name: Some(name.clone()), ..TaskQuery::default() };
    let page = Page { limit: Some(TASKS), ..Page::default() };
    let recent = shared.store.tasks(&query, &page).await.map_err(|error| Problem::history(&error))?;
    let failed = TaskQuery { state: Some("FAILURE".to_owned()), ..query };
    let failures = shared.store.tasks(&failed, &page).await.map_err(|error| Problem::history(&error))?;
    let said = shared.workers.all();
    let known = stats.is_some() || !recent.rows.is_empty() || !calls::registered_by(&said, &name).is_empty();
    if !known {
        return Err(Problem::missing(format!("no task named `{name}` was heard of")));
    }
    let stats = stats.unwrap_or_else(|| NameStats { name: Some(name), rollup: Default::default() });
    let mut body = row(&stats, &said);
    body["last"] = json!(recent.rows.first().map(|task| task.timestamp));
    body["recent"] = json!(rows(&recent.rows, &caller));
    body["failures"] = json!(rows(&failures.rows, &caller));
    (body["from"], body["to"]) = (from.into(), until.into());
    Ok(reply(&shared, body))
}

async fn errors(State(shared): State<Shared>, caller: Caller, params: Params) -> Reply {
    let (from, until) = range(&shared, &params, SPAN * 7.0)?;
    let groups = shared.store.errors(from, until).await.map_err(|error| Problem::history(&error))?;
    // The rest is on the page of each.
    let listed = groups.iter().take(DETAILED).map(|group| group.fingerprint.clone()).collect();
    let mut trends = trends(&shared, from, until, listed).await?;
    let found = groups.iter().map(|group| {
        let trend = trends.remove(&group.fingerprint);
        let example = trend.as_ref().and_then(|trend| trend.newest.as_ref());
        let mut body = shown(group, example.map(|task| TaskRow::of(task, &caller)).as_ref());
        body["spark"] = json!(trend.map(|trend| trend.spark));
        body
    });
    Ok(reply(&shared, json!({"errors": found.collect::<Vec<_>>(), "from": from, "to": until})))
}

async fn trends(
    shared: &Shared,
    from: f64,
    until: f64,
    fingerprints: Vec<String>,
) -> Result<HashMap<String, Trend>, Problem> {
    let found = shared.store.error_trends(from, until, SPARK, fingerprints).await;
    found.map_err(|error| Problem::history(&error))
}

fn shown(group: &ErrorGroup, example: Option<&TaskRow>) -> Json {
    let class = group.fingerprint.split(['(', ':', ' ']).next().unwrap_or_default();
    json!({
        "fingerprint": group.fingerprint,
        "class": class,
        "text": group.fingerprint,
        "count": group.tasks,
        "first": group.first,
        "last": group.last,
        "names": group.names.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "by_name": group.names,
        "example": example,
    })
}

async fn tasks(shared: &Shared, caller: &Caller, fingerprint: &str) -> Result<Vec<TaskRow>, Problem> {
    // As a quoted text of the query language.
    let text = fingerprint.replace('\\', "\\\\").replace('"', "\\\"");
    let Ok(search) = Search::parse(&format!("fingerprint:\"{text}\""), now(shared)) else {
        return Ok(Vec::new());
    };
    let query = TaskQuery { search: Some(search), ..TaskQuery::default() };
    let page = Page { limit: Some(TASKS), ..Page::default() };
    let found = shared.store.tasks(&query, &page).await.map_err(|error| Problem::history(&error))?;
    Ok(rows(&found.rows, caller))
}

async fn error(
    State(shared): State<Shared>,
    caller: Caller,
    Path(fingerprint): Path<String>,
    params: Params,
) -> Reply {
    let (from, until) = range(&shared, &params, SPAN * 7.0)?;
    let groups = shared.store.errors(from, until).await.map_err(|error| Problem::history(&error))?;
    let group = groups.into_iter().find(|group| group.fingerprint == fingerprint);
    let group = group.ok_or_else(|| Problem::missing("no task failed like that in this time"))?;
    let trend = trends(&shared, from, until, vec![fingerprint.clone()]).await?.remove(&fingerprint);
    let found = tasks(&shared, &caller, &fingerprint).await?;
    let mut body = shown(&group, found.first());
    body["spark"] = json!(trend.map(|trend| trend.spark));
    body["tasks"] = json!(found);
    Ok(reply(&shared, body))
}
