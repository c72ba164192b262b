//! A signature as the tree it describes: parts of chains, groups and chords as nodes, no longer as maps.
//!
//! Kept true here: reading and writing loses nothing; a tree deeper than any message could hold is refused
//! where it is read, so that everything that walks trees may recurse.

use super::{Signature, deep};
use crate::{
    Error, ErrorKind,
    codec::{Map, Value},
};

/// Canvases within one another. The JSON of each takes three levels or more, and readers stop at 128.
const MAX_NESTING: usize = 40;

/// A signature and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The signature without its parts. Arguments of a chain, group or chord are partial ones: they go to the
    /// first step, or to every member.
    pub signature: Signature,
    /// What it is made of.
    pub kind: Kind,
}

/// The kinds of signature.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// One message: a plain task, also `celery.map`, `celery.starmap` and `celery.chunks`.
    Task,
    /// Steps in their order.
    Chain(Vec<Node>),
    /// Members.
    Group(Vec<Node>),
    /// A header and what runs with its results.
    Chord(Box<Chord>),
}

/// The parts of a chord.
#[derive(Clone, Debug, PartialEq)]
pub struct Chord {
    /// The header's group; its signature carries the group id once that is drawn.
    pub group: Signature,
    /// The header was written as a list, without a group of its own.
    pub listed: bool,
    /// Members of the header.
    pub header: Vec<Node>,
    /// What gets the results; `None` in a chord that is not complete yet.
    pub body: Option<Node>,
}

impl Node {
    /// Reads the parts of a signature.
    ///
    /// # Errors
    /// When a part is missing or is no signature, or the tree is too deep; says where.
    pub fn read(signature: Signature) -> Result<Self, Error> {
        read(signature, 0)
    }

    /// The parts written back into the signature.
    pub fn into_signature(self) -> Signature {
        deep(|| self.write())
    }

    fn write(self) -> Signature {
        let problem = self.problem();
        let Self { mut signature, kind } = self;
        signature.options.problem = problem;
        match kind {
            Kind::Task => {}
            Kind::Chain(parts) | Kind::Group(parts) => {
                _ = signature.kwargs.insert("tasks".into(), list(parts));
            }
            Kind::Chord(chord) => {
                signature.kwargs.entry("kwargs".to_owned()).or_insert_with(|| Value::Map(Map::default()));
                let header = list(chord.header);
                let header = if chord.listed {
                    header
                } else {
                    let mut group = chord.group;
                    group.kwargs.insert("tasks".into(), header);
                    group.to_value()
                };
                signature.kwargs.insert("header".into(), header);
                let body = chord.body.map_or(Value::Null, Self::into_value);
                signature.kwargs.insert("body".into(), body);
            }
        }
        signature
    }

    /// The map form.
    pub fn into_value(self) -> Value {
        self.into_signature().into_value()
    }

    /// A node of a task.
    pub(crate) fn task(signature: Signature) -> Self {
        Self { signature, kind: Kind::Task }
    }

    /// A chain of these steps.
    pub(crate) fn chain(steps: Vec<Node>) -> Self {
        Self { signature: Signature::of_kind("chain"), kind: Kind::Chain(steps) }
    }

    /// A group of these members.
    pub(crate) fn group(members: Vec<Node>) -> Self {
        Self { signature: Signature::of_kind("group"), kind: Kind::Group(members) }
    }

    /// A chord; a group gives its members and its own options to the header.
    pub(crate) fn chord(header: Node, body: Option<Node>) -> Self {
        let (group, listed, header) = match header {
            Node { signature, kind: Kind::Group(members) } => (signature, false, members),
            other => (Signature::of_kind("group"), true, vec![other]),
        };
        let mut signature = Signature::of_kind("chord");
        signature.kwargs.insert("kwargs".into(), Value::Map(Map::default()));
        Self { signature, kind: Kind::Chord(Box::new(Chord { group, listed, header, body })) }
    }

    /// The first thing that was noted when it was built; maps have no place for it.
    fn problem(&self) -> Option<String> {
        if let Some(problem) = &self.signature.options.problem {
            return Some(problem.clone());
        }
        match &self.kind {
            Kind::Task => None,
            Kind::Chain(parts) | Kind::Group(parts) => parts.iter().find_map(Self::problem),
            Kind::Chord(chord) => chord.header.iter().chain(&chord.body).find_map(Self::problem),
        }
    }
}

