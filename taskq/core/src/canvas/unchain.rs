//! A chain as the steps that run one after the other.
//!
//! Kept true here: chains within chains are one list; a group that something follows is the header of a
//! chord; what follows a chord stands beside it and not in its body, so that the header members, each of which
//! carries the body, do not carry the rest of the chain once more at every chord: messages stay linear in the
//! size of the workflow.

use std::collections::VecDeque;

use super::{Kind, Node};
use crate::send::SendOptions;

/// The steps of a chain of these parts.
pub(super) fn unchain(parts: Vec<Node>) -> Vec<Node> {
    fold(flatten(parts))
}

/// As [`unchain`], with the options of the chain on its steps.
pub(crate) fn unchained(options: SendOptions, parts: Vec<Node>) -> Vec<Node> {
    unchain(spread(options, Vec::new(), parts))
}

/// Splices chains into the list, one group members likewise, and drops empty groups. A list of nothing but
/// empty groups keeps one, which has an empty result.
fn flatten(parts: Vec<Node>) -> Vec<Node> {
    let mut pending: VecDeque<Node> = parts.into();
    let mut steps = Vec::with_capacity(pending.len());
    let mut empty = None;
    while let Some(mut node) = pending.pop_front() {
        match node.kind {
            Kind::Chain(parts) => {
                splice(&mut pending, spread(node.signature.options, node.signature.args, parts));
            }
            Kind::Group(mut members) if members.len() == 1 => {
                if let Some(member) = members.pop() {
                    pending.push_front(lone(&node.signature.options, node.signature.args, member));
                }
            }
            Kind::Group(members) if members.is_empty() => {
                node.kind = Kind::Group(members);
                empty = Some(node);
            }
            Kind::Chord(mut chord) => {
                let (body, after) = head(chord.body.take());
                chord.body = body;
                node.kind = Kind::Chord(chord);
                steps.push(node);
                splice(&mut pending, after);
            }
            kind => {
                node.kind = kind;
                steps.push(node);
            }
        }
    }
    if steps.is_empty() {
        steps.extend(empty);
    }
    steps
}

/// The first step of a body, and what comes after it.
fn head(body: Option<Node>) -> (Option<Node>, Vec<Node>) {
    match body {
        Some(Node { signature, kind: Kind::Chain(parts) }) => {
            let mut steps = unchain(spread(signature.options, signature.args, parts)).into_iter();
            (steps.next(), steps.collect())
        }
        Some(Node { signature, kind: Kind::Chord(mut chord) }) => {
            let (body, after) = head(chord.body.take());
            chord.body = body;
            (Some(Node { signature, kind: Kind::Chord(chord) }), after)
        }
        body => (body, Vec::new()),
    }
}

fn splice(pending: &mut VecDeque<Node>, steps: Vec<Node>) {
    for step in steps.into_iter().rev() {
        pending.push_front(step);
    }
}

/// The options of a chain on its steps: callbacks and the place in a workflow on the last one, errbacks on
/// every one, the rest on the first.
fn spread(mut options: SendOptions, args: Vec<crate::codec::Value>, mut steps: Vec<Node>) -> Vec<Node> {
    let link = std::mem::take(&mut options.link);
    let errbacks = std::mem::take(&mut options.link_error);
    let id = options.task_id.take();
    let flow = options.flow.take();
    for step in &mut steps {
        step.add_errbacks(&errbacks);
    }
    if let Some(last) = steps.last_mut() {
        for callback in link {
            last.add_link(callback);
        }
        if last.signature.options.task_id.is_none() && !matches!(last.kind, Kind::Chord(_)) {
            last.signature.options.task_id = id;
        }
        if let Some(mut flow) = flow {
            flow.chain = None;
            let options = std::mem::take(&mut last.signature.options);
            let flow = SendOptions { flow: Some(flow), ..SendOptions::default() };
            last.signature.options = options.merged(&flow);
        }
    }
    if let Some(first) = steps.first_mut() {
        let own = std::mem::take(&mut first.signature.options);
        first.signature.options = own.merged(&options);
        if !first.signature.immutable {
            first.signature.args.splice(0..0, args);
        }
    }
    steps
}

/// The only member of a group, with the options that the group would have given it.
pub(super) fn lone(options: &SendOptions, args: Vec<crate::codec::Value>, mut member: Node) -> Node {
    let mut options = options.clone();
    options.task_id = None;
    if let Some(flow) = &mut options.flow {
        flow.group_id = None;
        flow.group_index = None;
    }
    let own = std::mem::take(&mut member.signature.options);
    member.signature.options = own.merged(&options);
    member.signature.prepend_in_place(args);
    member
}

/// Makes chords of groups that a step follows.
fn fold(steps: Vec<Node>) -> Vec<Node> {
    let mut folded: Vec<Node> = Vec::with_capacity(steps.len());
    for mut node in steps.into_iter().rev() {
        if matches!(node.kind, Kind::Group(_)) {
            if let Some(body) = folded.pop() {
                node = Node::chord(node, Some(body));
            }
        } else if let Some(group) = last_group(&mut node)
            && let Some(body) = folded.pop()
        {
            let header = std::mem::replace(group, Node::group(Vec::new()));
            *group = Node::chord(header, Some(body));
        }
        folded.push(node);
    }
    folded.reverse();
    folded
}

/// The group that a chord ends in: what follows it waits for all of its members.
fn last_group(node: &mut Node) -> Option<&mut Node> {
    let Kind::Chord(chord) = &mut node.kind else { return None };
    let body = chord.body.as_mut()?;
    match body.kind {
        Kind::Group(_) => Some(body),
        Kind::Chord(_) => last_group(body),
        _ => None,
    }
}
