//! Bodies of requests: JSON objects in the dialect of tasks, so that arguments arrive as they were meant.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use taskq_core::codec::{Map, Value, json};

use super::Problem;
use crate::server::Shared;

/// The fields of a request. No body at all has none.
#[derive(Debug, Default)]
pub(crate) struct Body {
    fields: Map,
}

impl FromRequest<Shared> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        let raw = Bytes::from_request(request, shared)
            .await
            .map_err(|error| Problem::new(error.status(), error.body_text()))?;
        Self::read(&raw)
    }
}

impl Body {
    fn read(raw: &[u8]) -> Result<Self, Problem> {
        if raw.is_empty() {
            return Ok(Self::default());
        }
        match json::from_slice(raw) {
            Ok(Value::Map(fields)) => Ok(Self { fields }),
            Ok(_) => Err(Problem::argument("the body is no JSON object")),
            Err(error) => Err(Problem::argument(format!("the body cannot be read: {error}"))),
        }
    }

    /// A field as it is; `null` is none.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        self.value(name).map(|value| value.as_str().ok_or_else(|| wrong(name, "a text"))).transpose()
    }

    /// A text, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Result<Option<&str>, Problem> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A text that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.filled(name)?.ok_or_else(|| Problem::argument(format!("`{name}` is missing")))
    }

    /// A whole number.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.value(name).map(|value| value.as_i64().ok_or_else(|| wrong(name, "a whole number"))).transpose()
    }

    /// A number.
    pub(crate) fn float(&self, name: &str) -> Result<Option<f64>, Problem> {
        let number = |value: &Value| value.as_f64().filter(|number| number.is_finite());
        self.value(name).map(|value| number(value).ok_or_else(|| wrong(name, "a number"))).transpose()
    }

    /// Texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let items = value.as_list().ok_or_else(|| wrong(name, "a list of texts"))?;
        let text =
            |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| wrong(name, "a list of texts"));
        items.iter().map(text).collect()
    }

    /// An object.
    pub(crate) fn map(&self, name: &str) -> Result<Option<&Map>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map)),
            Some(_) => Err(wrong(name, "an object")),
        }
    }

    /// A list.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&[Value]>, Problem> {
        self.value(name).map(|value| value.as_list().ok_or_else(|| wrong(name, "a list"))).transpose()
    }

    /// The names of its fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// All of it, for the audit log.
    pub(crate) fn shown(&self) -> serde_json::Value {
        super::plain::object(&self.fields)
    }
}

fn wrong(name: &str, what: &str) -> Problem {
    Problem::argument(format!("`{name}` has to be {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_they_say() {
        let body = Body::read(b"{\"a\": \"x\", \"n\": 2, \"l\": [\"q\"], \"z\": null}").unwrap();
        assert_eq!(body.required("a").unwrap(), "x");
        assert_eq!(body.int("n").unwrap(), Some(2));
        assert_eq!(body.texts("l").unwrap(), ["q"]);
        assert!(body.text("n").is_err() && body.required("z").is_err() && body.map("l").is_err());
        assert!(Body::read(b"[1]").is_err());
        assert!(Body::read(b"{").is_err());
        assert!(Body::read(&[]).unwrap().value("a").is_none());
    }
}
