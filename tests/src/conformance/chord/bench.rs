//! What the cases work with: two clients of one store, and members that end.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    backend::{
        ChordClaim, ChordHeader, ChordMember, ChordPart, ChordProgress, ChordStart, ChordStore,
        ResultBackend, State, StoredError, TaskMeta, TaskOutput,
    },
    codec::{Value, json},
    protocol::TaskId,
};

use crate::conformance::backend::{Factory, bench as results};

/// A store under test with two clients of it.
#[derive(Debug)]
pub struct Bench {
    /// One worker's.
    pub backend: Arc<dyn ResultBackend>,
    /// The chords of one worker,
    pub one: Arc<dyn ChordStore>,
    /// and of another.
    pub other: Arc<dyn ChordStore>,
    /// Kept, because the store may end with them.
    _kept: (Box<dyn Factory>, Arc<dyn ResultBackend>),
}

impl Bench {
    /// Opens both.
    pub async fn new(factory: impl Factory) -> Self {
        let (backend, second) = (factory.open().await, factory.open().await);
        let one = backend.chords().expect("a backend that counts chords");
        let other = second.chords().expect("a backend that counts chords");
        Self { backend, one, other, _kept: (Box::new(factory), second) }
    }

    /// Starts a chord of that size.
    pub async fn start(&self, size: u32) -> String {
        let group = TaskId::new().to_string();
        self.start_as(&group, size).await;
        group
    }

    /// Starts a chord under a group id.
    pub async fn start_as(&self, group: &str, size: u32) {
        let start = ChordStart { group: group.to_owned(), size, save: None };
        self.one.start(&[start]).await.expect("start");
    }
}

/// A success with a number.
pub fn done(number: i64) -> TaskMeta {
    results::success(&number.to_string())
}

/// A failure with a `ValueError`.
pub fn failed(text: &str) -> TaskMeta {
    results::ready(State::Failure, TaskOutput::Error(StoredError::builtin("ValueError", text)))
}

/// Counts one member.
pub async fn count(store: &Arc<dyn ChordStore>, group: &str, index: i64, meta: &TaskMeta) -> ChordProgress {
    let part = ChordPart { group, id: &meta.id, index: Some(index), meta };
    store.count(&[part]).await.expect("count").remove(0)
}

/// Counts one that is not the last.
pub async fn counted(store: &Arc<dyn ChordStore>, group: &str, index: i64, meta: &TaskMeta) {
    let progress = count(store, group, index, meta).await;
    assert!(matches!(progress, ChordProgress::Counted), "{progress:?}");
}

/// Counts one that completes the header.
pub async fn claimed(store: &Arc<dyn ChordStore>, group: &str, index: i64, meta: &TaskMeta) -> ChordClaim {
    match count(store, group, index, meta).await {
        ChordProgress::Claimed(claim) => claim,
        other => panic!("not claimed: {other:?}"),
    }
}

/// Counts again until the claim is ours.
pub async fn claimed_at_last(
    store: &Arc<dyn ChordStore>,
    group: &str,
    index: i64,
    meta: &TaskMeta,
) -> ChordClaim {
    let wait = async {
        loop {
            match count(store, group, index, meta).await {
                ChordProgress::Claimed(claim) => return claim,
                ChordProgress::Busy => tokio::time::sleep(Duration::from_millis(200)).await,
                other => panic!("neither busy nor claimed: {other:?}"),
            }
        }
    };
    results::soon("taking over a claim", wait).await
}

/// The members of a claim.
pub fn members(claim: ChordClaim) -> Vec<ChordMember> {
    match claim.header {
        ChordHeader::Members(members) => members,
        ChordHeader::Saved(group) => panic!("a saved group: {group:?}"),
    }
}

/// What a member returned.
pub fn value(member: &ChordMember) -> Value {
    match &member.output {
        TaskOutput::Json(text) => json::from_slice(text).expect("readable JSON"),
        TaskOutput::Value(value) => value.clone(),
        TaskOutput::Error(error) => panic!("an error is no value: {error:?}"),
    }
}

/// The numbers of the members of a claim.
pub fn numbers(claim: ChordClaim) -> Vec<i64> {
    members(claim).iter().map(|member| value(member).as_i64().expect("a number")).collect()
}
