//! The recorded messages that end, block or confuse a Python worker: here each one ends for itself, is kept or
//! run, and its caller is told.
//!
//! Envelopes that are broken themselves are the Redis driver's, and tested there.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::Value as Json;
use taskq_core::{
    args,
    backend::State,
    broker::Outgoing,
    codec::Value,
    protocol::{Message, Properties, RawHeaders, TaskId},
};

use crate::rig::{Builder, until};

/// The message inside a recorded envelope, where it has one.
fn message(raw: &str) -> Option<Message> {
    let envelope: Json = serde_json::from_str(raw).ok()?;
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let body = envelope.get("body")?.as_str()?;
    Some(Message {
        headers: RawHeaders(Bytes::from(envelope.get("headers")?.to_string())),
        properties: Properties::default(),
        content_type: text(&envelope["content-type"]),
        content_encoding: text(&envelope["content-encoding"]),
        body: BASE64_STANDARD.decode(body).ok()?.into(),
    })
}

#[tokio::test]
async fn every_broken_message_is_kept_or_run_and_the_worker_goes_on() {
    let folder = format!("{}/../tests/fixtures/celery", env!("CARGO_MANIFEST_DIR"));
    let (rig, worker) = Builder::new().start().await;
    let (mut sent, mut ids) = (0_u64, Vec::new());
    for entry in fs::read_dir(folder).expect("the recordings") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !name.starts_with("redis.poison.") {
            continue;
        }
        let recorded: Json = serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
        let raw = recorded["raw"]["text"].as_str().or(recorded["raw"].as_str()).unwrap_or_default();
        let Some(mut message) = message(raw) else { continue };
        // Each under an id of its own, where it has one.
        let mut headers: Json = serde_json::from_slice(&message.headers.0).expect("JSON");
        if headers["id"].is_string() && headers["task"].is_string() {
            headers["id"] = name.clone().into();
            message.headers = RawHeaders(Bytes::from(headers.to_string()));
            ids.push((name, headers["eta"].as_str().is_some_and(|eta| eta.starts_with("9999"))));
        }
        rig.broker.publish(&[Outgoing::to_queue("celery", message)]).await.expect("published");
        sent += 1;
    }
    assert!(sent >= 25, "only {sent} recordings were found");
    until("each has ended or waits for its time", async || {
        let stats = rig.stats().await;
        worker.stats().received >= sent && stats.ready + stats.in_flight == 0
    })
    .await;
    let (mut ran, mut failed) = (0, 0);
    for (name, far) in &ids {
        let id = TaskId::from(name.as_str());
        if *far {
            assert_eq!(rig.stored(&id).await, None, "{name} waits");
            continue;
        }
        match rig.meta(&id).await.state {
            State::Success => ran += 1,
            State::Failure => failed += 1,
            other => panic!("{name} ended as {other}"),
        }
    }
    let dead = rig.dead().await.len();
    assert!(ran >= 5 && failed >= 10 && dead >= failed, "{ran} ran, {failed} failed, {dead} are kept");
    assert_eq!(rig.stats().await.delayed, 1, "the one of the year 9999");
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    assert_eq!(worker.stop().await.expect("stopped").left, 0);
}

#[tokio::test]
async fn hostile_bodies_fail_their_task_and_nothing_else() {
    let (rig, worker) = Builder::new().task("t.any", |_, _| async { Ok(Value::Null) }).start().await;
    let deep = format!("[[{}{}], {{}}, {{}}]", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!("[[1, 2], {{}}, {{\"chain\": {}{}}}]", "[".repeat(100_000), "]".repeat(100_000));
    let big = format!("[[\"{}\"], {{}}, {{}}]", "x".repeat(50 << 20));
    let bodies: [(&str, Vec<u8>, State); 4] = [
        ("deep", deep.into_bytes(), State::Failure),
        ("nested", nested.into_bytes(), State::Failure),
        ("not-utf8", b"[[\"\xff\xfe\"], {}, {}]".to_vec(), State::Failure),
        ("big", big.into_bytes(), State::Success),
    ];
    for (name, body, _) in &bodies {
        let message = Message {
            headers: RawHeaders(Bytes::from(format!(r#"{{"task": "t.any", "id": "{name}"}}"#))),
            properties: Properties::default(),
            content_type: Some("application/json".into()),
            content_encoding: Some("utf-8".into()),
            body: body.clone().into(),
        };
        rig.broker.publish(&[Outgoing::to_queue("celery", message)]).await.expect("published");
    }
    for (name, _, state) in &bodies {
        let meta = rig.meta(&TaskId::from(*name)).await;
        assert_eq!(meta.state, *state, "{name}: {meta:?}");
    }
    rig.settled().await;
    assert_eq!(rig.dead().await.len(), 3);
    worker.stop().await.expect("stopped");
}
