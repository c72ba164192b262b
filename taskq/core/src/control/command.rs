//! A request to workers.
//!
//! Kept true here: a request that names nobody is for everybody; one whose address cannot be read is for
//! nobody.

use std::fmt;

use regex::RegexBuilder;

use crate::{
    codec::{CodecError, Map, Serializer, Value, json},
    protocol::{DeliveryMode, Message, Properties, RawHeaders},
};

/// Bound on a compiled pattern, in bytes: patterns come from outside.
const PATTERN_LIMIT: usize = 1 << 20;

/// A command, and whom it is for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Command {
    /// Its name: `ping`.
    pub method: String,
    /// Its arguments, by name.
    pub arguments: Map,
    /// The nodes it is for; `None`: all, or those that match.
    pub destination: Option<Vec<String>>,
    /// The nodes it is for, by pattern. `destination` wins.
    pub matcher: Option<Matcher>,
    /// Connects replies with the request.
    pub ticket: Option<String>,
    /// Where replies go; `None`: none is wanted.
    pub reply_to: Option<ReplyTo>,
    /// The sender's logical time.
    pub clock: u64,
    /// Until when the sender waits, in seconds since 1970; 0: no limit.
    pub expires: f64,
}

/// A pattern for node names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// Shell style: `celery@web*`.
    Glob(String),
    /// A regular expression that the beginning of the name has to match.
    Pcre(String),
}

/// Where replies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The exchange.
    pub exchange: String,
    /// The routing key: the asker's own.
    pub routing_key: String,
}

impl Command {
    /// A command without arguments, for everybody.
    pub fn new(method: impl Into<String>) -> Self {
        Self { method: method.into(), ..Self::default() }
    }

    /// Whether it is for the node of that name.
    pub fn is_for(&self, node: &str) -> bool {
        match (&self.destination, &self.matcher) {
            (Some(nodes), _) => nodes.iter().any(|name| name == node),
            (None, Some(matcher)) => matcher.matches(node),
            (None, None) => true,
        }
    }

