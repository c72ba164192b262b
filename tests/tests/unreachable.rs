//! A broker that cannot be reached costs a caller its deadline and no more, and the error says which one it was.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use taskq::{ErrorKind, core::config::Sources, prelude::*};

#[task]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// What the deadline is, and what a loaded machine may add.
const DEADLINE: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_millis(1_500);

async fn fails_in_time(port: u16) -> Error {
    let url = format!("redis://me:hunter2@127.0.0.1:{port}/0");
    let app = App::builder().sources(Sources::none()).set("broker_url", url).build().unwrap();
    let began = Instant::now();
    let error = add.with().app(&app).queue("high").delay(1, 2).await.unwrap_err();
    assert!(began.elapsed() < DEADLINE + SLACK, "{:?}", began.elapsed());
    let text = error.to_string();
    assert!(text.contains("`high`"), "{text}");
    assert!(text.contains(&format!("redis://me:**@127.0.0.1:{port}/0")), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    error
}

#[tokio::test]
async fn nobody_listens() {
    let port = taskq_tests::ports::free_port();
    let error = fails_in_time(port).await;
    assert!(matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout), "{error:?}");
}

#[tokio::test]
async fn somebody_accepts_and_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = fails_in_time(listener.local_addr().unwrap().port()).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
}
