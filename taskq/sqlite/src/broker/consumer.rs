//! Takes messages for one loop.
//!
//! Kept true here: a claim that is under way when a take is cancelled is answered to the next take, or gives
//! its leases back when the consumer goes.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    BoxFuture,
    broker::{BrokerError, ConsumeSpec, Consumer, Delivery, Envelope, Payload, Queue, Settler, Undecodable},
    crash::{self, Point},
    protocol::DeliveryInfo,
};
use tokio::sync::oneshot;

use super::{
    claim::{Claim, Claimed, Leased, Wanted, unanswered},
    settle::SqliteSettler,
};
use crate::store::{Result, Store, micros, micros_now};

/// The longest wait before it looks again, whatever it was told.
const LOOK: Duration = Duration::from_secs(1);

pub(super) struct SqliteConsumer {
    store: Arc<Store>,
    settler: Arc<dyn Settler>,
    queues: Vec<(i64, Arc<str>)>,
    /// The queue whose turn is next.
    turn: usize,
    lease: i64,
    max_deliveries: u32,
    owner: i64,
    /// A claim that is under way.
    pending: Option<oneshot::Receiver<Result<Claimed>>>,
    /// What a claim brought beyond what its taker wanted: it was made for another, larger, take.
    left: Option<Claimed>,
    /// The last error, until something works again.
    trouble: Option<String>,
    stopped: bool,
}

impl SqliteConsumer {
    pub(super) async fn start(store: Arc<Store>, spec: ConsumeSpec) -> Result<Self> {
        Ok(Self {
            settler: Arc::new(SqliteSettler::new(Arc::clone(&store))),
            queues: numbers(&store, spec.queues).await?,
            turn: 0,
            lease: micros(spec.lease),
            max_deliveries: spec.max_deliveries,
            owner: store.owner(&spec.node).await?,
            store,
            pending: None,
            left: None,
            trouble: None,
            stopped: false,
        })
    }

    fn wanted(&mut self, max: usize) -> Wanted {
        let mut queues: Vec<i64> = self.queues.iter().map(|(id, _)| *id).collect();
        if !queues.is_empty() {
            let turn = self.turn % queues.len();
            queues.rotate_left(turn);
            self.turn = turn + 1;
        }
        Wanted { queues, max, lease: self.lease, max_deliveries: self.max_deliveries, owner: self.owner }
    }

    async fn claim(&mut self, max: usize) -> Result<Claimed> {
        if let Some(left) = self.left.take() {
            return Ok(left);
        }
        if self.pending.is_none() {
            let (claim, answer) = Claim::new(self.wanted(max), Arc::clone(&self.store.inbox));
            self.store.inbox.send(claim).await?;
            self.pending = Some(answer);
        }
        let Some(answer) = &mut self.pending else { return Err(unanswered()) };
        let answer = answer.await;
        self.pending = None;
        let claimed = answer.unwrap_or_else(|_| Err(unanswered()))?;
        if !claimed.leased.is_empty() {
            crash::reached(Point::Fetched);
        }
        Ok(claimed)
    }

    async fn next(&mut self, max: usize, into: &mut Vec<Delivery>) -> Result<()> {
        let store = Arc::clone(&self.store);
        let before = into.len();
        while max > 0 && !self.stopped {
            // Listening before looking: what comes in between is heard.
            let changed = store.signals.changed.notified();
            let mut claimed = self.claim(max).await?;
            let count = claimed.leased.len().min(max);
            into.extend(claimed.leased.drain(..count).map(|leased| self.deliver(leased)));
            let next = claimed.next;
            if !claimed.leased.is_empty() {
                self.left = Some(claimed);
            }
            if into.len() > before {
                break;
            }
            let pause = next.map_or(LOOK, |at| {
                Duration::from_micros(u64::try_from(at - micros_now()).unwrap_or(0)).min(LOOK)
            });
            let _watched = store.signals.waiting();
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    fn deliver(&self, leased: Leased) -> Delivery {
        let Leased { tag, queue, deliveries, envelope } = leased;
        let queue = self.queues.iter().find(|(id, _)| *id == queue);
        let queue = queue.map_or_else(|| Arc::from(""), |(_, name)| Arc::clone(name));
        let mut info = DeliveryInfo { queue, redelivered: tag.epoch > 1, ..DeliveryInfo::default() };
        let payload = match Envelope::decode(&envelope) {
            Ok(Envelope { message, exchange, routing_key }) => {
                (info.exchange, info.routing_key) = (exchange, routing_key);
                info.priority = message.properties.priority;
                Payload::Message(message)
            }
            Err(why) => {
                info.routing_key = info.queue.to_string();
                Payload::Undecodable(Undecodable { original: envelope, why })
            }
        };
        Delivery::new(tag, payload, info, deliveries, Arc::clone(&self.settler))
    }
}

async fn numbers(store: &Store, queues: Vec<Queue>) -> Result<Vec<(i64, Arc<str>)>> {
    let work = move |tx: &crate::store::Tx<'_>| {
        queues.iter().map(|queue| Ok((tx.queue_id(&queue.name)?, Arc::from(queue.name.as_str())))).collect()
    };
    store.write(work).await
}

impl Consumer for SqliteConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, std::result::Result<(), BrokerError>> {
        Box::pin(async move {
            loop {
                match self.next(max, into).await {
                    Ok(()) => {
                        self.trouble = None;
                        return Ok(());
                    }
                    Err(failure) if failure.may_pass() => {
                        tracing::warn!(path = %self.store.path().display(), %failure,
                            "could not take messages; trying again");
                        self.trouble = Some(failure.to_string());
                        tokio::time::sleep(LOOK).await;
                    }
                    Err(failure) => return Err(failure.broker("take messages")),
                }
            }
        })
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::clone(&self.settler)
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, std::result::Result<(), BrokerError>> {
        Box::pin(async move {
            self.stopped = true;
            self.left = None;
            if let Some(answer) = self.pending.take() {
                // Its leases go back when it is dropped, whether it was answered or not.
                drop(answer.await);
            }
            Ok(())
        })
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, std::result::Result<(), BrokerError>> {
        Box::pin(async move {
            let tried = "change the queues";
            let numbers = numbers(&self.store, queues).await.map_err(|failure| failure.broker(tried))?;
            // A claim under way may bring messages of a queue that is left: they go back.
            self.left = None;
            if let Some(answer) = self.pending.take() {
                drop(answer.await);
            }
            self.queues = numbers;
            Ok(())
        })
    }

    fn health(&self) -> std::result::Result<(), String> {
        if self.stopped {
            return Err("stopped fetching".to_owned());
        }
        self.trouble.clone().map_or(Ok(()), Err)
    }
}
