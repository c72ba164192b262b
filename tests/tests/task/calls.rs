//! The typed calls, down to the messages that a broker gets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use jiff::ToSpan;
use serde_json::{Value as Json, json};
use taskq::{
    Error,
    core::{
        BoxFuture,
        app::{App, Drivers},
        backend::ResultBackend,
        broker::{Broker, BrokerError, Capabilities, ConsumeSpec, Consumer, Outgoing, Topology},
        canvas::Signature,
        config::{Settings, Urls},
    },
    task,
};

#[task]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task(queue = "pages", priority = 3)]
async fn fetch(url: String, depth: Option<u32>) -> String {
    format!("{url} {depth:?}")
}

#[task]
fn upper(text: String) -> String {
    text.to_uppercase()
}

#[task]
async fn ping() {}

#[task]
async fn collect(
    first: i64,
    #[args] rest: Vec<i64>,
    #[default] last: i64,
    #[kwargs] more: BTreeMap<String, i64>,
) -> i64 {
    first + rest.iter().sum::<i64>() + last + more.values().sum::<i64>()
}

/// Keeps what is published, batch by batch.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<Vec<Outgoing>>>);

impl Recorder {
    fn batches(&self) -> Vec<Vec<Outgoing>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Body, headers and routing key of the only message.
    fn only(&self) -> (Json, Json, String) {
        let mut all = self.batches().concat();
        assert_eq!(all.len(), 1);
        let out = all.remove(0);
        (body(&out), serde_json::from_slice(&out.message.headers.0).unwrap(), out.routing_key)
    }
}

fn body(out: &Outgoing) -> Json {
    serde_json::from_slice(&out.message.body).unwrap()
}

impl Broker for Recorder {
    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn declare<'a>(&'a self, _: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.0.lock().unwrap().push(batch.to_vec());
        Box::pin(async { Ok(()) })
    }

    fn consume(&self, _: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        unreachable!("nothing consumes here")
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Fixed(Arc<Recorder>);

impl Drivers for Fixed {
    fn broker<'a>(&'a self, _: &'a Urls, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        Box::pin(async { Ok(Arc::clone(&self.0) as Arc<dyn Broker>) })
    }

    fn backend<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        unreachable!("no result is read here")
    }
}

/// An app, and what it publishes.
fn app() -> (App, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let drivers = Arc::new(Fixed(Arc::clone(&recorder)));
    (App::builder().settings(Settings::default()).drivers(drivers).build().unwrap(), recorder)
}

#[tokio::test]
async fn delay_sends_the_arguments_and_gives_a_handle() {
    let (app, sent) = app();
    let result = app.scope(async { add.delay(2, 3).await.unwrap() }).await;
    let (body, headers, queue) = sent.only();
    assert_eq!((&body[0], &body[1]), (&json!([2, 3]), &json!({})));
    assert_eq!(headers["task"], "task.calls.add");
    assert_eq!(headers["id"], result.id().as_str());
    assert_eq!(headers["argsrepr"], "(2, 3)");
    assert_eq!(queue, "celery");
}

#[tokio::test]
async fn texts_and_optional_values_convert() {
    let (app, sent) = app();
    for call in [fetch.delay("u", 3), fetch.delay(String::from("u"), Some(3)), fetch.s("u", 3)] {
        call.app(&app).await.unwrap();
        let (body, _, queue) = sent.only();
        assert_eq!((&body[0], &*queue), (&json!(["u", 3]), "pages"));
    }
    fetch.delay("u", None).app(&app).await.unwrap();
    assert_eq!(sent.only().0[0], json!(["u", null]));
    ping.delay().app(&app).await.unwrap();
    assert_eq!(sent.only().0[0], json!([]));
}

#[tokio::test]
async fn options_come_first_with_with_and_last_without() {
    let (app, sent) = app();
    fetch
        .with()
        .queue("low")
        .priority(9)
        .countdown(3.seconds())
        .header("k", "v")
        .app(&app)
        .delay("u", 1)
        .await
        .unwrap();
    let first = sent.only();
    fetch.s("u", 1).queue("low").priority(9).countdown(3.seconds()).header("k", "v").app(&app).await.unwrap();
    let second = sent.only();
    for (body, headers, queue) in [&first, &second] {
        assert_eq!((&body[0], &**queue, &headers["k"]), (&json!(["u", 1]), "low", &json!("v")));
        assert!(headers["eta"].is_string());
    }
}

#[tokio::test]
async fn options_are_shared_by_several_calls() {
    let (app, sent) = app();
    let low = add.with().queue("low").app(&app);
    low.delay(1, 2).await.unwrap();
    low.delay(3, 4).await.unwrap();
    low.delay_many([(5, 6)]).await.unwrap();
    let all: Vec<_> =
        sent.batches().concat().iter().map(|out| (body(out)[0].clone(), out.routing_key.clone())).collect();
    let low = |args| (args, "low".to_owned());
    assert_eq!(all, [low(json!([1, 2])), low(json!([3, 4])), low(json!([5, 6]))]);
}

#[tokio::test]
async fn what_only_goes_by_name_is_sent_by_name() {
    let (app, sent) = app();
    let more = BTreeMap::from([("k".to_owned(), 5)]);
    collect.delay(1, vec![2, 3], 4, more).app(&app).await.unwrap();
    let (body, ..) = sent.only();
    assert_eq!((&body[0], &body[1]), (&json!([1, 2, 3]), &json!({"last": 4, "k": 5})));
}

#[tokio::test]
async fn many_calls_are_one_round_trip() {
    let (app, sent) = app();
    let results = app.scope(add.delay_many((0..100).map(|n| (n, 1)))).await.unwrap();
    let batches = sent.batches();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [100]);
    for (n, (out, result)) in batches[0].iter().zip(&results).enumerate() {
        assert_eq!(body(out)[0], json!([n, 1]));
        assert_eq!(out.message.properties.correlation_id.as_deref(), Some(result.id().as_str()));
    }

    let words = ["a", "b"].map(String::from);
    assert_eq!(app.scope(upper.delay_many(words)).await.unwrap().len(), 2);
    assert_eq!(app.scope(ping.delay_many([(), ()])).await.unwrap().len(), 2);
}

#[tokio::test]
async fn many_calls_cannot_share_an_id() {
    let (app, sent) = app();
    let error = add.with().task_id("one").app(&app).delay_many([(1, 2), (3, 4)]).await.unwrap_err();
    assert!(error.to_string().contains("many calls cannot share one `task_id`"), "{error}");
    assert!(sent.batches().is_empty());
}

#[test]
fn a_call_becomes_a_signature() {
    let signature = Signature::from(add.s(2, 3).queue("low"));
    assert_eq!((signature.task.as_str(), signature.immutable), ("task.calls.add", false));
    assert_eq!(signature.options.queue.as_deref(), Some("low"));
    assert!(Signature::from(add.si(2, 3)).immutable);
    let named = Signature::from(collect.s(1, vec![2], 3, BTreeMap::new()));
    assert_eq!((named.args.len(), named.kwargs.len()), (2, 1));
}

#[tokio::test]
async fn without_an_app_the_error_says_what_to_do() {
    let error = add.delay(1, 2).await.unwrap_err();
    assert!(error.to_string().starts_with("no app is installed"), "{error}");
}
