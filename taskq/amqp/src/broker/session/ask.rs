//! Taking without a window: a subscription for as many as are wanted, which the first that comes ends.

use std::sync::Arc;

use futures_util::StreamExt;

use super::{Ended, Event, Session};

impl Session<'_> {
    /// Subscribes for `wish` messages until the first has come, or something else is to be done. What has come is not
    /// handed over before the end: what is settled while the subscription still runs makes room for more.
    pub(super) async fn ask(&mut self, wish: usize) -> Option<Ended> {
        let fetched = self.fetch(wish).await;
        fetched.err().map(|error| self.broken(&error))
    }

    async fn fetch(&mut self, wish: usize) -> lapin::Result<()> {
        let queues = self.feed.queues.clone();
        let each = u16::try_from(wish / queues.len().max(1)).unwrap_or(u16::MAX).max(1);
        self.tell_each(each).await?;
        for queue in &queues {
            self.subscribe(queue).await?;
        }
        let (inbox, stop) = (Arc::clone(&self.feed.inbox), self.feed.stop.clone());
        loop {
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(Event::Arrived(source, delivery)) => {
                        self.arrive(&source, *delivery);
                        break;
                    }
                    Some(Event::Failed(error)) => return Err(error),
                    Some(Event::Ended(source)) => {
                        self.forget(&source);
                        break;
                    }
                    None => break,
                },
                () = stop.cancelled() => break,
                Some(order) = self.feed.orders.recv() => {
                    self.order = Some(order);
                    break;
                }
                () = inbox.wanted.notified() => if inbox.wish() == 0 || self.wants_another_window() { break },
            }
        }
        let sources = std::mem::take(&mut self.sources);
        self.cancel(&sources).await
    }
}
