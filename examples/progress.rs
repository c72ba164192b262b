//! A long task tells how far it is; whoever has its id can look.

use std::{error::Error, time::Duration};

use serde::{Deserialize, Serialize};
use taskq::{App, State, core::codec::from_value, prelude::*, task};

#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    done: u32,
    of: u32,
}

#[task(bind)]
async fn copy(cx: &TaskContext, files: u32) -> Result<u32, TaskError> {
    for done in 1..=files {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cx.update_state("PROGRESS", Progress { done, of: files }).await?;
    }
    Ok(files)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let worker = taskq_examples::start(App::builder()).await?;
    let sent = copy.delay(5).await?;
    while !sent.ready().await? {
        if let State::Custom(_) = sent.state().await? {
            let progress: Progress = from_value(sent.info().await?)?;
            println!("{} of {}", progress.done, progress.of);
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    println!("{} files copied", sent.get().await?);
    worker.stop().await?;
    Ok(())
}
