//! What an event says of a task.
//!
//! Kept true here: whatever an event holds, what comes out is bounded and has a time that is not absurd; fields of
//! the wrong type are shown as text or left out, never trusted.

use std::sync::Arc;

use taskq_core::{
    codec::{Map, Value, repr},
    event::Event,
};

use super::{
    call::{Call, Said},
    mark::{End, Mark, Step},
};

/// Longest id of a task that is taken.
const LONGEST_ID: usize = 255;
/// Longest name of anything; the rest is cut.
const LONGEST_NAME: usize = 512;
/// Longest arguments, result, error or traceback, in bytes; the rest is cut, and that is said.
const LONGEST_TEXT: usize = 64 << 10;
/// Seconds that an event may be ahead of the board's clock before it is taken to be told now.
const FUTURE: f64 = 3_600.0;
/// Times before this (2001) are no times: an event without one is taken to be told now.
const PAST: f64 = 1e9;

/// An event of a task, understood.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) id: Arc<str>,
    pub(crate) mark: Mark,
    pub(crate) call: Option<Call>,
}

/// The time of an event that came at `now`.
fn time_of(timestamp: f64, now: f64) -> f64 {
    if timestamp.is_finite() && timestamp > PAST && timestamp < now + FUTURE { timestamp } else { now }
}

/// What an event that came at `now` says; `what` is its type without `task-`. `None`: no task that could be told
/// apart.
pub(crate) fn decode(
    event: Event,
    what: &str,
    now: f64,
    intern: &mut impl FnMut(&str) -> Arc<str>,
) -> Option<Told> {
    let Event { hostname, clock, timestamp, mut fields, .. } = event;
    let id = match fields.swap_remove("uuid")? {
        Value::Str(id) if !id.is_empty() && id.len() <= LONGEST_ID => id,
        _ => return None,
    };
    let step = Step::of(what);
    let at = time_of(timestamp, now);
    let host = intern(cut(&hostname, LONGEST_NAME));
    let called = matches!(step, Step::Sent | Step::Received);
    let said = called.then(|| said(&mut fields, &id, intern));
    let retries = said.as_ref().and_then(|said| said.retries).and_then(|count| u32::try_from(count).ok());
    let mark = Mark {
        at,
        step,
        clock,
        inferred: false,
        retries: retries.or(called.then_some(0)),
        eta: said.as_ref().and_then(|said| seconds(said.eta.as_deref()?)),
        end: (step >= Step::Custom).then(|| Box::new(end(&mut fields, step, what))),
        host: Arc::clone(&host),
    };
    let call = said.map(|said| Call { at, host, said });
    Some(Told { id: id.into(), mark, call })
}

fn said(fields: &mut Map, id: &str, intern: &mut impl FnMut(&str) -> Arc<str>) -> Said {
    let mut name = |field| Some(intern(cut(&text(fields, field)?, LONGEST_NAME)));
    Said {
        name: name("name"),
        queue: name("queue"),
        exchange: name("exchange"),
        routing_key: name("routing_key"),
        args: text(fields, "args"),
        kwargs: text(fields, "kwargs"),
        root_id: text(fields, "root_id").filter(|root| root.len() <= LONGEST_ID),
        // A retried task names itself.
        parent_id: text(fields, "parent_id").filter(|parent| parent.len() <= LONGEST_ID && parent != id),
        retries: fields.get("retries").and_then(Value::as_i64),
        eta: text(fields, "eta"),
        expires: text(fields, "expires"),
    }
}

fn end(fields: &mut Map, step: Step, what: &str) -> End {
    let truth = |name| matches!(fields.get(name), Some(Value::Bool(true)));
    let (terminated, expired, requeue) = (truth("terminated"), truth("expired"), truth("requeue"));
    End {
        signal: signal(fields.get("signum")),
        runtime: match fields.get("runtime") {
            Some(Value::Float(seconds)) if seconds.is_finite() => Some(*seconds),
            Some(Value::Int(seconds)) => Some(*seconds as f64),
            _ => None,
        },
        terminated,
        expired,
        requeue,
        custom: (step == Step::Custom).then(|| cut(&what.to_uppercase(), LONGEST_NAME).to_owned()),
        result: text(fields, "result"),
        exception: text(fields, "exception"),
        traceback: text(fields, "traceback"),
    }
}

/// The number of a signal, which is told as a number or as a name.
fn signal(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Int(number) => Some(*number),
        Value::Str(name) => match name.strip_prefix("SIG").unwrap_or(name) {
            "HUP" => Some(1),
            "INT" => Some(2),
            "QUIT" => Some(3),
            "KILL" => Some(9),
            "TERM" => Some(15),
            other => other.parse().ok(),
        },
        _ => None,
    }
}

fn text(fields: &mut Map, name: &str) -> Option<String> {
    let text = match fields.swap_remove(name)? {
        Value::Null => return None,
        Value::Str(text) => text,
        other => repr::value(&other),
    };
    Some(shorten(text))
}

/// A text as it is kept: at most 64 KiB of it, and said if that is not all.
pub(crate) fn shorten(text: String) -> String {
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let kept = cut(&text, LONGEST_TEXT);
    format!("{kept}… ({} bytes, cut by the board)", text.len())
}

/// At most so many bytes, whole characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A time in ISO 8601 as seconds since 1970; one without an offset is in UTC.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let stamp = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil = text.parse::<jiff::civil::DateTime>()?;
        Ok::<_, jiff::Error>(civil.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
    });
    Some(stamp.ok()?.as_microsecond() as f64 / 1e6)
}
