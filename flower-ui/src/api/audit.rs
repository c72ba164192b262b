//! The log of what was done through the board.
//!
//! Kept true here: whoever changes something is written down with what became of it, also when it failed.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{Problem, problem::now};
use crate::{auth::Caller, server::Shared};

/// Entries that are kept at hand.
const RECENT: usize = 2_000;
/// Arguments longer than this are cut in the log, in bytes.
const LONG: usize = 16 << 10;

/// One thing that somebody did.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: f64,
    pub(crate) user: String,
    /// `task.retry`
    pub(crate) action: String,
    /// What it was done to: an id or a name.
    pub(crate) target: String,
    pub(crate) arguments: Value,
    /// `ok`, or why not.
    pub(crate) outcome: String,
    /// What each worker answered.
    pub(crate) replies: Value,
}

impl Entry {
    /// For answers.
    pub(crate) fn json(&self) -> Value {
        json!({
            "at": self.at, "user": self.user, "action": self.action, "target": self.target,
            "arguments": self.arguments, "outcome": self.outcome, "replies": self.replies,
        })
    }
}

/// The newest entries.
#[derive(Debug, Default)]
pub(crate) struct Audit(Mutex<VecDeque<Entry>>);

impl Audit {
    /// The newest first, of one target or of all.
    pub(crate) fn recent(&self, target: Option<&str>, limit: usize) -> Vec<Entry> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |entry: &&Entry| target.is_none_or(|target| entry.target == target);
        entries.iter().rev().filter(wanted).take(limit).cloned().collect()
    }

    fn add(&self, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= RECENT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }
}

/// Something that is about to be done.
#[derive(Debug)]
pub(crate) struct Act {
    user: String,
    action: &'static str,
    target: String,
    arguments: Value,
}

impl Act {
    pub(crate) fn new(caller: &Caller, action: &'static str, target: &str, arguments: Value) -> Self {
        let arguments = match arguments.to_string() {
            text if text.len() > LONG => json!({"cut": text.chars().take(LONG / 4).collect::<String>()}),
            _ => arguments,
        };
        Self { user: caller.shown().to_owned(), action, target: target.to_owned(), arguments }
    }

    /// Writes down what became of it; `replies` is what workers answered.
    pub(crate) fn done<T>(self, shared: &Shared, result: &Result<T, Problem>, replies: Value) {
        let outcome = match result {
            Ok(_) => "ok".to_owned(),
            Err(problem) => problem.detail().to_owned(),
        };
        tracing::info!(
            who = self.user,
            action = self.action,
            target = self.target,
            outcome,
            "the board was asked to act"
        );
        shared.v1.audit.add(Entry {
            at: now(shared),
            user: self.user,
            action: self.action.to_owned(),
            target: self.target,
            arguments: self.arguments,
            outcome,
            replies,
        });
    }
}
