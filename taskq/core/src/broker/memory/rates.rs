//! Rate limits in memory: shared by the workers of this process.

use crate::{
    BoxFuture,
    broker::{BrokerError, RateAsk, RateLimits, RateTurn},
};

use super::MemoryBroker;

/// Keys that are kept before those that have ended are looked for.
const KEPT: usize = 10_000;

impl RateLimits for MemoryBroker {
    fn take<'a>(&'a self, asks: &'a [RateAsk]) -> BoxFuture<'a, Result<Vec<Vec<RateTurn>>, BrokerError>> {
        let now = self.shared.clock.now().as_microsecond();
        let mut state = self.shared.lock();
        if state.rates.len() > KEPT {
            state.rates.retain(|_, bucket| bucket.until > now);
        }
        let turns = asks
            .iter()
            .map(|ask| state.rates.entry(ask.key.clone()).or_default().take_all(now, ask))
            .collect();
        Box::pin(async { Ok(turns) })
    }
}
