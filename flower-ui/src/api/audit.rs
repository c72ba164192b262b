//! The log of what was done through the board.
//!
//! Kept true here: whoever changes something is written down with what became of it, also when it failed or was
//! refused. What history cannot take is kept at hand, so that it is not lost while the board runs.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{Problem, problem::now};
use crate::{auth::Caller, server::Shared, store::AuditEntry};

/// Entries that are kept at hand while history cannot be written.
const HELD: usize = 1_000;
/// Arguments longer than this are cut in the log, in bytes.
const LONG: usize = 16 << 10;

/// Entries that history did not take.
#[derive(Debug, Default)]
pub(crate) struct Audit(Mutex<VecDeque<AuditEntry>>);

impl Audit {
    fn hold(&self, entry: AuditEntry) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD {
            held.pop_front();
        }
        held.push_back(entry);
    }

    fn held(&self, target: Option<&str>) -> Vec<AuditEntry> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |entry: &&AuditEntry| target.is_none_or(|target| entry.target == target);
        held.iter().rev().filter(wanted).cloned().collect()
    }
}

/// The newest entries, of one target or of all.
pub(crate) async fn entries(
    shared: &Shared,
    target: Option<&str>,
    limit: u32,
) -> Result<Vec<Value>, Problem> {
    let mut entries = shared.v1.audit.held(target);
    let stored = shared
        .store
        .audits(target, None, limit)
        .await
        .map_err(|error| Problem::unavailable("the audit log cannot be read", &error))?;
    entries.extend(stored.into_iter().map(|row| row.entry));
    entries.sort_by(|a, b| b.at.total_cmp(&a.at));
    entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(entries.iter().map(shown).collect())
}

fn shown(entry: &AuditEntry) -> Value {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let mut outcome: Value = value(&entry.outcome);
    let part = |outcome: &mut Value, name: &str| outcome.get_mut(name).map(Value::take).unwrap_or_default();
    let parts = ["result", "replies", "before", "after", "from"].map(|name| part(&mut outcome, name));
    let [result, replies, before, after, from] = parts;
    // Of an entry that somebody else wrote, all of it.
    let result = if result.is_null() { outcome } else { result };
    json!({
        "at": entry.at, "user": entry.actor, "from": from, "action": entry.action, "target": entry.target,
        "arguments": value(&entry.details), "outcome": result, "replies": replies, "before": before,
        "after": after,
    })
}

/// Something that is about to be done.
#[derive(Debug)]
pub(crate) struct Act {
    caller: Caller,
    action: &'static str,
    target: String,
    arguments: Value,
    before: Value,
    after: Value,
}

impl Act {
    pub(crate) fn new(caller: &Caller, action: &'static str, target: &str, arguments: Value) -> Self {
        Self {
            caller: caller.clone(),
            action,
            target: target.to_owned(),
            arguments: bounded(arguments),
            before: Value::Null,
            after: Value::Null,
        }
    }

    /// What was there before, and is there after.
    pub(crate) fn change(&mut self, before: Value, after: Value) {
        (self.before, self.after) = (bounded(before), bounded(after));
    }

    /// Writes down what became of it; if it was done, `replies` tells what came of it, such as what workers
    /// answered.
    pub(crate) async fn done<T>(
        self,
        shared: &Shared,
        result: &Result<T, Problem>,
        replies: impl FnOnce(&T) -> Value,
    ) {
        match result {
            Ok(done) => self.write(shared, "ok", replies(done)).await,
            Err(problem) => self.write(shared, problem.detail(), Value::Null).await,
        }
    }

    /// Writes it down.
    pub(crate) async fn write(mut self, shared: &Shared, outcome: &str, mut replies: Value) {
        self.caller.written();
        for value in [&mut self.arguments, &mut self.before, &mut self.after, &mut replies] {
            shared.redact.json(value);
        }
        let who = self.caller.shown();
        tracing::info!(who, action = self.action, target = self.target, outcome, "asked to act");
        let entry = AuditEntry {
            at: now(shared),
            actor: who.to_owned(),
            action: self.action.to_owned(),
            target: self.target,
            details: self.arguments.to_string(),
            outcome: json!({
                "result": outcome, "replies": replies, "before": self.before, "after": self.after,
                "from": self.caller.from,
            })
            .to_string(),
        };
        if let Err(error) = shared.store.audit(entry.clone()).await {
            tracing::warn!(%error, "could not write the audit log; the entry is kept in memory");
            shared.v1.audit.hold(entry);
        }
    }
}

/// Cut if it is long.
fn bounded(value: Value) -> Value {
    match value.to_string() {
        text if text.len() > LONG => json!({"cut": text.chars().take(LONG / 4).collect::<String>()}),
        _ => value,
    }
}
