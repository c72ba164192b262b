//! `GET /tasks`: what matches a query, page by page.

use axum::extract::State;
use serde_json::{Value as Json, json};

use super::rows;
use crate::{
    api::problem::{Problem, Reply, now, reply},
    auth::Caller,
    query::{Cursor, Page, Search, Sort, SortField, SyntaxError, TaskQuery},
    server::{Params, Shared},
    store::Facets,
};

/// Rows of a page when nothing is said.
const LIMIT: u64 = 50;
/// Said of an order that is not over all that match.
const PARTIAL: &str = "only the newest 10,000 that match are in this order";
/// Most rows of a page.
const MOST: u64 = 1_000;

pub(super) async fn list(State(shared): State<Shared>, caller: Caller, params: Params) -> Reply {
    let query = TaskQuery {
        search: search(&shared, params.raw("q"))?,
        sort: params.filled("sort").map(sort).transpose()?,
        ..TaskQuery::default()
    };
    let query = caller.visible(query)?;
    let limit = match params.int("limit")? {
        None => LIMIT,
        Some(limit) => u64::try_from(limit).unwrap_or_default().clamp(1, MOST),
    };
    let mut page = Page { limit: Some(limit), ..Page::default() };
    match params.filled("cursor").map(place).transpose()? {
        None => {}
        Some(Place::Offset(offset)) => page.offset = offset,
        Some(Place::After(after)) => page.after = Some(after),
    }
    let found = shared.store.tasks(&query, &page).await.map_err(|error| Problem::history(&error))?;
    let facets = match params.bool("facets")? {
        true => shared.store.facets(&query).await.ok().map(|it| facets(&it)),
        false => None,
    };
    let next = match (query.sort, found.next) {
        (None, next) => next.map(after),
        (Some(_), _) if found.rows.len() as u64 == limit => Some(format!("o{}", page.offset + limit)),
        (Some(_), _) => None,
    };
    Ok(reply(
        &shared,
        json!({
            "tasks": rows(&found.rows, &caller),
            "next": next,
            "matched": {"count": found.matched, "exact": found.matched_is_exact},
            "total": found.total,
            "facets": facets,
            "searched_back_to": found.searched_back_to,
            "partial": found.partial,
            "note": found.partial.then_some(PARTIAL),
        }),
    ))
}

fn facets(it: &Facets) -> Json {
    json!({
        "state": it.states, "name": it.names, "queue": it.queues, "worker": it.workers, "exact": it.exact,
    })
}

/// What was typed, understood.
pub(crate) fn search(shared: &Shared, text: Option<&str>) -> Result<Option<Search>, Problem> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => Search::parse(text, now(shared)).map(Some).map_err(|error| misunderstood(&error)),
    }
}

fn misunderstood(error: &SyntaxError) -> Problem {
    Problem::argument(error.to_string())
        .with("position", error.position)
        .fix("write `name:shop.charge state:failure`, `run:>5s`, `-worker:canary*` or plain words")
}

/// A field with `-` before it for the greatest first.
fn sort(text: &str) -> Result<Sort, Problem> {
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let field = match name {
        "id" => SortField::Id,
        "name" => SortField::Name,
        "state" => SortField::State,
        "received" => SortField::Received,
        "sent" => SortField::Sent,
        "started" => SortField::Started,
        "succeeded" => SortField::Succeeded,
        "failed" => SortField::Failed,
        "retried" => SortField::Retried,
        "revoked" => SortField::Revoked,
        "rejected" => SortField::Rejected,
        "timestamp" => SortField::Timestamp,
        "args" => SortField::Args,
        "kwargs" => SortField::Kwargs,
        "result" => SortField::Result,
        "exception" => SortField::Exception,
        "eta" => SortField::Eta,
        "expires" => SortField::Expires,
        "retries" => SortField::Retries,
        "run" | "runtime" => SortField::Runtime,
        "worker" => SortField::Worker,
        "client" => SortField::Client,
        "queue" => SortField::Queue,
        "exchange" => SortField::Exchange,
        "routing_key" => SortField::RoutingKey,
        "root_id" => SortField::RootId,
        "parent_id" => SortField::ParentId,
        "wait" => SortField::Wait,
        "attempts" => SortField::Attempts,
        _ => return Err(Problem::argument(format!("tasks cannot be sorted by `{name}`"))),
    };
    Ok(Sort { field, descending })
}

/// Where a page begins.
#[derive(Debug, PartialEq)]
enum Place {
    After(Cursor),
    Offset(u64),
}

fn after(cursor: Cursor) -> String {
    format!("t{:x}.{}", cursor.timestamp.to_bits(), cursor.key)
}

fn place(text: &str) -> Result<Place, Problem> {
    let read = || {
        if let Some(offset) = text.strip_prefix('o') {
            return Some(Place::Offset(offset.parse().ok()?));
        }
        let (timestamp, key) = text.strip_prefix('t')?.split_once('.')?;
        let timestamp = f64::from_bits(u64::from_str_radix(timestamp, 16).ok()?);
        Some(Place::After(Cursor { timestamp, key: key.parse().ok()? }))
    };
    read().ok_or_else(|| {
        Problem::argument("`cursor` is none of ours").fix("take `next` of the page before, as it is")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let cursor = Cursor { timestamp: 1_700_000_000.123_456_7, key: -3 };
        assert_eq!(place(&after(cursor)).unwrap(), Place::After(cursor));
        assert_eq!(place("o50").unwrap(), Place::Offset(50));
        for wrong in ["", "x", "o-1", "t.", "tzz.1", "t0"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sorting_is_by_known_fields_only() {
        assert_eq!(sort("-run").unwrap(), Sort { field: SortField::Runtime, descending: true });
        assert!(sort("name; DROP TABLE task").is_err());
    }
}
