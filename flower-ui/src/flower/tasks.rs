//! `GET /api/tasks`, `/api/task/info/{id}`, `/api/task/types`: what was heard of tasks.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode},
};
use jiff::{civil, tz::TimeZone};
use taskq_core::codec::{Map, Value};

use super::task::{self, Worker};
use crate::{
    auth::Caller,
    query::{Page, Search, Sort, SortField, TaskQuery},
    server::{Answer, Params, Refusal, Shared, json},
};

/// Tasks in one answer when nobody says how many: Flower gives all there are, and does nothing else meanwhile.
const CAP: u64 = 10_000;
/// Says that there are more than the answer holds.
const TRUNCATED: &str = "x-truncated-at";

/// What sorts.
const FIELDS: [(&str, SortField); 4] = [
    ("name", SortField::Name),
    ("received", SortField::Received),
    ("started", SortField::Started),
    ("state", SortField::State),
];

pub(super) async fn list(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let limit = params.int("limit")?;
    let offset = params.int("offset")?.unwrap_or(0).max(0).unsigned_abs();
    let filter = |name: &str| params.text(name).filter(|text| !text.is_empty() && text != "All");
    let mut query = TaskQuery {
        worker: filter("workername"),
        name: filter("taskname"),
        state: filter("state"),
        sort: params.text("sort_by").filter(|text| !text.is_empty()).map(|text| sort(&text)).transpose()?,
        ..TaskQuery::default()
    };
    let zone = TimeZone::system();
    (query.received_start, query.received_end) =
        (date(&params, "received_start", &zone)?, date(&params, "received_end", &zone)?);
    if let Some(text) = params.filled("search") {
        let search = Search::flower(text)
            .map_err(|error| Refusal::json(StatusCode::BAD_REQUEST, "bad_search", error.to_string()))?;
        query.search = Some(search);
    }
    let query = caller.visible(query)?;
    let limit = match limit {
        Some(limit) if limit <= 0 => return Ok(json(Map::default())),
        Some(limit) => limit.unsigned_abs(),
        None => CAP,
    };
    let mut tasks = Vec::new();
    let mut matched = 0;
    // The store gives so many at a time and no more.
    while (tasks.len() as u64) < limit {
        let at = offset + tasks.len() as u64;
        let page = Page { offset: at, limit: Some((limit - tasks.len() as u64).min(CAP)), ..Page::default() };
        let found = shared.store.tasks(&query, &page).await.map_err(|error| unreadable(&error))?;
        matched = found.matched;
        let last = found.rows.is_empty() || (found.rows.len() as u64) < CAP;
        tasks.extend(found.rows);
        if last {
            break;
        }
    }
    let shown =
        task::shown(&shared, &caller, &tasks, Worker::Last).await.map_err(|error| unreadable(&error))?;
    let body = tasks.iter().map(|task| task.id.clone()).zip(shown.into_iter().map(Value::Map)).collect();
    let mut response = json(body);
    if params.raw("limit").is_none() && matched > offset + CAP {
        response.headers_mut().insert(TRUNCATED, HeaderValue::from(CAP));
    }
    Ok(response)
}

/// The store cannot be read.
pub(super) fn unreadable(error: &taskq_core::Error) -> Refusal {
    tracing::warn!(%error, "could not read the history");
    Refusal::text(StatusCode::INTERNAL_SERVER_ERROR, "store", format!("the history cannot be read: {error}"))
}

fn sort(text: &str) -> Result<Sort, Refusal> {
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    match FIELDS.iter().find(|(known, _)| *known == name) {
        Some((_, field)) => Ok(Sort { field: *field, descending }),
        None => Err(Refusal::argument(format!(
            "Invalid sort_by '{name}', expected one of name, received, started, state"
        ))),
    }
}

fn date(params: &Params, name: &str, zone: &TimeZone) -> Result<Option<f64>, Refusal> {
    let Some(text) = params.filled(name) else { return Ok(None) };
    let read =
        civil::DateTime::strptime("%Y-%m-%d %H:%M", text).ok().and_then(|at| at.to_zoned(zone.clone()).ok());
    match read {
        Some(at) => Ok(Some(at.timestamp().as_microsecond() as f64 / 1e6)),
        None => Err(Refusal::argument(
            "Invalid received_start or received_end, expected format 'YYYY-MM-DD HH:MM'",
        )),
    }
}

pub(super) async fn info(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    let Some(task) = shared.store.task(&id).await.map_err(|error| unreadable(&error))? else {
        return Err(Refusal::unknown_task(&id));
    };
    let shown =
        task::shown(&shared, &caller, &[task], Worker::InPlace).await.map_err(|error| unreadable(&error))?;
    shown.into_iter().next().map(json).ok_or_else(|| Refusal::unknown_task(&id))
}

/// `/api/task/info/` is about the task without an id, which is not there.
pub(super) async fn no_id() -> Refusal {
    Refusal::unknown_task("")
}

pub(super) async fn types(State(shared): State<Shared>) -> Answer {
    let names = shared.store.names().await.map_err(|error| unreadable(&error))?;
    Ok(json(Map::from_iter([("task-types".to_owned(), Value::from(names))])))
}
