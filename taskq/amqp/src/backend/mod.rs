//! `rpc://`: results travel as messages to the client that sent the task, and to nobody else.
//!
//! Kept true here: the queue of replies is there before the first task is sent; a result is acknowledged when it
//! is kept in this process, so that a lost connection loses none; results for other ids than the one that is
//! waited for are kept too, the newest [`KEPT`] of them. A result for a client that has gone is dropped, as in
//! Celery: nobody else could read it.

mod replies;

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use lapin::BasicProperties;
use taskq_core::{
    BoxFuture,
    backend::{BackendError, MemoryBackend, ResultBackend, State, TaskMeta, WaitError},
    broker::{BrokerError, BrokerErrorKind},
    codec::Serializer,
    config::Urls,
    protocol::TaskId,
};
use tokio::sync::OnceCell;

use self::replies::Replies;
use crate::{
    broker::publish::{Publication, Publisher, short},
    conn::{Addresses, Link},
    options::AmqpOptions,
};

/// Results that are kept for who has not asked yet.
const KEPT: usize = 65_536;

/// How long a reading client waits until everything that was sent before has arrived.
const ARRIVAL: Duration = Duration::from_secs(5);

/// Options of the `rpc://` result backend.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcOptions {
    /// How long results are kept by the client, and its queue of replies when it is away (at most 10 minutes).
    /// `None` is for ever. Celery: `result_expires`, default one day.
    pub expires: Option<Duration>,
    /// Results survive a restart of the broker. Celery: `result_persistent`, default false.
    pub persistent: bool,
    /// Format of results. Celery: `result_serializer`.
    pub serializer: Serializer,
    /// How to connect.
    pub connection: AmqpOptions,
}

impl Default for RpcOptions {
    fn default() -> Self {
        Self {
            expires: Some(Duration::from_secs(86_400)),
            persistent: false,
            serializer: Serializer::Json,
            connection: AmqpOptions::default(),
        }
    }
}

/// Results as messages through RabbitMQ.
pub struct RpcBackend {
    options: RpcOptions,
    publisher: Publisher,
    /// Where replies come in; its own connection, as consumers have. Only a client has it.
    replies: OnceCell<Replies>,
    kept: MemoryBackend,
}

impl fmt::Debug for RpcBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcBackend(`{}`)", self.publisher.link().shown())
    }
}

fn backend_error(error: BrokerError) -> BackendError {
    let text = error.to_string();
    if error.is_retryable() {
        BackendError::transient(text).caused_by(error)
    } else {
        BackendError::permanent(text).caused_by(error)
    }
}

impl RpcBackend {
    /// Connects, as [`AmqpBroker::connect`](crate::AmqpBroker::connect) does.
    ///
    /// # Errors
    /// Within `connect_timeout`, naming the redacted addresses.
    pub async fn connect(urls: &Urls, options: RpcOptions) -> Result<Self, BackendError> {
        let addresses = Addresses::new(urls, options.connection.clone()).map_err(backend_error)?;
        let publisher = Publisher::new(Link::new(Arc::new(addresses)));
        publisher.link().connect("connect to the result backend").await.map_err(backend_error)?;
        let kept = MemoryBackend::new().expires(options.expires);
        Ok(Self { options, publisher, replies: OnceCell::new(), kept })
    }

