//! Stamps on every task of a canvas, chosen by a visitor.
//!
//! Kept true here: stamps come together as in Celery. What the surroundings say wins over what the visitor says
//! of a part, and that over what the part had; two lists become one; with `append`, two values become a list.

use super::{Kind, Node, Signature, deep};
use crate::{
    Error,
    codec::{Map, Value},
};

/// Says which stamps a canvas gets: called for each of its parts, with the stamps that come from around it.
/// Celery: `StampingVisitor`.
pub trait StampingVisitor {
    /// Stamps of a single task.
    fn on_signature(&mut self, signature: &Signature, stamps: &Map) -> Map;

    /// Stamps of every step of a chain.
    fn on_chain_start(&mut self, chain: &Signature, stamps: &Map) -> Map {
        let _ = (chain, stamps);
        Map::default()
    }

    /// The chain's steps have theirs.
    fn on_chain_end(&mut self, chain: &Signature, stamps: &Map) {
        let _ = (chain, stamps);
    }

    /// Stamps of every member of a group.
    fn on_group_start(&mut self, group: &Signature, stamps: &Map) -> Map {
        let _ = (group, stamps);
        Map::default()
    }

    /// The group's members have theirs.
    fn on_group_end(&mut self, group: &Signature, stamps: &Map) {
        let _ = (group, stamps);
    }

    /// Stamps of every header member of a chord. Default: as of a group.
    fn on_chord_header_start(&mut self, chord: &Signature, stamps: &Map) -> Map {
        self.on_group_start(chord, stamps)
    }

    /// The header's members have theirs. Default: as of a group.
    fn on_chord_header_end(&mut self, chord: &Signature, stamps: &Map) {
        self.on_group_end(chord, stamps);
    }

    /// Stamps of the body of a chord.
    fn on_chord_body(&mut self, chord: &Signature, stamps: &Map) -> Map {
        let _ = (chord, stamps);
        Map::default()
    }

    /// Stamps of a callback.
    fn on_callback(&mut self, callback: &Signature, stamps: &Map) -> Map {
        let _ = (callback, stamps);
        Map::default()
    }

    /// Stamps of an errback.
    fn on_errback(&mut self, errback: &Signature, stamps: &Map) -> Map {
        let _ = (errback, stamps);
        Map::default()
    }
}

impl Signature {
    /// Stamps every task of it as the visitor says. Celery: `sig.stamp(visitor=…)`.
    ///
    /// # Errors
    /// When a part of the canvas is no signature.
    pub fn stamp_with(self, visitor: &mut dyn StampingVisitor) -> Result<Self, Error> {
        let mut node = Node::read(self)?;
        node.stamp(Some(visitor), false, &Map::default());
        Ok(node.into_signature())
    }

    /// Puts these stamps on every task of it, but not on the body of a chord, as Celery's `sig.stamp(**stamps)`.
    ///
    /// # Errors
    /// When a part of the canvas is no signature.
    pub fn stamp_all(self, stamps: &Map) -> Result<Self, Error> {
        let mut node = Node::read(self)?;
        node.stamp(None, false, stamps);
        Ok(node.into_signature())
    }
}

type Visitor<'v> = Option<&'v mut dyn StampingVisitor>;

impl Node {
    /// Stamps the tasks of a canvas; `append` makes lists of stamps that are there already. Celery:
    /// `sig.stamp(visitor, append_stamps, **stamps)`.
    pub fn stamp(&mut self, visitor: Visitor<'_>, append: bool, stamps: &Map) {
        deep(|| self.stamp_parts(visitor, append, stamps));
    }

