//! Signatures of any kind turned into the messages and chords that start them, to travel with a settlement.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use taskq_core::{
    Error,
    backend::{Child, ChordClaim, ChordCopy, ChordStart},
    broker::Outgoing,
    canvas::{self, Signature, Step},
    protocol::{Request, TaskId, TraceContext},
    task::TaskContext,
};

use crate::node::Node;

/// The task that what follows comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) id: TaskId,
    pub(crate) root: TaskId,
    /// It ran, so what follows inherits from it.
    pub(crate) cx: Option<TaskContext>,
    trace: TraceContext,
    /// It ends a chord, so that what follows may be sent twice.
    under: Option<Arc<Under>>,
}

/// A claim, and how many messages were sent under it.
#[derive(Debug)]
struct Under(ChordClaim, AtomicU32);

impl Origin {
    pub(crate) fn of_run(cx: &TaskContext) -> Self {
        Self { cx: Some(cx.clone()), trace: cx.trace(), ..Self::of(cx.request()) }
    }

    /// Of a message that never became a run.
    pub(crate) fn of(request: &Request) -> Self {
        let root = request.headers.root_id.as_ref().unwrap_or(request.id());
        let trace = TraceContext::of(&request.headers);
        Self { id: request.id().clone(), root: root.clone(), cx: None, trace, under: None }
    }

    /// The trace that what follows belongs to.
    pub(crate) fn trace(&self) -> &TraceContext {
        &self.trace
    }

    /// As what ends a chord.
    pub(crate) fn under(&self, claim: &ChordClaim) -> Self {
        Self { under: Some(Arc::new(Under(claim.clone(), AtomicU32::new(0)))), ..self.clone() }
    }

    /// Somebody else in the same workflow.
    pub(crate) fn beside(&self, id: TaskId) -> Self {
        Self { id, ..self.clone() }
    }
}

/// What follows a task.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    pub(crate) publish: Vec<Outgoing>,
    /// Chords among it. They are started before anything is published.
    pub(crate) starts: Vec<ChordStart>,
    /// How the task's result names it.
    pub(crate) children: Vec<Child>,
}

impl Sending {
    /// Adds what a signature comes to.
    ///
    /// # Errors
    /// When it is not complete, or cannot be written; nothing of it is added then.
    pub(crate) async fn add(
        &mut self,
        node: &Node,
        mut signature: Signature,
        origin: &Origin,
    ) -> Result<(), Error> {
        let flow = signature.options.flow_mut();
        flow.parent_id.get_or_insert_with(|| origin.id.clone());
        flow.root_id.get_or_insert_with(|| origin.root.clone());
        let expansion = canvas::expand(&node.app, signature, origin.cx.as_ref())?;
        let (mut publish, mut starts) = (Vec::with_capacity(expansion.steps.len()), Vec::new());
        let mut drafts = 0;
        for step in expansion.steps {
            match step {
                Step::StartChord(start) => starts.push(start),
                Step::Publish(mut draft) => {
                    origin.trace.hand_on(&mut draft.message.headers);
                    if let Some(Under(claim, place)) = origin.under.as_deref() {
                        let place = place.load(Ordering::Relaxed) + drafts;
                        ChordCopy::under(claim, place).mark(&mut draft.message.headers);
                    }
                    drafts += 1;
                    if let Some(queue) = draft.queue().map(Arc::clone) {
                        node.declare(&queue).await;
                    }
                    publish.extend(node.app.prepare(*draft).await?);
                }
            }
        }
        if let Some(Under(_, place)) = origin.under.as_deref() {
            place.fetch_add(drafts, Ordering::Relaxed);
        }
        self.publish.append(&mut publish);
        self.starts.append(&mut starts);
        self.children.extend(expansion.child.map(|child| child.first_sent()));
        Ok(())
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.publish.append(&mut other.publish);
        self.starts.append(&mut other.starts);
        self.children.append(&mut other.children);
    }
}
