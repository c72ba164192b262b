//! Sending a canvas from a client or from inside a task.

use super::{Expansion, Kind, Node, Signature, Step, expand::expand_node};
use crate::{
    Error, ErrorKind,
    app::App,
    backend::ChordStart,
    result::ResultTree,
    send::{Draft, known},
    task::TaskContext,
};

impl App {
    /// Sends a signature of any kind: every message that can run at once, in as few round trips as possible.
    ///
    /// # Errors
    /// When it is empty or not complete, a header member of a chord ignores its result, an argument cannot be
    /// encoded, or the broker or the result backend did not confirm in time.
    pub async fn send_canvas(&self, canvas: impl Into<Signature>) -> Result<ResultTree, Error> {
        self.send_node(Node::read(canvas.into())?).await
    }

    pub(crate) async fn send_node(&self, node: Node) -> Result<ResultTree, Error> {
        if self.settings().task_always_eager {
            return self.run_canvas_eagerly(node).await;
        }
        if has_chord(&node) {
            self.allow_chords(&node).await?;
        }
        let trail = node.signature.options.add_to_parent.unwrap_or(true);
        let parent = TaskContext::current();
        let mut expansion = expand_node(self, node, parent.as_ref())?;
        let Some(child) = expansion.child.take() else {
            return Err(Error::new(ErrorKind::Encode, "the chain has no steps: there is nothing to send"));
        };
        self.carry_out(expansion).await?;
        if trail
            && let Some(parent) = parent
            && known(self, &parent.request().headers.task).is_none_or(|own| own.trail)
        {
            parent.add_child(child.first_sent());
        }
        Ok(ResultTree::of(self, child))
    }

    /// Publishes the messages of an expansion and starts its chords, in their order.
    ///
    /// # Errors
    /// When one of them fails; those before it are done.
    pub async fn carry_out(&self, expansion: Expansion) -> Result<(), Error> {
        let mut drafts: Vec<Draft> = Vec::new();
        let mut starts: Vec<ChordStart> = Vec::new();
        for step in expansion.steps {
            match step {
                Step::StartChord(start) => starts.push(start),
                Step::Publish(draft) => {
                    if !starts.is_empty() {
                        self.publish_many(std::mem::take(&mut drafts)).await?;
                        self.start_chords(&std::mem::take(&mut starts)).await?;
                    }
                    drafts.push(*draft);
                }
            }
        }
        self.publish_many(drafts).await
    }

    async fn start_chords(&self, starts: &[ChordStart]) -> Result<(), Error> {
        let backend = self.backend().await?;
        let chords = backend.chords().ok_or_else(|| {
            Error::new(
                ErrorKind::Backend,
                "the result backend cannot start a chord: it does not count members",
            )
        })?;
        Ok(chords.start(starts).await?)
    }

    async fn allow_chords(&self, node: &Node) -> Result<(), Error> {
        if self.settings().backend_url().scheme() == "disabled" {
            return Err(Error::new(
                ErrorKind::Config,
                "a chord waits for results, and no result backend is configured: set `result_backend`",
            ));
        }
        self.check_chord_results()?;
        self.refuse_ignored(node, false)?;
        // Connected now, so that the expansion knows whether it counts chords.
        self.backend().await.map(drop)
    }

    /// Celery refuses it too.
    pub(super) fn check_chord_results(&self) -> Result<(), Error> {
        if self.settings().backend_url().scheme() != "rpc" {
            return Ok(());
        }
        let problem = "results by `rpc://` reach only who sent a task, so nobody could tell when the header of a \
                       chord is over: set `result_backend` to Redis or SQLite (a group in a chain is a chord, too)";
        Err(Error::new(ErrorKind::Config, problem))
    }

    /// A header member without a result would never be counted by backends that look at results.
    fn refuse_ignored(&self, node: &Node, counted: bool) -> Result<(), Error> {
        match &node.kind {
            Kind::Task if counted => {
                let task = &node.signature.task;
                let own = known(self, task);
                let by_task =
                    || own.map(|own| own.ignore_result.unwrap_or(self.settings().task_ignore_result));
                if node.signature.options.ignore_result.or_else(by_task) == Some(true) {
                    let problem = format!(
                        "`{task}` ignores its result, so the chord it is in could never end: \
                         remove `ignore_result` from the task, or set it to false in the call"
                    );
                    return Err(Error::new(ErrorKind::Encode, problem));
                }
                Ok(())
            }
            Kind::Task => Ok(()),
            Kind::Group(members) => {
                members.iter().try_for_each(|member| self.refuse_ignored(member, counted))
            }
            Kind::Chain(steps) => {
                let last = steps.len().saturating_sub(1);
                let followed = |at: usize| at < last && matches!(steps[at].kind, Kind::Group(_));
                (0..).zip(steps).try_for_each(|(at, step)| {
                    self.refuse_ignored(step, followed(at) || (counted && at == last))
                })
            }
            Kind::Chord(chord) => {
                chord.header.iter().try_for_each(|member| self.refuse_ignored(member, true))?;
                chord.body.iter().try_for_each(|body| self.refuse_ignored(body, counted))
            }
        }
    }
}

fn has_chord(node: &Node) -> bool {
    match &node.kind {
        Kind::Task => false,
        Kind::Chord(_) => true,
        Kind::Group(members) => members.iter().any(has_chord),
        Kind::Chain(steps) => {
            let followed = steps.len().saturating_sub(1);
            steps.iter().any(has_chord)
                || steps.iter().take(followed).any(|step| matches!(step.kind, Kind::Group(_)))
        }
    }
}
