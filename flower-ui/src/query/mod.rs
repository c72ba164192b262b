//! Questions about tasks: what to look for, in which order, how many.
//!
//! Kept true here: what a person types is either understood whole or refused with the place of the fault; it
//! never becomes part of an SQL text.

mod ast;
mod kwargs;
mod lex;
mod matches;
mod parse;
mod sql;
mod term;
#[cfg(test)]
mod tests;
mod value;

use std::{cmp::Ordering, fmt};

pub(crate) use self::{ast::Expr, sql::Condition};
use crate::record::{History, TaskRecord};

/// Which tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskQuery {
    /// Node name of the worker, whole, in any case.
    pub worker: Option<String>,
    /// Name of the task, whole, in any case.
    pub name: Option<String>,
    /// State, in any case.
    pub state: Option<String>,
    /// Received at or after, in seconds since 1970. Tasks without such a time pass.
    pub received_start: Option<f64>,
    /// Received at or before. Tasks without such a time pass.
    pub received_end: Option<f64>,
    /// What was typed.
    pub search: Option<Search>,
    /// The order; `None`: newest activity first.
    pub sort: Option<Sort>,
}

impl TaskQuery {
    /// Whether a task may fit, by what is quickly seen. Asked of many of which few fit.
    pub(crate) fn may_match(&self, task: &History) -> bool {
        let name = self
            .name
            .as_ref()
            .is_none_or(|wanted| task.name().is_some_and(|name| name.eq_ignore_ascii_case(wanted)));
        name && self.search.as_ref().is_none_or(|search| search.0.may_match(task))
    }

    /// Whether a task fits, by its whole record.
    pub(crate) fn matches(&self, task: &TaskRecord) -> bool {
        let is = |text: Option<&str>, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| text.is_some_and(|text| text.eq_ignore_ascii_case(wanted)))
        };
        is(task.worker.as_deref(), &self.worker)
            && is(task.name.as_deref(), &self.name)
            && is(Some(task.state.as_str()), &self.state)
            && self.received_start.is_none_or(|from| task.received.is_none_or(|at| at >= from))
            && self.received_end.is_none_or(|until| task.received.is_none_or(|at| at <= until))
            && self.search.as_ref().is_none_or(|search| search.0.matches(task))
    }
}

/// A typed query, understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search(pub(crate) Expr);

impl Search {
    /// Understands Flower's grammar and nothing more, with its limits and sentences.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn flower(text: &str) -> Result<Self, SyntaxError> {
        parse::parse(text, true, 0.0).map(Self)
    }

    /// Understands the board's language, of which Flower's is a part. `now` is what `-2h` and `today` mean, in
    /// seconds since 1970.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str, now: f64) -> Result<Self, SyntaxError> {
        parse::parse(text, false, now).map(Self)
    }

    /// The same without looking at arguments, results and errors; `None` if it names them.
    pub(crate) fn without_payloads(self) -> Option<Self> {
        self.0.without_payloads().map(Self)
    }
}

/// Why a query was not understood. Shown as Flower's sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, without the place.
    pub message: String,
    /// Where, in characters from the start.
    pub position: Option<usize>,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{} at position {position}.", self.message),
            None => write!(f, "{}.", self.message),
        }
    }
}

impl std::error::Error for SyntaxError {}

impl SyntaxError {
    fn new(message: impl Into<String>, position: Option<usize>) -> Self {
        Self { message: message.into(), position }
    }
}

/// An order of tasks. Those that lack the field come first when ascending, as Flower sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub field: SortField,
    /// Greatest first.
    pub descending: bool,
}

/// What tasks can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of a record, by name")]
pub enum SortField {
    Id,
    Name,
    State,
    Received,
    Sent,
    Started,
    Succeeded,
    Failed,
    Retried,
    Revoked,
    Rejected,
    Timestamp,
    Args,
    Kwargs,
    Result,
    Exception,
    Eta,
    Expires,
    Retries,
    Runtime,
    Worker,
    Client,
    Queue,
    Exchange,
    RoutingKey,
    RootId,
    ParentId,
    Wait,
    Attempts,
}

/// Which part of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Rows to leave out.
    pub offset: u64,
    /// At most so many rows; `None`: the store's own cap of 10,000.
    pub limit: Option<u64>,
    /// Go on after this place (from [`TaskPage::next`]); cheaper than an offset. Only in the default order.
    pub after: Option<Cursor>,
}

/// A place in the default order: the row after it is next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cursor {
    /// The last row's timestamp.
    pub timestamp: f64,
    /// Its place among rows of the same time.
    pub key: i64,
}

impl Cursor {
    /// Earlier ones are less.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.timestamp.total_cmp(&other.timestamp).then_with(|| self.key.cmp(&other.key))
    }
}

/// Part of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskPage {
    /// The tasks.
    pub rows: Vec<TaskRecord>,
    /// How many match in all: exact up to 10,000.
    pub matched: u64,
    /// Whether `matched` is exact, not a lower bound.
    pub matched_is_exact: bool,
    /// How many tasks there are.
    pub total: u64,
    /// Set when the search ran out of time: everything that was heard of since then was looked at.
    pub searched_back_to: Option<f64>,
    /// Whether only the newest were put in order: others that come before these may be missing.
    pub partial: bool,
    /// Where the next page begins, when there is one.
    pub next: Option<Cursor>,
}
