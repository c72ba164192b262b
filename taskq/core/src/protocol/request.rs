//! A message decoded for a task: what `self.request` is in Celery.

use super::{Arguments, DeliveryInfo, Embed, Headers, Message, Properties, Protocol, TaskId};
use crate::{Timestamp, codec::Accept};

/// The decoded message as a task sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its headers (for version 1: rebuilt from the body).
    pub headers: Headers,
    /// Its properties.
    pub properties: Properties,
    /// How it was delivered.
    pub delivery: DeliveryInfo,
    /// The arguments, not decoded yet.
    pub arguments: Arguments,
    /// What follows it.
    pub embed: Embed,
    /// The version it was written in.
    pub protocol: Protocol,
    /// The content type of the body: a retry is written in the same.
    pub content_type: String,
    /// `headers.eta` as an instant.
    pub eta: Option<Timestamp>,
    /// `headers.expires` as an instant.
    pub expires: Option<Timestamp>,
}

/// A message that is no task for us, and what could still be read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Malformed {
    /// What is wrong.
    pub kind: MalformedKind,
    /// One line for a person: where and what, lower case.
    pub detail: String,
    /// The task id, if it can be read: a waiting caller gets a FAILURE under it.
    pub id: Option<TaskId>,
    /// The task's name, if it can be read.
    pub task: Option<String>,
    /// The reply address, for `rpc://`.
    pub reply_to: Option<String>,
}

/// The classes of malformed messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedKind {
    /// Headers or body cannot be read, or are not a task's.
    Undecodable,
    /// The content type is not accepted, or the signature of the body proves nothing.
    RefusedContentType,
}

impl Request {
    /// Decodes headers and the shape of the body; arguments stay as they are until the call.
    ///
    /// `zone` is what naive times are read in; `inflate_limit` bounds the body, inflated
    /// if it is compressed, in bytes.
    ///
    /// # Errors
    /// [`Malformed`], with what could be read.
    pub fn decode(
        message: Message,
        delivery: DeliveryInfo,
        accept: &Accept,
        zone: &jiff::tz::TimeZone,
        inflate_limit: usize,
    ) -> Result<Self, Box<Malformed>> {
        decode::decode(message, delivery, accept, zone, inflate_limit)
    }

    /// The task id.
    pub fn id(&self) -> &TaskId {
        &self.headers.id
    }

    /// The name to show: `shadow` if given.
    pub fn display_name(&self) -> &str {
        self.headers.shadow.as_deref().unwrap_or(&self.headers.task)
    }
}

mod decode;
