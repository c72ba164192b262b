//! Messages thrown at a worker as raw list elements, and what became of each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskq::core::config::Sources;
use taskq::{App, Error};
use taskq_tests::node::Node;
use taskq_tests::process::eventually;
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;

const PATIENCE: Duration = Duration::from_secs(60);
/// More dead letters than any test makes.
const MANY: usize = 10_000;
const STOPPING: Duration = Duration::from_secs(30);

/// A message to throw.
pub(crate) struct Thrown {
    /// What it is called in reports.
    pub(crate) case: String,
    /// Its task id, whether or not the worker can read it.
    pub(crate) id: String,
    /// The list element.
    pub(crate) raw: Vec<u8>,
    /// What has to become of it.
    pub(crate) end: End,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// It runs and gives this.
    Runs(Value),
    /// It is put aside, and a FAILURE is stored under its id.
    Dead,
    /// It is put aside; nobody can wait for it.
    DeadWithoutId,
    /// Its time is over: REVOKED is stored, nothing is kept.
    Revoked,
    /// It waits for its time.
    Waits,
}

impl End {
    fn is_answered(&self) -> bool {
        matches!(self, Self::Runs(_) | Self::Dead | Self::Revoked)
    }
}

/// Throws all messages, then a good one; when everything is answered, compares with what is expected.
///
/// # Panics
/// If a message ended otherwise, if the worker ended, or if it does not stop when asked to.
pub(crate) async fn throw(prefix: &str, thrown: &[Thrown], good: &Thrown) -> Result<(), Error> {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let mut node = Node::new("rust@robust", &redis.url(0), &redis.url(1), &redis.url(2), logs.path());
    node.prefix = prefix.to_owned();
    // Acknowledged early, a message is gone before its arguments are looked at.
    node.conf = json!({"task_acks_late": true});
    let mut worker = node.start_rust(WORKER);
    let mut broker = redis.connect(0);
    for message in thrown.iter().chain([good]) {
        let () = redis::cmd("LPUSH").arg("celery").arg(&message.raw).query(&mut broker).expect("an answer");
    }

    eventually("every message with an id is answered", PATIENCE, || {
        assert_eq!(worker.exited(), None, "the worker ended:\n{}", worker.output());
        let mut asked = thrown.iter().chain([good]).filter(|message| message.end.is_answered());
        asked.all(|message| stored(&redis, &message.id).is_some())
    });
    let without_id = thrown.iter().filter(|message| message.end == End::DeadWithoutId).count();
    let with_id = thrown.iter().filter(|message| message.end == End::Dead).count();
    let sources = Sources::none().set("broker_url", redis.url(0).as_str());
    let app = App::builder().sources(sources).build()?;
    let began = Instant::now();
    let mut dead = dead_letters(&app).await?;
    while dead.len() < without_id + with_id && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
        dead = dead_letters(&app).await?;
    }

    let mut wrong = Vec::new();
    for message in thrown {
        let reason = dead.remove(&message.raw);
        let result = stored(&redis, &message.id);
        let end = end(result.as_ref(), reason.as_deref());
        if end.as_ref() != Some(&message.end) {
            let case = &message.case;
            wrong.push(format!(
                "{case}: expected {:?}, dead letter {reason:?}, result {result:?}",
                message.end
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), thrown.len(), wrong.join("\n"));
    assert!(dead.is_empty(), "dead letters that nobody threw: {:?}", dead.values());

    worker.terminate();
    let status = worker.wait(STOPPING);
    assert!(status.success(), "the worker ended with {status}");
    app.close().await
}

/// What became of a message by its result and the reason of its dead letter; `None` if they contradict.
fn end(result: Option<&Value>, reason: Option<&str>) -> Option<End> {
    let status = result.and_then(|meta| meta["status"].as_str());
    match (status, reason) {
        (Some("SUCCESS"), None) => Some(End::Runs(result?["result"].clone())),
        (Some("FAILURE"), Some(reason)) if !reason.is_empty() => Some(End::Dead),
        (Some("REVOKED"), None) => Some(End::Revoked),
        (None, Some(reason)) if !reason.is_empty() => Some(End::DeadWithoutId),
        (None, None) => Some(End::Waits),
        _ => None,
    }
}

/// What is stored under a task's id.
fn stored(redis: &RedisServer, id: &str) -> Option<Value> {
    let key = format!("celery-task-meta-{id}");
    let text: Option<String> = redis::cmd("GET").arg(key).query(&mut redis.connect(1)).expect("an answer");
    text.map(|text| serde_json::from_str(&text).expect("a result is JSON"))
}

/// The original bytes of every dead letter, and why it is one.
async fn dead_letters(app: &App) -> Result<HashMap<Vec<u8>, String>, Error> {
    let broker = app.broker().await?;
    let admin = broker.admin().expect("a broker that can be looked into");
    let letters = admin.dead("celery", 0, MANY).await?;
    Ok(letters.into_iter().map(|letter| (letter.original.to_vec(), letter.reason.to_string())).collect())
}