fn list(parts: Vec<Node>) -> Value {
    Value::List(parts.into_iter().map(Node::into_value).collect())
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::Decode, text)
}

fn read(mut signature: Signature, depth: usize) -> Result<Node, Error> {
    if depth > MAX_NESTING {
        return Err(wrong(format!("a canvas is nested deeper than {MAX_NESTING} levels")));
    }
    let kind = deep(|| match signature.subtask_type.as_deref() {
        Some("chain") => parts(&mut signature, "chain", "tasks", "step", depth).map(Kind::Chain),
        Some("group") => parts(&mut signature, "group", "tasks", "member", depth).map(Kind::Group),
        Some("chord") => chord(&mut signature, depth).map(Box::new).map(Kind::Chord),
        // Celery knows no other kinds on the wire; one that a program registered for itself is a task to us.
        _ => Ok(Kind::Task),
    })?;
    Ok(Node { signature, kind })
}

fn parts(
    signature: &mut Signature,
    what: &str,
    key: &str,
    part: &str,
    depth: usize,
) -> Result<Vec<Node>, Error> {
    match signature.kwargs.shift_remove(key) {
        Some(Value::List(parts)) => nodes(parts, what, part, depth),
        Some(other) => Err(wrong(format!(
            "not a {what}: `{key}` is no list but a value of type `{}`",
            other.type_name()
        ))),
        None => Err(wrong(format!("not a {what}: `kwargs` has no `{key}`"))),
    }
}

fn nodes(parts: Vec<Value>, what: &str, part: &str, depth: usize) -> Result<Vec<Node>, Error> {
    let one = |(at, value)| {
        Signature::from_value(value).and_then(|signature| read(signature, depth + 1)).map_err(|error| {
            Error::with_source(ErrorKind::Decode, format!("could not read {part} {at} of a {what}"), error)
        })
    };
    (1..).zip(parts).map(one).collect()
}

fn chord(signature: &mut Signature, depth: usize) -> Result<Chord, Error> {
    let body = match signature.kwargs.shift_remove("body") {
        None | Some(Value::Null) => None,
        Some(value) => {
            Some(Signature::from_value(value).and_then(|body| read(body, depth + 1)).map_err(|error| {
                Error::with_source(ErrorKind::Decode, "could not read the body of a chord", error)
            })?)
        }
    };
    let header = match signature.kwargs.get("header") {
        Some(Value::Map(_)) => signature.kwargs.shift_remove("header").unwrap_or_default(),
        _ => {
            let header = parts(signature, "chord", "header", "header member", depth)?;
            return Ok(Chord { group: Signature::of_kind("group"), listed: true, header, body });
        }
    };
    let read = Signature::from_value(header).and_then(|header| read(header, depth + 1)).map_err(|error| {
        Error::with_source(ErrorKind::Decode, "could not read the header of a chord", error)
    })?;
    Ok(match read.kind {
        Kind::Group(header) => Chord { group: read.signature, listed: false, header, body },
        // As Celery does: the steps of a chain become members.
        Kind::Chain(header) => Chord { group: Signature::of_kind("group"), listed: true, header, body },
        _ => Chord { group: Signature::of_kind("group"), listed: true, header: vec![read], body },
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::args;

    /// Chords, each the body of the next.
    fn nested(levels: usize) -> Value {
        let task = || Signature::by_name("t", args![]).into_value();
        (0..levels).fold(task(), |body, _| {
            let mut chord = Signature::of_kind("chord");
            chord.kwargs.insert("header".into(), Value::List(vec![task()]));
            chord.kwargs.insert("body".into(), body);
            chord.into_value()
        })
    }

    /// Symptom: a signature of 60 chords in one another ended the process, client or worker.
    #[test]
    fn deep_signatures_are_refused_and_do_not_overflow_the_stack() {
        println!("signature: {} bytes", size_of::<Signature>());
        // Half of what a thread of the runtime has.
        let small = thread::Builder::new().stack_size(1024 * 1024);
        let read = || {
            let read = |levels| Node::read(Signature::from_value(nested(levels))?);
            assert!(read(MAX_NESTING).is_ok());
            for levels in [MAX_NESTING + 1, 60, 100] {
                let error = read(levels).unwrap_err();
                assert!(
                    error.to_string().contains("chord") || error.to_string().contains("nested"),
                    "{error}"
                );
            }
            Ok::<(), Error>(())
        };
        small.spawn(read).unwrap().join().unwrap().unwrap();
    }
}
