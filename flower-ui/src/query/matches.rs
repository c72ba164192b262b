//! Whether a task fits, by its whole record: for what no index tells.

use std::sync::Arc;

use taskq_core::backend::State;

use super::{
    ast::{Expr, Field, Test, is_like},
    kwargs,
};
use crate::record::{EndReason, History, TaskRecord, failure, seconds};

impl Expr {
    /// Whether a task may fit, by its name, queue and state alone.
    pub(crate) fn may_match(&self, task: &History) -> bool {
        let is = |test: &Test, text: Option<&Arc<str>>| text.is_some_and(|text| fits(test, text));
        match self {
            Self::And(parts) => parts.iter().all(|part| part.may_match(task)),
            Self::Or(parts) => parts.iter().any(|part| part.may_match(task)),
            Self::Term(Field::Name, test) => is(test, task.name()),
            Self::Term(Field::Queue, test) => is(test, task.queue()),
            Self::Term(Field::State, test) => fits(test, task.state().as_str()),
            Self::Not(_) | Self::Term(..) => true,
        }
    }

    /// Whether a task fits.
    pub(crate) fn matches(&self, task: &TaskRecord) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(task)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(task)),
            Self::Not(part) => !part.matches(task),
            Self::Term(field, test) => term(field, test, task),
        }
    }
}

fn term(field: &Field, test: &Test, task: &TaskRecord) -> bool {
    let text = |text: Option<&str>| text.is_some_and(|text| fits(test, text));
    match field {
        Field::Any => any(test, task),
        Field::Id => fits(test, &task.id),
        Field::Name => text(task.name.as_deref()),
        Field::State => fits(test, task.state.as_str()),
        Field::Worker => text(task.worker.as_deref()),
        Field::Queue => text(task.queue.as_deref()),
        Field::Client => text(task.client.as_deref()),
        Field::Args => text(task.args.as_deref()),
        Field::Kwargs => match test {
            Test::Pair(key, value) => task.kwargs.as_deref().is_some_and(|kwargs| {
                let same = |(path, told): &(String, String)| {
                    path.to_lowercase() == *key && told.to_lowercase() == *value
                };
                kwargs::pairs(kwargs).iter().any(same)
            }),
            _ => text(task.kwargs.as_deref()),
        },
        Field::Kwarg(path) => task.kwargs.as_deref().is_some_and(|kwargs| {
            let of_it = |pair: &&(String, String)| pair.0.to_lowercase() == *path;
            kwargs::pairs(kwargs).iter().find(of_it).is_some_and(|(_, value)| fits(test, value))
        }),
        Field::Result => text(task.result.as_deref()),
        Field::Error => text(task.exception.as_deref()),
        Field::Fingerprint => text(failure(task).as_deref()),
        Field::Reason => text(task.reason.as_ref().map(EndReason::word)),
        Field::Root => text(task.root_id.as_deref()) || fits(test, &task.id),
        Field::Parent => text(task.parent_id.as_deref()),
        Field::Has => matches!(test, Test::Is(words) if words.iter().any(|word| has(word, task))),
        _ => matches!((test, number(field, task)), (Test::Range(range), Some(number)) if range.has(number)),
    }
}

fn number(field: &Field, task: &TaskRecord) -> Option<f64> {
    match field {
        Field::Sent => task.sent,
        Field::Received => task.received,
        Field::Started => task.started,
        Field::Ended => task.ended(),
        Field::Seen => Some(task.timestamp),
        Field::Eta => seconds(task.eta.as_deref()?),
        Field::Wait => task.waited(),
        Field::Run => task.ran(),
        Field::Attempts => Some(task.attempts.len() as f64),
        Field::Retries => task.retries.map(|retries| retries as f64),
        _ => None,
    }
}

/// As Flower looks everywhere: one text of all, so that a phrase does not span two of them.
fn any(test: &Test, task: &TaskRecord) -> bool {
    fits(test, &task.id)
        || fits(test, task.state.as_str())
        || [&task.name, &task.worker, &task.args, &task.kwargs, &task.result]
            .into_iter()
            .flatten()
            .any(|text| fits(test, text))
}

fn has(word: &str, task: &TaskRecord) -> bool {
    match word {
        "result" => task.result.is_some(),
        "error" => task.exception.is_some() && task.state != State::Success,
        "eta" => task.eta.is_some(),
        "parent" => task.parent_id.is_some(),
        "queue" => task.queue.is_some(),
        "args" => task.args.is_some(),
        "traceback" => task.traceback.is_some(),
        _ => task.retries.is_some_and(|retries| retries > 0),
    }
}

/// Whether a text is what it has to be, in any case.
pub(super) fn fits(test: &Test, text: &str) -> bool {
    let text = text.to_lowercase();
    match test {
        Test::Contains(part) => text.contains(part.as_str()),
        Test::Is(words) => words.contains(&text),
        Test::Like(pattern) => is_like(&text, pattern),
        Test::Pair(..) | Test::Range(_) => false,
    }
}
