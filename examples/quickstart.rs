//! Tasks, a worker and their results in one process, on an embedded database:
//! `cargo run --example quickstart`.

use std::{
    error::Error,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use taskq::{
    prelude::*,
    task,
    worker::{Worker, WorkerOptions},
};

/// A plain function runs on a thread.
#[task]
fn count(page: String, word: String) -> usize {
    page.matches(&word).count()
}

/// An async function runs on the runtime. This one fails twice and is tried again.
#[task(bind, max_retries = 5)]
async fn fetch(cx: &TaskContext, url: String) -> Result<String, TaskError> {
    match cx.retries() {
        0 | 1 => Err(cx.retry().countdown(200.milliseconds()).into()),
        retries => Ok(format!("{url} after {retries} retries")),
    }
}

/// Tells in which place it was served.
#[task]
async fn place() -> u32 {
    static SERVED: AtomicU32 = AtomicU32::new(1);
    SERVED.fetch_add(1, Ordering::Relaxed)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // No server: the queue is a file. A real program reads `broker_url` from its settings.
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite:{}", dir.path().join("taskq.db").display());
    let app = App::builder().set("broker_url", url).build()?;
    app.install();

    // Sent while nobody listens: the database keeps them. The urgent one is sent last and served first.
    let relaxed = place.with().priority(1).delay().await?;
    let urgent = place.with().priority(9).delay().await?;

    let options = WorkerOptions::new().concurrency(1);
    let worker = Worker::new(&app, &options)?.start();

    let words = count.delay("to be or not to be", "be").await?;
    println!("typed     `be` occurs {} times", words.get().await?);

    println!("retried   {}", fetch.delay("https://example.org").await?.get().await?);

    let sent = Instant::now();
    let late = count.with().countdown(1.second()).delay("now, or now", "now").await?;
    println!("delayed   {} words, {:.1} s later", late.get().await?, sent.elapsed().as_secs_f32());

    println!("priority  9 came in place {}, 1 in place {}", urgent.get().await?, relaxed.get().await?);

    let report = worker.stop().await?;
    println!("stopped   {} tasks done", report.stats.succeeded);
    Ok(())
}
