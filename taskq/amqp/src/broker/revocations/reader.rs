//! Reads the stream of revocations from its beginning, and goes on.
//!
//! Kept true here: what was read is in the order of the stream; after a lost connection it goes on behind the last
//! one, and nobody takes it for complete before it has caught up.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    Channel, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use taskq_core::{
    Timestamp,
    broker::{BrokerError, BrokerErrorKind, REMEMBERED, Revocation},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{QUEUE, answered, declare, unsupported};
use crate::{conn::Link, error};

/// The type of a message that only says: whoever sent it has read all before it.
pub(super) const SIGN: &str = "taskq-mark";
/// Where a consumer of a stream begins; in a delivery, where it is.
const OFFSET: &str = "x-stream-offset";
/// Revocations on their way.
const WINDOW: u16 = 1_024;
/// Most that are kept, as in a worker's own memory.
const MOST: usize = 50_000;
/// How long a message may take from here through the stream to here.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Pause before the stream is listened to again.
const PAUSE: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Reader {
    heard: Arc<Heard>,
    shown: String,
    _reading: AbortOnDropHandle<()>,
}

/// What was read.
#[derive(Debug)]
struct Heard {
    /// Who reads: told from others by its signs.
    id: String,
    /// Signs that were sent.
    signs: AtomicU64,
    /// The last sign that came, of this connection.
    seen: watch::Sender<u64>,
    kept: Mutex<Kept>,
    unsupported: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    /// Where the next message of any kind will be.
    position: u64,
    /// Behind the last revocation.
    next: u64,
    /// Signs up to this one say nothing about the connection there is now.
    floor: u64,
    caught_up: bool,
}

#[derive(Debug)]
struct Entry {
    offset: u64,
    /// In seconds since 1970, by the clock of whoever revoked it.
    at: u64,
    what: Revocation,
}

impl Reader {
    /// Declares the stream and reads it from its beginning.
    pub(super) async fn open(link: Arc<Link>, unsupported: Arc<AtomicBool>) -> Result<Self, BrokerError> {
        let heard = Arc::new(Heard {
            id: uuid::Uuid::new_v4().to_string(),
            signs: AtomicU64::new(0),
            seen: watch::Sender::new(0),
            kept: Mutex::default(),
            unsupported,
        });
        let (shown, first) = (link.shown().to_owned(), listen(&link, &heard, None).await?);
        let reading = tokio::spawn(keep_reading(link, Arc::clone(&heard), first));
        Ok(Self { heard, shown, _reading: AbortOnDropHandle::new(reading) })
    }

    pub(super) fn id(&self) -> &str {
        &self.heard.id
    }

    /// Whether there may be more than was read.
    pub(super) fn is_behind(&self) -> bool {
        !self.heard.lock().caught_up && !self.heard.unsupported.load(Ordering::Relaxed)
    }

    /// What [`since`](Self::since) answers for the next one.
    pub(super) fn next(&self) -> u64 {
        self.heard.lock().next
    }

    /// Whether it was read.
    pub(super) fn has(&self, what: &Revocation) -> bool {
        let oldest = oldest();
        self.heard.lock().entries.iter().any(|entry| entry.at >= oldest && entry.what == *what)
    }

    /// Those read since a mark, and the next one.
    pub(super) fn since(&self, mark: u64) -> (Vec<Revocation>, u64) {
        let (kept, oldest) = (self.heard.lock(), oldest());
        let from = kept.entries.partition_point(|entry| entry.offset < mark);
        let found = kept.entries.range(from..).filter(|entry| entry.at >= oldest);
        (found.map(|entry| entry.what.clone()).collect(), kept.next)
    }

