//! What a program's tests would do.

use std::time::Duration;

use super::*;
use crate::{
    app::App,
    args,
    backend::State,
    canvas::Signature,
    kwargs,
    protocol::{Param, ParamKind},
    result::AsyncResult,
    send::Call,
    task::{Failure, Registry, Task, TaskContext, TaskError},
    time::Clock,
};

#[derive(Clone, Copy, Debug)]
struct Count;

impl Task for Count {
    type Args = (u32,);
    type Output = u32;
    const NAME: &'static str = "proj.count";
    const PARAMS: &'static [Param] = &[Param { name: "down", kind: ParamKind::Required }];

    /// Sends itself until it is at 0.
    async fn call((down,): (u32,), _: TaskContext) -> Result<u32, TaskError> {
        if down > 0 {
            Call::<Self>::new((down - 1,)).countdown(Duration::from_secs(3_600)).await?;
        }
        Ok(down)
    }
}

#[derive(Clone, Copy, Debug)]
struct Flaky;

impl Task for Flaky {
    type Args = (u32,);
    type Output = u32;
    const NAME: &'static str = "proj.flaky";
    const PARAMS: &'static [Param] = &[Param { name: "times", kind: ParamKind::Required }];

    async fn call((times,): (u32,), cx: TaskContext) -> Result<u32, TaskError> {
        match cx.retries() {
            retries if retries < times => Err(cx.retry().into()),
            9 => Err(Failure::new("ValueError", "too often").into()),
            retries => Ok(retries),
        }
    }
}

fn app() -> TestApp {
    TestApp::with(App::builder().registry(Registry::new()).task(Count).task(Flaky)).unwrap()
}

#[tokio::test]
async fn what_was_sent_can_be_asked_for() {
    let app = app();
    app.assert_nothing_enqueued();
    app.send("mail.send", args!["a@b"], kwargs! { "copies" => 2 }).await.unwrap();
    Call::<Count>::new((1,)).app(&app).queue("slow").countdown(Duration::from_secs(60)).await.unwrap();
    let mail = app.assert_enqueued(
        Signature::by_name("mail.send", args!["a@b"]).with_kwargs(kwargs! { "copies" => 2 }),
    );
    assert_eq!((mail.queue.as_str(), mail.due), ("celery", None));
    let count = app.assert_enqueued(Call::<Count>::new((1,)).queue("slow"));
    assert!(count.due.is_some());
    assert_eq!(app.enqueued().len(), 2);
}

#[tokio::test]
#[should_panic(
    expected = "no call like `mail.send` ('x',) {} waits; there are:\n  `mail.send` ('a@b',) {} on `celery`"
)]
async fn a_missing_call_is_shown_beside_those_there_are() {
    let app = app();
    app.send("mail.send", args!["a@b"], kwargs! {}).await.unwrap();
    app.assert_enqueued(Signature::by_name("mail.send", args!["x"]));
}

#[tokio::test]
async fn a_drain_runs_everything_to_its_end_and_time_with_it() {
    let app = app();
    let before = app.clock().now();
    let first = Call::<Count>::new((3,)).app(&app).await.unwrap();
    let drained = app.drain().await.unwrap();
    assert_eq!(drained.count(&State::Success), 4);
    app.assert_nothing_enqueued();
    assert_eq!(first.get().await.unwrap(), 3);
    let passed = app.clock().now().duration_since(before).as_secs();
    assert_eq!(passed, 3 * 3_600);
}

#[tokio::test]
async fn a_drain_retries_and_sends_callbacks() {
    let app = app();
    let then = Signature::by_name(Flaky::NAME, args![]).task_id("then");
    let flaky = Call::<Flaky>::new((2,)).app(&app).link(then).await.unwrap();
    let drained = app.drain().await.unwrap();
    assert_eq!(drained.ran.len(), 2);
    assert_eq!(flaky.get().await.unwrap(), 2);
    assert_eq!(AsyncResult::<u32>::new(&app, "then").get().await.unwrap(), 2);
}

#[tokio::test]
async fn a_drain_names_the_task_it_does_not_know() {
    let app = app();
    app.send("elsewhere.task", args![], kwargs! {}).await.unwrap();
    let error = app.drain().await.unwrap_err();
    assert!(error.to_string().contains("`elsewhere.task` is not registered"), "{error}");
}

#[tokio::test]
async fn a_revocation_is_broadcast_in_kombus_form() {
    use crate::{
        broker::Broker,
        codec::{Value, json},
    };
    let app = app();
    let broadcast = app.broker().broadcast().unwrap();
    let mut heard = broadcast.subscribe("celery.pidbox", "#").await.unwrap();
    AsyncResult::<()>::new(&app, "the-id").revoke().terminate("SIGKILL").await.unwrap();
    let message = heard.next().await.unwrap();
    let body: Value = json::from_slice(&message.body).unwrap();
    assert_eq!(body.get("method"), Some(&Value::from("revoke")));
    let arguments = body.get("arguments").unwrap();
    assert_eq!(arguments.get("task_id"), Some(&Value::from("the-id")));
    assert_eq!(arguments.get("terminate"), Some(&Value::Bool(true)));
    assert_eq!(arguments.get("signal"), Some(&Value::from("SIGKILL")));
    assert_eq!(body.get("destination"), Some(&Value::Null));
}
