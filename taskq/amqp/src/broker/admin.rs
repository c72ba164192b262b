//! Looking into queues: by AMQP itself, and by the management API where it is configured.
//!
//! AMQP lets nobody look without taking. Kept true here: what was taken to be looked at goes back to its place,
//! whatever happens in between (it goes back with the channel, at the latest); what is removed or replayed is
//! acknowledged last. While somebody looks, others do not see what they hold, so one looks at a time.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt,
    sync::Arc,
};

use bytes::Bytes;
use taskq_core::{
    BoxFuture,
    broker::{Binding, BrokerAdmin, BrokerError, DeadLetter, Finding, Payload, PeekedMessage, QueueStats},
    crash::{self, Point},
};

use super::{Shared, checkup, dead, look::Look, publish::Publication, ready};
use crate::{management::ListedQueue, wire};

/// Messages taken in one round trip.
const STEP: usize = 500;
/// From here on the broker itself removes all that waits, at once.
const MANY: u64 = 100_000;

pub(super) struct AmqpAdmin(pub(super) Arc<Shared>);

impl fmt::Debug for AmqpAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpAdmin({:?})", self.0)
    }
}

impl AmqpAdmin {
    /// The dead letters with these ids, taken.
    async fn find<'a>(
        &self,
        look: &mut Look<'_>,
        place: &str,
        ids: &'a [String],
    ) -> Result<Vec<(&'a str, lapin::message::Delivery)>, BrokerError> {
        let mut missing: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut found = Vec::new();
        while !missing.is_empty() {
            let step = look.take(place, STEP).await?;
            if step.is_empty() {
                break;
            }
            for letter in step {
                let id = dead::id(&letter.properties);
                if let Some(id) = id.and_then(|id| missing.take(id.as_str())) {
                    found.push((id, letter));
                }
            }
        }
        Ok(found)
    }

    async fn replay_found(&self, queue: &str, ids: &[String]) -> Result<u64, BrokerError> {
        let mut look = Look::open(&self.0, "replay dead letters").await?;
        let found = self.find(&mut look, &dead::place(queue), ids).await?;
        let letters: Vec<_> = found.into_iter().map(|(_, letter)| letter).collect();
        let (done, failed) = self.move_step(&look, &letters, queue).await?;
        look.put_back().await?;
        failed.map_or(Ok(done), Err)
    }

    /// Publishes what was taken to a queue, and removes what was stored there; answers how many, and the first
    /// error.
    async fn move_step(
        &self,
        look: &Look<'_>,
        taken: &[lapin::message::Delivery],
        to: &str,
    ) -> Result<(u64, Option<BrokerError>), BrokerError> {
        let user = self.0.publisher.link().addresses().user();
        let batch: Vec<Publication> = taken
            .iter()
            .map(|message| Publication {
                exchange: String::new(),
                routing_key: to.to_owned(),
                properties: dead::replayed(&message.properties, user),
                body: Bytes::copy_from_slice(&message.data),
            })
            .collect();
        let stored = super::publish::send_each(&self.0, &batch).await?;
        crash::reached(Point::Replaying);
        let mut done = 0;
        let mut failed = None;
        for (message, error) in taken.iter().zip(stored) {
            match error {
                None => {
                    look.remove(message.delivery_tag).await?;
                    done += 1;
                }
                Some(error) => failed = failed.or(Some(error)),
            }
        }
        Ok((done, failed))
    }
}

/// Whether a message that was taken is one that was peeked at.
fn is_it(peeked: &PeekedMessage, taken: &lapin::message::Delivery) -> bool {
    let correlation = taken.properties.correlation_id().as_ref().map(|id| id.as_str());
    let known = peeked.message.as_ref().and_then(|message| message.properties.correlation_id.as_deref());
    peeked.original == taken.data && (peeked.message.is_none() || correlation == known)
}

