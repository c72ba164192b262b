//! Files that are wrong, locked or elsewhere: what is said, and that nothing is harmed.

use std::{ffi::OsString, fs, time::Duration};

use rusqlite::Connection;
use taskq_core::{
    Timestamp,
    backend::{ResultBackend, State, TaskMeta, TaskOutput},
    broker::{
        Broker, BrokerError, BrokerErrorKind, ConsumeSpec, Outgoing, Payload, Queue, Settle, Settled,
        Settlement,
    },
    protocol::Message,
};
use taskq_sqlite::{SqliteBackend, SqliteBroker, SqliteOptions};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}/taskq.db", folder.path().display())
}

async fn open(url: &str) -> Result<SqliteBroker, BrokerError> {
    SqliteBroker::open(url, SqliteOptions::default()).await
}

fn sql(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join("taskq.db")).expect("open with SQLite")
}

fn message() -> Outgoing {
    Outgoing::to_queue("q", Message::default())
}

async fn ready(broker: &SqliteBroker) -> u64 {
    broker.admin().expect("admin").stats(&["q".to_owned()]).await.expect("stats")[0].ready
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("taskq.db");
    let text = "my precious notes\n".repeat(100);
    fs::write(&path, &text).expect("write");
    let error = open(&url(&folder)).await.expect_err("opened");
    assert_eq!(error.kind(), BrokerErrorKind::Corrupt);
    let said = error.to_string();
    assert!(said.contains("taskq.db") && said.contains("another kind of file"), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("read"), text);
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_left_alone() {
    let folder = folder();
    sql(&folder).execute_batch("CREATE TABLE message (text TEXT); PRAGMA user_version = 7").expect("create");
    let error = open(&url(&folder)).await.expect_err("opened");
    assert_eq!(error.kind(), BrokerErrorKind::Config);
    assert!(error.to_string().contains("another program"), "{error}");
    let tables = sql(&folder).query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    assert_eq!(tables, Ok(1));
}

/// What waited, was delayed or was dead in a file of version 6 is there after the upgrade, and can be taken.
#[tokio::test]
async fn messages_survive_an_upgrade_of_the_file() {
    let folder = folder();
    let broker = open(&url(&folder)).await.expect("open");
    let mut later = message();
    later.not_before = Some(Timestamp::now() + Duration::from_secs(3_600));
    broker.publish(&[message(), later]).await.expect("publish");
    broker.close().await.expect("close");
    // As the steps before the seventh left it.
    sql(&folder)
        .execute_batch(
            "DROP TRIGGER message_gone;
             ALTER TABLE message ADD COLUMN envelope BLOB NOT NULL DEFAULT x'';
             UPDATE message SET envelope = (SELECT envelope FROM payload WHERE payload.id = message.id);
             DROP TABLE payload;
             PRAGMA user_version = 6;",
        )
        .expect("downgrade");
    let broker = open(&url(&folder)).await.expect("open again");
    let stats = broker.admin().expect("admin").stats(&["q".to_owned()]).await.expect("stats").remove(0);
    assert_eq!((stats.ready, stats.delayed), (1, 1));
    let spec = ConsumeSpec::new("w@h", vec![Queue::named("q")]);
    let mut consumer = broker.consume(spec).await.expect("consume");
    let mut taken = Vec::new();
    consumer.next_batch(1, &mut taken).await.expect("take");
    let (tag, payload, ..) = taken.remove(0).accept();
    assert!(matches!(payload, Payload::Message(message) if message == Message::default()));
    let settled = consumer.settler().settle(&[Settlement::new(tag, Settle::Ack)]).await.expect("settle");
    assert_eq!(settled, Settled::default());
    drop(consumer);
    broker.close().await.expect("close");
    // A payload goes with its message.
    let left = sql(&folder).query_row("SELECT count(*) FROM payload", [], |row| row.get::<_, i64>(0));
    assert_eq!(left, Ok(1));
}

#[tokio::test]
async fn a_schema_of_the_future_is_refused_and_left_alone() {
    let folder = folder();
    let broker = open(&url(&folder)).await.expect("open");
    broker.publish(&[message()]).await.expect("publish");
    broker.close().await.expect("close");
    sql(&folder).execute_batch("PRAGMA user_version = 99").expect("set");
    let error = open(&url(&folder)).await.expect_err("opened");
    let said = error.to_string();
    assert!(said.contains("newer taskq") && said.contains("99"), "{said}");
    let left = sql(&folder).query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0));
    assert_eq!(left, Ok(1));
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = folder();
    let url = format!("sqlite:{}/no/such/taskq.db", folder.path().display());
    let error = open(&url).await.expect_err("opened");
    assert_eq!(error.kind(), BrokerErrorKind::Config);
    assert!(error.to_string().contains("no/such"), "{error}");
    let error = SqliteBackend::open(&url, SqliteOptions::default()).await.expect_err("opened");
    assert!(error.to_string().contains("no/such") && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_lock_that_stays_is_an_error_that_may_pass() {
    let folder = folder();
    let broker = open(&format!("{}?busy_timeout=0.2", url(&folder))).await.expect("open");
    broker.publish(&[message()]).await.expect("publish");
    let other = sql(&folder);
    other.execute_batch("BEGIN IMMEDIATE").expect("lock");
    let error = broker.publish(&[message()]).await.expect_err("published");
    assert_eq!(error.kind(), BrokerErrorKind::Timeout);
    assert!(error.is_retryable());
    let said = error.to_string();
    assert!(said.contains("taskq.db") && said.contains("200ms") && said.contains("busy_timeout"), "{said}");
    assert_eq!(ready(&broker).await, 1, "reading goes on");
    other.execute_batch("ROLLBACK").expect("unlock");
    broker.publish(&[message()]).await.expect("publish");
    assert_eq!(ready(&broker).await, 2);
}

#[tokio::test]
async fn a_lock_that_goes_is_waited_for() {
    let folder = folder();
    let broker = open(&url(&folder)).await.expect("open");
    let other = sql(&folder);
    other.execute_batch("BEGIN IMMEDIATE").expect("lock");
    let batch = [message()];
    let publishing = broker.publish(&batch);
    tokio::pin!(publishing);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut publishing).await;
    assert!(early.is_err(), "published under a lock");
    other.execute_batch("ROLLBACK").expect("unlock");
    publishing.await.expect("publish");
    assert_eq!(ready(&broker).await, 1);
}

