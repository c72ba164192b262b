//! Messages that came back to a classic queue, or came too often.
//!
//! A worker that dies with a message leaves no count behind. So a message that was delivered before, by somebody
//! whom we do not know, is not run at once: it is published again to its queue with a count that is one higher,
//! and the old one is acknowledged. A message that kills its workers is counted that way; the price is its place
//! in the queue. Without a limit nothing is counted, and it keeps its place.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    broker::{DeadKind, DeadReason, Delivery, DeliveryTag},
    crash::{self, Point},
};
use tokio::time::sleep;

use super::{Shared, dead, inbox::Inbox, ledger::Holding, publish, settle::AmqpSettler};

/// How long a message that could not be put aside is left alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// What becomes of a delivery before anybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Deliver,
    /// Publish it again with its count.
    Count,
    /// Put it aside.
    Poison,
}

/// Publishes it again with its count. When that fails it is delivered as it is.
pub(super) async fn count(
    shared: Arc<Shared>,
    settler: Arc<AmqpSettler>,
    holding: Arc<Holding>,
    delivery: Delivery,
    inbox: Arc<Inbox>,
) {
    let failed = holding.deliveries.saturating_sub(1);
    let again = holding.onward(String::new(), holding.queue.to_string(), failed);
    match publish::send(&shared, &[again]).await {
        Ok(()) => {
            crash::reached(Point::Recounted);
            settler.acknowledge(delivery.accept().0).await;
        }
        Err(error) => {
            tracing::warn!(%error, queue = %holding.queue, "could not count a delivery; it runs uncounted");
            inbox.push_all([(Arc::clone(&holding.queue), delivery)].into_iter());
        }
    }
}

/// Puts it aside. When that fails it goes back, after a while.
pub(super) async fn poison(
    shared: Arc<Shared>,
    settler: Arc<AmqpSettler>,
    holding: Arc<Holding>,
    delivery: Delivery,
) {
    let deliveries = holding.deliveries.saturating_sub(1);
    let detail = format!("delivered {deliveries} times without an end");
    let reason = DeadReason::new(DeadKind::Poison, detail);
    let put = async {
        let letter = dead::letter(&shared, &holding, deliveries, &reason).await?;
        publish::send(&shared, &[letter]).await
    };
    match put.await {
        Ok(()) => {
            let tag: DeliveryTag = delivery.accept().0;
            settler.acknowledge(tag).await;
            tracing::warn!(queue = %holding.queue, %reason, "put a message aside");
        }
        Err(error) => {
            tracing::error!(%error, queue = %holding.queue, "could not put a poisonous message aside");
            sleep(PATIENCE).await;
            drop(delivery);
        }
    }
}
