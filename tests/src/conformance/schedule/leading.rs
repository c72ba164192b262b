//! Who leads.

use std::time::Duration;

use taskq_core::schedule::{Claim, Leadership};

use super::bench::{Bench, LONG, SHORT, tick};

/// Until its lease lapses, nobody else leads; renewing keeps the token.
pub async fn one_leads_and_the_others_know_who(bench: &Bench) {
    let token = bench.lead("first").await;
    assert!(token > 0);
    let second = bench.other.lead("second", LONG).await.expect("lead");
    assert_eq!(second, Leadership::Follower { leader: "first".into() });
    assert_eq!(bench.lead("first").await, token);
    assert_eq!(bench.other.snapshot().await.expect("snapshot").leader.as_deref(), Some("first"));
}

/// A dead beat is replaced once its lease is over; its token is then too small.
pub async fn a_leader_that_is_silent_is_replaced_under_a_greater_token(bench: &Bench) {
    let Leadership::Leader { token } = bench.store.lead("first", SHORT).await.expect("lead") else {
        panic!("nobody else is there");
    };
    let began = std::time::Instant::now();
    let next = loop {
        match bench.other.lead("second", LONG).await.expect("lead") {
            Leadership::Leader { token } => break token,
            Leadership::Follower { .. } => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        assert!(began.elapsed() < super::super::backend::bench::SOON, "the lease does not lapse");
    };
    assert!(next > token, "{next} after {token}");
    let first = bench.store.lead("first", LONG).await.expect("lead");
    assert_eq!(first, Leadership::Follower { leader: "second".into() });
}

/// A beat that is stopped in order does not make the others wait. Only the leader can resign.
pub async fn who_resigns_is_replaced_at_once(bench: &Bench) {
    let token = bench.lead("first").await;
    bench.other.resign("second").await.expect("resign");
    let second = bench.other.lead("second", LONG).await.expect("lead");
    assert!(matches!(second, Leadership::Follower { .. }));
    bench.store.resign("first").await.expect("resign");
    let second = bench.other.lead("second", LONG).await.expect("lead");
    assert!(matches!(second, Leadership::Leader { token: next } if next > token), "{second:?}");
}

/// A beat that slept through its lease and wakes up cannot send.
pub async fn an_old_token_changes_nothing(bench: &Bench) {
    bench.put("a").await;
    let old = bench.lead("first").await;
    bench.store.resign("first").await.expect("resign");
    assert_eq!(bench.claim(old, &tick("a", 1, None)).await, Claim::Fenced, "nobody leads");
    let token = bench.lead("second").await;
    assert_eq!(bench.claim(old, &tick("a", 1, None)).await, Claim::Fenced);
    let state = bench.state("a").await.expect("a state");
    assert_eq!((state.last_due, state.runs), (None, 0));
    assert_eq!(bench.claim(token, &tick("a", 1, None)).await, Claim::Won);
    bench.store.confirm(old, &["a".to_owned()]).await.expect("confirm");
    let pending = bench.state("a").await.expect("a state").pending;
    assert_eq!(pending.is_some(), !bench.store.publishes());
}
