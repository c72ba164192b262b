//! What follows a task: callbacks, chains, errbacks.

use taskq_core::{
    args,
    backend::State,
    canvas::Signature,
    codec::{Map, Value},
    protocol::TaskId,
    task::{Failure, TaskError},
};

use crate::rig::{Builder, error_of};

fn failing(builder: Builder) -> Builder {
    builder.task("t.fail", |_, _| async { Err(Failure::new("ValueError", "bad").into()) })
}

#[tokio::test]
async fn callbacks_get_the_result_first_and_know_where_they_come_from() {
    let (rig, worker) = Builder::new().start().await;
    let first = Signature::by_name("t.add", args![10]).task_id("callback-1");
    let second = Signature::by_name("t.add", args![7, 8]).task_id("callback-2").immutable();
    let id = rig.send_signature(Signature::by_name("t.add", args![1, 2]).link(first).link(second)).await;
    let one = rig.meta(&TaskId::from("callback-1")).await;
    assert_eq!(crate::rig::value_of(&one), Value::Int(13));
    assert_eq!(one.parent_id.as_ref(), Some(&id));
    assert!(one.group_id.is_some(), "several callbacks are a group, as Celery sends them");
    assert_eq!(rig.value(&TaskId::from("callback-2")).await, Value::Int(15));
    worker.stop().await.unwrap();
}

/// `a | b | c`, as a producer writes it: the rest of the chain in reverse.
fn chain(first: Signature) -> Signature {
    let step = |id: &str, n: i64| Signature::by_name("t.add", args![n]).task_id(id).to_value();
    let mut first = first;
    first.options.flow.get_or_insert_default().chain = Some(vec![step("step-3", 100), step("step-2", 10)]);
    first
}

#[tokio::test]
async fn a_chain_goes_on_step_by_step() {
    let (rig, worker) = Builder::new().start().await;
    let id = rig.send_signature(chain(Signature::by_name("t.add", args![1, 2]))).await;
    let last = rig.meta(&TaskId::from("step-3")).await;
    assert_eq!(crate::rig::value_of(&last), Value::Int(113));
    assert_eq!(last.parent_id, Some(TaskId::from("step-2")));
    let second = rig.meta(&TaskId::from("step-2")).await;
    assert_eq!(second.parent_id.as_ref(), Some(&id));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_failure_is_stored_for_every_later_step() {
    let (rig, worker) = failing(Builder::new()).start().await;
    let id = rig.send_signature(chain(Signature::by_name("t.fail", args![]))).await;
    for id in [id, TaskId::from("step-2"), TaskId::from("step-3")] {
        let meta = rig.meta(&id).await;
        assert_eq!((meta.state.clone(), error_of(&meta).message()), (State::Failure, "bad".into()), "{id}");
    }
    let stats = worker.stop().await.unwrap().stats;
    assert_eq!(stats.started, 1, "later steps do not run");
}

#[tokio::test]
async fn an_unknown_first_step_fails_the_whole_chain() {
    let (rig, worker) = Builder::new().start().await;
    rig.send_signature(chain(Signature::by_name("no.such", args![]))).await;
    assert_eq!(rig.error(&TaskId::from("step-3")).await.exc_type, "NotRegistered");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn errbacks_get_the_failed_id() {
    let (rig, worker) = failing(Builder::new()).one("t.errback", |_, id| async move { Ok(id) }).start().await;
    let errback = Signature::by_name("t.errback", args![]).task_id("errback-1");
    let id = rig.send_signature(Signature::by_name("t.fail", args![]).link_error(errback)).await;
    let meta = rig.meta(&TaskId::from("errback-1")).await;
    assert_eq!(crate::rig::value_of(&meta), Value::Str(id.to_string()));
    assert_eq!(meta.parent_id.as_ref(), Some(&id));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_link_that_cannot_be_sent_fails_the_task_that_carries_it() {
    let (rig, worker) = Builder::new().start().await;
    let mut call = Signature::by_name("t.add", args![1, 2]);
    let Value::Map(mut step) = Signature::by_name("t.add", args![]).to_value() else { panic!("a map") };
    let wrong = Map::from_iter([("countdown".to_owned(), Value::Str("soon".into()))]);
    step.insert("options".into(), Value::Map(wrong));
    call.options.flow.get_or_insert_default().chain = Some(vec![Value::Map(step)]);
    let id = rig.send_signature(call).await;
    let error = rig.error(&id).await;
    assert!(error.message().contains("`countdown`"), "{error:?}");
    let id = rig.send("t.add", args![1, 2]).await;
    assert_eq!(rig.value(&id).await, Value::Int(3));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_retry_takes_its_links_along_and_follows_them_once() {
    let (rig, worker) = Builder::new()
        .task("t.once", |cx, _| async move {
            if cx.retries() == 0 {
                return Err(TaskError::from(cx.retry().countdown(std::time::Duration::from_millis(10))));
            }
            Ok(Value::Int(5))
        })
        .start()
        .await;
    let id = rig.send_signature(chain(Signature::by_name("t.once", args![]))).await;
    assert_eq!(rig.value(&id).await, Value::Int(5));
    assert_eq!(rig.value(&TaskId::from("step-3")).await, Value::Int(115));
    assert_eq!(worker.stop().await.unwrap().stats.succeeded, 3);
}
