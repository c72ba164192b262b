//! What workers share through the result backend, where it keeps it: see [`crate::conformance::shared`].

use super::bench::Bench;
use crate::conformance::shared;

/// Limits and revocations of workers whose broker keeps none.
pub async fn limits_and_revocations_are_kept_for_brokers_that_keep_none(bench: &Bench) {
    let (Some(one), Some(other)) = (bench.backend.rate_limits(), bench.other.rate_limits()) else {
        assert!(bench.backend.revocations().is_none(), "both or neither");
        println!("skipped: this backend declares that it keeps neither");
        return;
    };
    shared::turns(one, other).await;
    let (one, other) = (bench.backend.revocations().expect("both"), bench.other.revocations().expect("both"));
    shared::revocations(one, other).await;
}