    fn stamp_parts(&mut self, mut visitor: Visitor<'_>, append: bool, stamps: &Map) {
        let own = &mut self.signature;
        match &mut self.kind {
            Kind::Task => {
                stamp_links(own, reborrow(&mut visitor), append, stamps);
                let said = visitor.map(|visitor| visitor.on_signature(own, stamps)).unwrap_or_default();
                let mut merged = stamps.clone();
                merge(&mut merged, said, append);
                merge(&mut merged, std::mem::take(&mut own.options.stamps), append);
                own.options.stamps = merged;
            }
            Kind::Chain(steps) => {
                let said = reborrow(&mut visitor).map(|visitor| visitor.on_chain_start(own, stamps));
                let stamps = with_own(own, stamps, said, append);
                stamp_links(own, reborrow(&mut visitor), append, &stamps);
                for step in steps {
                    step.stamp(reborrow(&mut visitor), append, &stamps);
                }
                if let Some(visitor) = visitor {
                    visitor.on_chain_end(own, &stamps);
                }
            }
            Kind::Group(members) => {
                let said = reborrow(&mut visitor).map(|visitor| visitor.on_group_start(own, stamps));
                let stamps = with_own(own, stamps, said, append);
                stamp_links(own, reborrow(&mut visitor), append, &stamps);
                for member in members {
                    member.stamp(reborrow(&mut visitor), append, &stamps);
                }
                if let Some(visitor) = visitor {
                    visitor.on_group_end(own, &stamps);
                }
            }
            Kind::Chord(chord) => {
                let said = reborrow(&mut visitor).map(|visitor| visitor.on_chord_header_start(own, stamps));
                let stamps = with_own(own, stamps, said, append);
                stamp_links(own, reborrow(&mut visitor), append, &stamps);
                for member in &mut chord.header {
                    member.stamp(reborrow(&mut visitor), append, &stamps);
                }
                if let Some(visitor) = visitor {
                    visitor.on_chord_header_end(own, &stamps);
                    if let Some(body) = &mut chord.body {
                        let said = visitor.on_chord_body(own, &stamps);
                        let stamps = with_own(own, &stamps, Some(said), append);
                        body.stamp(Some(visitor), append, &stamps);
                    }
                }
            }
        }
    }
}

fn reborrow<'b>(visitor: &'b mut Visitor<'_>) -> Visitor<'b> {
    match visitor {
        Some(visitor) => Some(&mut **visitor),
        None => None,
    }
}

/// Callbacks and errbacks get what is around the task, not what the task itself has.
fn stamp_links(own: &mut Signature, mut visitor: Visitor<'_>, append: bool, stamps: &Map) {
    let mut around = stamps.clone();
    for link in &mut own.options.link {
        let said = reborrow(&mut visitor).map(|visitor| visitor.on_callback(link, &around));
        merge(&mut around, said.unwrap_or_default(), append);
        stamp_link(link, reborrow(&mut visitor), append, &around);
    }
    let mut around = stamps.clone();
    for link in &mut own.options.link_error {
        let said = reborrow(&mut visitor).map(|visitor| visitor.on_errback(link, &around));
        merge(&mut around, said.unwrap_or_default(), append);
        stamp_link(link, reborrow(&mut visitor), append, &around);
    }
}

fn stamp_link(link: &mut Signature, visitor: Visitor<'_>, append: bool, stamps: &Map) {
    // One that cannot be read is reported when it is sent.
    if let Ok(mut node) = Node::read(link.clone()) {
        node.stamp(visitor, append, stamps);
        *link = node.into_signature();
    }
}

fn with_own(own: &Signature, stamps: &Map, said: Option<Map>, append: bool) -> Map {
    let mut merged = stamps.clone();
    merge(&mut merged, said.unwrap_or_default(), append);
    merge(&mut merged, own.options.stamps.clone(), append);
    merged
}

/// Adds stamps to those there are.
fn merge(into: &mut Map, from: Map, append: bool) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (None, value) => _ = into.insert(name, value),
            (Some(Value::Map(there)), Value::Map(value)) => merge(there, value, append),
            (Some(Value::List(there)), Value::List(value)) => there.extend(value),
            (Some(Value::List(there)), value) if append => there.push(value),
            (Some(there), value) if append => {
                *there = match (std::mem::take(there), value) {
                    (Value::Null, value) => Value::List(vec![value]),
                    (one, Value::List(more)) => Value::List(std::iter::once(one).chain(more).collect()),
                    (one, value) => Value::List(vec![one, value]),
                };
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
