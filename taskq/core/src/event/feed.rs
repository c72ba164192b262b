//! The way in of events: for monitors.
//!
//! Kept true here: whatever others send, the feed goes on; what it cannot read is counted.

use std::{collections::VecDeque, fmt};

use super::{Event, Lamport};
use crate::broker::{BrokerError, Subscription};

/// Events as they are told. A lost connection leaves a hole, not an end.
pub struct EventFeed {
    subscription: Box<dyn Subscription>,
    lamport: Lamport,
    ready: VecDeque<Event>,
    garbage: u64,
}

impl EventFeed {
    /// Reads a subscription to the events exchange.
    pub fn new(subscription: Box<dyn Subscription>, lamport: Lamport) -> Self {
        Self { subscription, lamport, ready: VecDeque::new(), garbage: 0 }
    }

    /// The next event. Cancel safe.
    ///
    /// # Errors
    /// When the subscription ended for good.
    pub async fn next(&mut self) -> Result<Event, BrokerError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let message = self.subscription.next().await?;
            let (events, garbage) = Event::read(&message);
            self.garbage += garbage as u64;
            for event in events {
                let event = self.in_time(event);
                self.ready.push_back(event);
            }
        }
    }

    /// How many events could not be read so far.
    pub fn garbage(&self) -> u64 {
        self.garbage
    }

    /// Moves our logical time past the event's. A client's own clock says nothing, so its events get ours.
    fn in_time(&self, mut event: Event) -> Event {
        if event.kind == "task-sent" {
            event.clock = self.lamport.tick();
        } else {
            self.lamport.adjust(event.clock);
        }
        event
    }
}

impl fmt::Debug for EventFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventFeed")
            .field("ready", &self.ready.len())
            .field("garbage", &self.garbage)
            .finish_non_exhaustive()
    }
}
