//! Answers: JSON objects, and Flower's texts for what is refused.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use taskq_core::codec::{Map, Value, json as dialect};

/// What a handler gives.
pub(crate) type Answer = Result<Response, Refusal>;

/// What Flower calls JSON.
pub(crate) const JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";
const TEXT: &str = "text/plain; charset=UTF-8";

/// Why something is not done.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// For programs: `unknown_worker`.
    code: &'static str,
    text: String,
    form: Form,
}

/// What Flower says it in.
#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    Html,
    /// Pages name no character set.
    Bare,
    Json,
}

impl Refusal {
    /// A sentence.
    pub(crate) fn text(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into(), form: Form::Text }
    }

    /// A sentence that Flower calls HTML, and where Flower says nothing.
    pub(crate) fn html(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { form: Form::Html, ..Self::text(status, code, text) }
    }

    /// `{"error": …}` in any case.
    pub(crate) fn json(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { form: Form::Json, ..Self::text(status, code, text) }
    }

    /// An argument that is missing or cannot be read.
    pub(crate) fn argument(text: impl Into<String>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, "bad_argument", text)
    }

    /// The same on a page.
    pub(crate) fn on_page(self) -> Self {
        Self { form: Form::Bare, ..self }
    }

    pub(crate) fn unknown_worker(name: &str) -> Self {
        Self::text(StatusCode::NOT_FOUND, "unknown_worker", format!("Unknown worker '{name}'"))
    }

    pub(crate) fn unknown_task(name: &str) -> Self {
        Self::text(StatusCode::NOT_FOUND, "unknown_task", format!("Unknown task '{name}'"))
    }

    /// A command that a worker refused.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::html(StatusCode::FORBIDDEN, "refused_by_worker", text)
    }

    /// The broker or the result backend does not answer.
    pub(crate) fn unavailable() -> Self {
        let text = "Broker or result backend unavailable";
        Self::text(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text)
    }

    /// Status, code for programs, text.
    pub(crate) fn into_parts(self) -> (StatusCode, &'static str, String) {
        (self.status, self.code, self.text)
    }

    /// As JSON, for clients that asked for it.
    pub(super) fn into_json(self) -> Response {
        let text = if self.text.is_empty() {
            self.status.canonical_reason().unwrap_or_default().to_owned()
        } else {
            self.text
        };
        let body =
            Map::from_iter([("error".to_owned(), Value::from(text)), ("code".to_owned(), self.code.into())]);
        (self.status, json(body)).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let kind = match self.form {
            Form::Text => TEXT,
            Form::Html => HTML,
            Form::Bare => "text/plain",
            Form::Json => {
                let body = Map::from_iter([("error".to_owned(), Value::from(self.text))]);
                return (self.status, json(body)).into_response();
            }
        };
        let mut response = with_type(kind, self.text.clone());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// An object.
pub(crate) fn json(body: Map) -> Response {
    match dialect::to_string(&Value::Map(body)) {
        // A page that shows it inside a script stays one.
        Ok(text) => with_type(JSON, text.replace("</", "<\\/")),
        Err(error) => {
            tracing::warn!(%error, "could not write an answer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `{"message": …}`
pub(crate) fn message(text: impl Into<String>) -> Response {
    json(Map::from_iter([("message".to_owned(), Value::from(text.into()))]))
}

/// A body that Flower calls HTML.
pub(crate) fn html(text: impl Into<Body>) -> Response {
    with_type(HTML, text)
}

fn with_type(kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
