//! Answers, and refusals as `application/problem+json` (RFC 9457).
//!
//! Kept true here: every refusal has a text for a person and an id to find it in the log.

use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::server::{Refusal, Shared};

const KIND: &str = "application/problem+json";

/// What a handler gives.
pub(crate) type Reply = Result<Response, Problem>;

/// Why something is not done.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// What would help.
    fix: Option<String>,
    more: Map<String, Value>,
}

impl Problem {
    /// With a sentence: lower case, no full stop.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), fix: None, more: Map::new() }
    }

    /// Something in the request cannot be right.
    pub(crate) fn argument(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// It is not there.
    pub(crate) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// It cannot be done as things are.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// The broker, the result backend or the store does not answer.
    pub(crate) fn unavailable(what: &str, error: &dyn std::error::Error) -> Self {
        tracing::warn!(%error, "{what}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{what}: {error}"))
            .fix("see whether it runs and can be reached from the board, then try again")
    }

    /// History cannot be read.
    pub(crate) fn history(error: &taskq_core::Error) -> Self {
        Self::unavailable("history cannot be read", error)
    }

    /// What would help.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// With a field of its own.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// The sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

/// The sentence of a problem, beside its answer.
#[derive(Clone, Debug)]
pub(crate) struct Detail(pub(crate) String);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code, text) = refusal.into_parts();
        let text =
            if text.is_empty() { status.canonical_reason().unwrap_or_default().to_lowercase() } else { text };
        Self::new(status, text).with("code", code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let id = format!("{:016x}", fastrand::u64(..));
        tracing::debug!(request_id = id, status = self.status.as_u16(), detail = self.detail, "refused");
        let mut body = self.more;
        body.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        let detail = Detail(self.detail.clone());
        body.insert("detail".to_owned(), self.detail.into());
        body.insert("request_id".to_owned(), id.into());
        if let Some(fix) = self.fix {
            body.insert("fix".to_owned(), fix.into());
        }
        let mut response = typed(self.status, KIND, &Value::Object(body));
        response.extensions_mut().insert(detail);
        response
    }
}

/// An object with the time it was read at.
pub(crate) fn reply(shared: &Shared, mut body: Value) -> Response {
    if let Value::Object(fields) = &mut body {
        fields.entry("at").or_insert_with(|| json!(now(shared)));
    }
    typed(StatusCode::OK, crate::server::JSON, &body)
}

fn typed(status: StatusCode, kind: &'static str, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The board's time, in seconds since 1970.
pub(crate) fn now(shared: &Shared) -> f64 {
    super::plain::seconds(shared.app.clock().now())
}
