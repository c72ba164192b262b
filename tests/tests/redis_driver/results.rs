//! Results that cannot be read.

use bytes::Bytes;
use taskq_core::{
    backend::{ResultBackend, State, TaskMeta, TaskOutput},
    config::Urls,
    protocol::TaskId,
};
use taskq_redis::{BackendOptions, RedisBackend};
use taskq_tests::redis_server::RedisServer;

/// Symptom: one unreadable result among those of a group, and none of the group could be read.
#[tokio::test]
async fn one_unreadable_result_does_not_hide_the_others() {
    let server = RedisServer::start();
    let urls = Urls::parse(&server.url(0)).expect("a URL");
    let backend = RedisBackend::connect(&urls, BackendOptions::default()).await.expect("connect");
    let ids: Vec<TaskId> = (0..4).map(|_| TaskId::new()).collect();
    for id in &ids[..2] {
        let output = TaskOutput::Json(Bytes::from_static(b"5"));
        backend.store(&[TaskMeta::new(id.clone(), State::Success, output)]).await.expect("store");
    }
    let key = format!("celery-task-meta-{}", ids[1]);
    redis::cmd("SET").arg(key).arg("{\"status\"").exec(&mut server.connect(0)).expect("SET");

    let there = backend.fetch(&ids).await.expect("fetch");
    let states: Vec<_> = there.iter().map(|meta| meta.as_ref().map(|meta| meta.state.clone())).collect();
    assert_eq!(states, [Some(State::Success), Some(State::Failure), None, None]);
    let Some(TaskOutput::Error(error)) = there[1].as_ref().map(|meta| &meta.output) else {
        panic!("{:?}", there[1]);
    };
    assert_eq!(error.exc_type, "DecodeError");
    let alone = backend.fetch(&ids[1..2]).await.expect_err("who asks for it alone gets the error");
    assert!(!alone.is_retryable(), "{alone:?}");
}
