//! Workflows: chains, groups and chords, whose types are checked, in one process on an embedded database:
//! `cargo run --example canvas`.

use std::error::Error;

use taskq::{
    prelude::*,
    worker::{Worker, WorkerOptions},
};

#[task]
async fn fetch(url: String) -> String {
    format!("<h1>{url}</h1> to be or not to be")
}

#[task]
fn count(page: String, word: String) -> u64 {
    page.matches(&word).count() as u64
}

#[task]
async fn sum(counts: Vec<u64>) -> u64 {
    counts.iter().sum()
}

#[task]
async fn report(total: u64, word: String) -> String {
    format!("`{word}` occurs {total} times")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite:{}", dir.path().join("taskq.db").display());
    let app = App::builder().set("broker_url", url).build()?;
    app.install();
    let worker = Worker::new(&app, &WorkerOptions::new().concurrency(2))?.start();

    // One after the other: `.p(…)` takes the result of the step before it as its first argument. A step that does
    // not take what the one before it gives does not compile.
    let workflow = fetch.s("example.org") | count.p("be") | report.p("be");
    println!("chain     {}", workflow.await?.get().await?);

    // At the same time: of one type a `Vec`, of several a tuple.
    let pages = group([fetch.s("a.org"), fetch.s("b.org"), fetch.s("c.org")]).await?;
    println!("group     {} pages", pages.get().await?.len());
    let both = group((fetch.s("a.org"), count.s("to be", "to"))).await?;
    let (page, found) = both.get().await?;
    println!("tuple     {} characters, {found} word", page.len());

    // At the same time, then all results together: a chord.
    let sites = ["a.org", "b.org", "c.org"].map(|url| fetch.s(url) | count.p("be"));
    let workflow = group(sites) | sum.p() | report.p("be");
    println!("chord     {}", workflow.await?.get().await?);

    // Many arguments in few messages.
    let chunks = count.chunks((0..10).map(|n| (n.to_string(), "1".to_owned())), 4).await?;
    println!("chunks    {} messages for 10 calls", chunks.len());

    worker.stop().await?;
    Ok(())
}
