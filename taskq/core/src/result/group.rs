//! The results of a group.

use std::{fmt, marker::PhantomData, time::Duration};

use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, FuturesUnordered},
};
use serde::de::DeserializeOwned;

use super::{Revoke, tree::ResultTree};
use crate::{
    Error,
    app::App,
    backend::{Child, GroupMeta, State, TaskMeta, WaitError},
    protocol::TaskId,
    task::TaskContext,
};

/// Members that are waited for at a time where the order of results is that of the members.
const WAITING: usize = 64;

/// The results of a group: Celery's `GroupResult`, typed. Members that are groups themselves count with all of
/// their tasks in the questions about states.
pub struct GroupResult<T> {
    id: String,
    app: App,
    parent: Option<ResultTree>,
    members: Vec<ResultTree>,
    output: PhantomData<fn() -> T>,
}

impl<T> GroupResult<T> {
    pub(crate) fn of(app: &App, id: String, parent: Option<ResultTree>, members: Vec<ResultTree>) -> Self {
        Self { id, app: app.clone(), parent, members, output: PhantomData }
    }

    /// Id of the group.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What ran before the group.
    pub fn parent(&self) -> Option<&ResultTree> {
        self.parent.as_ref()
    }

    /// The members, in the order they were given.
    pub fn members(&self) -> &[ResultTree] {
        &self.members
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Reads the results as another type.
    pub fn cast<U>(self) -> GroupResult<U> {
        GroupResult::of(&self.app, self.id, self.parent, self.members)
    }

    /// Keeps the ids of the members in the result backend, so that the group can be found again by its own.
    ///
    /// # Errors
    /// When the backend keeps no groups or cannot be reached.
    pub async fn save(&self) -> Result<(), Error> {
        Ok(self.app.backend().await?.save_group(&self.tree().to_meta()).await?)
    }

    /// The group that was saved under this id; `None` when there is none.
    ///
    /// # Errors
    /// When the backend keeps no groups or cannot be reached.
    pub async fn restore(app: &App, id: &str) -> Result<Option<Self>, Error> {
        let saved = app.backend().await?.load_group(id).await?;
        Ok(saved.map(|GroupMeta { id, parent, members }| {
            let child = Child { id, parent: parent.map(Box::new), members: Some(members) };
            ResultTree::of(app, child).group()
        }))
    }

    /// Removes what [`save`](Self::save) stored; the results stay.
    ///
    /// # Errors
    /// When the backend keeps no groups or cannot be reached.
    pub async fn delete(&self) -> Result<(), Error> {
        Ok(self.app.backend().await?.forget_group(&self.id).await?)
    }

    /// Removes the results of all members.
    ///
    /// # Errors
    /// When the backend cannot be reached.
    pub async fn forget(&self) -> Result<(), Error> {
        let ids: Vec<TaskId> = self.leaves().iter().map(|leaf| leaf.id().into()).collect();
        Ok(self.app.backend().await?.forget(&ids).await?)
    }

    /// Tells the workers to run none of the members: `group.revoke().await?`.
    pub fn revoke(&self) -> Revoke {
        Revoke::new(&self.app, self.leaves().iter().map(|leaf| leaf.id().into()).collect())
    }

    /// The state of every task in it.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn states(&self) -> Result<Vec<State>, Error> {
        let state = |meta: Option<TaskMeta>| meta.map_or(State::Pending, |meta| meta.state);
        let leaves = self.leaves();
        let metas = ResultTree::metas(&leaves.iter().collect::<Vec<_>>()).await?;
        Ok(metas.into_iter().map(state).collect())
    }

    /// Whether all have ended.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn ready(&self) -> Result<bool, Error> {
        Ok(self.states().await?.iter().all(State::is_ready))
    }

    /// Whether some have not ended.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn waiting(&self) -> Result<bool, Error> {
        Ok(!self.ready().await?)
    }

    /// Whether all ended with a value.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn successful(&self) -> Result<bool, Error> {
        Ok(self.states().await?.iter().all(|state| *state == State::Success))
    }

    /// Whether one ended with an error.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn failed(&self) -> Result<bool, Error> {
        Ok(self.states().await?.contains(&State::Failure))
    }

    /// How many ended with a value.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn completed_count(&self) -> Result<usize, Error> {
        Ok(self.states().await?.iter().filter(|state| **state == State::Success).count())
    }

    fn leaves(&self) -> Vec<ResultTree> {
        self.members.iter().flat_map(ResultTree::leaves).collect()
    }

    fn tree(&self) -> ResultTree {
        ResultTree::of(
            &self.app,
            Child {
                id: self.id.clone(),
                parent: self.parent.as_ref().map(|parent| Box::new(parent.child())),
                members: Some(self.members.iter().map(|member| member.child()).collect()),
            },
        )
    }
}

impl<T: DeserializeOwned> GroupResult<T> {
    /// Waits for all values, in the order of the members. Inside a running task it is refused, as
    /// [`AsyncResult::get`](super::AsyncResult::get) is.
    ///
    /// # Errors
    /// What the first member that failed, in the order of the members, ended with; the error names it.
    pub async fn get(&self) -> Result<Vec<T>, WaitError> {
        if TaskContext::current().is_some_and(|cx| !cx.is_eager()) {
            return Err(WaitError::InsideTask { id: self.id.as_str().into() });
        }
        self.join_within(None).await
    }

    /// As [`get`](Self::get), giving up after so long.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`WaitError::Timeout`].
    pub async fn get_within(&self, timeout: Duration) -> Result<Vec<T>, WaitError> {
        if TaskContext::current().is_some_and(|cx| !cx.is_eager()) {
            return Err(WaitError::InsideTask { id: self.id.as_str().into() });
        }
        self.join_within(Some(timeout)).await
    }

    pub(super) async fn join_within(&self, timeout: Option<Duration>) -> Result<Vec<T>, WaitError> {
        let members: Vec<ResultTree> = self.members.clone();
        let waits = members.into_iter().map(move |member| async move { member.decoded::<T>(timeout).await });
        stream::iter(waits).buffered(WAITING).try_collect().await
    }

    /// The members as they end, each with its position. Celery: `iter_native`.
    pub fn as_they_come(&self) -> impl Stream<Item = (usize, Result<T, WaitError>)> + '_ {
        let wait = |(at, member): (usize, &'_ ResultTree)| {
            let member = member.clone();
            async move { (at, member.decoded::<T>(None).await) }
        };
        self.members.iter().enumerate().map(wait).collect::<FuturesUnordered<_>>()
    }
}

impl<T> Clone for GroupResult<T> {
    fn clone(&self) -> Self {
        Self::of(&self.app, self.id.clone(), self.parent.clone(), self.members.clone())
    }
}

impl<T> fmt::Debug for GroupResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupResult").field("id", &self.id).field("members", &self.members.len()).finish()
    }
}
