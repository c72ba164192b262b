//! Results in Celery's keys: `celery-task-meta-<id>`, stored and published in one step.
//!
//! Kept true here: a stored SUCCESS is never overwritten, whoever stored it; a wait subscribes, reads, waits,
//! and reads again after a reconnect and on a slow tick, so it never hangs while the result is there.

mod chord;
mod failed;
mod group;
mod wait;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::Pipeline;
use taskq_core::{
    BoxFuture,
    backend::{
        BackendError, ChordStore, FailedSteps, GroupMeta, ResultBackend, State, StoredError, TaskMeta,
        TaskOutput, WaitError,
    },
    broker::{RateLimits, Revocations},
    codec::{CodecError, Serializer, Value, compress},
    config::Urls,
    protocol::TaskId,
};

use self::{chord::Chords, failed::Failed, wait::Waiters};
use crate::{
    broker::{Kept, RedisRates, RedisRevocations},
    conn::{Addresses, Link},
    error,
    keys::Keys,
    options::RedisOptions,
    script,
};

/// Options of the Redis result backend.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackendOptions {
    /// How long results stay; `None` is for ever. Celery: `result_expires`, default one day.
    pub expires: Option<Duration>,
    /// The same for failures. Celery: `result_failure_expires`, default as `expires`.
    pub failure_expires: Option<Duration>,
    /// Format of what is stored. Celery: `result_serializer`.
    pub serializer: Serializer,
    /// Compression of what is stored. Celery: `result_compression`.
    pub compression: Option<String>,
    /// Stands before every key; gets a `_` unless it ends in `:`, `_`, `-` or `.`.
    /// Celery: `result_backend_transport_options.global_keyprefix`.
    pub key_prefix: String,
    /// How long the counters of chords stay; `None`: as `expires`. Celery: `result_chord_expires`.
    pub chord_expires: Option<Duration>,
    /// Whether the body of a chord gets its results in the order of the header, not in that of their ends.
    /// Every worker must say the same. Celery: `result_backend_transport_options.result_chord_ordered`, default
    /// true.
    pub chord_ordered: bool,
    /// How long joining a header may take; a claim on a chord lasts twice as long.
    /// Celery: `result_chord_join_timeout`, default 3 seconds.
    pub chord_join_timeout: Duration,
    /// How to connect; the rest of the transport options has no meaning here.
    pub connection: RedisOptions,
}

impl Default for BackendOptions {
    fn default() -> Self {
        Self {
            expires: Some(Duration::from_secs(86_400)),
            failure_expires: None,
            serializer: Serializer::Json,
            compression: None,
            key_prefix: String::new(),
            chord_expires: None,
            chord_ordered: true,
            chord_join_timeout: Duration::from_secs(3),
            connection: RedisOptions::default(),
        }
    }
}

/// A Redis server as a result backend.
pub struct RedisBackend {
    inner: Arc<Inner>,
    waiters: Waiters,
}

struct Inner {
    link: Link,
    options: BackendOptions,
    prefix: String,
    /// For what is not a result.
    keys: Keys,
}

impl Kept for Inner {
    fn link(&self) -> &Link {
        &self.link
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisBackend(`{}`)", self.inner.link.shown())
    }
}

impl RedisBackend {
    /// Connects, as [`RedisBroker::connect`](crate::RedisBroker::connect) does.
    ///
    /// # Errors
    /// Within `connect_timeout`, naming the redacted addresses.
    pub async fn connect(urls: &Urls, options: BackendOptions) -> Result<Self, BackendError> {
        let connection = &options.connection;
        let addresses = Arc::new(Addresses::new(urls, connection).map_err(error::backend)?);
        let link = Link::new(
            addresses,
            connection.connect_timeout,
            connection.socket_timeout,
            connection.client_name.clone(),
        );
        link.connect("connect to the result backend").await.map_err(error::backend)?;
        let prefix = match options.key_prefix.chars().last() {
            None | Some(':' | '_' | '-' | '.') => options.key_prefix.clone(),
            Some(_) => format!("{}_", options.key_prefix),
        };
        let keys = Keys::with_prefix(&options.connection, &prefix);
        let inner = Arc::new(Inner { link, options, prefix, keys });
        Ok(Self { waiters: Waiters::start(Arc::clone(&inner)), inner })
    }
}

/// Results stored by one call of the script: many, because a call costs more than a result; not so many that they hold
/// up others.
const STEP: usize = 32;

