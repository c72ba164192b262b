//! Ticks: claimed once, in order, with their message.

use taskq_core::schedule::{Change, Claim, HISTORY, Tick, TickKind};

use super::bench::{Bench, at, tick};

/// Two beats that both believe to lead cannot send a tick twice; nor can one that asks again.
pub async fn a_tick_is_claimed_once(bench: &Bench) {
    bench.put("a").await;
    let token = bench.lead("beat").await;
    let first = tick("a", 1, None);
    assert_eq!(bench.claim(token, &first).await, Claim::Won);
    assert_eq!(bench.claim(token, &first).await, Claim::Lost);
    let again = bench.other.claim(token, &[first.clone(), first.clone()]).await.expect("claim");
    assert_eq!(again, [Claim::Lost, Claim::Lost]);
    let state = bench.state("a").await.expect("a state");
    assert_eq!((state.last_due, state.last_sent, state.runs), (Some(at(1)), Some(at(1)), 1));
    assert_eq!(state.last_task, Some(first.task));
}

/// Each names the one before it; one that skips, or comes from the past, is not sent.
pub async fn a_tick_that_follows_another_is_claimed_in_order(bench: &Bench) {
    bench.put("a").await;
    let token = bench.lead("beat").await;
    let ticks = [
        tick("a", 1, None),
        tick("a", 2, Some(1)),
        tick("a", 4, Some(3)),
        tick("a", 3, Some(2)),
        tick("a", 2, Some(1)),
        // The clock was put back.
        tick("a", 1, Some(3)),
    ];
    let claims = bench.store.claim(token, &ticks).await.expect("claim");
    assert_eq!(claims, [Claim::Won, Claim::Won, Claim::Lost, Claim::Won, Claim::Lost, Claim::Won]);
    assert_eq!(bench.state("a").await.expect("a state").last_due, Some(at(1)));
}

/// Left out on purpose: it will not come again.
pub async fn what_is_left_out_moves_on_and_counts_no_run(bench: &Bench) {
    bench.put("a").await;
    let token = bench.lead("beat").await;
    let left_out = Tick { kind: TickKind::LeftOut, message: None, ..tick("a", 1, None) };
    assert_eq!(bench.claim(token, &left_out).await, Claim::Won);
    assert_eq!(bench.claim(token, &tick("a", 1, None)).await, Claim::Lost);
    let state = bench.state("a").await.expect("a state");
    assert_eq!((state.last_due, state.last_sent, state.runs), (Some(at(1)), None, 0));
    assert_eq!(state.pending, None);
    assert_eq!(bench.other.history("a", 10).await.expect("history")[0].kind, TickKind::LeftOut);
}

/// An operator's wish is granted once, by whoever leads.
pub async fn run_now_is_done_once_and_leaves_the_schedule_alone(bench: &Bench) {
    bench.put("a").await;
    let token = bench.lead("beat").await;
    bench.claim(token, &tick("a", 1, None)).await;
    let run = Tick { kind: TickKind::RunNow, ..tick("a", 50, None) };
    assert_eq!(bench.claim(token, &run).await, Claim::Lost, "nobody asked");
    assert!(bench.change(Change::RunNow("a".into(), at(50))).await);
    assert_eq!(bench.state("a").await.expect("a state").asked, Some(at(50)));
    assert_eq!(bench.claim(token, &run).await, Claim::Won);
    assert_eq!(bench.claim(token, &run).await, Claim::Lost);
    let state = bench.state("a").await.expect("a state");
    assert_eq!((state.asked, state.last_due, state.runs), (None, Some(at(1)), 2));
}

