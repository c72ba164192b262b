//! Keeping in history when events were heard, so that a board that was killed knows what it missed.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    live::{Live, clock},
    store::Store,
};

/// How often it is written that events are still heard: a board that is killed knows it as exactly.
const EVERY: Duration = Duration::from_secs(10);

/// Keeps it, until `stop`.
pub(super) async fn keep(store: Arc<Store>, live: Arc<Live>, stop: CancellationToken) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changes = live.linked();
    // The span that is open, by its begin.
    let mut open = None;
    loop {
        let stopped = tokio::select! {
            _ = every.tick() => false,
            _ = changes.changed() => false,
            () = stop.cancelled() => true,
        };
        let broker = live.broker();
        let span = match (broker.connected, open) {
            (true, _) => Some((broker.since, clock())),
            (false, Some(begin)) => live.coverage().outages.last().map(|(lost, _)| (begin, *lost)),
            (false, None) => None,
        };
        open = broker.connected.then_some(broker.since);
        if let Some((begin, until)) = span
            && let Err(error) = store.watched(begin, until).await
        {
            tracing::debug!(%error, "could not keep when events were heard");
        }
        if stopped {
            return;
        }
    }
}