fn files(folder: &TempDir) -> Vec<OsString> {
    fs::read_dir(folder.path()).expect("read").map(|file| file.expect("a file").file_name()).collect()
}

#[tokio::test]
async fn messages_and_results_survive_closing_and_opening() {
    let folder = folder();
    let meta = TaskMeta::new("a".into(), State::Success, TaskOutput::NULL);
    for round in 0..3 {
        let broker = open(&url(&folder)).await.expect("open");
        let backend = SqliteBackend::open(&url(&folder), SqliteOptions::default()).await.expect("open");
        assert_eq!(ready(&broker).await, round);
        broker.publish(&[message()]).await.expect("publish");
        if round == 0 {
            backend.store(std::slice::from_ref(&meta)).await.expect("store");
        }
        broker.close().await.expect("close");
        assert_eq!(backend.fetch(&["a".into()]).await.expect("fetch"), [Some(meta.clone())]);
        backend.close().await.expect("close");
        let error = broker.publish(&[message()]).await.expect_err("published after close");
        assert_eq!(error.kind(), BrokerErrorKind::Closed);
    }
    assert_eq!(files(&folder), ["taskq.db"], "closing leaves one file");
}

/// SQLite leaves its log behind when the last two connections close at the same time.
#[tokio::test]
async fn closing_never_leaves_the_log_behind() {
    let folder = folder();
    for round in 0..200 {
        let broker = open(&url(&folder)).await.expect("open");
        broker.publish(&[message()]).await.expect("publish");
        broker.close().await.expect("close");
        assert_eq!(files(&folder), ["taskq.db"], "in round {round}");
    }
}

#[tokio::test]
async fn results_expire() {
    let folder = folder();
    let mut options = SqliteOptions::default();
    options.result_expires = Some(Duration::from_millis(50));
    let backend = SqliteBackend::open(&url(&folder), options).await.expect("open");
    let kept = SqliteBackend::open(&url(&folder), SqliteOptions::default()).await.expect("open");
    let meta = |id: &str| TaskMeta::new(id.into(), State::Success, TaskOutput::NULL);
    backend.store(&[meta("short"), meta("shorter")]).await.expect("store");
    kept.store(&[meta("long")]).await.expect("store");
    tokio::time::sleep(Duration::from_millis(60)).await;
    let read = backend.fetch(&["short".into(), "long".into()]).await.expect("fetch");
    assert_eq!(read, [None, Some(meta("long"))]);
    assert_eq!(backend.cleanup().await.expect("clean up"), 2);
    assert_eq!(backend.cleanup().await.expect("clean up"), 0);
}

#[tokio::test]
async fn failures_have_a_time_of_their_own() {
    let folder = folder();
    let mut options = SqliteOptions::default();
    options.result_failure_expires = Some(Duration::from_millis(50));
    let backend = SqliteBackend::open(&url(&folder), options).await.expect("open");
    let success = TaskMeta::new("good".into(), State::Success, TaskOutput::NULL);
    let failure = TaskMeta::new("bad".into(), State::Failure, TaskOutput::NULL);
    backend.store(&[success.clone(), failure]).await.expect("store");
    tokio::time::sleep(Duration::from_millis(60)).await;
    let read = backend.fetch(&["good".into(), "bad".into()]).await.expect("fetch");
    assert_eq!(read, [Some(success), None]);
}
