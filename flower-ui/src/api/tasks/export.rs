//! `GET /export`: all tasks that match, as a stream of lines.
//!
//! Kept true here: however many there are, the board holds a piece at a time, and reads the next when the client has
//! taken it; who may not see arguments and results gets none; a stream that cannot go on breaks off, so that nobody
//! takes a part for the whole.

use std::io;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value as Json, json};

use super::{TaskRow, list::search};
use crate::{
    api::{
        audit::Act,
        problem::{Problem, Reply},
    },
    auth::Caller,
    query::TaskQuery,
    server::{Params, Shared},
};

/// Columns of CSV: fields of a row.
const COLUMNS: [&str; 24] = [
    "id",
    "name",
    "state",
    "reason",
    "queue",
    "sent",
    "received",
    "started",
    "ended",
    "wait",
    "run",
    "backoff",
    "attempts",
    "worker",
    "args",
    "kwargs",
    "result",
    "exception",
    "timestamp",
    "eta",
    "root_id",
    "parent_id",
    "client",
    "payload_dropped",
];
/// What a table takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Lines,
    Csv,
}

impl Format {
    fn headers(self) -> [(HeaderName, &'static str); 4] {
        let (kind, name) = match self {
            Self::Lines => ("application/x-ndjson", "attachment; filename=\"tasks.ndjson\""),
            Self::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"tasks.csv\""),
        };
        let proxies = HeaderName::from_static("x-accel-buffering");
        [(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name), (CACHE_CONTROL, "no-store"), (proxies, "no")]
    }

    fn begin(self) -> String {
        match self {
            Self::Lines => String::new(),
            Self::Csv => COLUMNS.join(",") + "\r\n",
        }
    }

    fn line(self, row: &TaskRow, out: &mut String) {
        let Ok(row) = serde_json::to_value(row) else { return };
        match self {
            Self::Lines => {
                out.push_str(&row.to_string());
                out.push('\n');
            }
            Self::Csv => {
                let cells: Vec<String> = COLUMNS.iter().map(|name| cell(&row[*name])).collect();
                out.push_str(&cells.join(","));
                out.push_str("\r\n");
            }
        }
    }
}

/// A cell of CSV (RFC 4180). A text that a table would take for a formula has `'` before it.
fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => {
            let guard = if text.starts_with(FORMULA) { "'" } else { "" };
            format!("\"{guard}{}\"", text.replace('"', "\"\""))
        }
        other => other.to_string(),
    }
}

pub(super) async fn export(State(shared): State<Shared>, caller: Caller, params: Params) -> Reply {
    let format = match params.filled("format") {
        None | Some("ndjson") => Format::Lines,
        Some("csv") => Format::Csv,
        Some(other) => {
            return Err(Problem::argument(format!("`format` is `ndjson` or `csv`, not `{other}`")));
        }
    };
    let text = params.raw("q");
    let query = TaskQuery { search: search(&shared, text)?, ..TaskQuery::default() };
    let query = caller.visible(query)?;
    let place = shared.store.export().await.map_err(|error| Problem::history(&error))?;
    let act = Act::new(
        &caller,
        "task.export",
        text.unwrap_or_default(),
        json!({"format": params.filled("format")}),
    );
    act.write(&shared, "ok", Json::Null).await;
    let start = (Some(place), format.begin());
    let pieces = stream::try_unfold(start, move |(place, begin)| {
        let (shared, caller, query) = (shared.clone(), caller.clone(), query.clone());
        async move {
            let Some(place) = place else { return Ok::<_, io::Error>(None) };
            if shared.stop.is_cancelled() {
                return Err(io::Error::other("the board stops"));
            }
            let (tasks, next) = shared.store.exported(&query, place).await.map_err(io::Error::other)?;
            let mut out = begin;
            tasks.iter().for_each(|task| format.line(&TaskRow::of(task, &caller), &mut out));
            Ok(Some((Bytes::from(out), (next, String::new()))))
        }
    });
    Ok(answer(format, Body::from_stream(pieces)))
}

fn answer(format: Format, body: Body) -> Response {
    let mut response = body.into_response();
    for (name, value) in format.headers() {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_stays_in_its_cell() {
        assert_eq!(cell(&json!("a \"b\", c\nd")), "\"a \"\"b\"\", c\nd\"");
        assert_eq!(cell(&json!("=cmd|' /C calc'!A0")), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(
            (cell(&json!(-1.5)), cell(&Json::Null), cell(&json!(true))),
            ("-1.5".into(), "".into(), "true".into())
        );
    }
}
