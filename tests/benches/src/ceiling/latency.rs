//! How soon a message that Redis gets is with a client that waits for it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use redis::AsyncCommands as _;

/// The latencies of `calls` messages, one after the other, in milliseconds.
///
/// # Errors
/// Those of the server.
pub async fn redis(url: &str, queue: &str, calls: usize, pause: Duration) -> Result<Vec<f64>> {
    let client = redis::Client::open(url)?;
    let mut sends = client.get_multiplexed_async_connection().await?;
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let mut waits = client.get_multiplexed_async_connection_with_config(&config).await?;
    let (queue, own) = (queue.to_owned(), format!("{queue}-own"));
    let (started, mut starts) = tokio::sync::mpsc::channel(1);
    let taker = tokio::spawn({
        let queue = queue.clone();
        async move {
            for _ in 0..calls {
                let mut take = redis::cmd("BLMOVE");
                take.arg(&queue).arg(&own).arg("RIGHT").arg("LEFT").arg(0);
                let message: Vec<u8> = take.query_async(&mut waits).await?;
                if started.send(Instant::now()).await.is_err() {
                    break;
                }
                let () = waits.lrem(&own, -1, message).await?;
            }
            anyhow::Ok(())
        }
    });
    let mut latencies = Vec::with_capacity(calls);
    for _ in 0..calls {
        tokio::time::sleep(pause).await;
        let sent = Instant::now();
        let () = sends.lpush(&queue, "message").await?;
        let started = starts.recv().await.context("the taker has ended")?;
        latencies.push(started.duration_since(sent).as_secs_f64() * 1e3);
    }
    taker.await??;
    Ok(latencies)
}
