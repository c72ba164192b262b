//! What a consumer holds: the deliveries of the current channel that are not settled.
//!
//! Kept true here: a tag is settled at most once, and only on the channel it came on; what is settled with one
//! `multiple` acknowledgement is a run of tags without a gap, each of which was seen and settled by us.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use lapin::{BasicProperties, Channel};
use taskq_core::broker::DeliveryTag;
use tokio::sync::Notify;

use super::publish::Publication;
use crate::wire::Mark;

/// A message that was delivered, as the broker had it.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) queue: Arc<str>,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
    /// Deliveries that count, this one included.
    pub(crate) deliveries: u32,
    /// Exchange and routing key that the sender gave.
    pub(crate) sent_to: (String, String),
}

impl Holding {
    /// The message, sent on to `exchange` with `routing_key`; `failed` deliveries count when it comes again.
    pub(crate) fn onward(&self, exchange: String, routing_key: String, failed: u32) -> Publication {
        let mark = Mark { failed, redelivered: true, sent_to: Some(self.sent_to.clone()), ..Mark::default() };
        let headers = self.properties.headers().clone().unwrap_or_default();
        let properties = self.properties.clone().with_headers(mark.replace(&headers));
        Publication { exchange, routing_key, properties, body: self.body.clone() }
    }
}

/// How a delivery ends for the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Ack,
    /// Back to the front of its queue.
    Requeue,
}

/// What is to be written for a batch of ends, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) channel: Option<Channel>,
    pub(super) rejects: Vec<u64>,
    /// With whether it stands for all before it.
    pub(super) acks: Vec<(u64, bool)>,
    /// Not ours any more.
    pub(super) lost: Vec<DeliveryTag>,
    /// Those that are written.
    pub(super) ended: Vec<DeliveryTag>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Ledger {
    inner: Mutex<Inner>,
    /// Rung when something was given back.
    pub(super) returned: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The number of the channel; 0 is none.
    epoch: u32,
    channel: Option<Channel>,
    held: HashMap<u64, Held>,
    /// All tags up to this one are settled.
    floor: u64,
    /// Settled ones beyond it.
    settled: BTreeSet<u64>,
    returns: Vec<DeliveryTag>,
}

#[derive(Debug)]
struct Held {
    holding: Arc<Holding>,
    /// Somebody is settling it.
    claimed: bool,
    /// What follows it is published already.
    followed: bool,
}

/// The right to settle a delivery, which goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    ledger: &'a Ledger,
    pub(super) tag: DeliveryTag,
    pub(super) holding: Arc<Holding>,
    pub(super) followed: bool,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new channel: what was held on another one is lost.
    pub(super) fn begin(&self, epoch: u32, channel: Channel) {
        let inner = Inner { epoch, channel: Some(channel), ..Inner::default() };
        let old = std::mem::replace(&mut *self.lock(), inner);
        drop(old); // outside of the lock: the channel says goodbye
    }

    /// The channel is gone, and what was held on it.
    pub(super) fn end(&self) {
        let old = std::mem::take(&mut *self.lock());
        drop(old);
    }

    /// Notes a delivery. False when its channel is not the current one any more.
    pub(super) fn enter(&self, tag: DeliveryTag, holding: Arc<Holding>) -> bool {
        let mut inner = self.lock();
        let current = inner.epoch == tag.epoch;
        if current {
            inner.held.insert(tag.id, Held { holding, claimed: false, followed: false });
        }
        current
    }

    /// Whether a delivery is held.
    pub(super) fn has(&self, tag: DeliveryTag) -> bool {
        let inner = self.lock();
        inner.is_current(tag) && inner.held.contains_key(&tag.id)
    }

    /// The right to settle a delivery; `None` when it is lost, settled, or being settled.
    pub(super) fn claim(&self, tag: DeliveryTag) -> Option<Claim<'_>> {
        let mut inner = self.lock();
        if !inner.is_current(tag) {
            return None;
        }
        let held = inner.held.get_mut(&tag.id).filter(|held| !held.claimed)?;
        held.claimed = true;
        let (holding, followed) = (Arc::clone(&held.holding), held.followed);
        Some(Claim { ledger: self, tag, holding, followed })
    }

    /// Asks for a delivery to go back, without waiting.
    pub(super) fn give_back(&self, tag: DeliveryTag) {
        let mut inner = self.lock();
        if inner.is_current(tag) && inner.held.get(&tag.id).is_some_and(|held| !held.claimed) {
            inner.returns.push(tag);
        }
        drop(inner);
        self.returned.notify_one();
    }

    /// What is to be written to end these, and all that was given back. They are held no more.
    pub(super) fn plan(&self, ends: impl IntoIterator<Item = (DeliveryTag, End)>) -> Plan {
        let mut inner = self.lock();
        let returns = std::mem::take(&mut inner.returns);
        let mut plan = Plan { channel: inner.channel.clone(), ..Plan::default() };
        let (mut acks, mut rejects) = (BTreeSet::new(), BTreeSet::new());
        for (tag, end) in ends.into_iter().chain(returns.into_iter().map(|tag| (tag, End::Requeue))) {
            if tag.epoch != inner.epoch || inner.held.remove(&tag.id).is_none() {
                plan.lost.push(tag);
                continue;
            }
            plan.ended.push(tag);
            inner.settled.insert(tag.id);
            match end {
                End::Ack => acks.insert(tag.id),
                End::Requeue => rejects.insert(tag.id),
            };
        }
        let mut top = 0;
        while let next = inner.floor + 1
            && inner.settled.remove(&next)
        {
            inner.floor = next;
            if acks.contains(&next) {
                top = next;
            }
        }
        let single = acks.split_off(&(top + 1));
        if top > 0 {
            plan.acks.push((top, acks.len() > 1));
        }
        plan.acks.extend(single.into_iter().map(|tag| (tag, false)));
        plan.rejects.extend(rejects);
        plan
    }
}

