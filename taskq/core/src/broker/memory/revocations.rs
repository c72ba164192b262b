//! Revocations in memory: they live as long as the broker, as its messages do.

use crate::{
    BoxFuture,
    broker::{BrokerError, REMEMBERED, Revocation, Revocations},
};

use super::MemoryBroker;

impl Revocations for MemoryBroker {
    fn remember<'a>(&'a self, what: &'a [Revocation]) -> BoxFuture<'a, Result<(), BrokerError>> {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.revoked.retain(|(at, _)| now.duration_since(*at).unsigned_abs() <= REMEMBERED);
        state.revoked.extend(what.iter().map(|one| (now, one.clone())));
        Box::pin(async { Ok(()) })
    }

    fn since(&self, _: u64) -> BoxFuture<'_, Result<(Vec<Revocation>, u64), BrokerError>> {
        let now = self.shared.clock.now();
        let state = self.shared.lock();
        let fresh =
            state.revoked.iter().filter(|(at, _)| now.duration_since(*at).unsigned_abs() <= REMEMBERED);
        let found = fresh.map(|(_, one)| one.clone()).collect();
        Box::pin(async { Ok((found, 0)) })
    }
}