impl BrokerAdmin for AmqpAdmin {
    fn checkup<'a>(
        &'a self,
        queues: &'a [String],
        max_deliveries: u32,
    ) -> BoxFuture<'a, Result<Vec<Finding>, BrokerError>> {
        Box::pin(checkup::look(&self.0, queues, max_deliveries))
    }

    /// Those that the management API lists, else those that this process declared.
    fn queues(&self) -> BoxFuture<'_, Result<Vec<String>, BrokerError>> {
        Box::pin(async move {
            let mut queues: BTreeSet<String> = self.0.declared.names().into_iter().collect();
            if let Some(management) = &self.0.management {
                queues.extend(management.queues().await?.into_iter().map(|queue| queue.name));
            }
            Ok(queues.into_iter().collect())
        })
    }

    /// What is delayed waits in queues that all share, so it is not counted. What is in flight is told by the
    /// management API only, some seconds late. Without it, the first dead letter of a queue is counted some seconds
    /// late, too.
    fn stats<'a>(&'a self, queues: &'a [String]) -> BoxFuture<'a, Result<Vec<QueueStats>, BrokerError>> {
        Box::pin(async move {
            let known: Option<HashMap<String, ListedQueue>> = match &self.0.management {
                Some(management) => {
                    let all = management.all_queues().await?.into_iter();
                    Some(all.map(|queue| (queue.name.clone(), queue)).collect())
                }
                None => None,
            };
            let listed = |name: &str| known.as_ref()?.get(name);
            let mut names = queues.to_vec();
            let mut places: Vec<String> = queues.iter().map(|queue| dead::place(queue)).collect();
            places.retain(|place| match &known {
                Some(_) => listed(place).is_some(),
                None => !self.0.places.is_absent(place),
            });
            names.extend(places);
            // What somebody holds to look at it would not be counted.
            let _alone = self.0.looking.lock().await;
            let mut found = ready::ask(&self.0.listener, "count messages", names.clone()).await?;
            let waiting = found.split_off(queues.len());
            let mut letters = HashMap::new();
            for (place, waiting) in names.split_off(queues.len()).into_iter().zip(waiting) {
                match waiting {
                    Some(waiting) => drop(letters.insert(place, waiting.ready)),
                    None => self.0.places.miss(place),
                }
            }
            let stats = queues.iter().zip(found).map(|(queue, found)| QueueStats {
                queue: queue.clone(),
                ready: found.map_or(0, |found| found.ready),
                in_flight: listed(queue).map_or(0, |listed| listed.in_flight),
                consumers: found.map(|found| found.consumers),
                rates: listed(queue).map(ListedQueue::rates),
                dead: letters.get(&dead::place(queue)).copied().unwrap_or(0),
                ..QueueStats::default()
            });
            Ok(stats.collect())
        })
    }

    /// Takes them and gives them back. For the workers of other processes that is a delivery of each; a quorum
    /// queue without a delivery limit puts them behind the others.
    fn peek<'a>(
        &'a self,
        queue: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PeekedMessage>, BrokerError>> {
        Box::pin(async move {
            let _alone = self.0.looking.lock().await;
            let mut look = Look::open(&self.0, "peek").await?;
            let mut peeked = Vec::new();
            while peeked.len() < limit {
                let step = look.take(queue, STEP.min(limit - peeked.len())).await?;
                if step.is_empty() {
                    break;
                }
                peeked.extend(step.into_iter().map(|taken| {
                    self.0.counts.looked_at(queue, &taken.properties, &taken.data, taken.redelivered);
                    let original = Bytes::from(taken.data);
                    let message = match wire::read(&taken.properties, &original).payload {
                        Payload::Message(message) => Some(message),
                        Payload::Undecodable(_) => None,
                    };
                    PeekedMessage { original, message, not_before: None }
                }));
            }
            look.put_back().await?;
            Ok(peeked)
        })
    }

    /// Removes what is ready: what is delayed waits elsewhere.
    fn purge<'a>(
        &'a self,
        queue: &'a str,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let mut look = Look::open(&self.0, "purge").await?;
            let mut removed = 0;
            if look.count(queue).await?.unwrap_or(0) > MANY {
                removed += look.purge(queue).await?;
                progress(removed);
            }
            loop {
                let step = look.take(queue, STEP).await?;
                let Some(last) = step.last() else { break };
                look.remove_until(last.delivery_tag).await?;
                removed += step.len() as u64;
                progress(removed);
            }
            look.put_back().await?;
            Ok(removed)
        })
    }

    fn move_ready<'a>(
        &'a self,
        from: &'a str,
        to: &'a str,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let _alone = self.0.looking.lock().await;
            let mut look = Look::open(&self.0, "move messages").await?;
            let (mut moved, mut failed) = (0, None);
            // A queue that is moved to itself would never end.
            while from != to && failed.is_none() {
                let step = look.take(from, STEP).await?;
                if step.is_empty() {
                    break;
                }
                let stored;
                (stored, failed) = self.move_step(&look, &step, to).await?;
                moved += stored;
                progress(moved);
            }
            look.put_back().await?;
            failed.map_or(Ok(moved), Err)
        })
    }

    /// Takes everything that is ready, and gives back all but these, so it costs what peeking costs. What is delayed
    /// waits elsewhere. A message is known by its body and its correlation id: headers may change with a delivery.
    fn pick<'a>(
        &'a self,
        queue: &'a str,
        messages: &'a [PeekedMessage],
        to: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<bool>, BrokerError>> {
        Box::pin(async move {
            let _alone = self.0.looking.lock().await;
            let mut look = Look::open(&self.0, "pick messages").await?;
            let mut found: Vec<Option<lapin::message::Delivery>> = messages.iter().map(|_| None).collect();
            while found.iter().any(Option::is_none) {
                let step = look.take(queue, STEP).await?;
                if step.is_empty() {
                    break;
                }
                for taken in step {
                    self.0.counts.looked_at(queue, &taken.properties, &taken.data, taken.redelivered);
                    let wanted = messages.iter().zip(&mut found);
                    if let Some((_, place)) =
                        wanted.into_iter().find(|(message, place)| place.is_none() && is_it(message, &taken))
                    {
                        *place = Some(taken);
                    }
                }
            }
            let mut picked = Vec::with_capacity(found.len());
            let mut failed = None;
            for taken in found {
                let done = match (taken, to) {
                    (None, _) => false,
                    (Some(taken), None) => look.remove(taken.delivery_tag).await.map(|()| true)?,
                    (Some(taken), Some(to)) => {
                        let (done, error) = self.move_step(&look, &[taken], to).await?;
                        failed = failed.or(error);
                        done > 0
                    }
                };
                picked.push(done);
            }
            look.put_back().await?;
            failed.map_or(Ok(picked), Err)
        })
    }

    /// Those of queues of tasks, as the management API lists them, else those that this process declared.
    fn bindings(&self) -> BoxFuture<'_, Result<Vec<Binding>, BrokerError>> {
        Box::pin(async move {
            let mut bindings = match &self.0.management {
                Some(management) => management.bindings().await?,
                None => self.0.declared.bindings(),
            };
            bindings.sort_unstable();
            bindings.dedup();
            Ok(bindings)
        })
    }

    fn dead<'a>(
        &'a self,
        queue: &'a str,
        offset: usize,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, BrokerError>> {
        Box::pin(async move {
            let _alone = self.0.looking.lock().await;
            let place = dead::place(queue);
            let mut look = Look::open(&self.0, "read dead letters").await?;
            // The oldest come first: only what may be asked for is kept.
            let wanted = offset.saturating_add(limit);
            let mut newest = VecDeque::new();
            loop {
                let step = look.take(&place, STEP).await?;
                if step.is_empty() {
                    break;
                }
                newest.extend(step);
                newest.drain(..newest.len().saturating_sub(wanted));
            }
            look.put_back().await?;
            let letters = newest.into_iter().rev().skip(offset).take(limit);
            Ok(letters.map(|letter| dead::read(&place, &letter.properties, &letter.data.into())).collect())
        })
    }

    fn replay<'a>(&'a self, queue: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let _alone = self.0.looking.lock().await;
            self.replay_found(queue, ids).await
        })
    }

    fn forget_dead<'a>(
        &'a self,
        queue: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<u64, BrokerError>> {
        Box::pin(async move {
            let _alone = self.0.looking.lock().await;
            let mut look = Look::open(&self.0, "forget dead letters").await?;
            let found = self.find(&mut look, &dead::place(queue), ids).await?;
            for (_, letter) in &found {
                look.remove(letter.delivery_tag).await?;
            }
            look.put_back().await?;
            Ok(found.len() as u64)
        })
    }
}
