//! Hearing a broker: what is told arrives, whatever else does.

use taskq_core::{backend::State, codec::Map, protocol::Message, testing::TestApp};

use super::*;

/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("it did not come about")
}

fn options() -> Start {
    Start {
        store: StoreOptions::default(),
        runtime_buckets: Vec::new(),
        enable_events: true,
        max_workers: 10,
        purge_offline: None,
        redact: crate::redact::Redact::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_is_kept_and_garbage_is_counted() {
    let app = TestApp::new();
    let stop = CancellationToken::new();
    let watch = start(&app, options(), stop.clone()).await.unwrap();
    until(async || watch.live.broker().connected.then_some(())).await;
    let broadcast = app.broadcast().await.unwrap();
    let exchange = app.settings().event_exchange.clone();
    let garbage = Message { body: "{[".into(), ..Message::default() };
    broadcast.publish(&exchange, "task.multi", &garbage).await.unwrap();
    let bus = app.event_bus("rs@test", true);
    let run = tokio::spawn(bus.run(broadcast));
    let fields = |more: &[(&str, &str)]| -> Map {
        let all = [("uuid", "t")].into_iter().chain(more.iter().copied());
        all.map(|(name, value)| (name.to_owned(), value.into())).collect()
    };
    bus.tell("worker-online", Map::default());
    bus.tell("task-received", fields(&[("name", "shop.add"), ("parent_id", "t")]));
    bus.tell("task-started", fields(&[]));
    bus.tell("task-succeeded", fields(&[("result", "3")]));
    bus.tell("unheard-of", Map::default());
    let task =
        until(async || watch.store.task("t").await.unwrap().filter(|task| task.state == State::Success))
            .await;
    assert_eq!((task.worker.as_deref(), task.parent_id), (Some("rs@test"), None));
    until(async || (watch.live.coverage().garbage == 1).then_some(())).await;
    assert_eq!(watch.live.workers()[0].hostname, "rs@test");
    drop(bus);
    run.await.unwrap();
    stop.cancel();
    watch.finished().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_are_told_to_send_events() {
    let app = TestApp::new();
    let exchange = taskq_core::control::exchange(&app.settings().control_exchange);
    let mut commands = app.broadcast().await.unwrap().subscribe(&exchange, "#").await.unwrap();
    let stop = CancellationToken::new();
    let watch = start(&app, options(), stop.clone()).await.unwrap();
    let heard = async {
        loop {
            let command = commands.next().await.unwrap();
            if command.body.windows(13).any(|part| part == b"enable_events") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("no command came");
    stop.cancel();
    watch.finished().await;
}

#[test]
fn reconnecting_waits_never_longer_than_five_seconds_and_not_always_as_long() {
    let mut pause = listen::PAUSES.0;
    for _ in 0..20 {
        let jittered = listen::jittered(pause);
        assert!(
            jittered <= pause && jittered >= pause / 2 && pause <= Duration::from_secs(5),
            "{jittered:?}"
        );
        pause = (pause * 2).min(listen::PAUSES.1);
    }
    assert_eq!(pause, Duration::from_secs(5));
}
