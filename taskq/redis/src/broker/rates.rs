//! Rate limits that all workers share: one script call for a batch, by the server's clock.

use std::{fmt, sync::Arc, time::Duration};

use taskq_core::{
    BoxFuture,
    broker::{
        BrokerError, BrokerErrorKind, RATE_HOLD, RATE_LEAD, RATE_WINDOW, RateAsk, RateLimits, RateTurn,
    },
};

use super::Kept;
use crate::script::{self, RATE};

/// What is given out, and remembered, in the database of a broker or of a result backend.
pub(crate) struct RedisRates<K>(pub(crate) Arc<K>);

impl<K: Kept> fmt::Debug for RedisRates<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisRates(`{}`)", self.0.link().shown())
    }
}

impl<K: Kept> RateLimits for RedisRates<K> {
    fn take<'a>(&'a self, asks: &'a [RateAsk]) -> BoxFuture<'a, Result<Vec<Vec<RateTurn>>, BrokerError>> {
        Box::pin(async move {
            if asks.is_empty() {
                return Ok(Vec::new());
            }
            let mut command = script::call(&RATE, asks.len());
            for ask in asks {
                command.arg(self.0.keys().rate(&ask.key));
            }
            command.arg(micros(RATE_HOLD)).arg(micros(RATE_LEAD)).arg(micros(RATE_WINDOW));
            for ask in asks {
                command.arg(micros(ask.interval)).arg(ask.permits).arg(ask.may_hold);
            }
            let answers: Vec<i64> = script::run(self.0.link(), "ask for turns", &command).await?;
            let mut answers = answers.into_iter().map(turn);
            let turns: Vec<Vec<RateTurn>> =
                asks.iter().map(|ask| answers.by_ref().take(ask.permits as usize).collect()).collect();
            if turns.iter().zip(asks).any(|(turns, ask)| turns.len() != ask.permits as usize) {
                return Err(BrokerError::new(BrokerErrorKind::Other, "the server gave too few turns"));
            }
            Ok(turns)
        })
    }
}

/// What the script answers for one permit.
fn turn(micros: i64) -> RateTurn {
    let span = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 { RateTurn::AskIn(span) } else { RateTurn::In(span) }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
