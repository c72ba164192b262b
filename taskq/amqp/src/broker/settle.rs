//! Settling: what follows a delivery is published and confirmed, then the delivery is acknowledged.
//!
//! Kept true here: no acknowledgement is written before what follows it is stored; none is written for a delivery
//! of another channel; acknowledgements are written by one task, in the order in which they were decided, and
//! answered when the broker has read them.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicRejectOptions, ConfirmSelectOptions},
};
use taskq_core::{
    BoxFuture,
    broker::{BrokerError, DeliveryTag, Settle, Settled, Settlement, Settler},
    crash::{self, Point},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Shared, dead, delay,
    ledger::{Claim, End, Ledger, Plan},
    publish::{self, Publication, until},
};

/// Batches that wait to be written.
const WAITING: usize = 256;

/// Ends that are written, with the tags that turned out to be lost.
#[derive(Debug)]
struct Request {
    ends: Vec<(DeliveryTag, End)>,
    answer: oneshot::Sender<Vec<DeliveryTag>>,
}

/// Settles what one consumer holds.
#[derive(Debug)]
pub(super) struct AmqpSettler {
    shared: Arc<Shared>,
    ledger: Arc<Ledger>,
    requests: mpsc::Sender<Request>,
}

impl AmqpSettler {
    /// Starts the task that writes. It ends with the last settler: deliveries may outlive the consumer.
    pub(super) fn start(shared: Arc<Shared>, ledger: Arc<Ledger>) -> Self {
        let (requests, receive) = mpsc::channel(WAITING);
        tokio::spawn(write_all(Arc::clone(&ledger), receive));
        Self { shared, ledger, requests }
    }

    async fn settle_all(&self, batch: &[Settlement]) -> Result<Settled, BrokerError> {
        let mut settled = Settled::default();
        let mut claims = Vec::with_capacity(batch.len());
        for settlement in batch {
            match self.ledger.claim(settlement.tag) {
                Some(claim) => claims.push((claim, settlement)),
                None => settled.lost.push(settlement.tag),
            }
        }
        self.follow(&mut claims).await?;
        let ends =
            claims.iter().map(|(claim, settlement)| (claim.tag, self.end(claim, settlement))).collect();
        settled.lost.extend(self.write(ends).await);
        Ok(settled)
    }

    /// How it ends for the broker, after what follows is published.
    fn end(&self, claim: &Claim<'_>, settlement: &Settlement) -> End {
        match settlement.how {
            Settle::Requeue { not_before: None } => {
                // Its place in the queue is kept, and its count here, or by a quorum queue itself.
                self.shared.counts.put(&claim.holding, claim.holding.deliveries);
                End::Requeue
            }
            _ => End::Ack,
        }
    }

