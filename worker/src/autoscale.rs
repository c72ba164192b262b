//! A pool that follows its work: more slots while more is taken than runs, fewer when less is.
//!
//! Kept true here: between `min` and `max` slots, whoever changes them; slots are taken away only when the last
//! ones were added long enough ago, so that a short pause does not end processes that are needed right after.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::info;

use crate::{node::Node, pool::PoolView};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// How long after slots were added some are taken away. Celery: `AUTOSCALE_KEEPALIVE`.
pub(crate) const KEEP: Duration = Duration::from_secs(30);

/// The bounds of a pool, and when it last grew.
#[derive(Debug)]
pub(crate) struct Autoscale {
    keep: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    max: usize,
    min: usize,
    grew: Instant,
}

impl Autoscale {
    pub(crate) fn new(max: usize, min: usize, keep: Duration) -> Self {
        Self { keep, state: Mutex::new(State { max, min, grew: Instant::now() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most and the least slots.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        let state = self.lock();
        (state.max, state.min)
    }

    /// Other bounds, of which one may stay as it is; answers both.
    ///
    /// # Errors
    /// When there would be no number between them.
    pub(crate) fn set(&self, max: Option<usize>, min: Option<usize>) -> Result<(usize, usize), String> {
        let mut state = self.lock();
        let (max, min) = (max.unwrap_or(state.max), min.unwrap_or(state.min));
        if max == 0 || min > max {
            return Err(format!("no pool has at least {min} and at most {max} slots"));
        }
        (state.max, state.min) = (max, min.max(1));
        Ok((state.max, state.min))
    }

    /// Makes room for a pool of that size, which somebody asked for.
    pub(crate) fn include(&self, slots: usize) {
        let mut state = self.lock();
        (state.max, state.min) = (state.max.max(slots), state.min.min(slots));
    }

    /// How many slots there should be, with so many now and so many deliveries taken.
    fn wanted(&self, slots: usize, taken: usize) -> usize {
        let mut state = self.lock();
        let wanted = taken.clamp(state.min, state.max);
        if wanted > slots {
            state.grew = Instant::now();
            wanted
        } else if slots > state.max {
            state.max
        } else if wanted < slots && state.grew.elapsed() >= self.keep {
            wanted
        } else {
            slots
        }
    }
}

/// Looks after the pool until dropped.
pub(crate) async fn keep(node: Arc<Node>, pool: PoolView) {
    let Some(autoscale) = &node.autoscale else { return };
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        // More slots are no use to those that wait for their share.
        let (slots, taken) = (pool.slots(), node.held.total().saturating_sub(pool.passed()));
        let wanted = autoscale.wanted(slots, taken);
        if wanted != slots && slots > 0 {
            info!(from = slots, to = wanted, taken, "scaling the pool");
            resize(&node, &pool, wanted.cast_signed() - slots.cast_signed());
        }
    }
}

/// Adds slots, or takes some away; what may be held, and the children, follow.
pub(crate) fn resize(node: &Node, pool: &PoolView, by: isize) {
    pool.resize(by);
    node.seen.resized(pool.slots());
    if let Some(crew) = &node.crew {
        crew.resize(pool.slots());
    }
    fit_prefetch(node, pool);
}

/// Lets be held what the pool can run, also when it has to grow for it.
pub(crate) fn fit_prefetch(node: &Node, pool: &PoolView) {
    let most = node.autoscale.as_ref().map_or(0, |autoscale| autoscale.bounds().0);
    node.set_slots(pool.slots().max(most));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_grows_at_once_and_shrinks_after_a_while() {
        let scale = Autoscale::new(8, 2, KEEP);
        assert_eq!(scale.wanted(2, 0), 2);
        assert_eq!(scale.wanted(2, 5), 5);
        assert_eq!(scale.wanted(5, 100), 8);
        assert_eq!(scale.wanted(8, 0), 8, "it has just grown");
        tokio::time::advance(KEEP).await;
        assert_eq!(scale.wanted(8, 3), 3);
        assert_eq!(scale.wanted(3, 0), 2);
        assert_eq!(scale.set(Some(4), None), Ok((4, 2)));
        assert_eq!(scale.wanted(8, 9), 4, "a lower bound holds at once");
        assert!(scale.set(Some(1), None).is_err());
        scale.include(6);
        assert_eq!(scale.bounds(), (6, 2));
    }
}
