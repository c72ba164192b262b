//! Where stamps go, and what becomes of those that meet.

use super::*;
use crate::args;

fn map(entries: &[(&str, &str)]) -> Map {
    entries.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

fn task(name: &str) -> Signature {
    Signature::by_name(name, args![])
}

/// Notes what it is called for, and stamps each part with its kind.
#[derive(Default)]
struct Noted(Vec<String>);

impl StampingVisitor for Noted {
    fn on_signature(&mut self, signature: &Signature, _: &Map) -> Map {
        self.0.push(signature.task.clone());
        map(&[("task", &signature.task)])
    }

    fn on_chain_start(&mut self, _: &Signature, _: &Map) -> Map {
        self.0.push("chain(".into());
        map(&[("in", "chain")])
    }

    fn on_chain_end(&mut self, _: &Signature, _: &Map) {
        self.0.push(")chain".into());
    }

    fn on_group_start(&mut self, _: &Signature, _: &Map) -> Map {
        self.0.push("group(".into());
        map(&[("in", "group")])
    }

    fn on_group_end(&mut self, _: &Signature, _: &Map) {
        self.0.push(")group".into());
    }

    fn on_chord_body(&mut self, _: &Signature, _: &Map) -> Map {
        self.0.push("body".into());
        map(&[("body", "yes")])
    }

    fn on_callback(&mut self, callback: &Signature, _: &Map) -> Map {
        self.0.push(format!("callback {}", callback.task));
        map(&[("link", "yes")])
    }
}

#[test]
fn a_visitor_sees_every_part_in_order() {
    let chord = Signature::chord([task("h")], task("b"));
    let canvas = Signature::chain([task("a").link(task("l")), Signature::group([task("g")]), chord]);
    let mut visitor = Noted::default();
    let stamped = canvas.stamp_with(&mut visitor).unwrap();
    let order = "chain( callback l l a group( g )group group( h )group body b )chain";
    assert_eq!(visitor.0.join(" "), order);

    let Kind::Chain(steps) = Node::read(stamped).unwrap().kind else { panic!("no chain") };
    let stamps = &steps[0].signature.options.stamps;
    assert_eq!(*stamps, map(&[("in", "chain"), ("task", "a")]));
    let callback = &steps[0].signature.options.link[0].options.stamps;
    assert_eq!(*callback, map(&[("in", "chain"), ("link", "yes"), ("task", "l")]));
    let Kind::Chord(chord) = &steps[2].kind else { panic!("no chord") };
    let body = &chord.body.as_ref().unwrap().signature.options.stamps;
    assert_eq!(*body, map(&[("in", "chain"), ("body", "yes"), ("task", "b")]), "the surroundings win");
}

#[test]
fn stamps_without_a_visitor_leave_the_body_out_as_celery_does() {
    let chord = Signature::chord([task("h")], task("b")).stamp_all(&map(&[("x", "1")])).unwrap();
    let Kind::Chord(chord) = Node::read(chord).unwrap().kind else { panic!("no chord") };
    assert_eq!(chord.header[0].signature.options.stamps, map(&[("x", "1")]));
    assert!(chord.body.unwrap().signature.options.stamps.is_empty());
}

#[test]
fn stamps_that_meet_are_replaced_or_listed() {
    let one = || Node::task(task("a").stamp("x", "old"));
    let mut replaced = one();
    replaced.stamp(None, false, &map(&[("x", "new")]));
    assert_eq!(replaced.signature.options.stamps, map(&[("x", "new")]));
    let mut listed = one();
    listed.stamp(None, true, &map(&[("x", "new")]));
    let both = Value::List(vec!["new".into(), "old".into()]);
    assert_eq!(listed.signature.options.stamps["x"], both);
}
