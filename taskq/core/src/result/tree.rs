//! What sending a canvas gives: a result, the results it came from, and the members of groups.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;

use super::{AsyncResult, GroupResult};
use crate::{
    BoxFuture, Error,
    app::App,
    backend::{Child, GroupMeta, State, TaskMeta, WaitError},
    codec::{Value, from_value},
};

/// Pause between looks at what ran before a result that is waited for.
const LOOK_AT_PARENTS: Duration = Duration::from_secs(1);

/// What tasks that ran in this process left, by id.
pub(crate) type Eager = HashMap<String, TaskMeta>;

/// A node of a result tree: one task or one group. Celery: an `AsyncResult` or a `GroupResult` with its
/// `parent`. Cheap to clone.
#[derive(Clone)]
pub struct ResultTree {
    app: App,
    line: Arc<Line>,
    eager: Option<Arc<Eager>>,
}

/// A node with what came before it. Chains are long, so it is taken down without recursion.
#[derive(Debug)]
struct Line {
    id: String,
    parent: Option<Arc<Line>>,
    members: Option<Vec<Arc<Line>>>,
}

impl Line {
    fn of(mut child: Child) -> Arc<Self> {
        let mut nodes = Vec::new();
        loop {
            let parent = child.parent.take();
            nodes.push(child);
            match parent {
                Some(parent) => child = *parent,
                None => break,
            }
        }
        let root = nodes.pop().map(|root| Arc::new(Self::node(root, None)));
        let line =
            nodes.into_iter().rev().fold(root, |parent, node| Some(Arc::new(Self::node(node, parent))));
        line.unwrap_or_else(|| unreachable!("there is one node at least"))
    }

    fn node(child: Child, parent: Option<Arc<Self>>) -> Self {
        let members = child.members.map(|members| members.into_iter().map(Self::of).collect());
        Self { id: child.id, parent, members }
    }

    fn to_child(&self) -> Child {
        let mut nodes = vec![self];
        let mut next = self.parent.as_deref();
        while let Some(node) = next {
            nodes.push(node);
            next = node.parent.as_deref();
        }
        let nested = |parent: Option<Child>, node: &Self| {
            let members = node.members.as_ref();
            Some(Child {
                id: node.id.clone(),
                parent: parent.map(Box::new),
                members: members.map(|members| members.iter().map(|member| member.to_child()).collect()),
            })
        };
        nodes.into_iter().rev().fold(None, nested).unwrap_or_else(|| Child::task(self.id.as_str()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut line) = next.and_then(Arc::into_inner) {
            next = line.parent.take();
        }
    }
}

impl ResultTree {
    /// The results of what was sent.
    pub(crate) fn of(app: &App, child: Child) -> Self {
        Self { app: app.clone(), line: Line::of(child), eager: None }
    }

    /// The results of what ran in this process.
    pub(crate) fn eager(app: &App, child: Child, eager: Eager) -> Self {
        Self { app: app.clone(), line: Line::of(child), eager: Some(Arc::new(eager)) }
    }

    /// Reads Celery's `as_tuple` form: `[[id, parent], members]`.
    pub fn from_value(app: &App, value: &Value) -> Option<Self> {
        Child::from_value(value).map(|child| Self::of(app, child))
    }

    /// Celery's `as_tuple` form.
    pub fn as_value(&self) -> Value {
        self.child().to_value()
    }

    /// Id of the task or the group.
    pub fn id(&self) -> &str {
        &self.line.id
    }

    /// What runs before it, if something does: the previous step of a chain, the header of a chord.
    pub fn parent(&self) -> Option<Self> {
        self.line.parent.as_ref().map(|parent| self.at(parent))
    }

    /// The members, if it is a group.
    pub fn members(&self) -> Option<Vec<Self>> {
        self.line.members.as_ref().map(|members| members.iter().map(|member| self.at(member)).collect())
    }

    /// The result of the task, read as `T`.
    pub fn result<T>(&self) -> AsyncResult<T> {
        let eager = self.eager.as_ref().filter(|_| !self.is_group());
        let mut result = match eager.and_then(|eager| eager.get(self.id())) {
            Some(meta) => AsyncResult::eager(&self.app, meta.clone()),
            None => AsyncResult::new(&self.app, self.id()),
        };
        let plain = self.line.parent.is_none() && self.line.members.is_none();
        result.tree = (!plain).then(|| Arc::new(self.clone()));
        result
    }

    /// The results of the members, each read as `T`; of a task: of that one.
    pub fn group<T>(&self) -> GroupResult<T> {
        let members = self.members().unwrap_or_else(|| vec![self.clone()]);
        GroupResult::of(&self.app, self.id().to_owned(), self.parent(), members)
    }

