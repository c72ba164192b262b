//! Remote control: asking workers, and telling them (kombu's pidbox).
//!
//! Kept true here: requests and replies are Celery's to the letter, so that either side may be Python; what
//! cannot be read is refused with a reason, never obeyed in part.

mod client;
mod command;
mod custom;
mod mailbox;
mod reply;

pub use client::{Ask, Control, Replies};
pub use command::{Command, Matcher, ReplyTo};
pub use custom::{ControlCommand, ControlKind, CustomCommands};
pub(crate) use mailbox::Mailbox;
pub use reply::Reply;

use crate::codec::{Map, Value};

/// The exchange of requests, for `control_exchange`: `celery.pidbox`.
pub fn exchange(control_exchange: &str) -> String {
    format!("{control_exchange}.pidbox")
}

/// The exchange of replies: `reply.celery.pidbox`.
pub fn reply_exchange(control_exchange: &str) -> String {
    format!("reply.{control_exchange}.pidbox")
}

/// `{"ok": value}`.
pub fn ok(value: impl Into<Value>) -> Value {
    one("ok", value.into())
}

/// `{"error": text}`.
pub fn nok(text: impl Into<String>) -> Value {
    one("error", Value::Str(text.into()))
}

fn one(name: &str, value: Value) -> Value {
    Value::Map(Map::from_iter([(name.to_owned(), value)]))
}
