//! Rate limits that all workers share: turns are asked for by the batch.
//!
//! Kept true here: where turns cannot be asked for, nothing starts; it goes back to the broker for a while.

use std::{collections::HashMap, time::Duration};

use taskq_core::{
    broker::{RateAsk, RateLimits, RateTurn},
    codec::json,
    protocol::Request,
};
use tracing::warn;

use crate::{node::Node, tasks::Known};

/// When to ask again after it has failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What a delivery has to ask for: the key and the interval of its limit. `None`: nothing.
pub(super) fn of(node: &Node, known: &Known, request: &Request) -> Option<(String, Duration)> {
    if !known.shares_rate() || !node.tuning.rate_limits || node.rate_limits.is_none() {
        return None;
    }
    let interval = known.live().rate?.interval();
    let name = known.name.as_ref();
    let key = match known.def.options.rate_limit_key {
        None => name.to_owned(),
        // Arguments that cannot be read fail when it runs; until then they have a rate like any other.
        Some(param) => {
            let value = request.arguments.value_of(known.def.params, param).ok().flatten();
            let value = value.and_then(|value| json::to_bytes(&value).ok()).unwrap_or_default();
            format!("{name}:{}", String::from_utf8_lossy(&value))
        }
    };
    Some((key, interval))
}

/// Asks for a turn for each, `may_hold` of them to be held; answers in order.
pub(super) async fn ask(
    limits: &dyn RateLimits,
    wanted: &[(String, Duration)],
    mut may_hold: usize,
) -> Vec<RateTurn> {
    let mut asks: Vec<RateAsk> = Vec::new();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    let mut places = Vec::with_capacity(wanted.len());
    for (key, interval) in wanted {
        let at = *by_key.entry(key).or_insert_with(|| {
            asks.push(RateAsk { key: key.clone(), interval: *interval, permits: 0, may_hold: 0 });
            asks.len() - 1
        });
        asks[at].permits += 1;
        if may_hold > 0 {
            asks[at].may_hold += 1;
            may_hold -= 1;
        }
        places.push(at);
    }
    match limits.take(&asks).await {
        Ok(turns) => {
            let mut turns: Vec<_> = turns.into_iter().map(Vec::into_iter).collect();
            let next = |at: usize| turns.get_mut(at).and_then(Iterator::next);
            places.into_iter().map(next).map(|turn| turn.unwrap_or(RateTurn::AskIn(AGAIN))).collect()
        }
        Err(error) => {
            warn!(%error, tasks = wanted.len(), "could not ask for turns under a rate limit; nothing of it starts");
            vec![RateTurn::AskIn(AGAIN); wanted.len()]
        }
    }
}
