//! From a canvas to the messages that start it, for clients that send one and for workers that send what
//! follows a task: the same rules as Celery's `apply_async` of each kind.
//!
//! Kept true here: only the tasks that can run at once become messages; everything later travels inside them.
//! The start of a chord comes before the last message of its header, so that no member can be counted before
//! the number of members is known to be complete.

mod chord;
mod steps;

use super::{Kind, Node, Signature, deep};
use crate::{
    Error,
    app::App,
    backend::{Child, ChordStart, GroupMeta},
    codec::{Map, Value},
    protocol::{Protocol, TaskId},
    send::{Draft, SendOptions},
    task::TaskContext,
};

/// What sending a signature comes to.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// What to do, in this order.
    pub steps: Vec<Step>,
    /// How a result tree names what was sent: the last task with what comes before it as its parents, or a
    /// group with its members. `None` for a chain without steps: there is nothing to send.
    pub child: Option<Child>,
}

/// One step of an [`Expansion`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Publish this message.
    Publish(Box<Draft>),
    /// Tell the result backend that a chord starts, before any later message is published.
    StartChord(ChordStart),
}

/// Expands a signature of any kind. Positional arguments of a chain, group or chord are partial ones, as
/// [`Signature::prepend`] puts them there. A parent gives its id and root to what has none.
///
/// # Errors
/// When the canvas is not complete, an argument cannot be encoded, or an option is impossible.
pub fn expand(app: &App, signature: Signature, parent: Option<&TaskContext>) -> Result<Expansion, Error> {
    expand_node(app, Node::read(signature)?, parent)
}

/// As [`expand`], of a tree.
pub(crate) fn expand_node(app: &App, node: Node, parent: Option<&TaskContext>) -> Result<Expansion, Error> {
    let mut run = Run {
        app,
        parent,
        native: app.starts_chords(),
        reply_to: app.reply_to(),
        steps: Vec::new(),
        save: None,
    };
    let (none, options) = (Map::default(), SendOptions::default());
    let child = run.send(node, Call { args: &[], kwargs: &none, options: &options })?;
    Ok(Expansion { steps: run.steps, child })
}

/// An expansion that is going on.
struct Run<'a> {
    app: &'a App,
    parent: Option<&'a TaskContext>,
    /// The result backend counts chords; else a task does.
    native: bool,
    reply_to: String,
    steps: Vec<Step>,
    /// The result tree of the header that is sent next, where the backend has to keep it.
    save: Option<GroupMeta>,
}

/// What `apply_async` is given besides the signature.
#[derive(Clone, Copy)]
struct Call<'a> {
    /// Put in front of the arguments.
    args: &'a [Value],
    kwargs: &'a Map,
    options: &'a SendOptions,
}

impl Call<'_> {
    /// Gives its arguments to a signature, unless that is immutable.
    fn give(&self, signature: &mut Signature) {
        if !signature.immutable {
            signature.args.splice(0..0, self.args.iter().cloned());
            signature.kwargs.extend(self.kwargs.clone());
        }
    }
}

impl Run<'_> {
    fn send(&mut self, node: Node, call: Call<'_>) -> Result<Option<Child>, Error> {
        deep(|| self.send_parts(node, call))
    }

    fn send_parts(&mut self, mut node: Node, call: Call<'_>) -> Result<Option<Child>, Error> {
        node.signature.options.check()?;
        node.settle_links();
        match node.kind {
            Kind::Task => self.task(node.signature, call).map(Some),
            Kind::Chain(parts) => self.chain(node.signature, parts, call),
            Kind::Group(members) => self.group(node.signature, members, call).map(Some),
            Kind::Chord(chord) => self.chord(node.signature, *chord, call),
        }
    }

    fn task(&mut self, mut signature: Signature, call: Call<'_>) -> Result<Child, Error> {
        if let Some(group) = super::map::chunks(&signature)? {
            let Kind::Group(members) = group.kind else { unreachable!("chunks make a group") };
            return self.group(group.signature, members, call);
        }
        call.give(&mut signature);
        signature.options = std::mem::take(&mut signature.options).merged(call.options);
        self.publish(signature)
    }

    fn publish(&mut self, signature: Signature) -> Result<Child, Error> {
        let draft = self.app.draft_under(signature, self.parent)?;
        let child = Child::task(draft.id().as_str());
        self.steps.push(Step::Publish(Box::new(draft)));
        Ok(child)
    }

    fn group(&mut self, signature: Signature, members: Vec<Node>, call: Call<'_>) -> Result<Child, Error> {
        let outer = signature.options.flow.as_ref().and_then(|flow| flow.group_id.clone());
        let mut options = signature.options.merged(call.options);
        let id = options.task_id.take().unwrap_or_else(TaskId::new).to_string();
        let flow = options.flow_mut();
        flow.group_id = Some(id.clone());
        flow.group_index = None;
        let root = flow.root_id.clone();
        options.add_to_parent = Some(false);
        let counted = outer.is_none_or(|outer| outer == id);
        let args: Vec<Value> = call.args.iter().chain(&signature.args).cloned().collect();
        let save = self.save.take();

        let mut members = super::freeze::numbered(members);
        let place = super::freeze::Place {
            group: Some(&id),
            root: root.as_ref(),
            reply_to: &self.reply_to.clone(),
            ..Default::default()
        };
        let mut children = Vec::with_capacity(members.len());
        let mut size = 0;
        let link = std::mem::take(&mut options.link);
        let errbacks = std::mem::take(&mut options.link_error);
        if let Some((_, first)) = members.first_mut() {
            link.into_iter().for_each(|callback| first.add_link(callback.immutable()));
        }
        members.retain_mut(|(index, member)| {
            member.add_errbacks(&errbacks);
            let child = member.freeze(super::freeze::Place { index: Some(*index), ..place });
            size += super::freeze::counted(member);
            let some = child.is_some();
            children.extend(child);
            some
        });
        let last = members.len();
        for (at, (_, member)) in (1..).zip(members) {
            if at == last && counted && self.native && is_chord(&options, &member.signature.options) {
                self.steps.push(Step::StartChord(ChordStart { group: id.clone(), size, save: save.clone() }));
            }
            self.send(member, Call { args: &args, kwargs: call.kwargs, options: &options })?;
        }
        if let [Child { members: Some(_), .. }] = children.as_slice()
            && let Some(group) = children.pop()
        {
            return Ok(group);
        }
        Ok(Child { id, parent: None, members: Some(children) })
    }

    /// Chains of version 1 messages are callbacks within callbacks.
    fn links_chains(&self) -> bool {
        self.app.settings().task_protocol == Protocol::V1
    }
}

fn is_chord(options: &SendOptions, own: &SendOptions) -> bool {
    [options, own].iter().any(|options| options.flow.as_ref().is_some_and(|flow| flow.chord.is_some()))
}
