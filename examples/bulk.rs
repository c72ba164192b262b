//! Ten thousand calls in a few round trips, and their results.

use std::{error::Error, time::Instant};

use taskq::{App, task};

const CALLS: u64 = 10_000;

#[task]
async fn square(n: u64) -> u64 {
    n * n
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let worker = taskq_examples::start(App::builder()).await?;
    let began = Instant::now();
    let sent = square.delay_many(0..CALLS).await?;
    println!("{} sent in {:.2} s", sent.len(), began.elapsed().as_secs_f32());

    let mut sum = 0;
    for result in &sent {
        sum += result.get().await?;
    }
    assert_eq!(sum, (0..CALLS).map(|n| n * n).sum::<u64>());
    println!("{} done in {:.2} s, sum {sum}", sent.len(), began.elapsed().as_secs_f32());
    worker.stop().await?;
    Ok(())
}
