//! The trace a task belongs to, as its message carries it: W3C's headers, where OpenTelemetry's instrumentation
//! of Celery reads and writes them.
//!
//! Kept true here: what is not understood is carried on all the same, byte for byte; a header that the sender has
//! set is never overwritten by an inherited one.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Headers;
use crate::codec::Value;

/// Whether log lines name the trace of their task.
static LOGGED: AtomicBool = AtomicBool::new(false);

/// The headers of a trace: <https://www.w3.org/TR/trace-context/> and <https://www.w3.org/TR/baggage/>.
const NAMES: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// The headers of a trace, as they came. Empty: no trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceContext([Option<Value>; NAMES.len()]);

impl TraceContext {
    /// What these headers say.
    pub fn of(headers: &Headers) -> Self {
        match headers.extra.is_empty() {
            true => Self::default(),
            false => Self::read(|name| headers.extra.get(name).cloned()),
        }
    }

    /// From whatever keeps values by name.
    pub fn read(mut get: impl FnMut(&str) -> Option<Value>) -> Self {
        Self(NAMES.map(|name| get(name).filter(|value| *value != Value::Null)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The headers that are there, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        NAMES.into_iter().zip(&self.0).filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// The id of the trace, 32 hexadecimal digits, where `traceparent` is a readable one.
    pub fn trace_id(&self) -> Option<&str> {
        self.part(1, 32)
    }

    /// The id of the span that the message was sent in, 16 hexadecimal digits, likewise.
    pub fn span_id(&self) -> Option<&str> {
        self.part(2, 16)
    }

    /// From now on workers put `trace_id` and `span_id` beside the task in each log line about its state. Celery has
    /// no such thing. Programs that log as JSON do it by themselves; others, with a subscriber of their own, may.
    pub fn log_ids() {
        LOGGED.store(true, Ordering::Relaxed);
    }

    /// Whether log lines name it: nobody looks for a trace otherwise.
    pub fn ids_are_logged() -> bool {
        LOGGED.load(Ordering::Relaxed)
    }

    /// Writes it over what the headers say.
    pub fn put(&self, headers: &mut Headers) {
        for (name, value) in self.iter() {
            headers.extra.insert(name.to_owned(), value.clone());
        }
    }

    /// Writes it, unless the headers belong to a trace already.
    pub fn hand_on(&self, headers: &mut Headers) {
        if !self.is_empty() && Self::of(headers).is_empty() {
            self.put(headers);
        }
    }

    /// `00-<trace id>-<span id>-<flags>`.
    fn part(&self, at: usize, length: usize) -> Option<&str> {
        let Some(Value::Str(parent)) = &self.0[0] else { return None };
        let part = parent.split('-').nth(at)?;
        let is_id = part.len() == length
            && part.bytes().all(|digit| digit.is_ascii_hexdigit())
            && part.bytes().any(|digit| digit != b'0');
        is_id.then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(extra: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new("t.add", crate::protocol::TaskId::new());
        headers.extra = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        headers
    }

    #[test]
    fn ids_are_read_from_the_traceparent() {
        let trace = TraceContext::of(&headers(&[("traceparent", PARENT), ("x-tenant", "acme")]));
        assert_eq!(trace.trace_id(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(trace.span_id(), Some("b7ad6b7169203331"));
        assert_eq!(trace.iter().count(), 1);
    }

    #[test]
    fn an_unreadable_traceparent_has_no_ids_but_is_carried_on() {
        let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        for text in ["", "00", "00-xyz-b7ad6b7169203331-01", "nothing-of-the-kind", zeros] {
            let trace = TraceContext::of(&headers(&[("traceparent", text)]));
            assert_eq!(trace.trace_id(), None, "{text}");
            let mut next = headers(&[]);
            trace.hand_on(&mut next);
            assert_eq!(next.get("traceparent"), Some(&Value::from(text)));
        }
    }

    #[test]
    fn headers_of_another_trace_are_left_alone() {
        let trace = TraceContext::of(&headers(&[("traceparent", PARENT), ("baggage", "user=1")]));
        let mut own = headers(&[("traceparent", "own")]);
        trace.hand_on(&mut own);
        assert_eq!(own, Headers { id: own.id.clone(), ..headers_with(&own, &[("traceparent", "own")]) });
        trace.put(&mut own);
        assert_eq!(own.get("baggage"), Some(&Value::from("user=1")));
    }

    fn headers_with(like: &Headers, extra: &[(&str, &str)]) -> Headers {
        Headers { extra: headers(extra).extra, ..like.clone() }
    }
}