    /// As the message that travels.
    ///
    /// # Errors
    /// When an argument cannot be written.
    pub fn to_message(&self) -> Result<Message, CodecError> {
        let (pattern, matcher) = match &self.matcher {
            Some(Matcher::Glob(pattern)) => (Value::from(pattern.as_str()), Value::from("glob")),
            Some(Matcher::Pcre(pattern)) => (Value::from(pattern.as_str()), Value::from("pcre")),
            None => (Value::Null, Value::Null),
        };
        let mut body = Map::from_iter([
            ("method".to_owned(), Value::from(self.method.as_str())),
            ("arguments".to_owned(), Value::Map(self.arguments.clone())),
            ("destination".to_owned(), self.destination.clone().into()),
            ("pattern".to_owned(), pattern),
            ("matcher".to_owned(), matcher),
        ]);
        if let Some(ticket) = &self.ticket {
            body.insert("ticket".to_owned(), Value::from(ticket.as_str()));
        }
        if let Some(ReplyTo { exchange, routing_key }) = &self.reply_to {
            let to = [("exchange", exchange.as_str()), ("routing_key", routing_key.as_str())];
            body.insert("reply_to".to_owned(), to.into_iter().collect());
        }
        let expires = if self.expires == 0.0 { Value::Int(0) } else { Value::Float(self.expires) };
        let headers: Value = [("clock", Value::from(self.clock)), ("expires", expires)].into_iter().collect();
        Ok(Message {
            headers: RawHeaders(json::to_bytes(&headers)?),
            properties: Properties { delivery_mode: DeliveryMode::Persistent, ..Properties::default() },
            content_type: Some("application/json".to_owned()),
            content_encoding: Some("utf-8".to_owned()),
            body: json::to_bytes(&Value::Map(body))?,
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(message: &Message) -> Result<Self, String> {
        let format = message.content_type.as_deref().map_or(Ok(Serializer::Json), Serializer::from_name);
        let body =
            format.and_then(|format| format.decode(&message.body)).map_err(|error| error.to_string())?;
        let Value::Map(mut body) = body else { return Err("it is no map".to_owned()) };
        let mut take = |name: &str| body.shift_remove(name).unwrap_or_default();
        let Value::Str(method) = take("method") else { return Err("it names no `method`".to_owned()) };
        let arguments = match take("arguments") {
            Value::Map(arguments) => arguments,
            Value::Null => Map::default(),
            _ => return Err(format!("the `arguments` of `{method}` are no map")),
        };
        let destination = match take("destination") {
            Value::Null => None,
            Value::Str(node) => Some(vec![node]),
            Value::List(nodes) => Some(nodes.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            _ => return Err(format!("the `destination` of `{method}` is no list")),
        };
        let matcher = match (take("pattern"), take("matcher")) {
            (Value::Null, _) => None,
            (Value::Str(pattern), Value::Str(kind)) if kind == "pcre" => Some(Matcher::Pcre(pattern)),
            (Value::Str(pattern), Value::Null) => Some(Matcher::Glob(pattern)),
            (Value::Str(pattern), Value::Str(kind)) if kind == "glob" => Some(Matcher::Glob(pattern)),
            _ => return Err(format!("the `pattern` or `matcher` of `{method}` is unknown")),
        };
        let ticket = take("ticket").as_str().map(str::to_owned);
        let reply_to = match take("reply_to") {
            Value::Map(to) => {
                let text = |name| to.get(name).and_then(Value::as_str).map(str::to_owned);
                text("exchange")
                    .zip(text("routing_key"))
                    .map(|(exchange, routing_key)| ReplyTo { exchange, routing_key })
            }
            _ => None,
        };
        let headers = json::from_slice::<Map>(&message.headers.0).unwrap_or_default();
        Ok(Self {
            method,
            arguments,
            destination,
            matcher,
            ticket,
            reply_to,
            clock: headers.get("clock").and_then(Value::as_u64).unwrap_or_default(),
            expires: match headers.get("expires") {
                Some(Value::Float(at)) => *at,
                Some(Value::Int(at)) => *at as f64,
                _ => 0.0,
            },
        })
    }
}

impl Matcher {
    /// Whether it matches. A pattern that cannot be read matches nothing.
    pub fn matches(&self, node: &str) -> bool {
        match self {
            Self::Glob(pattern) => {
                globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(node))
            }
            Self::Pcre(pattern) => RegexBuilder::new(&format!("^(?:{pattern})"))
                .size_limit(PATTERN_LIMIT)
                .build()
                .is_ok_and(|pattern| pattern.is_match(node)),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_destination_wins_over_the_pattern_and_neither_means_everybody() {
        let mut command = Command::new("ping");
        assert!(command.is_for("celery@a"));
        command.matcher = Some(Matcher::Glob("celery@*".to_owned()));
        assert!(command.is_for("celery@a") && !command.is_for("other@a"));
        command.matcher = Some(Matcher::Pcre("cel.ry@[ab]".to_owned()));
        assert!(command.is_for("celery@abc") && !command.is_for("x.celery@a"));
        command.destination = Some(vec!["other@a".to_owned()]);
        assert!(command.is_for("other@a") && !command.is_for("celery@a"));
        assert!(!Matcher::Pcre("(".to_owned()).matches("("));
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let command = Command {
            arguments: Map::from_iter([("n".to_owned(), Value::Int(2))]),
            destination: Some(vec!["a".to_owned()]),
            matcher: Some(Matcher::Pcre("a|b".to_owned())),
            ticket: Some("t".to_owned()),
            reply_to: Some(ReplyTo { exchange: "e".to_owned(), routing_key: "k".to_owned() }),
            clock: 7,
            expires: 12.5,
            ..Command::new("pool_grow")
        };
        assert_eq!(Command::read(&command.to_message().unwrap()), Ok(command));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"method":1}"#,
            r#"{"method":"x","arguments":3}"#,
            r#"{"method":"x","destination":{}}"#,
            r#"{"method":"x","pattern":"a","matcher":"soundex"}"#,
        ] {
            let message = Message { body: body.to_owned().into(), ..Message::default() };
            assert!(Command::read(&message).is_err(), "{body}");
        }
    }
}
