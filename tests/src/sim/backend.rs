//! The result backend in memory, as a process sees it through its link.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    BoxFuture,
    backend::{
        BackendError, ChordClaim, ChordCopy, ChordPart, ChordProgress, ChordStart, ChordStore, GroupMeta,
        MemoryBackend, ResultBackend, TaskMeta, WaitError,
    },
    protocol::TaskId,
};

use super::{link::Link, plan::Server};

/// A result backend that fails as its link does.
#[derive(Debug)]
pub(super) struct FaultyBackend {
    pub(super) backend: MemoryBackend,
    pub(super) link: Arc<Link>,
}

type Answer<'a, T> = BoxFuture<'a, Result<T, BackendError>>;

fn failed(what: &str) -> BackendError {
    BackendError::transient(format!("the result backend is away: {what}"))
}

impl FaultyBackend {
    fn call<'a, T: Send + 'a>(&'a self, what: &'static str, call: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(self.link.call(Server::Backend, what, failed, call))
    }
}

impl ResultBackend for FaultyBackend {
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> Answer<'a, ()> {
        self.call("store", self.backend.store(batch))
    }

    fn fetch<'a>(&'a self, ids: &'a [TaskId]) -> Answer<'a, Vec<Option<TaskMeta>>> {
        self.call("fetch", self.backend.fetch(ids))
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, Result<TaskMeta, WaitError>> {
        self.backend.wait(id, timeout)
    }

    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> Answer<'a, ()> {
        self.call("forget", self.backend.forget(ids))
    }

    fn chords(&self) -> Option<Arc<dyn ChordStore>> {
        Some(Arc::new(FaultyChords { chords: self.backend.chords()?, link: Arc::clone(&self.link) }))
    }

    fn save_group<'a>(&'a self, group: &'a GroupMeta) -> Answer<'a, ()> {
        self.call("save group", self.backend.save_group(group))
    }

    fn load_group<'a>(&'a self, id: &'a str) -> Answer<'a, Option<GroupMeta>> {
        self.call("load group", self.backend.load_group(id))
    }

    fn forget_group<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        self.call("forget group", self.backend.forget_group(id))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct FaultyChords {
    chords: Arc<dyn ChordStore>,
    link: Arc<Link>,
}

impl FaultyChords {
    fn call<'a, T: Send + 'a>(&'a self, what: &'static str, call: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(self.link.call(Server::Backend, what, failed, call))
    }
}

impl ChordStore for FaultyChords {
    fn start<'a>(&'a self, chords: &'a [ChordStart]) -> Answer<'a, ()> {
        self.call("start chords", self.chords.start(chords))
    }

    fn grow<'a>(&'a self, group: &'a str, by: u32) -> Answer<'a, ()> {
        self.call("grow chord", self.chords.grow(group, by))
    }

    fn count<'a>(&'a self, parts: &'a [ChordPart<'a>]) -> Answer<'a, Vec<ChordProgress>> {
        self.call("count members", self.chords.count(parts))
    }

    fn renew<'a>(&'a self, claim: &'a ChordClaim) -> Answer<'a, bool> {
        self.call("renew claim", self.chords.renew(claim))
    }

    fn finish<'a>(&'a self, claim: &'a ChordClaim) -> Answer<'a, bool> {
        self.call("finish chord", self.chords.finish(claim))
    }

    fn release<'a>(&'a self, claim: &'a ChordClaim) -> Answer<'a, ()> {
        self.call("release claim", self.chords.release(claim))
    }

    fn take<'a>(&'a self, copy: &'a ChordCopy) -> Answer<'a, bool> {
        self.call("take copy", self.chords.take(copy))
    }

    fn fail<'a>(&'a self, claim: &'a ChordClaim) -> Answer<'a, ()> {
        self.call("fail chord", self.chords.fail(claim))
    }
}
