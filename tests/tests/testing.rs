//! What a program's own tests look like: tasks of the macro on an app in memory.

use std::{io, sync::Arc, time::Duration};

use taskq::{
    App, State, WaitError,
    middleware::{Hooks, hooks},
    prelude::*,
    testing::TestApp,
};

#[task]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn shout(text: String, #[default = 1] times: usize) -> String {
    text.to_uppercase().repeat(times)
}

#[task(bind, max_retries = 4, retry_on(io::Error), retry_backoff = "30s", retry_jitter = false)]
async fn fetch(cx: &TaskContext, fails: u32) -> Result<u32, io::Error> {
    match cx.retries() {
        retries if retries < fails => Err(io::Error::other("connection reset")),
        retries => Ok(retries),
    }
}

#[task]
async fn fan_out(count: i64) -> Result<Vec<String>, TaskError> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(add.delay(n, n).await?.id().to_string());
    }
    Ok(ids)
}

#[tokio::test]
async fn calls_are_seen_and_drained() {
    let app = TestApp::new();
    let sum = add.with().app(&app).queue("math").delay(2, 3).await.unwrap();
    app.assert_enqueued(add.with().queue("math").s(2, 3));
    app.drain().await.unwrap();
    app.assert_nothing_enqueued();
    assert_eq!(sum.get().await.unwrap(), 5);
}

#[tokio::test]
async fn python_may_call_by_name_and_leave_out_defaults() {
    let app = TestApp::new();
    let name = <shout as taskq::Task>::NAME;
    let result = app.send(name, args![], kwargs! { "text" => "hé" }).await.unwrap().cast::<String>();
    let twice = app.send(name, args!["a"], kwargs! { "times" => 2 }).await.unwrap().cast::<String>();
    app.drain().await.unwrap();
    assert_eq!(result.get().await.unwrap(), "HÉ");
    assert_eq!(twice.get().await.unwrap(), "AA");
}

#[tokio::test]
async fn retries_end_in_success_or_in_their_error() {
    let app = TestApp::new();
    let third = fetch.with().app(&app).delay(3).await.unwrap();
    let never = fetch.with().app(&app).delay(9).await.unwrap();
    app.drain().await.unwrap();
    assert_eq!(third.get().await.unwrap(), 3);
    match never.get().await.unwrap_err() {
        WaitError::Failed(failure) => assert_eq!(failure.error.message(), "connection reset"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn tasks_send_tasks_through_their_own_app() {
    let app = TestApp::new();
    let parent = fan_out.with().app(&app).delay(3).await.unwrap();
    let drained = app.drain().await.unwrap();
    assert_eq!(drained.count(&State::Success), 4);
    let sent = parent.get().await.unwrap();
    let children: Vec<String> = parent.children().await.unwrap().into_iter().map(|child| child.id).collect();
    assert_eq!(children, sent);
    for meta in &drained.ran[1..] {
        assert_eq!(meta.parent_id.as_ref(), Some(parent.id()));
    }
}

#[derive(Default)]
struct Failures(std::sync::Mutex<Vec<String>>);

struct Watch(Arc<Failures>);

impl Hooks for Watch {
    fn on_failure(&self, request: &taskq::core::protocol::Request, failure: &taskq::Failure) {
        self.0.0.lock().unwrap().push(format!("{} {failure}", request.headers.retries));
    }
}

#[tokio::test]
async fn hooks_are_called_as_in_a_worker() {
    let failures = Arc::new(Failures::default());
    let app = TestApp::with(App::builder().middleware(hooks(Watch(Arc::clone(&failures))))).unwrap();
    fetch.with().app(&app).delay(9).await.unwrap();
    app.drain().await.unwrap();
    assert_eq!(*failures.0.lock().unwrap(), ["4 Error: connection reset"]);
}

#[tokio::test]
async fn delayed_tasks_wait_until_time_has_passed() {
    let app = TestApp::new();
    add.with().app(&app).countdown(2.hours()).delay(1, 1).await.unwrap();
    let waiting = app.assert_enqueued(add.s(1, 1));
    assert!(waiting.due.is_some());
    app.advance(Duration::from_secs(7_200));
    assert_eq!(app.assert_enqueued(add.s(1, 1)).due, None, "it is due now");
}