impl Inner {
    fn is_current(&self, tag: DeliveryTag) -> bool {
        self.epoch == tag.epoch && self.channel.as_ref().is_some_and(|channel| channel.status().connected())
    }
}

impl Claim<'_> {
    /// Notes that what follows the delivery is published, so that a second attempt leaves it out.
    pub(super) fn follow(&mut self) {
        self.followed = true;
        let mut inner = self.ledger.lock();
        if inner.epoch == self.tag.epoch
            && let Some(held) = inner.held.get_mut(&self.tag.id)
        {
            held.followed = true;
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut inner = self.ledger.lock();
        if inner.epoch == self.tag.epoch
            && let Some(held) = inner.held.get_mut(&self.tag.id)
        {
            held.claimed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(tags: &[u64]) -> Ledger {
        let ledger = Ledger::default();
        ledger.lock().epoch = 1;
        tags.iter().for_each(|id| assert!(ledger.enter(tag(*id), Arc::new(holding()))));
        ledger
    }

    fn holding() -> Holding {
        Holding {
            queue: "q".into(),
            properties: BasicProperties::default(),
            body: Bytes::new(),
            deliveries: 1,
            sent_to: (String::new(), "q".into()),
        }
    }

    fn tag(id: u64) -> DeliveryTag {
        DeliveryTag { id, epoch: 1 }
    }

    fn acks(ledger: &Ledger, ids: &[u64]) -> Vec<(u64, bool)> {
        let plan = ledger.plan(ids.iter().map(|id| (tag(*id), End::Ack)));
        assert_eq!(plan.lost, []);
        plan.acks
    }

    #[test]
    fn runs_without_a_gap_are_acknowledged_at_once() {
        let ledger = ledger(&[1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(acks(&ledger, &[3, 5]), [(3, false), (5, false)]);
        assert_eq!(acks(&ledger, &[2, 1]), [(2, true)]);
        // 3 and 5 are settled already: 4 and 6 close the gaps.
        assert_eq!(acks(&ledger, &[6, 4]), [(6, true)]);
        assert_eq!(acks(&ledger, &[7]), [(7, false)]);
    }

    /// A tag that the broker has sent and nobody has seen yet must not be acknowledged with its neighbours.
    #[test]
    fn a_tag_that_was_not_seen_is_a_gap() {
        let ledger = ledger(&[1, 3, 4]);
        assert_eq!(acks(&ledger, &[1, 3, 4]), [(1, false), (3, false), (4, false)]);
        assert!(ledger.enter(tag(2), Arc::new(holding())));
        assert_eq!(acks(&ledger, &[2]), [(2, false)]);
    }

    #[test]
    fn what_goes_back_is_not_acknowledged_with_its_neighbours() {
        let ledger = ledger(&[1, 2, 3]);
        let plan = ledger.plan([(tag(1), End::Ack), (tag(2), End::Requeue), (tag(3), End::Ack)]);
        // The reject is written first, so that the run does not reach it.
        assert_eq!((plan.rejects, plan.acks), (vec![2], vec![(3, true)]));
    }

    #[test]
    fn nothing_is_settled_twice_or_under_another_channel() {
        let ledger = ledger(&[1, 2]);
        let other = DeliveryTag { id: 2, epoch: 2 };
        let plan = ledger.plan([(tag(1), End::Ack), (tag(1), End::Requeue), (other, End::Ack)]);
        assert_eq!((plan.lost, plan.ended), (vec![tag(1), other], vec![tag(1)]));
        assert!(ledger.claim(tag(1)).is_none());
        ledger.end();
        assert_eq!(ledger.plan([(tag(2), End::Ack)]).lost, [tag(2)]);
    }
}
