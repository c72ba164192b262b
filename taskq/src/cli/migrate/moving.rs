//! One queue on its way: take, publish, note, settle.

use std::{collections::HashSet, time::Duration};

use indicatif::ProgressBar;
use taskq_core::{
    Timestamp,
    app::App,
    broker::{
        Broker, BrokerAdmin, ConsumeSpec, DeadKind, DeadReason, Delivery, Outgoing, Payload, Queue, Settle,
        Settlement, Settler, Topology,
    },
    codec::Accept,
    protocol::{DeliveryInfo, Message, Request},
};

use super::{Journal, Total};
use crate::cli::{Failure, Session};

/// Messages that are moved together.
const BATCH: usize = 500;
/// A source that gives nothing for so long, and counts nothing, is empty.
const QUIET: Duration = Duration::from_millis(500);
/// How far the destination is searched for what may be there.
const LOOK: usize = 100_000;

pub(super) struct Moving<'a> {
    pub(super) session: &'a Session,
    pub(super) source: &'a App,
    pub(super) from: &'a dyn Broker,
    pub(super) to: &'a dyn Broker,
    pub(super) admin: &'a dyn BrokerAdmin,
    pub(super) journal: &'a mut Journal,
    pub(super) bar: &'a ProgressBar,
}

/// A message under the name that the journal knows it by: `None` without an id.
struct Named {
    name: Option<String>,
    eta: Option<Timestamp>,
}

impl Moving<'_> {
    /// Moves what the queue has, at most `room`.
    pub(super) async fn queue(mut self, total: &mut Total, room: &mut u64) -> Result<(), Failure> {
        let queue = self.declared(&total.queue);
        let topology = Topology { queues: vec![queue.clone()] };
        self.session.within(self.to.declare(&topology)).await?;
        self.session.within(self.admin.make_due(&queue.name)).await?;
        let mut there = None;
        let mut spec =
            ConsumeSpec::new(format!("migrate@{}", taskq_core::app::hostname()), vec![queue.clone()]);
        spec.prefetch = u32::try_from(BATCH).unwrap_or(u32::MAX);
        spec.lease = self.source.settings().lease;
        // What was delivered too often is put aside by a worker at the destination, if it is poison.
        spec.max_deliveries = 0;
        let mut consumer = self.session.within(self.from.consume(spec)).await?;
        let settler = consumer.settler();
        let mut batch = Vec::new();
        while *room > 0 {
            let most = BATCH.min(usize::try_from(*room).unwrap_or(BATCH));
            let next = consumer.next_batch(most, &mut batch);
            match tokio::time::timeout(QUIET, next).await {
                Ok(taken) => taken?,
                Err(_) if self.is_empty(&queue.name).await? => break,
                Err(_) => continue,
            }
            let taken = batch.len() as u64;
            self.pass_on(&queue.name, &*settler, &mut batch, &mut there, total).await?;
            *room -= taken;
            self.bar.inc(taken);
        }
        consumer.stop_fetching().await?;
        Ok(())
    }

    fn declared(&self, name: &str) -> Queue {
        let routing = self.source.routing();
        routing.queue(name).map_or_else(|_| Queue::named(name), |queue| queue.as_ref().clone())
    }

    async fn is_empty(&self, queue: &str) -> Result<bool, Failure> {
        let stats = self.session.within(self.admin.stats(&[queue.to_owned()])).await?;
        Ok(stats.iter().all(|row| row.ready == 0))
    }

    async fn pass_on(
        &mut self,
        queue: &str,
        settler: &dyn Settler,
        batch: &mut Vec<Delivery>,
        there: &mut Option<HashSet<String>>,
        total: &mut Total,
    ) -> Result<(), Failure> {
        let (mut out, mut names, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let now = Timestamp::now();
        for delivery in batch.drain(..) {
            let (tag, payload, info, deliveries) = delivery.accept();
            let message = match payload {
                Payload::Message(message) => message,
                Payload::Undecodable(undecodable) => {
                    total.unreadable += 1;
                    let reason = DeadReason::new(DeadKind::Undecodable, undecodable.why);
                    ends.push(Settlement::new(tag, Settle::DeadLetter { reason }));
                    continue;
                }
            };
            ends.push(Settlement::new(tag, Settle::Ack));
            let Named { name, eta } = self.named(&message);
            // Only what was taken before can have been moved: two messages may well have one id.
            if (info.redelivered || deliveries > 1)
                && let Some(name) = &name
            {
                let known = self.journal.has(name)
                    || (self.journal.doubts(name) && self.destination(queue, there).await?.contains(name));
                if known {
                    total.already_there += 1;
                    continue;
                }
            }
            total.moved += 1;
            names.extend(name);
            let mut outgoing = Outgoing::to_queue(queue, message);
            let can = self.to.capabilities();
            outgoing.not_before = eta.filter(|eta| *eta > now && can.native_delay && can.producer_delay);
            out.push(outgoing);
        }
        self.journal.intend(&names)?;
        if !out.is_empty() {
            self.to.publish(&out).await?;
        }
        self.journal.note(names)?;
        // A lease that was lost brings the message again; the journal knows it.
        let _ = settler.settle(&ends).await?;
        Ok(())
    }

    /// What waits at the destination; looked at once.
    async fn destination<'t>(
        &self,
        queue: &str,
        there: &'t mut Option<HashSet<String>>,
    ) -> Result<&'t HashSet<String>, Failure> {
        if there.is_none() {
            let mut found = HashSet::new();
            if let Some(admin) = self.to.admin() {
                for peeked in self.session.within(admin.peek(queue, LOOK)).await? {
                    found.extend(peeked.message.and_then(|message| self.named(&message).name));
                }
            }
            *there = Some(found);
        }
        Ok(there.get_or_insert_default())
    }

    fn named(&self, message: &Message) -> Named {
        let settings = self.source.settings();
        let limit = usize::try_from(settings.max_body_size).unwrap_or(usize::MAX);
        let request = Request::decode(
            message.clone(),
            DeliveryInfo::default(),
            &Accept::all(),
            &settings.zone(),
            limit,
        );
        match request {
            // A retry is another message under the same id.
            Ok(request) => Named {
                name: Some(format!("{}:{}", request.id(), request.headers.retries)),
                eta: request.eta,
            },
            Err(_) => Named { name: message.properties.correlation_id.clone(), eta: None },
        }
    }
}
