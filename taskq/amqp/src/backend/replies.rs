//! The queue of a client's replies, and the loop that empties it.
//!
//! Celery's queue goes with the connection, and what is in it. This one stays for a while, so that a client that
//! was cut off finds its results; it is removed when the client closes.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::{
    Channel, Consumer,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use taskq_core::{
    backend::{MemoryBackend, ResultBackend, State, StoredError, TaskMeta, TaskOutput},
    broker::BrokerError,
    protocol::TaskId,
};
use tokio::{sync::watch, time::sleep};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{KEPT, serializer};
use crate::{broker::publish::short, conn::Link, error};

/// The type of a message that only says: all before it is here.
pub(super) const MARK: &str = "taskq-mark";
/// How long the queue stays without its client.
const AWAY: Duration = Duration::from_secs(600);
/// Replies on their way.
const WINDOW: u16 = 1_024;
/// Pause before the queue is listened to again.
const PAUSE: Duration = Duration::from_millis(200);

/// See the [module](self).
pub(super) struct Replies {
    link: Arc<Link>,
    queue: ShortString,
    marks: AtomicU64,
    seen: watch::Receiver<u64>,
    stop: CancellationToken,
    _receiver: AbortOnDropHandle<()>,
}

impl Replies {
    /// Declares the queue and listens to it.
    pub(super) async fn open(
        link: Link,
        queue: &str,
        expires: Option<Duration>,
        kept: MemoryBackend,
    ) -> Result<Self, BrokerError> {
        let (link, stop) = (Arc::new(link), CancellationToken::new());
        let queue = short("queue of replies", queue)?;
        let (sender, seen) = watch::channel(0);
        let away = expires.unwrap_or(AWAY).min(AWAY).max(Duration::from_secs(1));
        let mut receiver = Receiver {
            link: Arc::clone(&link),
            queue: queue.clone(),
            away,
            kept,
            order: VecDeque::new(),
            seen: sender,
        };
        let (channel, _) = link.channel("listen for results").await?;
        let open = receiver.listen(channel).await.map_err(|error| receiver.failed(error))?;
        let end = stop.clone();
        let running = tokio::spawn(async move { receiver.run(open, &end).await });
        let _receiver = AbortOnDropHandle::new(running);
        Ok(Self { link, queue, marks: AtomicU64::new(0), seen, stop, _receiver })
    }

    pub(super) fn queue(&self) -> &str {
        self.queue.as_str()
    }

    /// A number to send to ourselves, and what ends when it has come.
    pub(super) fn expect_mark(&self) -> (u64, impl Future<Output = ()> + use<>) {
        let mark = self.marks.fetch_add(1, Ordering::Relaxed) + 1;
        let mut seen = self.seen.clone();
        (mark, async move {
            // It ends when the loop does: then nothing comes any more.
            let _ = seen.wait_for(|seen| *seen >= mark).await;
        })
    }

    /// Removes the queue: nobody waits any more.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        if let Ok((channel, _)) = self.link.channel("remove the queue of replies").await {
            let _ = channel.queue_delete(self.queue.clone(), QueueDeleteOptions::default()).await;
        }
        self.link.close().await;
    }
}

struct Receiver {
    link: Arc<Link>,
    queue: ShortString,
    away: Duration,
    kept: MemoryBackend,
    /// Final results in the order in which they came.
    order: VecDeque<TaskId>,
    seen: watch::Sender<u64>,
}

impl Receiver {
    async fn run(&mut self, first: (Channel, Consumer), stop: &CancellationToken) {
        let mut open = first;
        loop {
            let (channel, replies) = &mut open;
            while let Some(Ok(reply)) = tokio::select! {
                reply = replies.next() => reply,
                () = stop.cancelled() => return,
            } {
                let tag = reply.delivery_tag;
                self.keep(reply).await;
                if channel.basic_ack(tag, BasicAckOptions::default()).await.is_err() {
                    break;
                }
            }
            open = loop {
                let lost = |error: &BrokerError| tracing::debug!(%error, "not listening for results");
                let Ok((channel, _)) = self.link.steady("listen for results", stop, lost).await else {
                    return;
                };
                match self.listen(channel).await {
                    Ok(open) => break open,
                    Err(error) => {
                        tracing::warn!(error = %self.failed(error), "not listening for results");
                        sleep(PAUSE).await;
                    }
                }
            };
        }
    }

    async fn listen(&self, channel: Channel) -> lapin::Result<(Channel, Consumer)> {
        let mut arguments = FieldTable::default();
        let away = i64::try_from(self.away.as_millis()).unwrap_or(i64::MAX);
        arguments.insert("x-expires".into(), AMQPValue::LongLongInt(away));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.queue.clone(), durable, arguments).await?;
        channel.basic_qos(WINDOW, BasicQosOptions::default()).await?;
        let none = FieldTable::default();
        let replies = channel
            .basic_consume(self.queue.clone(), "".into(), BasicConsumeOptions::default(), none)
            .await?;
        Ok((channel, replies))
    }

    fn failed(&self, error: lapin::Error) -> BrokerError {
        error::broker("listen for results", self.link.shown(), error)
    }

    async fn keep(&mut self, reply: Delivery) {
        let Some(id) = reply.properties.correlation_id().as_ref().map(|id| id.as_str().to_owned()) else {
            tracing::debug!("skipped a result without an id");
            return;
        };
        if reply.properties.kind().as_ref().is_some_and(|kind| kind.as_str() == MARK) {
            if let Ok(mark) = id.parse::<u64>() {
                self.seen.send_modify(|seen| *seen = mark.max(*seen));
            }
            return;
        }
        let id = TaskId::from(id);
        let content_type = reply.properties.content_type().as_ref().map(ShortString::as_str);
        let body = Bytes::from(reply.data);
        let meta = TaskMeta::decode(&id, &body, serializer(content_type)).unwrap_or_else(|error| {
            // Who waits is told, instead of waiting for ever.
            let error = StoredError::builtin("ValueError", error.to_string());
            TaskMeta::new(id.clone(), State::Failure, TaskOutput::Error(error))
        });
        if meta.state.is_ready() {
            self.order.push_back(id);
        }
        // It stores in memory, and never fails.
        let _ = self.kept.store(std::slice::from_ref(&meta)).await;
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            let _ = self.kept.forget(&[oldest]).await;
        }
    }
}
