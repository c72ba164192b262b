//! A channel for looking into queues: what was taken on it and not removed goes back with it.

use std::sync::Arc;

use futures_util::future::join_all;
use lapin::{
    Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, ConfirmSelectOptions, QueuePurgeOptions},
};
use taskq_core::broker::BrokerError;

use super::{Shared, publish::short, ready};
use crate::{conn::Link, error};

/// Messages that are asked for at first; more, if there are so many.
const FIRST: usize = 16;

/// See the [module](self).
pub(super) struct Look<'a> {
    link: &'a Arc<Link>,
    what: &'static str,
    channel: Channel,
    /// The last tag that was taken.
    last: u64,
}

impl<'a> Look<'a> {
    pub(super) async fn open(shared: &'a Shared, what: &'static str) -> Result<Self, BrokerError> {
        let link = &shared.listener;
        let (channel, _) = link.channel(what).await?;
        Ok(Self { link, what, channel, last: 0 })
    }

    fn failed(&self, error: lapin::Error) -> BrokerError {
        error::broker(self.what, self.link.shown(), error)
    }

    /// How many messages are ready; `None` when there is no such queue.
    pub(super) async fn count(&self, queue: &str) -> Result<Option<u64>, BrokerError> {
        let found = ready::ask(self.link, self.what, vec![queue.to_owned()]).await?;
        Ok(found.into_iter().next().flatten().map(|found| found.ready))
    }

    /// Takes the next messages, at most `max`; none when the queue is empty or does not exist.
    pub(super) async fn take(&mut self, queue: &str, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        // Only whether it is there: the count of a quorum queue comes late.
        if self.count(queue).await?.is_none() {
            return Ok(Vec::new());
        }
        let name = short("queue", queue)?;
        let mut taken = Vec::new();
        let mut step = FIRST;
        let mut empty = false;
        while !empty && taken.len() < max {
            // Written together, answered in order.
            let gets = (0..step.min(max - taken.len()))
                .map(|_| self.channel.basic_get(name.clone(), BasicGetOptions::default()));
            for got in join_all(gets).await {
                match got {
                    Ok(Some(message)) => taken.push(message.delivery),
                    Ok(None) => empty = true,
                    Err(error) => return Err(self.failed(error)),
                }
            }
            step *= 4;
        }
        self.last = taken.last().map_or(self.last, |last| last.delivery_tag);
        Ok(taken)
    }

    /// Removes one for good.
    pub(super) async fn remove(&self, tag: u64) -> Result<(), BrokerError> {
        self.channel.basic_ack(tag, BasicAckOptions::default()).await.map_err(|error| self.failed(error))
    }

    /// Removes all that were taken up to this one.
    pub(super) async fn remove_until(&self, tag: u64) -> Result<(), BrokerError> {
        let all = BasicAckOptions { multiple: true };
        self.channel.basic_ack(tag, all).await.map_err(|error| self.failed(error))
    }

    /// Removes everything that is ready.
    pub(super) async fn purge(&self, queue: &str) -> Result<u64, BrokerError> {
        let purged = self.channel.queue_purge(short("queue", queue)?, QueuePurgeOptions::default()).await;
        purged.map(u64::from).map_err(|error| self.failed(error))
    }

    /// Puts back what was taken and not removed, and waits until that, and every removal, is done.
    pub(super) async fn put_back(self) -> Result<(), BrokerError> {
        let all = async {
            if self.last > 0 {
                let back = BasicNackOptions { multiple: true, requeue: true };
                self.channel.basic_nack(0, back).await?;
            }
            // Its answer says that all before it was read.
            self.channel.confirm_select(ConfirmSelectOptions::default()).await?;
            self.channel.close(200, "looked".into()).await
        };
        all.await.map_err(|error| self.failed(error))
    }
}