/// How a stored SUCCESS begins, as Celery writes it and as we do.
const SUCCESS: [&str; 2] = [r#"{"status": "SUCCESS""#, r#"{"status":"SUCCESS""#];

impl Inner {
    fn key(&self, id: &TaskId) -> String {
        format!("{}celery-task-meta-{id}", self.prefix)
    }

    fn encode(&self, meta: &TaskMeta) -> Result<Bytes, BackendError> {
        let wrong = |error: CodecError| {
            BackendError::permanent(format!("could not encode the result of task `{}`", meta.id))
                .caused_by(error)
        };
        let stored = meta.encode(self.options.serializer).map_err(wrong)?;
        self.compress(stored).map_err(wrong)
    }

    fn compress(&self, stored: Bytes) -> Result<Bytes, CodecError> {
        match &self.options.compression {
            Some(name) => compress::compress_result(name, &stored),
            None => Ok(stored),
        }
    }

    /// Any value, in the format of results.
    fn pack(&self, value: &Value) -> Result<Bytes, CodecError> {
        self.compress(self.options.serializer.encode(value)?)
    }

    fn unpack(&self, stored: Vec<u8>) -> Result<Value, CodecError> {
        let stored = compress::decompress_result(&stored.into(), compress::DEFAULT_INFLATE_LIMIT)?;
        self.options.serializer.decode(&stored)
    }

    fn decode(&self, id: &TaskId, stored: Vec<u8>) -> Result<TaskMeta, BackendError> {
        let stored = compress::decompress_result(&stored.into(), compress::DEFAULT_INFLATE_LIMIT).map_err(
            |error| {
                BackendError::permanent(format!("the stored result of task `{id}` cannot be read"))
                    .caused_by(error)
            },
        )?;
        TaskMeta::decode(id, &stored, self.options.serializer)
    }

    /// Whether what is stored begins in a way by which the script knows a SUCCESS.
    fn is_plain(&self) -> bool {
        self.options.serializer == Serializer::Json && self.options.compression.is_none()
    }

    async fn store(&self, batch: &[TaskMeta]) -> Result<(), BackendError> {
        let kept = if self.is_plain() { Vec::new() } else { self.successes(batch).await? };
        let stored = |(at, _): &(usize, &TaskMeta)| !kept.get(*at).copied().unwrap_or(false);
        let stored: Vec<&TaskMeta> = batch.iter().enumerate().filter(stored).map(|(_, meta)| meta).collect();
        let mut pipeline = Pipeline::with_capacity(stored.len().div_ceil(STEP));
        for metas in stored.chunks(STEP) {
            let mut command = script::call(&script::STORE, metas.len());
            for meta in metas {
                command.arg(self.key(&meta.id));
            }
            command.arg(SUCCESS[0]).arg(SUCCESS[1]);
            for meta in metas {
                let expires = match (&meta.state, self.options.failure_expires) {
                    (State::Failure, Some(expires)) => Some(expires),
                    _ => self.options.expires,
                };
                let seconds = expires.map_or(0, |expires| expires.as_secs().max(1));
                command.arg(seconds).arg(&self.encode(meta)?[..]);
            }
            pipeline.add_command(command).ignore();
        }
        if pipeline.is_empty() {
            return Ok(());
        }
        script::pipe(&self.link, "store results", &pipeline).await.map_err(error::backend)
    }

    /// Which of the batch have SUCCESS stored, where only decoding tells (as Celery does it for all).
    async fn successes(&self, batch: &[TaskMeta]) -> Result<Vec<bool>, BackendError> {
        let ids: Vec<TaskId> = batch.iter().map(|meta| meta.id.clone()).collect();
        let there = self.fetch_each(&ids).await?;
        // What cannot be read is of no use to anybody: it is overwritten.
        let success = |meta: Option<Result<TaskMeta, BackendError>>| matches!(meta, Some(Ok(meta)) if meta.state == State::Success);
        Ok(there.into_iter().map(success).collect())
    }

    /// Of several, one that cannot be read is a failure of its own task and does not hide the others.
    async fn fetch(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskMeta>>, BackendError> {
        let alone = ids.len() == 1;
        let there = self.fetch_each(ids).await?;
        let one = |(id, meta): (&TaskId, Option<Result<TaskMeta, BackendError>>)| match meta {
            Some(Err(error)) if !alone => Ok(Some(unreadable(id, &error))),
            meta => meta.transpose(),
        };
        ids.iter().zip(there).map(one).collect()
    }

    async fn fetch_each(
        &self,
        ids: &[TaskId],
    ) -> Result<Vec<Option<Result<TaskMeta, BackendError>>>, BackendError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("MGET");
        for id in ids {
            command.arg(self.key(id));
        }
        let stored: Vec<Option<Vec<u8>>> =
            self.link.run("read results", &command).await.map_err(error::backend)?;
        Ok(ids.iter().zip(stored).map(|(id, stored)| stored.map(|stored| self.decode(id, stored))).collect())
    }
}

/// What stands for a stored result that cannot be read.
fn unreadable(id: &TaskId, error: &BackendError) -> TaskMeta {
    tracing::warn!(%id, %error, "a stored result cannot be read");
    let failure = StoredError {
        exc_module: "kombu.exceptions".into(),
        ..StoredError::builtin("DecodeError", error.to_string())
    };
    TaskMeta::new(id.clone(), State::Failure, TaskOutput::Error(failure))
}

impl ResultBackend for RedisBackend {
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(self.inner.store(batch))
    }

    fn fetch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<Option<TaskMeta>>, BackendError>> {
        Box::pin(self.inner.fetch(ids))
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, Result<TaskMeta, WaitError>> {
        Box::pin(self.waiters.wait(id, timeout))
    }

    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(());
            }
            let mut command = redis::cmd("DEL");
            for id in ids {
                command.arg(self.inner.key(id));
            }
            self.inner.link.run("forget results", &command).await.map_err(error::backend)
        })
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        Some(Arc::new(RedisRevocations(Arc::clone(&self.inner))))
    }

    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        Some(Arc::new(RedisRates(Arc::clone(&self.inner))))
    }

    fn chords(&self) -> Option<Arc<dyn ChordStore>> {
        Some(Arc::new(Chords(Arc::clone(&self.inner))))
    }

    fn failed_steps(&self) -> Option<Arc<dyn FailedSteps>> {
        Some(Arc::new(Failed(Arc::clone(&self.inner))))
    }

    fn save_group<'a>(&'a self, group: &'a GroupMeta) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(self.inner.save_group(group))
    }

    fn load_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<GroupMeta>, BackendError>> {
        Box::pin(self.inner.load_group(id))
    }

    fn forget_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(self.inner.forget_group(id))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            self.inner.link.close().await;
            Ok(())
        })
    }
}