/// A range that is filled twice is sent once.
pub async fn a_past_time_is_filled_once(bench: &Bench) {
    bench.put("a").await;
    let token = bench.lead("beat").await;
    bench.claim(token, &tick("a", 100, None)).await;
    let fill = |second| Tick { kind: TickKind::Backfill, ..tick("a", second, None) };
    let claims = bench.store.claim(token, &[fill(1), fill(2), fill(1)]).await.expect("claim");
    assert_eq!(claims, [Claim::Won, Claim::Won, Claim::Lost]);
    assert_eq!(bench.claim(token, &fill(2)).await, Claim::Lost);
    // Whoever fills need not lead.
    assert_eq!(bench.claim(0, &fill(3)).await, Claim::Won);
    let state = bench.state("a").await.expect("a state");
    assert_eq!((state.last_due, state.runs), (Some(at(100)), 4));
}

/// Where the store is the broker's, a claim that was won is a message in the queue, and no other is.
pub async fn the_message_goes_out_with_the_claim(bench: &Bench) {
    assert_eq!(bench.store.publishes(), bench.broker.is_some());
    let Some(admin) = bench.broker.as_ref().and_then(|broker| broker.admin()) else { return };
    bench.put("a").await;
    let token = bench.lead("beat").await;
    let left_out = Tick { kind: TickKind::LeftOut, message: None, ..tick("a", 3, Some(2)) };
    let ticks = [tick("a", 1, None), tick("a", 2, Some(1)), tick("a", 2, Some(1)), left_out];
    bench.store.claim(token, &ticks).await.expect("claim");
    bench.store.claim(token - 1, &[tick("a", 4, Some(3))]).await.expect("claim");
    let stats = admin.stats(&["ticks".to_owned()]).await.expect("stats");
    assert_eq!(stats[0].ready, 2);
    let peeked = admin.peek("ticks", 10).await.expect("peek");
    assert!(peeked.iter().all(|peeked| {
        peeked.message.as_ref().is_some_and(|message| message.body == b"[[], {}, {}]".as_slice())
    }));
}

/// Whoever leads next sees what may not have been sent.
pub async fn what_is_published_elsewhere_is_pending_until_confirmed(bench: &Bench) {
    if bench.store.publishes() {
        return;
    }
    bench.put("a").await;
    let token = bench.lead("beat").await;
    bench.claim(token, &tick("a", 1, None)).await;
    assert_eq!(bench.state("a").await.expect("a state").pending, Some(at(1)));
    bench.store.confirm(token, &["a".to_owned()]).await.expect("confirm");
    assert_eq!(bench.state("a").await.expect("a state").pending, None);
}

/// It holds so many that a day can be looked at, and does not grow for ever.
pub async fn the_history_is_newest_first_and_bounded(bench: &Bench) {
    bench.put("a").await;
    let token = bench.lead("beat").await;
    let most = i64::try_from(HISTORY).expect("small") + 250;
    let ticks = (1..=most).map(|second| Tick {
        kind: TickKind::LeftOut,
        message: None,
        ..tick("a", second, (second > 1).then_some(second - 1))
    });
    let ticks: Vec<Tick> = ticks.collect();
    for batch in ticks.chunks(250) {
        bench.store.claim(token, batch).await.expect("claim");
    }
    let history = bench.other.history("a", usize::MAX / 4).await.expect("history");
    assert!(history.len() >= HISTORY && history.len() < HISTORY + 250, "{} ticks", history.len());
    assert!(history.iter().rev().is_sorted_by_key(|tick| tick.due) && history[0].due == at(most));
    assert_eq!(bench.other.history("a", 3).await.expect("history"), history[..3]);
    assert_eq!(bench.other.history("a", 0).await.expect("history"), []);
}

/// It was removed while a beat was about to send.
pub async fn an_entry_that_is_not_there_has_no_ticks(bench: &Bench) {
    let token = bench.lead("beat").await;
    for kind in [TickKind::Due, TickKind::RunNow, TickKind::Backfill] {
        let tick = Tick { kind, ..tick("gone", 1, None) };
        assert_eq!(bench.claim(token, &tick).await, Claim::Lost, "{kind:?}");
    }
    assert!(bench.state("gone").await.is_none());
}
