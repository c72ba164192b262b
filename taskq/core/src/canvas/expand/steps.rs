//! Chains: one message for the first step, with the others inside.

use super::{Call, Run};
use crate::{
    Error,
    backend::Child,
    canvas::{
        Kind, Node, Signature,
        freeze::{Place, freeze_steps},
        unchain::unchain,
    },
    codec::{Map, Value},
    send::SendOptions,
};

impl Run<'_> {
    pub(super) fn chain(
        &mut self,
        signature: Signature,
        parts: Vec<Node>,
        call: Call<'_>,
    ) -> Result<Option<Child>, Error> {
        let mut steps = unchain(parts);
        let mut options = signature.options.overridden(call.options);
        let id = options.task_id.take();
        let link = std::mem::take(&mut options.link);
        let errbacks = std::mem::take(&mut options.link_error);
        let flow = options.flow_mut();
        let (group, index, chord) = (flow.group_id.take(), flow.group_index.take(), flow.chord.take());
        let root = flow.root_id.take();
        flow.parent_id = None;
        let stamps = options.stamps.clone();
        let flow = options.flow_mut();
        let mut before = flow.chain.take().unwrap_or_default();

        for step in &mut steps {
            step.signature.options.check()?;
            step.add_errbacks(&errbacks);
            for (name, value) in &stamps {
                step.signature.options.stamps.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        let Some(last) = steps.last_mut() else { return Ok(None) };
        link.into_iter().for_each(|callback| last.add_link(callback));
        if let Some(first) = steps.first_mut()
            && !signature.immutable
        {
            first.signature.prepend_in_place(call.args.iter().cloned().chain(signature.args));
            if !first.signature.immutable && matches!(first.kind, Kind::Task) {
                first.signature.kwargs.extend(call.kwargs.clone());
            }
        }
        let place = Place {
            id: id.as_ref(),
            group: group.as_deref(),
            index,
            chord: chord.as_ref(),
            root: root.as_ref(),
            reply_to: &self.reply_to.clone(),
        };
        let frozen = freeze_steps(&mut steps, place);

        let alone = steps.len() == 1;
        let first = if self.links_chains() {
            linked(steps)
        } else {
            let mut steps = steps.into_iter();
            let first = steps.next();
            before.extend(steps.rev().map(pending));
            // Celery folds `group | task` to a chord before it sends it: nothing says that it was a chain.
            let folded = before.is_empty() && first.as_ref().is_some_and(|first| first.kind != Kind::Task);
            options.flow_mut().chain = (!folded).then_some(before);
            first
        };
        let Some(first) = first else { return Ok(None) };
        let none = Map::default();
        let sent = self.send(first, Call { args: &[], kwargs: &none, options: &options })?;
        Ok(if alone { sent } else { frozen })
    }
}

/// A node that waits for its turn inside a message.
pub(super) fn pending(mut node: Node) -> Value {
    strip(&mut node);
    node.into_value()
}

/// Takes the body out of the header members of chords that are not started: what reads the chord finds it
/// there, and a copy for every member would multiply the message. Some versions of Celery leave it in.
pub(super) fn strip(node: &mut Node) {
    match &mut node.kind {
        Kind::Task => {}
        Kind::Chain(parts) | Kind::Group(parts) => parts.iter_mut().for_each(strip),
        Kind::Chord(chord) => {
            clear(&mut chord.group.options);
            for member in &mut chord.header {
                clear_last(member);
                strip(member);
            }
            chord.body.iter_mut().for_each(strip);
        }
    }
}

fn clear_last(node: &mut Node) {
    clear(&mut node.signature.options);
    match &mut node.kind {
        Kind::Task => {}
        Kind::Chain(steps) => steps.last_mut().into_iter().for_each(clear_last),
        Kind::Group(members) => members.iter_mut().for_each(clear_last),
        Kind::Chord(chord) => chord.body.iter_mut().for_each(clear_last),
    }
}

fn clear(options: &mut SendOptions) {
    if let Some(flow) = &mut options.flow {
        flow.chord = None;
    }
}

/// The first step, with the next one as its callback, which has the next one as its callback.
fn linked(mut steps: Vec<Node>) -> Option<Node> {
    let mut next = steps.pop()?;
    while let Some(mut step) = steps.pop() {
        step.add_link(next.into_signature());
        next = step;
    }
    Some(next)
}
