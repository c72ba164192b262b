//! Telling idle consumers that a key was written which they do not watch themselves: lists of the less urgent
//! priorities, delayed messages, queues beyond those that are watched.
//!
//! Kept true here: this only saves time. Who was not told (a Python producer told nobody, the connection was
//! lost) looks by itself at every tick. Each key has a channel; to publish on one that nobody hears is nearly
//! free for the server.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use redis::{Pipeline, RedisError};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};

use super::Shared;
use crate::{conn::answers, keys::Keys};

/// How often the connection is asked for a sign of life. When it has none, ticks do.
const PULSE: Duration = Duration::from_secs(10);
/// Between attempts to subscribe.
const PAUSE: Duration = Duration::from_secs(1);

/// Keys that a batch writes, each once.
#[derive(Debug, Default)]
pub(super) struct Written(Vec<String>);

impl Written {
    pub(super) fn note(&mut self, key: &str) {
        if !self.0.iter().any(|noted| noted == key) {
            self.0.push(key.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what tells consumers, after the writes.
    pub(super) fn announce(self, keys: &Keys, pipeline: &mut Pipeline) {
        for key in self.0 {
            pipeline.cmd("PUBLISH").arg(keys.wake(&key)).arg("").ignore();
        }
    }
}

/// Wakes at every word on one of the channels, for ever.
pub(super) async fn listen(shared: Arc<Shared>, channels: Vec<String>, wake: Arc<Notify>) {
    loop {
        if let Err(error) = heard(&shared, &channels, &wake).await {
            tracing::debug!(%error, "not told of new messages; looking for them");
        }
        sleep(PAUSE).await;
    }
}

/// Ends when the connection does.
async fn heard(shared: &Shared, channels: &[String], wake: &Notify) -> Result<(), RedisError> {
    let link = &shared.link;
    let Ok(pubsub) = link.pubsub("listen for new messages").await else { return Ok(()) };
    let (mut sink, mut words) = pubsub.split();
    let deadline = link.response_timeout();
    answers(deadline, sink.subscribe(channels)).await?;
    // For what was written before.
    wake.notify_one();
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            word = words.next() => match word {
                Some(_) => wake.notify_one(),
                None => return Ok(()),
            },
            _ = pulse.tick() => drop(answers(deadline, sink.ping::<redis::Value>()).await?),
        }
    }
}
