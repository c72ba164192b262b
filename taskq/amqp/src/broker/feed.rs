//! The loop that receives: it owns the channel, and makes another one whenever it must.
//!
//! States: away, with a reason (no channel); consuming. From away it opens a channel, declares the queues and
//! subscribes; whatever ends the channel leads back to away, with everything on it lost. A queue that is deleted
//! under the consumer is declared and subscribed to again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use taskq_core::Timestamp;
use taskq_core::broker::{BrokerError, BrokerErrorKind, Delivery, Queue, Settle, Settlement, Settler};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    inbox::Inbox,
    ledger::Ledger,
    session::{Ended, Session},
    settle::AmqpSettler,
    topology,
};
use crate::conn::Link;

/// First and longest pause after a channel that ended soon.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Orders that wait. A consumer gives one at a time.
pub(super) const ORDERS: usize = 1;

/// Consume these queues from now on.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) queues: Vec<Queue>,
    pub(super) done: oneshot::Sender<Result<(), BrokerError>>,
}

/// What the loop knows and serves.
pub(super) struct Feed {
    pub(super) shared: Arc<Shared>,
    /// Not the connection that publishes: an alarm holds that up.
    pub(super) link: Arc<Link>,
    /// Its place among those that share a connection.
    pub(super) _room: Option<OwnedSemaphorePermit>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) settler: Arc<AmqpSettler>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) queues: Vec<Queue>,
    /// Whether the window may change.
    pub(super) adapts: bool,
    pub(super) max_deliveries: u32,
    /// Whether a window over several queues is known to be refused.
    pub(super) no_shared_window: bool,
    /// Whether what delays messages was seen to since the connection was lost.
    pub(super) served: bool,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) stop: CancellationToken,
}

impl Feed {
    /// Receives until it is stopped, or an error comes that no retry mends.
    pub(super) async fn run(mut self) {
        let mut pause = PAUSE.0;
        let failed = loop {
            let begin = Instant::now();
            let reason = match self.consume().await {
                Ok(Ended::Stopped) => break None,
                Ok(Ended::Lost(reason)) => reason,
                Err(error) if error.is_retryable() => error.to_string(),
                Err(_) if self.stop.is_cancelled() => break None,
                Err(error) => break Some(error),
            };
            self.lose();
            self.served = false;
            if self.inbox.set_away(Some(reason.clone())) {
                tracing::warn!(reason, "not consuming; trying again");
            }
            if begin.elapsed() > PAUSE.1 * 5 {
                pause = PAUSE.0;
            }
            tokio::select! {
                () = self.stop.cancelled() => break None,
                () = sleep(pause) => pause = (pause * 2).min(PAUSE.1),
            }
        };
        if let Some(error) = &failed {
            tracing::error!(%error, "could not consume");
            self.lose();
        }
        self.inbox.end(failed.as_ref());
    }

    /// Consumes on one channel until that ends.
    async fn consume(&mut self) -> Result<Ended, BrokerError> {
        let inbox = Arc::clone(&self.inbox);
        let away = |error: &BrokerError| {
            inbox.set_away(Some(error.to_string()));
        };
        let (channel, epoch) = self.link.steady("consume", &self.stop, away).await?;
        topology::declare(&self.shared, &self.link, &self.queues).await?;
        self.ledger.begin(epoch, channel.clone());
        let ended = Session::new(self, channel, epoch).run().await?;
        if matches!(ended, Ended::Stopped) {
            self.give_back(self.inbox.remove(|_| true)).await;
        }
        Ok(ended)
    }

    /// What was received on the channel that ended is somebody else's by now.
    fn lose(&self) {
        self.ledger.end();
        drop(self.inbox.remove(|_| true));
    }

    /// Gives back what nobody has started: it does not count as a delivery. A quorum queue counts by itself, and
    /// keeps its order; one that is ours alone goes with all that is in it.
    pub(super) async fn give_back(&self, deliveries: Vec<Delivery>) {
        let mut batch = Vec::new();
        for delivery in deliveries {
            let as_it_is = self.queues.iter().any(|queue| {
                *queue.name == *delivery.info.queue
                    && (queue.exclusive || topology::is_quorum(queue, &self.shared.options))
            });
            if as_it_is {
                drop(delivery);
            } else {
                let how = Settle::Requeue { not_before: Some(Timestamp::now()) };
                batch.push(Settlement::new(delivery.accept().0, how));
            }
        }
        if let Err(error) = self.settler.settle(&batch).await {
            tracing::warn!(%error, "gave deliveries back, each counted as one");
            batch.iter().for_each(|settlement| self.settler.give_back(settlement.tag));
        }
        self.settler.flush().await;
    }

    pub(super) fn consuming(&self) {
        if self.inbox.set_away(None) {
            tracing::info!("consuming again");
        }
    }
}

/// Whether an error means that several queues cannot share a window: one is a quorum queue, or it is forbidden.
pub(super) fn refuses_shared_window(error: &lapin::Error) -> bool {
    error.to_string().to_ascii_lowercase().contains("global")
}

/// Something that only a new channel mends.
pub(super) fn lost(error: &lapin::Error) -> Ended {
    Ended::Lost(match error.kind() {
        lapin::ErrorKind::ProtocolError(said) => said.get_message().to_string(),
        _ => error.to_string(),
    })
}

/// An error of the seam that ends the loop, when it is one that no retry mends.
pub(super) fn is_final(error: &BrokerError) -> bool {
    matches!(
        error.kind(),
        BrokerErrorKind::Topology
            | BrokerErrorKind::Refused
            | BrokerErrorKind::Config
            | BrokerErrorKind::Closed
    )
}
