//! What a program holds of a group: kept under its id, found again, read as members end, revoked, forgotten.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use taskq::{Error, GroupResult, ResultTree, Signature, State, WaitError};
use taskq_tests::redis_server::RedisServer;

use crate::{PATIENCE, Place, file, may_fail, value};

async fn a_group_is_found_again_by_its_id(broker: &str, backend: &str) -> Result<(), Error> {
    let place = Place::new(broker, backend)?;
    let sent = place.app.send_canvas(Signature::group([value(1), may_fail(), value(3)])).await?;
    sent.group::<i64>().save().await?;
    let found = GroupResult::<i64>::restore(&place.app, sent.id()).await?.expect("it was saved");
    let ids = |members: &[ResultTree]| members.iter().map(|one| one.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(found.members()), ids(&sent.members().expect("a group")));
    assert!(!found.ready().await?, "nobody has run it");

    let worker = place.work().await?;
    let come = tokio::time::timeout(PATIENCE, found.as_they_come().collect::<Vec<_>>());
    let come: BTreeMap<usize, Result<i64, WaitError>> = come.await.expect("all end").into_iter().collect();
    assert!(matches!((&come[&0], &come[&2]), (Ok(1), Ok(3))), "{come:?}");
    assert!(
        matches!(&come[&1], Err(WaitError::Failed(failure)) if failure.id.as_str() == found.members()[1].id())
    );
    assert_eq!(found.states().await?, [State::Success, State::Failure, State::Success]);
    assert_eq!(
        (found.ready().await?, found.failed().await?, found.completed_count().await?),
        (true, true, 2)
    );

    found.forget().await?;
    assert_eq!(found.states().await?, [State::Pending, State::Pending, State::Pending]);
    found.delete().await?;
    assert!(GroupResult::<i64>::restore(&place.app, sent.id()).await?.is_none(), "it was deleted");
    worker.stop().await?;
    place.app.close().await
}

async fn members_of_a_revoked_group_do_not_run(broker: &str, backend: &str) -> Result<(), Error> {
    let place = Place::new(broker, backend)?;
    let revoked = place.app.send_canvas(Signature::group([value(1), value(2)])).await?.group::<i64>();
    let other = place.app.send_canvas(Signature::group([value(3), value(4)])).await?.group::<i64>();
    revoked.revoke().await?;
    let worker = place.work().await?;
    assert_eq!(other.get_within(PATIENCE).await.expect("another group runs"), [3, 4]);
    let ended = revoked.get_within(PATIENCE).await;
    assert!(matches!(ended, Err(WaitError::Revoked { .. })), "{ended:?}");
    worker.stop().await?;
    place.app.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_found_again_by_its_id_on_redis() -> Result<(), Error> {
    let redis = RedisServer::start();
    a_group_is_found_again_by_its_id(&redis.url(0), &redis.url(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_found_again_by_its_id_on_sqlite() -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a folder");
    a_group_is_found_again_by_its_id(&file(&dir), &file(&dir)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_revoked_group_do_not_run_on_redis() -> Result<(), Error> {
    let redis = RedisServer::start();
    members_of_a_revoked_group_do_not_run(&redis.url(0), &redis.url(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_revoked_group_do_not_run_on_sqlite() -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a folder");
    members_of_a_revoked_group_do_not_run(&file(&dir), &file(&dir)).await
}
