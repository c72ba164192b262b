//! A delivery that has come: how often it was delivered, where it was sent to, and what happens to it.

use std::sync::Arc;

use taskq_core::{
    broker::{Delivery, DeliveryTag},
    crash::{self, Point},
    protocol::DeliveryInfo,
};

use super::{
    super::{
        counts, delay,
        ledger::Holding,
        suspect::{self, Verdict},
    },
    Session, Source,
};
use crate::wire::{self, Read};

impl Session<'_> {
    /// Enters a delivery into the books and passes it on.
    pub(super) fn arrive(&mut self, source: &Source, delivery: lapin::message::Delivery) {
        crash::reached(Point::Fetched);
        let tag = DeliveryTag { id: delivery.delivery_tag, epoch: self.epoch };
        let (exchange, routing_key) = (delivery.exchange.to_string(), delivery.routing_key.to_string());
        let (properties, body) = (delivery.properties, bytes::Bytes::from(delivery.data));
        let Read { payload, mark } = wire::read(&properties, &body);
        let feed = &*self.feed;
        let counted = counted_by_queue(&properties);
        let (failed, verdict) = if source.quorum || counted.is_some() {
            (mark.failed.saturating_add(counted.unwrap_or(0)), Verdict::Deliver)
        } else if delivery.redelivered {
            match feed.shared.counts.take(counts::key(&source.name, &properties, &body)) {
                Some(failed) => (failed, Verdict::Deliver),
                None if feed.max_deliveries == 0 => (mark.failed.saturating_add(1), Verdict::Deliver),
                None => (mark.failed.saturating_add(1), Verdict::Count),
            }
        } else {
            (mark.failed, Verdict::Deliver)
        };
        let deliveries = failed.saturating_add(1);
        let verdict = match feed.max_deliveries {
            max if max > 0 && deliveries > max => Verdict::Poison,
            _ => verdict,
        };
        let sent_to = mark
            .sent_to
            .or_else(|| delay::restore(&exchange, &routing_key, &source.queue))
            .unwrap_or((exchange, routing_key));
        let info = DeliveryInfo {
            queue: Arc::clone(&source.name),
            exchange: sent_to.0.clone(),
            routing_key: sent_to.1.clone(),
            priority: properties.priority().map(i64::from),
            redelivered: delivery.redelivered || mark.redelivered,
        };
        let holding =
            Arc::new(Holding { queue: Arc::clone(&source.name), properties, body, deliveries, sent_to });
        if !feed.ledger.enter(tag, Arc::clone(&holding)) {
            return;
        }
        let settler = Arc::clone(&feed.settler);
        let handed = Delivery::new(tag, payload, info, deliveries, Arc::<_>::clone(&settler) as _);
        let shared = Arc::clone(&feed.shared);
        match verdict {
            Verdict::Deliver => self.arrived.push((Arc::clone(&source.name), handed)),
            Verdict::Count => {
                let inbox = Arc::clone(&feed.inbox);
                self.chores.spawn(suspect::count(shared, settler, holding, handed, inbox));
            }
            Verdict::Poison => {
                self.chores.spawn(suspect::poison(shared, settler, holding, handed));
            }
        }
    }
}

/// The number of earlier deliveries that a quorum queue writes.
fn counted_by_queue(properties: &lapin::BasicProperties) -> Option<u32> {
    use lapin::types::AMQPValue;
    let count = match properties.headers().as_ref()?.inner().get("x-delivery-count")? {
        AMQPValue::LongLongInt(count) => *count,
        AMQPValue::LongInt(count) => i64::from(*count),
        AMQPValue::LongUInt(count) => i64::from(*count),
        AMQPValue::ShortInt(count) => i64::from(*count),
        AMQPValue::ShortUInt(count) => i64::from(*count),
        AMQPValue::ShortShortInt(count) => i64::from(*count),
        AMQPValue::ShortShortUInt(count) => i64::from(*count),
        _ => return None,
    };
    Some(u32::try_from(count).unwrap_or(u32::MAX))
}
