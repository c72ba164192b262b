//! What the cases work with: two clients of one store, and metas.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use taskq_core::{
    Timestamp,
    backend::{ResultBackend, State, TaskMeta, TaskOutput},
    codec::{Value, json},
    protocol::TaskId,
};

use super::Factory;

/// What must happen happens within this time, or the case fails.
pub const SOON: Duration = Duration::from_secs(30);

/// A store under test with two clients of it.
#[derive(Debug)]
pub struct Bench {
    /// The client that stores, mostly.
    pub backend: Arc<dyn ResultBackend>,
    /// Another one, which reads.
    pub other: Arc<dyn ResultBackend>,
    /// Kept, because the store may end with it.
    _factory: Box<dyn Factory>,
}

impl Bench {
    /// Opens both.
    pub async fn new(factory: impl Factory) -> Self {
        let (backend, other) = (factory.open().await, factory.open().await);
        Self { backend, other, _factory: Box::new(factory) }
    }

    /// Stores one.
    pub async fn store(&self, meta: &TaskMeta) {
        self.store_all(std::slice::from_ref(meta)).await;
    }

    /// Stores many, for the other client if results travel as messages.
    pub async fn store_all(&self, metas: &[TaskMeta]) {
        let metas: Vec<_> = metas.iter().map(|meta| self.addressed(meta)).collect();
        self.backend.store(&metas).await.expect("store");
    }

    /// Stores one as the other client, as another worker that ran the same task does.
    pub async fn store_by_other(&self, meta: &TaskMeta) {
        self.other.store(&[self.addressed(meta)]).await.expect("store");
    }

    /// Every run of a task answers to whom the task's message names.
    fn addressed(&self, meta: &TaskMeta) -> TaskMeta {
        TaskMeta { reply_to: self.other.reply_to(), ..meta.clone() }
    }

    /// What the other client reads of one task.
    pub async fn read(&self, id: &TaskId) -> Option<TaskMeta> {
        let mut read = self.other.fetch(std::slice::from_ref(id)).await.expect("fetch");
        assert_eq!(read.len(), 1, "one answer for one id");
        read.remove(0)
    }
}

/// A result that is a JSON text.
pub fn json(text: &str) -> TaskOutput {
    TaskOutput::Json(Bytes::from(text.to_owned()))
}

/// A success, as a worker stores it. Microseconds only: that is what the wire keeps.
pub fn success(text: &str) -> TaskMeta {
    ready(State::Success, json(text))
}

/// A final state.
pub fn ready(state: State, output: TaskOutput) -> TaskMeta {
    let mut meta = TaskMeta::new(TaskId::new(), state, output);
    meta.date_done = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).ok();
    meta
}

/// The value of an output, whatever form it has.
pub fn value(meta: &TaskMeta) -> Value {
    match &meta.output {
        TaskOutput::Json(text) => json::from_slice(text).expect("readable JSON"),
        TaskOutput::Value(value) => value.clone(),
        TaskOutput::Error(error) => panic!("an error is no value: {error:?}"),
    }
}

/// Waits for what must happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {SOON:?}"),
    }
}
