//! How deliveries end.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DeliveryTag, Outgoing};
use crate::Timestamp;

/// The end of one delivery, and what is published with it.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which delivery.
    pub tag: DeliveryTag,
    /// How it ends.
    pub how: Settle,
    /// Follow-ups: a retry, the next step of a chain, callbacks.
    pub publish: Vec<Outgoing>,
}

impl Settlement {
    /// An end without follow-ups.
    pub fn new(tag: DeliveryTag, how: Settle) -> Self {
        Self { tag, how, publish: Vec::new() }
    }
}

/// How a delivery ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Done: the message is removed.
    Ack,
    /// Back to its queue, unchanged but for the redelivered flag: at once (to the front), or not before a time.
    /// A requeue with a due time is a delay, not a failed delivery: it does not count towards the limit. With a
    /// due time that has passed it goes back at once, like one without: what a worker gives back unstarted.
    Requeue {
        /// When it may be delivered again.
        not_before: Option<Timestamp>,
    },
    /// To the dead letters of its queue, original bytes and all.
    DeadLetter {
        /// Why.
        reason: DeadReason,
    },
}

/// Why a message was put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadReason {
    /// The class of reason.
    pub kind: DeadKind,
    /// One line for a person: what was wrong, lower case.
    pub detail: String,
}

impl DeadReason {
    /// A reason.
    pub fn new(kind: DeadKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

/// The classes of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeadKind {
    /// Envelope, headers or body cannot be read.
    Undecodable,
    /// Its content type is not in `accept_content`.
    RefusedContentType,
    /// No task of that name is registered.
    UnknownTask,
    /// The arguments do not fit the task's parameters.
    BadArguments,
    /// Delivered too often without an end: it probably kills its workers.
    Poison,
    /// The last retry failed (only where configured).
    RetriesExhausted,
    /// The task rejected it.
    Rejected,
    /// It expired (only where configured).
    Expired,
}

impl DeadKind {
    /// The kebab-case name, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::RefusedContentType => "refused-content-type",
            Self::UnknownTask => "unknown-task",
            Self::BadArguments => "bad-arguments",
            Self::Poison => "poison",
            Self::RetriesExhausted => "retries-exhausted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for DeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The answer to a settlement or an extension: whose lease was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "lost deliveries run, or will run, somewhere else"]
pub struct Settled {
    /// Tags that were no longer ours; nothing was done for them.
    pub lost: Vec<DeliveryTag>,
}