    /// Waits for the value: of a group, the list of its members' values.
    ///
    /// # Errors
    /// What the first task that failed ended with.
    pub fn get(&self) -> BoxFuture<'_, Result<Value, WaitError>> {
        self.value(None)
    }

    /// As [`get`](Self::get), giving up after so long.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`WaitError::Timeout`].
    pub fn get_within(&self, timeout: Duration) -> BoxFuture<'_, Result<Value, WaitError>> {
        self.value(Some(timeout))
    }

    /// The result of a group that was sent as its only member.
    pub(crate) fn as_group_of_one(&self) -> Self {
        let id = self.line.id.clone();
        let member = Arc::new(Line { id: id.clone(), parent: None, members: None });
        let line = Arc::new(Line { id, parent: self.line.parent.clone(), members: Some(vec![member]) });
        Self { line, ..self.clone() }
    }

    /// The app it was sent through.
    pub fn app(&self) -> &App {
        &self.app
    }

    pub(super) fn value(&self, timeout: Option<Duration>) -> BoxFuture<'_, Result<Value, WaitError>> {
        Box::pin(async move {
            match self.members() {
                Some(_) => tokio::select! {
                    biased;
                    values = self.joined(timeout) => values,
                    failed = self.failed_before() => Err(failed),
                },
                None => {
                    let mut get = self.result::<Value>().get().inside_task();
                    if let Some(timeout) = timeout {
                        get = get.timeout(timeout);
                    }
                    get.await
                }
            }
        })
    }

    async fn joined(&self, timeout: Option<Duration>) -> Result<Value, WaitError> {
        self.group::<Value>().join_within(timeout).await.map(Value::List)
    }

    /// Ends when something that ran before it has failed: then it will never run, and some workers store nothing
    /// under its own id. Celery: `follow_parents`.
    pub(super) async fn failed_before(&self) -> WaitError {
        let mut before = Vec::new();
        let mut next = self.parent();
        while let Some(tree) = next {
            before.extend(tree.leaves());
            next = tree.parent();
        }
        if before.is_empty() || self.eager.is_some() {
            return std::future::pending().await;
        }
        let trees: Vec<&Self> = before.iter().collect();
        loop {
            match self.app.connections().io() {
                // The caller's runtime may have no timer: this is the I/O thread's.
                Ok(io) => io.sleep_until(io.now() + LOOK_AT_PARENTS).await,
                Err(_) => return std::future::pending().await,
            }
            // What cannot be read now is read at the next look; the wait itself reports a backend that is gone.
            for meta in Self::metas(&trees).await.unwrap_or_default().into_iter().flatten() {
                let id = meta.id.clone();
                if meta.state.is_ready()
                    && meta.state != State::Success
                    && let Err(error) = super::get::outcome::<Value>(&id, meta)
                {
                    return error;
                }
            }
        }
    }

    /// The value as `T`.
    pub(super) async fn decoded<T: DeserializeOwned>(
        &self,
        timeout: Option<Duration>,
    ) -> Result<T, WaitError> {
        from_value(self.value(timeout).await?)
            .map_err(|error| WaitError::Decode { id: self.id().into(), reason: error.to_string() })
    }

    pub(super) fn is_group(&self) -> bool {
        self.line.members.is_some()
    }

    /// What is stored of the task; of a group that ran, nothing.
    pub(super) async fn metas(trees: &[&Self]) -> Result<Vec<Option<TaskMeta>>, Error> {
        let Some(first) = trees.first() else { return Ok(Vec::new()) };
        if let Some(eager) = &first.eager {
            return Ok(trees.iter().map(|tree| eager.get(tree.id()).cloned()).collect());
        }
        let ids: Vec<_> = trees.iter().map(|tree| tree.id().into()).collect();
        Ok(first.app.backend().await?.fetch(&ids).await?)
    }

    /// The tasks in it: itself, or those of its members.
    pub(super) fn leaves(&self) -> Vec<Self> {
        let mut leaves = Vec::new();
        let mut pending = vec![self.clone()];
        while let Some(tree) = pending.pop() {
            match tree.members() {
                None => leaves.push(tree),
                Some(members) => pending.extend(members.into_iter().rev()),
            }
        }
        leaves
    }

    /// What a backend keeps of a group.
    pub(super) fn to_meta(&self) -> GroupMeta {
        let Child { id, parent, members } = self.child();
        GroupMeta { id, parent: parent.map(|parent| *parent), members: members.unwrap_or_default() }
    }

    pub(super) fn child(&self) -> Child {
        self.line.to_child()
    }

    fn at(&self, line: &Arc<Line>) -> Self {
        Self { app: self.app.clone(), line: Arc::clone(line), eager: self.eager.clone() }
    }
}

impl fmt::Debug for ResultTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResultTree").field(&self.line.id).finish()
    }
}
