//! Ids for every task of a canvas, drawn before anything is sent, so that results can be awaited and later
//! steps be named by earlier ones.
//!
//! Kept true here: what has an id keeps it, so that freezing twice is freezing once. Header members of a chord
//! that waits for its turn do not carry its body: whoever starts the chord gives it to them.

use super::{
    Kind, Node, Signature, deep,
    unchain::{lone, unchain},
};
use crate::{backend::Child, codec::Value, protocol::TaskId, send::SendOptions};

/// What the surroundings say about a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'a> {
    /// Its id, unless it has one.
    pub(super) id: Option<&'a TaskId>,
    /// The group it is a member of, unless it is in one.
    pub(super) group: Option<&'a str>,
    pub(super) index: Option<i64>,
    /// The body it is a header member of.
    pub(super) chord: Option<&'a Value>,
    pub(super) root: Option<&'a TaskId>,
    /// The queue for replies of whoever waits for the canvas; empty: of whoever sends it.
    pub(super) reply_to: &'a str,
}

impl<'a> Place<'a> {
    /// Anywhere in the same workflow.
    fn beside(self) -> Self {
        Self { root: self.root, reply_to: self.reply_to, ..Self::default() }
    }
}

impl Node {
    /// Gives ids to it and its parts. Answers how a result tree names it, with what comes before it as its
    /// parents; `None` for a chain without steps.
    pub(super) fn freeze(&mut self, place: Place<'_>) -> Option<Child> {
        deep(|| self.freeze_parts(place))
    }

    fn freeze_parts(&mut self, place: Place<'_>) -> Option<Child> {
        self.settle_links();
        match &mut self.kind {
            Kind::Task => Some(Child::task(freeze_task(&mut self.signature.options, place))),
            Kind::Chain(steps) => {
                *steps = unchain(std::mem::take(steps));
                let own = self.signature.options.task_id.clone();
                let place = Place { id: place.id.or(own.as_ref()), ..place };
                let child = freeze_steps(steps, place)?;
                self.signature.options.task_id = Some(child.id.as_str().into());
                Some(child)
            }
            Kind::Group(members) => {
                let options = &mut self.signature.options;
                let drawn = || place.id.cloned().unwrap_or_else(TaskId::new);
                let id = options.task_id.get_or_insert_with(drawn).to_string();
                if let Some(group) = place.group {
                    options.flow_mut().group_id = Some(group.to_owned());
                }
                if let Some(chord) = place.chord {
                    options.flow_mut().chord = Some(chord.clone());
                }
                if place.index.is_some() {
                    options.flow_mut().group_index = place.index;
                }
                let root = options.flow.as_ref().and_then(|flow| flow.root_id.clone());
                let place = Place { root: root.as_ref().or(place.root), ..place };
                Some(Child { id, parent: None, members: Some(freeze_members(members, place)) })
            }
            Kind::Chord(chord) => {
                let body = chord.body.as_mut().map(|body| body.freeze(place));
                let group = &mut chord.group.options;
                let known = group.task_id.take().or_else(|| self.signature.options.task_id.take());
                let id = known.unwrap_or_else(TaskId::new);
                group.task_id = Some(id.clone());
                self.signature.options.task_id = Some(id.clone());
                chord.listed = false;
                let members = freeze_members(&mut chord.header, place.beside());
                let header = Child { id: id.to_string(), parent: None, members: Some(members) };
                body.flatten().map(|body| after(body, Some(header)))
            }
        }
    }
}

/// Freezes steps that follow each other; the place in the surroundings is that of the last one.
pub(super) fn freeze_steps(steps: &mut [Node], place: Place<'_>) -> Option<Child> {
    let last = steps.len().checked_sub(1)?;
    let mut before: Option<Child> = None;
    for (at, step) in steps.iter_mut().enumerate() {
        let place = if at == last { place } else { place.beside() };
        before = step.freeze(place).map(|child| after(child, before.take()));
    }
    before
}

/// Makes one list of the members of groups within groups and freezes them; chains without steps have nothing
/// to add.
pub(super) fn freeze_members(members: &mut Vec<Node>, place: Place<'_>) -> Vec<Child> {
    *members = flat(std::mem::take(members));
    let each = (0_i64..).zip(members.iter_mut());
    each.filter_map(|(index, member)| member.freeze(Place { id: None, index: Some(index), ..place }))
        .collect()
}

/// Groups within a group are members of the outer one.
fn flat(members: Vec<Node>) -> Vec<Node> {
    if !members.iter().any(|member| {
        matches!(&member.kind, Kind::Group(_))
            || matches!(&member.kind, Kind::Chain(steps) if steps.is_empty())
    }) {
        return members;
    }
    let mut all = Vec::with_capacity(members.len());
    for member in members {
        match member.kind {
            Kind::Group(inner) => {
                let Signature { options, args, .. } = member.signature;
                all.extend(flat(inner).into_iter().map(|member| lone(&options, args.clone(), member)));
            }
            Kind::Chain(steps) if steps.is_empty() => {}
            kind => all.push(Node { kind, ..member }),
        }
    }
    all
}

/// The members of a group with their positions, those of groups within it counted from 0 again, as Celery
/// does where nobody counts members.
pub(super) fn numbered(members: Vec<Node>) -> Vec<(i64, Node)> {
    let mut all = Vec::with_capacity(members.len());
    for (index, member) in (0..).zip(members) {
        match member.kind {
            Kind::Group(inner) => {
                let Signature { options, args, .. } = member.signature;
                let inner = numbered(inner).into_iter();
                all.extend(inner.map(|(index, member)| (index, lone(&options, args.clone(), member))));
            }
            kind => all.push((index, Node { kind, ..member })),
        }
    }
    all
}

/// How many results a header member adds to its chord.
pub(super) fn counted(node: &Node) -> u32 {
    match &node.kind {
        Kind::Task => 1,
        Kind::Group(members) => members.iter().map(counted).sum(),
        Kind::Chain(steps) => steps.iter().rev().map(counted).find(|count| *count > 0).unwrap_or(0),
        Kind::Chord(chord) => chord.body.as_ref().map_or(0, counted),
    }
}

fn freeze_task(options: &mut SendOptions, place: Place<'_>) -> String {
    let id = options.task_id.get_or_insert_with(|| place.id.cloned().unwrap_or_else(TaskId::new)).to_string();
    if options.reply_to.is_none() && !place.reply_to.is_empty() {
        options.reply_to = Some(place.reply_to.to_owned());
    }
    if place.root.is_some() || place.group.is_some() || place.chord.is_some() || place.index.is_some() {
        let flow = options.flow_mut();
        if place.root.is_some() {
            flow.root_id = place.root.cloned();
        }
        if flow.group_id.is_none() {
            flow.group_id = place.group.map(str::to_owned);
        }
        if place.chord.is_some() {
            flow.chord = place.chord.cloned();
        }
        if place.index.is_some() {
            flow.group_index = place.index;
        }
    }
    id
}

/// `child` with `before` as the parent of the first of its ancestors.
pub(crate) fn after(mut child: Child, before: Option<Child>) -> Child {
    if let Some(before) = before {
        let mut first = &mut child;
        while first.parent.is_some() {
            // Borrowed in two steps: the checker does not follow `if let` here.
            first = first.parent.as_mut().unwrap_or_else(|| unreachable!("there is a parent"));
        }
        first.parent = Some(Box::new(before));
    }
    child
}