    /// Publishes what follows the claimed deliveries.
    async fn follow(&self, claims: &mut [(Claim<'_>, &Settlement)]) -> Result<(), BrokerError> {
        let (mut batch, mut owners) = (Vec::new(), Vec::new());
        for (at, (claim, settlement)) in claims.iter().enumerate() {
            if !claim.followed {
                batch.extend(self.followers(claim, settlement).await?);
                owners.resize(batch.len(), at);
            }
        }
        let mut failed: Vec<Option<BrokerError>> = claims.iter().map(|_| None).collect();
        let errors = publish::send_each(&self.shared, &batch).await?;
        if !batch.is_empty() {
            crash::reached(Point::HalfSettled);
        }
        for (owner, error) in owners.iter().zip(errors) {
            failed[*owner] = error.or(failed[*owner].take());
        }
        for ((claim, _), failed) in claims.iter_mut().zip(&failed) {
            if failed.is_none() {
                claim.follow();
            }
        }
        failed.into_iter().flatten().next().map_or(Ok(()), Err)
    }

    async fn followers(
        &self,
        claim: &Claim<'_>,
        settlement: &Settlement,
    ) -> Result<Vec<Publication>, BrokerError> {
        let (shared, holding) = (&self.shared, &claim.holding);
        let mut batch = publish::publications(shared, &settlement.publish).await?;
        // A delay is no failed delivery.
        let failed = holding.deliveries.saturating_sub(1);
        match &settlement.how {
            Settle::Ack | Settle::Requeue { not_before: None } => {}
            Settle::Requeue { not_before: Some(at) } => {
                let queue = holding.queue.as_ref();
                let (exchange, key) = match until(*at) {
                    Some(wait) => delay::route(shared, "", queue, wait).await?,
                    None => (String::new(), queue.to_owned()),
                };
                batch.push(holding.onward(exchange, key, failed));
            }
            Settle::DeadLetter { reason } => {
                batch.push(dead::letter(shared, holding, holding.deliveries, reason).await?);
            }
        }
        Ok(batch)
    }

    /// Waits until what was given back has gone back.
    pub(super) async fn flush(&self) {
        let (answer, answered) = oneshot::channel();
        if self.requests.send(Request { ends: Vec::new(), answer }).await.is_ok() {
            let _ = answered.await;
        }
    }

    /// Acknowledges a delivery that was taken care of elsewhere.
    pub(super) async fn acknowledge(&self, tag: DeliveryTag) {
        self.write(vec![(tag, End::Ack)]).await;
    }

    /// Has ends written; answers which were lost.
    async fn write(&self, ends: Vec<(DeliveryTag, End)>) -> Vec<DeliveryTag> {
        if ends.is_empty() {
            return Vec::new();
        }
        let tags: Vec<DeliveryTag> = ends.iter().map(|(tag, _)| *tag).collect();
        let (answer, answered) = oneshot::channel();
        // The task that writes lives as long as we do; when its runtime has ended, so has the connection.
        match self.requests.send(Request { ends, answer }).await {
            Ok(()) => answered.await.unwrap_or(tags),
            Err(_) => tags,
        }
    }
}

impl Settler for AmqpSettler {
    fn settle<'a>(&'a self, batch: &'a [Settlement]) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        Box::pin(self.settle_all(batch))
    }

    /// The broker watches the connection: there is nothing to renew, but what is lost is told.
    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        _: Duration,
    ) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        let lost = tags.iter().copied().filter(|tag| !self.ledger.has(*tag)).collect();
        Box::pin(std::future::ready(Ok(Settled { lost })))
    }

    fn give_back(&self, tag: DeliveryTag) {
        self.ledger.give_back(tag);
    }
}

/// Writes ends until the last settler is gone.
async fn write_all(ledger: Arc<Ledger>, mut requests: mpsc::Receiver<Request>) {
    let mut batch = Vec::new();
    loop {
        let open = tokio::select! {
            count = requests.recv_many(&mut batch, WAITING) => count > 0,
            () = ledger.returned.notified() => true,
        };
        let plan = ledger.plan(batch.iter().flat_map(|request| request.ends.iter().copied()));
        let lost = write(plan).await;
        for Request { ends, answer } in batch.drain(..) {
            let lost = ends.into_iter().map(|(tag, _)| tag).filter(|tag| lost.contains(tag)).collect();
            let _ = answer.send(lost);
        }
        if !open {
            return;
        }
    }
}

/// Writes a plan and waits until the broker has read it; answers which were lost.
async fn write(plan: Plan) -> Vec<DeliveryTag> {
    let Plan { channel, rejects, acks, mut lost, ended } = plan;
    if ended.is_empty() {
        return lost;
    }
    let Some(channel) = channel else { return [lost, ended].concat() };
    if let Err(error) = write_to(&channel, rejects, acks).await {
        tracing::debug!(%error, deliveries = ended.len(), "could not settle: the channel is gone");
        // Whatever was written: the broker gives back what it has not read when the channel ends.
        let _ = channel.close(200, "could not settle".into()).await;
        lost.extend(ended);
    }
    lost
}

async fn write_to(channel: &Channel, rejects: Vec<u64>, acks: Vec<(u64, bool)>) -> lapin::Result<()> {
    let reject = |tag| channel.basic_reject(tag, BasicRejectOptions { requeue: true });
    try_join_all(rejects.into_iter().map(reject)).await?;
    // Only now: a run may pass over what was rejected.
    let ack = |(tag, multiple)| channel.basic_ack(tag, BasicAckOptions { multiple });
    try_join_all(acks.into_iter().map(ack)).await?;
    // Says nothing new; its answer tells that everything before it was read.
    channel.confirm_select(ConfirmSelectOptions::default()).await
}
