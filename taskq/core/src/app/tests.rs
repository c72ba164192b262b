//! Eager runs, results and middleware, without a broker.

mod doubles;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use doubles::{Add, Fails, Flaky, Sleepy, app, app_with};

use super::*;
use crate::{
    BoxFuture, args,
    backend::{State, StoredError, TaskMeta, TaskOutput, WaitError},
    canvas::Signature,
    codec::Value,
    kwargs,
    middleware::{ExecuteNext, Hooks, Middleware, PublishNext, hooks},
    protocol::Request,
    result::AsyncResult,
    send::{Call, Draft},
    task::{Failure, Outcome, Task},
};

#[tokio::test]
async fn apply_runs_here_and_has_the_result_at_once() {
    let (app, _) = app();
    let result = doubles::add(2, 3).app(&app).apply().await.unwrap();
    assert_eq!(result.get().await.unwrap(), 5);
    assert_eq!(result.state().await.unwrap(), State::Success);
    assert!(result.date_done().await.unwrap().is_some());
}

#[tokio::test]
async fn retries_of_an_eager_task_come_at_once() {
    let (app, _) = app();
    let result = Call::<Flaky>::new((2,)).app(&app).apply().await.unwrap();
    assert_eq!(result.get().await.unwrap(), 2, "it says how many retries it took");
}

#[tokio::test]
async fn a_failure_is_kept_or_returned_as_the_settings_say() {
    let (app, _) = app_with(|settings| settings.task_always_eager = true);
    let result = Call::<Fails>::new(("bad".into(),)).app(&app).await.unwrap();
    assert!(result.failed().await.unwrap());
    match result.get().await.unwrap_err() {
        WaitError::Failed(failure) => {
            assert_eq!(failure.error.exc_type, "ValueError");
            assert_eq!(failure.error.message(), "bad");
        }
        other => panic!("{other}"),
    }
    let (app, _) = app_with(|settings| {
        settings.task_always_eager = true;
        settings.task_eager_propagates = true;
    });
    let error = Call::<Fails>::new(("bad".into(),)).app(&app).await.unwrap_err();
    assert!(error.to_string().contains("ValueError: bad"), "{error}");
}

#[tokio::test]
async fn blocking_tasks_run_on_a_thread() {
    let (app, _) = app();
    let here = std::thread::current().id();
    let result = Call::<Sleepy>::new(()).app(&app).apply().await.unwrap();
    assert_ne!(result.get().await.unwrap(), format!("{here:?}"));
}

