//! The body of a call: arguments, and options as `apply_async` takes them.

use axum::http::StatusCode;
use jiff::{civil, tz::TimeZone};
use serde::de::IgnoredAny;
use taskq_core::{
    canvas::{Args, Kwargs, Signature},
    codec::{Map, Value, json as dialect, repr},
    protocol::Arguments,
    send::SendOptions,
};

use crate::server::{Refusal, Shared};

/// The one form of a time that Flower reads.
const TIME: &str = "%Y-%m-%d %H:%M:%S%.f";
/// Options of a call that are properties of its message.
const PROPERTIES: &[&str] =
    &["expiration", "message_id", "app_id", "user_id", "type", "timestamp", "cluster_id"];

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    args: Vec<Value>,
    kwargs: Map,
    options: Map,
}

impl Call {
    /// Reads a body. None at all is a call without arguments.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut options = match body.is_empty() {
            true => Map::default(),
            false => match dialect::from_slice(body) {
                Ok(Value::Map(options)) => options,
                Ok(_) => return Err(Refusal::argument("invalid options")),
                Err(_) => return Err(Refusal::argument(complaint(body))),
            },
        };
        let args = match options.shift_remove("args") {
            None => Vec::new(),
            Some(Value::List(args)) => args,
            Some(_) => return Err(Refusal::argument("args must be an array")),
        };
        let kwargs = match options.shift_remove("kwargs") {
            None => Map::default(),
            Some(Value::Map(kwargs)) => kwargs,
            Some(_) => return Err(Refusal::argument("kwargs must be an object")),
        };
        Ok(Self { args, kwargs, options })
    }

    /// How long the caller waits, taken out.
    pub(super) fn timeout(&mut self) -> Result<Option<f64>, Refusal> {
        let invalid = || Refusal::argument("Invalid timeout");
        match self.options.shift_remove("timeout") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => number(&value).filter(|seconds| *seconds >= 0.0).map(Some).ok_or_else(invalid),
        }
    }

    /// Times in the form that Flower reads become times.
    pub(super) fn convert(&mut self, zone: &TimeZone, strict: bool) -> Result<(), Refusal> {
        let invalid = || Refusal::argument("Invalid option");
        for name in ["eta", "countdown", "expires"] {
            let Some(value) = self.options.get_mut(name).filter(|value| !value.is_null()) else { continue };
            let time = value.as_str().and_then(|text| time(text, zone));
            *value = match (name, time, number(value)) {
                ("eta" | "expires", Some(time), _) => Value::from(time),
                ("countdown" | "expires", _, Some(seconds)) => Value::Float(seconds),
                // With its offset, as everything else writes times.
                ("eta" | "expires", ..)
                    if !strict && value.as_str().is_some_and(|text| text.contains('T')) =>
                {
                    continue;
                }
                _ => return Err(invalid()),
            };
        }
        Ok(())
    }

    /// Whether the arguments fit a task of this program.
    pub(super) fn check(&self, shared: &Shared, name: &str) -> Result<(), Refusal> {
        let Some(task) = shared.app.registry().get(name) else { return Ok(()) };
        let given = Arguments::Values { args: self.args.clone(), kwargs: self.kwargs.clone() };
        given.bind::<IgnoredAny>(name, task.params).map(drop).map_err(|error| bad(shared, error.to_string()))
    }

    /// The call as what is sent.
    pub(super) fn into_signature(self, shared: &Shared, name: &str) -> Result<Signature, Refusal> {
        let mut options =
            SendOptions::from_map(self.options).map_err(|error| bad(shared, error.to_string()))?;
        if let Some(unknown) = options.properties.keys().find(|key| !PROPERTIES.contains(&key.as_str())) {
            return Err(bad(shared, format!("`{unknown}` is no option of a call")));
        }
        if let Some(priority) = options.priority.filter(|priority| *priority > 9) {
            return Err(bad(shared, format!("priority {priority} is outside 0 to 9")));
        }
        if shared.options.strict() && options.argsrepr.is_none() && !self.args.is_empty() {
            // Flower passes a list where others pass a tuple, and it shows.
            options.argsrepr = Some(repr::value(&Value::List(self.args.clone())));
        }
        let mut signature =
            Signature::by_name(name, Args::from(self.args)).with_kwargs(Kwargs::from(self.kwargs));
        signature.options = options;
        Ok(signature)
    }
}

