//! `fn` tasks run on threads, `async fn` tasks on the runtime: neither holds up the other. A panic is a
//! failure like any other.

use std::{error::Error, thread, time::Duration};

use taskq::{App, WaitError, task};

/// Blocks its thread, and nothing else.
#[task]
fn grind(rounds: u32) -> u32 {
    thread::sleep(Duration::from_millis(u64::from(rounds)));
    rounds
}

/// Answers at once, whatever the threads are busy with.
#[task]
async fn ping() -> String {
    "pong".to_owned()
}

#[task]
fn divide(a: i32, b: i32) -> i32 {
    a / b
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let worker = taskq_examples::start(App::builder().set("worker_concurrency", 4_i64)).await?;

    let slow = grind.delay(500).await?;
    println!("{}", ping.delay().await?.get().await?);
    assert!(!slow.ready().await?, "the thread is still busy");
    println!("{} rounds", slow.get().await?);

    match divide.delay(1, 0).await?.get().await {
        Err(WaitError::Failed(failure)) => println!("{failure}"),
        other => panic!("expected a failure, got {other:?}"),
    }
    worker.stop().await?;
    Ok(())
}
