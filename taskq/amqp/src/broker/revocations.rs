//! Revocations where results are kept nowhere that could keep them: in a stream, [`QUEUE`], which every worker
//! reads for itself.
//!
//! Kept true here: what was remembered before a worker starts, or is connected again, is known to it before it
//! takes anything; what is remembered later is pushed to it, within milliseconds, and costs nothing to look for.
//! A server without streams, or one that does not let us declare one, remembers nothing, and nothing fails for it.

mod reader;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use lapin::{
    BasicProperties, Channel,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use taskq_core::{
    BoxFuture, Timestamp,
    broker::{BrokerError, BrokerErrorKind, REMEMBERED, Revocation, Revocations},
};
use tokio::{
    sync::OnceCell,
    time::{sleep, timeout},
};

use self::reader::Reader;
use super::{Shared, publish::Publication};
use crate::error;

/// The stream.
const QUEUE: &str = "taskq:revoked";
/// Its files: whole ones are removed when they are older than [`REMEMBERED`].
const SEGMENT: i32 = 500_000;
/// Most that it holds, in bytes: half a million revocations.
const ROOM: i64 = 64 * 1024 * 1024;
/// What is not answered by then is given up: of two that declare one stream at once, RabbitMQ may leave one without
/// an answer.
const ANSWERED: Duration = Duration::from_secs(5);
/// How long a worker waits at most for another one to write down what both have heard, in milliseconds.
const TURN: u64 = 200;

/// What a broker knows of the stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    reader: OnceCell<Reader>,
    declared: AtomicBool,
    /// There is none, and there will be none.
    unsupported: Arc<AtomicBool>,
}

impl Stream {
    fn is_unsupported(&self) -> bool {
        self.unsupported.load(Ordering::Relaxed)
    }
}

pub(super) struct AmqpRevocations(pub(super) Arc<Shared>);

impl AmqpRevocations {
    fn stream(&self) -> &Stream {
        &self.0.stream
    }

    /// Publishes to the stream. False: there is none.
    async fn send(&self, batch: &[Publication]) -> Result<bool, BrokerError> {
        for _ in 0..2 {
            if !self.stream().declared.load(Ordering::Relaxed) {
                let (channel, _) = self.0.publisher.link().channel("remember revocations").await?;
                declare(&channel).await.map_err(|error| {
                    error::broker("remember revocations", self.0.publisher.link().shown(), error)
                })?;
                self.stream().declared.store(true, Ordering::Relaxed);
            }
            let sent = self.0.publisher.send(batch, self.0.options.publish_timeout).await?;
            match sent.into_iter().flatten().next() {
                None => return Ok(true),
                // Somebody has deleted it, or it could not be declared.
                Some(error) if error.kind() == BrokerErrorKind::Unroutable => {
                    self.stream().declared.store(false, Ordering::Relaxed);
                }
                Some(error) => return Err(error),
            }
        }
        unsupported(&self.stream().unsupported);
        Ok(false)
    }

    async fn reader(&self) -> Result<&Reader, BrokerError> {
        let open = || Reader::open(Arc::clone(&self.0.listener), Arc::clone(&self.stream().unsupported));
        self.stream().reader.get_or_try_init(open).await
    }
}

impl Revocations for AmqpRevocations {
    fn remember<'a>(&'a self, what: &'a [Revocation]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            let mut what: Vec<&Revocation> = what.iter().collect();
            if let Some(reader) = self.stream().reader.get() {
                // A worker. All of them heard the same; one writing it down is enough.
                what.retain(|one| !reader.has(one));
                if !what.is_empty() {
                    sleep(Duration::from_millis(random(TURN))).await;
                    what.retain(|one| !reader.has(one));
                }
            }
            if what.is_empty() || self.stream().is_unsupported() {
                return Ok(());
            }
            let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
            let properties = BasicProperties::default().with_delivery_mode(2).with_timestamp(now);
            let batch: Vec<Publication> =
                what.iter().map(|one| publication(properties.clone(), one.to_text())).collect();
            self.send(&batch).await.map(drop)
        })
    }

    fn since(&self, mark: u64) -> BoxFuture<'_, Result<(Vec<Revocation>, u64), BrokerError>> {
        Box::pin(async move {
            if self.stream().is_unsupported() {
                return Ok((Vec::new(), mark));
            }
            let reader = self.reader().await?;
            if reader.is_behind() {
                // Of what was there before this message, nothing comes after it.
                let (number, arrived) = reader.expect();
                let sign = BasicProperties::default()
                    .with_type(reader::SIGN.into())
                    .with_correlation_id(number.to_string().into())
                    .with_app_id(reader.id().into());
                if self.send(&[publication(sign, String::new())]).await? {
                    arrived.await?;
                }
            }
            Ok(reader.since(mark))
        })
    }

    fn may_have_more(&self, mark: u64) -> bool {
        let stream = self.stream();
        !stream.is_unsupported()
            && stream.reader.get().is_none_or(|reader| reader.is_behind() || reader.next() != mark)
    }
}

impl fmt::Debug for AmqpRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpRevocations({:?})", self.0)
    }
}

fn publication(properties: BasicProperties, body: String) -> Publication {
    Publication {
        exchange: String::new(),
        routing_key: QUEUE.to_owned(),
        properties,
        body: Bytes::from(body),
    }
}

/// Declares the stream. One that exists in another way is used as it is; one that may not be declared is looked
/// for all the same.
async fn declare(channel: &Channel) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    let age = format!("{}s", REMEMBERED.as_secs());
    arguments.insert("x-max-age".into(), AMQPValue::LongString(age.into()));
    arguments.insert("x-stream-max-segment-size-bytes".into(), AMQPValue::LongInt(SEGMENT));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(ROOM));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    match answered(channel.queue_declare(QUEUE.into(), durable, arguments)).await {
        Ok(_) => drop(channel.close(200, "declared".into()).await),
        Err(error) if error::is_mismatch(&error) || error::is_refused(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn answered<T>(asked: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    timeout(ANSWERED, asked).await.unwrap_or_else(|_| Err(error::timed_out()))
}

/// Says once that nothing is remembered.
fn unsupported(known: &AtomicBool) {
    if !known.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            queue = QUEUE,
            "the broker has no stream for what is revoked: workers that are down when a task is revoked will run it; \
             keep results on Redis or SQLite, or use RabbitMQ 3.9 or later"
        );
    }
}

/// A number below `end` that differs from process to process.
fn random(end: u64) -> u64 {
    let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
    high % end
}
