//! Revocations, in one sorted set by the time they were remembered.
//!
//! Kept true here: whoever reads on from the youngest that he knows misses none; takes tell when there is a
//! younger one, so that nothing is asked while nothing is revoked.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use taskq_core::{
    BoxFuture,
    broker::{BrokerError, REMEMBERED, Revocation, Revocations},
};

use super::Kept;
use crate::script;

/// When the youngest revocation was remembered, as the last take saw it, in milliseconds of the server.
#[derive(Debug)]
pub(crate) struct Newest(AtomicU64);

impl Newest {
    /// Nothing was taken yet.
    const UNKNOWN: u64 = u64::MAX;

    pub(super) fn set(&self, at: u64) {
        self.0.store(at, Ordering::Release);
    }

    /// The same from a take that may be older than the last one.
    pub(super) fn raise(&self, at: u64) {
        self.0.fetch_max(at, Ordering::AcqRel);
    }

    pub(super) fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Acquire)).filter(|at| *at != Self::UNKNOWN)
    }
}

impl Default for Newest {
    fn default() -> Self {
        Self(AtomicU64::new(Self::UNKNOWN))
    }
}

pub(crate) struct RedisRevocations<K>(pub(crate) Arc<K>);

impl<K: Kept> fmt::Debug for RedisRevocations<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisRevocations(`{}`)", self.0.link().shown())
    }
}

impl<K: Kept> Revocations for RedisRevocations<K> {
    fn remember<'a>(&'a self, what: &'a [Revocation]) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            if what.is_empty() {
                return Ok(());
            }
            let mut command = script::call(&script::REMEMBER, 1);
            command
                .arg(self.0.keys().revoked())
                .arg(u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX));
            for one in what {
                command.arg(one.to_text());
            }
            script::run(self.0.link(), "remember revocations", &command).await
        })
    }

    fn since(&self, mark: u64) -> BoxFuture<'_, Result<(Vec<Revocation>, u64), BrokerError>> {
        Box::pin(async move {
            // The server has forgotten more than we know, or is another one.
            let mark = if self.0.newest().is_some_and(|newest| newest < mark) { 0 } else { mark };
            let mut command = redis::cmd("ZRANGEBYSCORE");
            command.arg(self.0.keys().revoked()).arg(format!("({mark}")).arg("+inf").arg("WITHSCORES");
            let found: Vec<(String, f64)> = self.0.link().run("read revocations", &command).await?;
            let last = found.last().map_or(mark, |(_, at)| mark.max(*at as u64));
            Ok((found.iter().filter_map(|(text, _)| Revocation::from_text(text)).collect(), last))
        })
    }

    fn may_have_more(&self, mark: u64) -> bool {
        self.0.newest() != Some(mark)
    }
}