    /// A number to send to ourselves, and what ends when it has come.
    pub(super) fn expect(&self) -> (u64, impl Future<Output = Result<(), BrokerError>> + use<'_>) {
        let number = self.heard.signs.fetch_add(1, Ordering::Relaxed) + 1;
        let mut seen = self.heard.seen.subscribe();
        (number, async move {
            let arrived = timeout(ARRIVAL, seen.wait_for(|seen| *seen >= number)).await;
            arrived.map(drop).map_err(|_| {
                let text = format!("could not read `{QUEUE}` on `{}` within {ARRIVAL:?}", self.shown);
                BrokerError::new(BrokerErrorKind::Timeout, text)
            })
        })
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in one message; false when it does not come from a stream.
    fn hear(&self, delivery: &Delivery) -> bool {
        let Some(offset) = offset(delivery) else { return false };
        let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
        let mut kept = self.lock();
        kept.position = offset + 1;
        if text(delivery.properties.kind()).as_deref() == Some(SIGN) {
            let number =
                text(delivery.properties.correlation_id()).and_then(|number| number.parse::<u64>().ok());
            if text(delivery.properties.app_id()).as_deref() == Some(&self.id)
                && let Some(number) = number.filter(|number| *number > kept.floor)
            {
                kept.caught_up = true;
                drop(kept);
                self.seen.send_modify(|seen| *seen = number.max(*seen));
            }
            return true;
        }
        let at = delivery.properties.timestamp().unwrap_or_default();
        let what = std::str::from_utf8(&delivery.data).ok().and_then(Revocation::from_text);
        if let Some(what) = what.filter(|_| at >= oldest()) {
            kept.entries.push_back(Entry { offset, at, what });
            kept.next = offset + 1;
            if kept.entries.len() > MOST {
                kept.entries.pop_front();
            }
        }
        true
    }
}

/// The clock of the oldest revocation that still counts.
fn oldest() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default().saturating_sub(REMEMBERED.as_secs())
}

fn offset(delivery: &Delivery) -> Option<u64> {
    match delivery.properties.headers().as_ref()?.inner().get(OFFSET)? {
        AMQPValue::LongLongInt(offset) => u64::try_from(*offset).ok(),
        _ => None,
    }
}

/// Listens from where it is; `None`: there is no stream.
async fn listen(
    link: &Link,
    heard: &Heard,
    stop: Option<&CancellationToken>,
) -> Result<Option<(Channel, Consumer)>, BrokerError> {
    let what = "listen for revocations";
    let open = async || match stop {
        Some(stop) => link.steady(what, stop, |error| tracing::debug!(%error, "not listening")).await,
        None => link.channel(what).await,
    };
    let failed = |error| error::broker(what, link.shown(), error);
    declare(&open().await?.0).await.map_err(failed)?;
    let (channel, _) = open().await?;
    let position = {
        let mut kept = heard.lock();
        (kept.caught_up, kept.floor) = (false, heard.signs.load(Ordering::Relaxed));
        kept.position
    };
    let mut arguments = FieldTable::default();
    arguments.insert(
        OFFSET.into(),
        match position {
            0 => AMQPValue::LongString("first".into()),
            position => AMQPValue::LongLongInt(i64::try_from(position).unwrap_or(i64::MAX)),
        },
    );
    answered(channel.basic_qos(WINDOW, BasicQosOptions::default())).await.map_err(failed)?;
    let options = BasicConsumeOptions::default();
    match answered(channel.basic_consume(QUEUE.into(), "".into(), options, arguments)).await {
        Ok(messages) => Ok(Some((channel, messages))),
        Err(error) if error::is_missing(&error) || error::is_refused(&error) => {
            unsupported(&heard.unsupported);
            Ok(None)
        }
        Err(error) => Err(failed(error)),
    }
}

async fn keep_reading(link: Arc<Link>, heard: Arc<Heard>, first: Option<(Channel, Consumer)>) {
    let (mut open, stop) = (first, CancellationToken::new());
    while let Some((channel, mut messages)) = open {
        while let Some(Ok(delivery)) = messages.next().await {
            if !heard.hear(&delivery) {
                // What it is, it belongs to somebody else; unacknowledged, it stays there.
                unsupported(&heard.unsupported);
                let _ = channel.close(200, "no stream".into()).await;
                return;
            }
            if channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default()).await.is_err() {
                break;
            }
        }
        heard.lock().caught_up = false;
        open = loop {
            match listen(&link, &heard, Some(&stop)).await {
                Ok(open) => break open,
                Err(error) if error.kind() == BrokerErrorKind::Closed => return,
                Err(error) => {
                    tracing::debug!(%error, "not listening for revocations");
                    sleep(PAUSE).await;
                }
            }
        };
    }
}
