//! What sending a canvas gives: a result, the results it came from, and the members of groups.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;

use super::{AsyncResult, GroupResult};
use crate::{
    BoxFuture, Error,
    app::App,
    backend::{Child, GroupMeta, TaskMeta, WaitError},
    codec::{Value, from_value},
};

/// What tasks that ran in this process left, by id.
pub(crate) type Eager = HashMap<String, TaskMeta>;

/// A node of a result tree: one task or one group. Celery: an `AsyncResult` or a `GroupResult` with its
/// `parent`.
#[derive(Clone)]
pub struct ResultTree {
    app: App,
    child: Child,
    eager: Option<Arc<Eager>>,
}

impl ResultTree {
    /// The results of what was sent.
    pub(crate) fn of(app: &App, child: Child) -> Self {
        Self { app: app.clone(), child, eager: None }
    }

    /// The results of what ran in this process.
    pub(crate) fn eager(app: &App, child: Child, eager: Eager) -> Self {
        Self { app: app.clone(), child, eager: Some(Arc::new(eager)) }
    }

    /// Reads Celery's `as_tuple` form: `[[id, parent], members]`.
    pub fn from_value(app: &App, value: &Value) -> Option<Self> {
        Child::from_value(value).map(|child| Self::of(app, child))
    }

    /// Celery's `as_tuple` form.
    pub fn as_value(&self) -> Value {
        self.child.to_value()
    }

    /// Id of the task or the group.
    pub fn id(&self) -> &str {
        &self.child.id
    }

    /// What runs before it, if something does: the previous step of a chain, the header of a chord.
    pub fn parent(&self) -> Option<Self> {
        self.child.parent.as_deref().map(|parent| self.at(parent))
    }

    /// The members, if it is a group.
    pub fn members(&self) -> Option<Vec<Self>> {
        self.child.members.as_ref().map(|members| members.iter().map(|member| self.at(member)).collect())
    }

    /// The result of the task, read as `T`.
    pub fn result<T>(&self) -> AsyncResult<T> {
        let mut result = match self.eager.as_ref().and_then(|eager| eager.get(self.id())) {
            Some(meta) => AsyncResult::eager(&self.app, meta.clone()),
            None => AsyncResult::new(&self.app, self.id()),
        };
        result.tree = self.child.parent.is_some().then(|| Arc::new(self.clone()));
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

    /// The app it was sent through.
    pub fn app(&self) -> &App {
        &self.app
    }

    pub(super) fn value(&self, timeout: Option<Duration>) -> BoxFuture<'_, Result<Value, WaitError>> {
        Box::pin(async move {
            match self.members() {
                Some(_) => self.group::<Value>().join_within(timeout).await.map(Value::List),
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

    /// The value as `T`.
    pub(super) async fn decoded<T: DeserializeOwned>(
        &self,
        timeout: Option<Duration>,
    ) -> Result<T, WaitError> {
        from_value(self.value(timeout).await?)
            .map_err(|error| WaitError::Decode { id: self.id().into(), reason: error.to_string() })
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
        let Child { id, parent, members } = self.child.clone();
        GroupMeta { id, parent: parent.map(|parent| *parent), members: members.unwrap_or_default() }
    }

    pub(super) fn child(&self) -> &Child {
        &self.child
    }

    fn at(&self, child: &Child) -> Self {
        Self { app: self.app.clone(), child: child.clone(), eager: self.eager.clone() }
    }
}

impl fmt::Debug for ResultTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResultTree").field(&self.child).finish()
    }
}
