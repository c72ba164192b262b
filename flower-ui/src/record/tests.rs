//! Merging, held against captured events and against every order of any events.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use taskq_core::{
    backend::State,
    codec::{Map, Value, json},
    event::Event,
};

use super::*;

const NOW: f64 = 1_795_227_600.0;

fn intern(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn captured() -> BTreeMap<String, Event> {
    let bytes = include_bytes!("../../../tests/fixtures/flower/events.json");
    let Value::Map(map) = json::from_slice::<Value>(bytes).unwrap() else { panic!("a map of events") };
    let event =
        |value| if let Value::Map(map) = value { Event::from_map(map).unwrap() } else { panic!("a map") };
    map.into_iter().map(|(name, value)| (name, event(value))).collect()
}

fn told(event: Event) -> Told {
    let kind = event.kind.clone();
    decode(event, kind.strip_prefix("task-").unwrap(), NOW, &mut intern).unwrap()
}

fn add(history: &mut History, told: Told) {
    let step = told.mark.step;
    history.add(told.mark);
    if let Some(call) = told.call {
        history.call(step, call);
    }
}

fn record(events: impl IntoIterator<Item = Event>) -> TaskRecord {
    let mut history = History::default();
    let mut id = Arc::default();
    for event in events {
        let told = told(event);
        id = Arc::clone(&told.id);
        add(&mut history, told);
    }
    history.record(&id)
}

fn event(kind: &str, host: &str, at: f64, fields: &[(&str, Value)]) -> Event {
    let fields: Map = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let mut event = Event {
        kind: format!("task-{kind}"),
        hostname: host.to_owned(),
        timestamp: NOW - 1_000.0 + at,
        clock: (at * 10.0) as u64,
        fields,
        ..Event::default()
    };
    event.fields.insert("uuid".to_owned(), "t".into());
    event
}

fn received(host: &str, at: f64, retries: i64) -> Event {
    event("received", host, at, &[("name", "shop.pay".into()), ("retries", retries.into())])
}

#[test]
fn a_captured_task_that_succeeded_is_told_whole() {
    let mut events = captured();
    let story = ["task-sent", "task-received", "task-started", "task-succeeded"];
    let record = record(story.map(|name| events.remove(name).unwrap()));
    assert_eq!(record.state, State::Success);
    assert_eq!(record.id, "294f7fce-4d29-4c3c-9153-94c5446997e2");
    assert_eq!(record.name.as_deref(), Some("shop.add"));
    assert_eq!((record.args.as_deref(), record.kwargs.as_deref()), (Some("(1, 2)"), Some("{}")));
    assert_eq!(record.queue.as_deref(), Some("celery"));
    assert_eq!(record.worker.as_deref(), Some("beta@demo"));
    assert_eq!(record.client.as_deref(), Some("gen5900@client-1"));
    assert_eq!(record.succeeded, Some(1_795_227_592.040_2));
    assert_eq!((record.timestamp, record.clock), (1_795_227_592.040_2, 295_149));
    assert_eq!(record.result.as_deref(), Some("3"));
    assert_eq!(record.runtime, Some(0.006_491_504_999_985_409));
    let [attempt] = record.attempts.as_slice() else { panic!("{:?}", record.attempts) };
    assert!(attempt.wait.unwrap() < 0.001 && attempt.prefetch.unwrap() < 0.003, "{attempt:?}");
}

#[test]
fn a_captured_retry_is_an_attempt_of_the_same_task_and_not_its_own_parent() {
    let mut events = captured();
    let story = ["task-sent-child", "task-received-eta", "task-retried"];
    let [sent, again, retried] = story.map(|name| events.remove(name).unwrap());
    let mut first = again.clone();
    first.timestamp -= 0.02;
    for field in ["retries", "eta"] {
        first.fields.shift_remove(field);
    }
    let mut started = event("started", "beta@demo", 0.0, &[("uuid", first.fields["uuid"].clone())]);
    started.timestamp = first.timestamp + 0.001;
    // The next attempt is sent and received before the end of the first one is told.
    let record = record([first, started, sent, again, retried]);
    assert_eq!((record.state.clone(), record.parent_id.clone()), (State::Retry, None));
    let [first, second] = record.attempts.as_slice() else { panic!("{:?}", record.attempts) };
    assert_eq!((first.state.clone(), first.retries), (State::Retry, Some(0)));
    assert!(first.exception.as_deref().unwrap().starts_with("Retry("));
    assert_eq!((second.state.clone(), second.retries), (State::Received, Some(1)));
    assert!((second.backoff.unwrap() - 1.98).abs() < 0.02, "{second:?}");
    assert_eq!(second.wait, Some(0.0));
}

#[test]
fn captured_revocations_tell_why() {
    let mut events = captured();
    let mut reason = |name: &str| record([events.remove(name).unwrap()]).reason.unwrap().to_string();
    assert_eq!(reason("task-revoked-expired"), "Expired");
    assert_eq!(reason("task-revoked-plain"), "Revoked");
    assert_eq!(reason("task-revoked-terminated"), "Terminated SIGTERM");
}

#[test]
fn every_captured_event_survives_storing() {
    for event in captured().into_values().filter(|event| event.kind.starts_with("task-")) {
        let mut history = History::default();
        add(&mut history, told(event));
        let packed = history.pack();
        assert_eq!(History::unpack(&packed.bones, packed.texts.as_deref()), Some(history));
    }
}

#[test]
fn a_rejected_task_and_a_lost_worker_are_told_apart_from_failures() {
    let failed = |text: &str| event("failed", "a", 2.0, &[("exception", text.into())]);
    let rejected = event("rejected", "a", 2.001, &[("requeue", false.into())]);
    let record_of = |events: Vec<Event>| record([received("a", 0.0, 0)].into_iter().chain(events));
    let rejection = record_of(vec![failed("Reject('bad', False)"), rejected]);
    assert_eq!(rejection.state, State::Failure);
    assert_eq!(rejection.reason, Some(EndReason::Rejected { requeue: false }));
    assert_eq!(rejection.attempts.len(), 1);
    let lost = record_of(vec![failed("WorkerLostError('gone')")]);
    assert_eq!((lost.state, lost.reason), (State::Failure, Some(EndReason::LostWorker)));
    // Delivered again: it goes on, and the attempt that was lost says so.
    let started = event("started", "b", 4.0, &[]);
    let again = record_of(vec![failed("WorkerLostError('gone')"), received("b", 3.0, 0), started]);
    assert_eq!((again.state, again.reason), (State::Started, None));
    assert_eq!(again.attempts[0].reason, Some(EndReason::LostWorker));
    assert_eq!(record_of(vec![failed("ValueError('x')")]).reason, None);
}

#[test]
fn a_worker_whose_clock_is_behind_does_not_undo_a_retry() {
    let retried = event("retried", "a", 100.5, &[("exception", "x".into())]);
    let failed = event("failed", "b", 86.0, &[("exception", "ValueError(1)".into())]);
    let story = [received("a", 100.0, 0), retried, received("b", 85.0, 1), failed];
    let record = record(story);
    assert_eq!(record.state, State::Failure);
    assert_eq!(record.attempts.iter().map(|it| it.retries).collect::<Vec<_>>(), [Some(0), Some(1)]);
}

#[test]
fn what_is_sent_anew_under_the_same_id_is_a_new_attempt() {
    let failed = event("failed", "a", 1.0, &[("exception", "ValueError(1)".into())]);
    let started = event("started", "a", 100.5, &[]);
    let record = record([received("a", 0.0, 3), failed, received("a", 100.0, 0), started]);
    assert_eq!((record.state, record.attempts.len()), (State::Started, 2));
    assert_eq!(record.attempts[1].retries, Some(0));
}

#[test]
fn nothing_that_an_event_holds_is_absurd_afterwards() {
    let huge = "é".repeat(1 << 20);
    let mut odd = event("received", "a", 0.0, &[("name", Value::Int(7)), ("args", huge.as_str().into())]);
    odd.timestamp = NOW + 1e7;
    let record = record([odd.clone()]);
    assert_eq!((record.timestamp, record.name.as_deref()), (NOW, Some("7")));
    let args = record.args.unwrap();
    assert!(args.len() < 70_000 && args.ends_with("(2097152 bytes, cut by the board)"));
    odd.fields.insert("uuid".to_owned(), Value::Int(1));
    assert!(decode(odd, "received", NOW, &mut intern).is_none());
}

prop_compose! {
    fn any_event()(
        kind in prop::sample::select(vec!["sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected", "progress"]),
        host in prop::sample::select(vec!["a", "b"]),
        at in 0_u32..40,
        retries in 0_i64..3,
        text in prop::sample::select(vec!["x", "WorkerLostError('y')"]),
    ) -> Event {
        let fields = [("name", "n".into()), ("retries", retries.into()), ("exception", text.into()), ("traceback", text.into())];
        event(kind, if kind == "sent" { "client" } else { host }, f64::from(at) * 3.0, &fields)
    }
}

proptest! {
    #[test]
    fn any_order_of_the_same_events_ends_the_same(
        events in prop::collection::vec(any_event(), 1..40),
        seed in any::<u64>(),
    ) {
        let tell = |events: &[Event]| {
            let mut history = History::default();
            for event in events {
                add(&mut history, told(event.clone()));
            }
            history
        };
        let whole = tell(&events);
        let mut shuffled = events.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        // Some of it stored and merged with what came later, some of it told twice.
        let (early, late) = shuffled.split_at(seed as usize % shuffled.len());
        let packed = tell(early).pack();
        let mut merged = tell(late);
        merged.merge(History::unpack(&packed.bones, packed.texts.as_deref()).unwrap());
        merged.merge(tell(late));
        prop_assert_eq!(&merged, &whole);
        let record = whole.record("t");
        prop_assert_eq!(&merged.record("t"), &record);
        prop_assert!(record.attempts.iter().enumerate().all(|(at, it)| it.number as usize == at + 1));
        let succeeded = events.iter().any(|event| event.kind == "task-succeeded");
        prop_assert_eq!(succeeded, record.state == State::Success);
    }

    #[test]
    fn a_long_story_is_bounded_and_still_ends_the_same(seed in any::<u64>()) {
        let mut events: Vec<Event> = (0..400)
            .map(|at| event("retried", "a", f64::from(at), &[("traceback", format!("t{at}").as_str().into())]))
            .collect();
        let tell = |events: &[Event]| {
            let mut history = History::default();
            events.iter().for_each(|event| add(&mut history, told(event.clone())));
            history
        };
        let whole = tell(&events);
        fastrand::Rng::with_seed(seed).shuffle(&mut events);
        let (early, late) = events.split_at(200);
        let mut merged = tell(early);
        merged.merge(tell(late));
        prop_assert_eq!(merged, whole);
    }
}
