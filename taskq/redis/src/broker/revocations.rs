//! Revocations, in one sorted set by the time they were remembered.

use std::{fmt, sync::Arc};

use redis::Pipeline;
use taskq_core::{
    BoxFuture, Timestamp,
    broker::{BrokerError, REMEMBERED, Revocation, Revocations},
};

use super::Kept;

/// Looks back so far, in milliseconds: clocks of those who remember differ.
const OVERLAP: u64 = 60_000;

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
            let key = self.0.keys().revoked();
            let now = Timestamp::now().as_millisecond();
            let kept = i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX);
            let mut pipeline = Pipeline::new();
            let add = pipeline.cmd("ZADD").arg(&key);
            for one in what {
                add.arg(now).arg(one.to_text());
            }
            add.ignore();
            pipeline.cmd("ZREMRANGEBYSCORE").arg(&key).arg("-inf").arg(now - kept).ignore();
            pipeline.cmd("PEXPIRE").arg(&key).arg(kept).ignore();
            self.0.link().pipe("remember revocations", &pipeline).await
        })
    }

    fn since(&self, mark: u64) -> BoxFuture<'_, Result<(Vec<Revocation>, u64), BrokerError>> {
        Box::pin(async move {
            let mut command = redis::cmd("ZRANGEBYSCORE");
            command
                .arg(self.0.keys().revoked())
                .arg(mark.saturating_sub(OVERLAP))
                .arg("+inf")
                .arg("WITHSCORES");
            let found: Vec<(String, f64)> = self.0.link().run("read revocations", &command).await?;
            let last = found.last().map_or(mark, |(_, at)| mark.max(*at as u64));
            Ok((found.iter().filter_map(|(text, _)| Revocation::from_text(text)).collect(), last))
        })
    }
}
