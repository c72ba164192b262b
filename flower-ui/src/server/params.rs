//! Arguments of a request: the query and the form, merged; the last one of a name counts, as in Flower.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use url::form_urlencoded;

use super::{Refusal, Shared};
use crate::options::boolean;

/// The arguments.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// Flower escapes what comes in.
    escapes: bool,
}

impl Params {
    fn read(query: Option<&str>, headers: &HeaderMap, body: &[u8], escapes: bool) -> Self {
        let mut pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("application/x-www-form-urlencoded") {
            pairs.extend(form_urlencoded::parse(body).into_owned());
        }
        Self { pairs, escapes }
    }

    /// As it came, without white space around it.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// As it came, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|text| !text.is_empty())
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(|value| if self.escapes { escaped(value) } else { value.to_owned() })
    }

    /// A text that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// As it came; it has to be there.
    pub(crate) fn required_raw(&self, name: &str) -> Result<&str, Refusal> {
        self.raw(name).ok_or_else(|| missing(name))
    }

    /// A boolean; `false` when it is not there.
    pub(crate) fn bool(&self, name: &str) -> Result<bool, Refusal> {
        self.raw(name).map_or(Ok(false), |value| boolean(value).ok_or_else(|| self.invalid(name, "bool")))
    }

    /// A whole number.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.number(name, "int")
    }

    /// A whole number that has to be there.
    pub(crate) fn required_int(&self, name: &str) -> Result<i64, Refusal> {
        self.int(name)?.ok_or_else(|| missing(name))
    }

    /// A number.
    pub(crate) fn float(&self, name: &str) -> Result<Option<f64>, Refusal> {
        self.number(name, "float")
    }

    fn number<T: std::str::FromStr>(&self, name: &str, kind: &str) -> Result<Option<T>, Refusal> {
        self.raw(name).map(|value| value.parse().map_err(|_| self.invalid(name, kind))).transpose()
    }

    fn invalid(&self, name: &str, kind: &str) -> Refusal {
        let value = self.text(name).unwrap_or_default();
        Refusal::argument(format!("Invalid argument '{value}' of type '{kind}'"))
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::argument(format!("Missing argument {name}"))
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// As Python's `html.escape`.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

impl FromRequest<Shared> for Params {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let strict = shared.options.strict();
        let body = Bytes::from_request(Request::from_parts(head.clone(), body), shared)
            .await
            .map_err(|error| Refusal::text(error.status(), "bad_body", error.body_text()))?;
        Ok(Self::read(head.uri.query(), &head.headers, &body, strict))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_form_wins_over_the_query_and_booleans_are_flowers() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let params = Params::read(Some("n=1&b=Yes&c=maybe&q=a%26b"), &headers, b"n=2", false);
        assert_eq!(params.int("n").unwrap(), Some(2));
        assert!(params.bool("b").unwrap() && !params.bool("none").unwrap());
        assert!(params.bool("c").is_err());
        assert_eq!(params.required("q").unwrap(), "a&b");
        assert!(params.required("z").is_err());
        let strict = Params::read(Some("q=a%26b"), &headers, b"", true);
        assert_eq!(strict.required("q").unwrap(), "a&amp;b");
    }
}
