//! Canvases put together at run time, of signatures of any kind: tasks of other programs, steps that are only
//! known when the program runs.

use std::ops::BitOr;

use super::{Node, Signature};
use crate::codec::Value;

impl Signature {
    /// Steps that run one after the other, each with the result of the one before as its first argument.
    /// A step that is a group becomes the header of a chord when something follows it. Celery: `chain(…)`.
    pub fn chain<S: Into<Self>>(steps: impl IntoIterator<Item = S>) -> Self {
        Self::of_kind("chain").with_parts("tasks", steps)
    }

    /// Tasks that run at the same time. Celery: `group(…)`.
    pub fn group<S: Into<Self>>(members: impl IntoIterator<Item = S>) -> Self {
        Self::of_kind("group").with_parts("tasks", members)
    }

    /// Tasks that run at the same time, and one that runs with the list of their results. Celery:
    /// `chord(header, body)`.
    pub fn chord<S: Into<Self>>(header: impl IntoIterator<Item = S>, body: impl Into<Self>) -> Self {
        let mut chord = Self::of_kind("chord");
        chord.kwargs.insert("kwargs".to_owned(), Value::Map(crate::codec::Map::default()));
        let mut chord = chord.with_parts("header", header);
        let body = body.into();
        chord.take_problem(&body);
        chord.kwargs.insert("body".to_owned(), body.into_value());
        chord
    }

    /// This one, then the other: Celery's `a | b`. Ends in one chain, however many there are.
    pub fn then(mut self, next: impl Into<Self>) -> Self {
        let next = next.into();
        let plain = self.args.is_empty() && self.options == crate::send::SendOptions::default();
        if plain
            && self.subtask_type.as_deref() == Some("chain")
            && let Some(Value::List(steps)) = self.kwargs.get_mut("tasks")
        {
            steps.push(next.to_value());
            self.take_problem(&next);
            return self;
        }
        Self::chain([self, next])
    }

    /// Sends every member of a group, or of a chord's header, so much later than the one before it: `start`
    /// seconds, `start + step`, …, and never more than `stop`. Other kinds are left as they are.
    /// Celery: `group.skew()`.
    pub fn skew(self, start: f64, stop: Option<f64>, step: f64) -> Self {
        let key = if self.subtask_type.as_deref() == Some("chord") { "header" } else { "tasks" };
        let mut group = self;
        if let Some(Value::List(members)) = group.kwargs.get_mut(key) {
            let mut at = start;
            for member in members {
                let Value::Map(member) = member else { continue };
                let options =
                    member.entry("options".to_owned()).or_insert_with(|| Value::Map(Default::default()));
                if let Value::Map(options) = options {
                    options.insert("countdown".to_owned(), Value::Float(at));
                }
                at = stop.map_or(at + step, |stop| (at + step).min(stop));
            }
        }
        group
    }

    /// The tree it describes.
    ///
    /// # Errors
    /// When a part is missing or is no signature; says where.
    pub fn node(self) -> Result<Node, crate::Error> {
        Node::read(self)
    }

    fn with_parts<S: Into<Self>>(mut self, key: &str, parts: impl IntoIterator<Item = S>) -> Self {
        let mut list = Vec::new();
        for part in parts {
            let part = part.into();
            self.take_problem(&part);
            list.push(part.into_value());
        }
        self.kwargs.insert(key.to_owned(), Value::List(list));
        self
    }

    fn take_problem(&mut self, part: &Self) {
        if let Err(error) = part.options.check() {
            self.options.note(error.to_string());
        }
    }
}

impl<S: Into<Signature>> BitOr<S> for Signature {
    type Output = Self;

    fn bitor(self, next: S) -> Self {
        self.then(next)
    }
}

impl From<Node> for Signature {
    fn from(node: Node) -> Self {
        node.into_signature()
    }
}
