//! Retrying: by the type of the error with growing pauses, or when the task says so.

use std::error::Error;

use taskq::{App, WaitError, prelude::*, task};

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the server is busy")]
    Busy,
    #[error("no such page")]
    Missing,
}

/// `retry_on` takes whole types; what is worth another try is decided inside.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Temporary(FetchError);

/// Pauses of up to 10, 20, 40, … milliseconds.
#[task(bind, retry_on(Temporary), retry_backoff = "10ms", max_retries = 4)]
async fn fetch(cx: &TaskContext, page: String) -> Result<String, TaskError> {
    match (page.as_str(), cx.retries()) {
        ("missing", _) => Err(FetchError::Missing)?,
        (_, 0..=2) => Err(Temporary(FetchError::Busy))?,
        (page, tries) => Ok(format!("{page} after {tries} retries")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let worker = taskq_examples::start(App::builder()).await?;
    println!("{}", fetch.delay("index").await?.get().await?);
    match fetch.delay("missing").await?.get().await {
        Err(WaitError::Failed(failure)) => println!("not retried: {failure}"),
        other => panic!("expected a failure, got {other:?}"),
    }
    worker.stop().await?;
    Ok(())
}