/// A call that cannot be right: Flower falls over.
pub(super) fn bad(shared: &Shared, why: impl Into<String>) -> Refusal {
    match shared.options.strict() {
        true => Refusal::html(StatusCode::INTERNAL_SERVER_ERROR, "bad_call", ""),
        false => Refusal::text(StatusCode::BAD_REQUEST, "bad_call", why),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Str(text) => text.trim().parse().ok(),
        Value::Bool(_) => None,
        other => other.as_f64(),
    };
    number.filter(|number: &f64| number.is_finite())
}

fn time(text: &str, zone: &TimeZone) -> Option<String> {
    let (_, fraction) = text.rsplit_once('.')?;
    if fraction.is_empty() || fraction.len() > 6 {
        return None;
    }
    let time = civil::DateTime::strptime(TIME, text).ok()?;
    Some(time.to_zoned(zone.clone()).ok()?.timestamp().to_string())
}

/// What Python says of a text that is no JSON.
fn complaint(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let error = match serde_json::from_str::<IgnoredAny>(&text) {
        Err(error) => error,
        Ok(_) => return "the body cannot be read".to_owned(),
    };
    let said = error.to_string();
    let says = |part: &str| said.contains(part);
    let what = if says("key must be a string") || (says("trailing comma") && text.contains('{')) {
        "Expecting property name enclosed in double quotes"
    } else if says("expected `:`") {
        "Expecting ':' delimiter"
    } else if says("expected `,`") {
        "Expecting ',' delimiter"
    } else if says("trailing characters") {
        "Extra data"
    } else if says("EOF while parsing a string") {
        "Unterminated string starting at"
    } else if says("control character") {
        "Invalid control character at"
    } else {
        "Expecting value"
    };
    let (line, column) = (error.line(), error.column().max(1));
    let before: usize =
        text.split_inclusive('\n').take(line.saturating_sub(1)).map(|line| line.chars().count()).sum();
    format!("{what}: line {line} column {column} (char {})", before + column - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_refused_in_pythons_words() {
        assert_eq!(
            complaint(b"{nope"),
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
        );
        assert_eq!(complaint(b"x"), "Expecting value: line 1 column 1 (char 0)");
        assert!(Call::read(b"[1]").is_err() && Call::read(b"{\"args\": {}}").is_err());
        assert!(Call::read(b"").unwrap().args.is_empty());
    }

    #[test]
    fn times_are_read_in_flowers_form() {
        let read = |option: &str, strict| {
            let mut call = Call::read(format!("{{{option}}}").as_bytes()).unwrap();
            call.convert(&TimeZone::UTC, strict).map(|()| call.options)
        };
        let eta = read(r#""eta": "2026-11-21 23:00:00.500000""#, true).unwrap();
        assert_eq!(eta["eta"].as_str(), Some("2026-11-21T23:00:00.5Z"));
        assert_eq!(read(r#""expires": 5"#, true).unwrap()["expires"], Value::Float(5.0));
        for wrong in [
            r#""eta": "2026-11-21""#,
            r#""eta": "2026-11-21 23:00:00""#,
            r#""countdown": "soon""#,
            r#""eta": 5"#,
        ] {
            assert!(read(wrong, true).is_err(), "{wrong}");
        }
        assert!(read(r#""eta": "2026-11-21T23:00:00+01:00""#, true).is_err());
        assert!(read(r#""eta": "2026-11-21T23:00:00+01:00""#, false).is_ok());
    }
}