#[tokio::test]
async fn links_of_an_eager_task_run_with_its_result_or_its_id() {
    let (app, store) = app_with(|settings| {
        settings.task_always_eager = true;
        settings.task_store_eager_result = true;
    });
    let then = Signature::by_name(Add::NAME, args![10]).task_id("then");
    doubles::add(1, 2).app(&app).link(then).await.unwrap();
    let stored = store.get("then").unwrap();
    assert_eq!(stored.output, TaskOutput::Json(Bytes::from_static(b"13")));
    assert!(stored.parent_id.is_some());
    let otherwise = Signature::by_name(Fails::NAME, args![]).task_id("otherwise");
    Call::<Fails>::new(("bad".into(),)).app(&app).task_id("first").link_error(otherwise).await.unwrap();
    match store.get("otherwise").unwrap().output {
        TaskOutput::Error(error) => assert_eq!(error.message(), "first"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn eager_results_are_stored_only_on_request() {
    let (app, store) = app();
    doubles::add(1, 1).app(&app).task_id("not").apply().await.unwrap();
    let (stored_app, stored) = app_with(|settings| settings.task_store_eager_result = true);
    doubles::add(1, 1).app(&stored_app).task_id("yes").apply().await.unwrap();
    assert!(store.get("not").is_none());
    assert_eq!(stored.get("yes").unwrap().output, TaskOutput::Json(Bytes::from_static(b"2")));
}

#[tokio::test]
async fn names_run_eagerly_too_and_unknown_ones_say_so() {
    let (app, _) = app_with(|settings| settings.task_always_eager = true);
    let result = app.send(Add::NAME, args![20], kwargs! { "y" => 22 }).await.unwrap();
    assert_eq!(result.get().await.unwrap(), Value::Int(42));
    let error = app.send("proj.elsewhere", args![], kwargs! {}).await.unwrap_err();
    assert!(error.to_string().contains("`proj.elsewhere`"), "{error}");
}

#[tokio::test]
async fn a_stored_result_is_read_by_id_and_type() {
    let (app, store) = app();
    let put = |id: &str, state, output| store.put(TaskMeta::new(id.into(), state, output));
    put("ok", State::Success, TaskOutput::Json(Bytes::from_static(b"[1, 2]")));
    put("progress", State::from("PROGRESS"), TaskOutput::Value(Value::Int(40)));
    put("failed", State::Failure, TaskOutput::Error(StoredError::builtin("KeyError", "k")));
    put("revoked", State::Revoked, TaskOutput::Error(StoredError::celery("TaskRevokedError", "expired")));
    let result = |id: &str| AsyncResult::<Vec<u8>>::new(&app, id);
    assert_eq!(result("ok").get().await.unwrap(), [1, 2]);
    assert!(matches!(result("ok").cast::<String>().get().await, Err(WaitError::Decode { .. })));
    assert!(matches!(result("failed").get().await, Err(WaitError::Failed(_))));
    match result("revoked").get().await {
        Err(WaitError::Revoked { reason, .. }) => assert_eq!(reason, "expired"),
        other => panic!("{other:?}"),
    }
    let wait = result("progress").get().timeout(std::time::Duration::from_millis(10)).await;
    assert!(matches!(wait, Err(WaitError::Timeout { .. })));
    assert_eq!(result("progress").info().await.unwrap(), Value::Int(40));
    assert_eq!(result("none").state().await.unwrap(), State::Pending);
    assert_eq!(result("none").info().await.unwrap(), Value::Null);
    assert_eq!(result("failed").info().await.unwrap().get("exc_type"), Some(&Value::Str("KeyError".into())));
    result("ok").forget().await.unwrap();
    assert!(!result("ok").ready().await.unwrap());
}

#[test]
fn results_can_be_waited_for_without_a_runtime() {
    let (app, store) = app();
    store.put(TaskMeta::new("ok".into(), State::Success, TaskOutput::Json(Bytes::from_static(b"7"))));
    assert_eq!(AsyncResult::<i64>::new(&app, "ok").get().blocking().unwrap(), 7);
}

#[tokio::test]
async fn nobody_waits_for_a_result_that_never_comes() {
    let (app, _) = app();
    let ignored = doubles::add(1, 2).app(&app).ignore_result(true).await.unwrap();
    assert!(matches!(ignored.get().await, Err(WaitError::Ignored { .. })));
    assert_eq!(ignored.state().await.unwrap(), State::Pending);
}

#[tokio::test]
async fn a_task_must_not_wait_for_a_task() {
    let (app, store) = app();
    store.put(TaskMeta::new("ok".into(), State::Success, TaskOutput::Json(Bytes::from_static(b"7"))));
    let result = AsyncResult::<i64>::new(&app, "ok");
    doubles::context(&app, "parent")
        .scope(async {
            assert!(matches!(result.get().await, Err(WaitError::InsideTask { .. })));
            assert_eq!(result.get().inside_task().await.unwrap(), 7);
        })
        .await;
}

#[tokio::test]
async fn revoking_without_broadcast_is_an_error_not_silence() {
    let (app, _) = app();
    let error = AsyncResult::<()>::new(&app, "x").revoke().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn what_a_task_sends_has_it_as_parent_and_is_its_child() {
    let (app, _) = app_with(|settings| settings.task_inherit_parent_priority = true);
    let parent = doubles::context(&app, "parent");
    parent
        .clone()
        .scope(async {
            let draft = doubles::add(1, 2).app(&app).into_draft().unwrap();
            assert_eq!(draft.message.headers.parent_id.as_ref().unwrap().as_str(), "parent");
            assert_eq!(draft.message.headers.root_id.as_ref().unwrap().as_str(), "root");
            assert_eq!(draft.message.properties.priority, Some(7));
            doubles::add(1, 2).app(&app).task_id("child").await.unwrap();
            doubles::add(1, 2).app(&app).task_id("stranger").add_to_parent(false).await.unwrap();
        })
        .await;
    let children: Vec<String> = parent.children().into_iter().map(|child| child.id).collect();
    assert_eq!(children, ["child"]);
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: &str) {
        self.0.lock().unwrap().push(note.to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Hooks for Notes {
    fn before_start(&self, request: &Request) {
        self.add(&format!("start {}", request.headers.retries));
    }
    fn on_success(&self, _: &Request, value: &Bytes) {
        self.add(&format!("success {}", String::from_utf8_lossy(value)));
    }
    fn on_failure(&self, _: &Request, failure: &Failure) {
        self.add(&format!("failure {failure}"));
    }
    fn on_retry(&self, _: &Request, cause: &Failure) {
        self.add(&format!("retry {}", cause.error.exc_type));
    }
    fn after_return(&self, _: &Request, _: &Outcome) {
        self.add("after");
    }
}

struct Tags(&'static str, Notes);

impl Middleware for Tags {
    fn publish<'a>(
        &'a self,
        draft: &'a mut Draft,
        next: PublishNext<'a>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.1.add(self.0);
        draft.message.headers.extra.insert(self.0.to_owned(), Value::Bool(true));
        next.run(draft)
    }
    fn execute<'a>(&'a self, request: &'a mut Request, next: ExecuteNext<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            self.1.add(self.0);
            next.run(request).await
        })
    }
}

#[tokio::test]
async fn hooks_see_every_turn_of_a_task() {
    let notes = Notes::default();
    let (app, _) = doubles::build(App::builder().middleware(hooks(notes.clone())), |_| {});
    Call::<Flaky>::new((1,)).app(&app).apply().await.unwrap();
    assert_eq!(notes.all(), ["start 0", "retry Retry", "after", "start 1", "success 1", "after"]);
}

#[tokio::test]
async fn middleware_goes_from_the_outside_in() {
    let notes = Notes::default();
    let builder =
        App::builder().middleware(Tags("outer", notes.clone())).middleware(Tags("inner", notes.clone()));
    let (app, _) = doubles::build(builder, |_| {});
    doubles::add(1, 2).app(&app).apply().await.unwrap();
    assert_eq!(notes.all(), ["outer", "inner"]);
    let draft = doubles::add(1, 2).app(&app).into_draft().unwrap();
    let out = app.prepare(draft).await.unwrap().unwrap();
    let headers = crate::protocol::Headers::parse(&out.message.headers).unwrap();
    assert_eq!(headers.get("inner"), Some(&Value::Bool(true)));
    assert_eq!(notes.all(), ["outer", "inner", "outer", "inner"]);
}

#[test]
fn annotations_change_what_is_registered() {
    let annotate = |name: &'static str, key: &str, value: Value| {
        let map = [(key.to_owned(), value)].into_iter().collect();
        move |settings: &mut Settings| _ = settings.task_annotations.insert(name.to_owned(), map)
    };
    let (app, _) = app_with(annotate(Add::NAME, "rate_limit", Value::Str("10/m".into())));
    let options = &app.registry().get(Add::NAME).unwrap().options;
    assert_eq!(options.rate_limit.unwrap().to_string(), "10/m");
    assert!(app.registry().get(Fails::NAME).unwrap().options.rate_limit.is_none());
    let (app, _) = app_with(annotate("*", "max_retries", Value::Null));
    assert_eq!(app.registry().get(Fails::NAME).unwrap().options.max_retries, None);
    let error = doubles::try_build(App::builder(), annotate("*", "rate", Value::Int(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn what_is_set_by_name_wins_over_given_settings() {
    let (app, _) = doubles::build(App::builder().set("task_default_queue", "named"), |settings| {
        settings.task_default_queue = "given".into();
        settings.task_ignore_result = true;
    });
    assert_eq!(app.settings().task_default_queue, "named");
    assert!(app.settings().task_ignore_result);
    let error = doubles::try_build(App::builder().set("task_defalt_queue", "x"), |_| {}).unwrap_err();
    assert!(error.to_string().contains("did you mean `task_default_queue`?"), "{error}");
}

#[tokio::test]
async fn the_running_tasks_app_comes_before_the_installed_one() {
    let (mine, _) = app();
    let scoped = mine.scope(async { App::current().unwrap().reply_to() }).await;
    assert_eq!(scoped, mine.reply_to());
}

#[test]
fn the_logical_clock_only_goes_forward() {
    let (app, _) = app();
    assert_eq!((app.tick(), app.tick()), (1, 2));
    assert_eq!(app.adjust_clock(40), 41);
    assert_eq!(app.adjust_clock(3), 42);
    assert_eq!(app.logical_time(), 42);
}