    fn message(&self, meta: &TaskMeta, reply_to: &str) -> Result<Publication, BackendError> {
        let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
            BackendError::permanent(format!("could not send the result of task `{}`", meta.id))
                .caused_by(error)
        };
        let serializer = self.options.serializer;
        let body = meta.encode(serializer).map_err(|error| wrong(error.into()))?;
        let id = short("task id", meta.id.as_str()).map_err(|error| wrong(error.into()))?;
        let properties = BasicProperties::default()
            .with_content_type(serializer.content_type().into())
            .with_content_encoding(serializer.content_encoding().into())
            .with_correlation_id(id)
            .with_delivery_mode(if self.options.persistent { 2 } else { 1 })
            .with_priority(0)
            .with_headers(lapin::types::FieldTable::default());
        Ok(Publication { exchange: String::new(), routing_key: reply_to.to_owned(), properties, body })
    }

    async fn send(&self, batch: &[Publication]) -> Result<(), BackendError> {
        if batch.is_empty() {
            return Ok(());
        }
        let deadline = self.options.connection.publish_timeout;
        let sent = self.publisher.send(batch, deadline).await.map_err(backend_error)?;
        for (error, out) in sent.into_iter().zip(batch) {
            match error {
                Some(error) if error.kind() == BrokerErrorKind::Unroutable => {
                    tracing::debug!(client = out.routing_key, "dropped a result: its client has gone");
                }
                Some(error) => return Err(backend_error(error)),
                None => {}
            }
        }
        Ok(())
    }

    /// Waits until what others have sent before is here: a message to ourselves comes after it.
    async fn arrived(&self) -> Result<(), BackendError> {
        let Some(replies) = self.replies.get() else { return Ok(()) };
        let (mark, arrived) = replies.expect_mark();
        let properties = BasicProperties::default()
            .with_type(replies::MARK.into())
            .with_correlation_id(mark.to_string().into())
            .with_expiration(ARRIVAL.as_millis().to_string().into())
            .with_delivery_mode(1);
        let out = Publication {
            exchange: String::new(),
            routing_key: replies.queue().to_owned(),
            properties,
            body: Bytes::new(),
        };
        self.send(std::slice::from_ref(&out)).await?;
        if tokio::time::timeout(ARRIVAL, arrived).await.is_err() {
            tracing::debug!("read results while the connection that brings them is away");
        }
        Ok(())
    }
}

impl ResultBackend for RpcBackend {
    /// Sends each result to who asked for it. One that nobody asked for is kept here.
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut messages = Vec::with_capacity(batch.len());
            for meta in batch {
                match meta.reply_to.as_deref() {
                    Some(reply_to) => messages.push(self.message(meta, reply_to)?),
                    None => self.kept.store(std::slice::from_ref(meta)).await?,
                }
            }
            self.send(&messages).await
        })
    }

    fn fetch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<Option<TaskMeta>>, BackendError>> {
        Box::pin(async move {
            let known = self.kept.fetch(ids).await?;
            // Nothing follows a success.
            if known.iter().all(|meta| meta.as_ref().is_some_and(|meta| meta.state == State::Success)) {
                return Ok(known);
            }
            self.arrived().await?;
            self.kept.fetch(ids).await
        })
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, Result<TaskMeta, WaitError>> {
        self.kept.wait(id, timeout)
    }

    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            self.arrived().await?;
            self.kept.forget(ids).await
        })
    }

    fn reply_to(&self) -> Option<String> {
        self.replies.get().map(|replies| replies.queue().to_owned())
    }

    fn receive<'a>(&'a self, reply_to: &'a str) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let open = || {
                let link = self.publisher.link().sibling();
                Replies::open(link, reply_to, self.options.expires, self.kept.clone())
            };
            self.replies.get_or_try_init(open).await.map(drop).map_err(backend_error)
        })
    }

    fn cleanup(&self) -> BoxFuture<'_, Result<u64, BackendError>> {
        self.kept.cleanup()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            if let Some(replies) = self.replies.get() {
                replies.close().await;
            }
            self.publisher.link().close().await;
            Ok(())
        })
    }
}

/// The format of a content type, else the one that is configured.
fn serializer(content_type: Option<&str>) -> Serializer {
    static BY_TYPE: LazyLock<Vec<Serializer>> = LazyLock::new(|| {
        ["json", "msgpack", "yaml", "auth"]
            .iter()
            .filter_map(|name| Serializer::from_name(name).ok())
            .collect()
    });
    let found = BY_TYPE.iter().find(|serializer| content_type == Some(serializer.content_type()));
    found.copied().unwrap_or(Serializer::Json)
}
