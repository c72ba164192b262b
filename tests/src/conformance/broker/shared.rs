//! What workers share through the broker, where it keeps it: see [`crate::conformance::shared`].

use std::sync::Arc;

use taskq_core::broker::{RateLimits, Revocations};

use super::bench::Bench;
use crate::conformance::shared;

async fn limits(bench: &Bench) -> Option<[Arc<dyn RateLimits>; 2]> {
    if bench.lacks(bench.broker.capabilities().shared, "rate limits for all workers") {
        return None;
    }
    let other = bench.another().await;
    Some([&bench.broker, &other].map(|broker| broker.rate_limits().expect("rate limits")))
}

async fn revocations(bench: &Bench) -> Option<[Arc<dyn Revocations>; 2]> {
    if bench.lacks(bench.broker.capabilities().shared, "memory of what was revoked") {
        return None;
    }
    let other = bench.another().await;
    Some([&bench.broker, &other].map(|broker| broker.revocations().expect("revocations")))
}

/// See [`shared::turns`].
pub async fn turns_are_an_interval_apart_whoever_asks(bench: &Bench) {
    if let Some([one, other]) = limits(bench).await {
        shared::turns(one, other).await;
    }
}

/// See [`shared::keys`].
pub async fn every_key_has_turns_of_its_own(bench: &Bench) {
    if let Some([one, _]) = limits(bench).await {
        shared::keys(one).await;
    }
}

/// See [`shared::crowd`].
pub async fn a_crowd_gets_no_more_turns_than_the_rate_allows(bench: &Bench) {
    if let Some([one, other]) = limits(bench).await {
        let clients = [one, other].iter().cycle().take(20).cloned().collect();
        shared::crowd(clients).await;
    }
}

/// See [`shared::revocations`].
pub async fn what_one_revokes_another_reads(bench: &Bench) {
    if let Some([one, other]) = revocations(bench).await {
        shared::revocations(one, other).await;
    }
}
