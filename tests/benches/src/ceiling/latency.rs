//! How soon a message that a broker gets is with a client that waits for it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use redis::AsyncCommands as _;
use tokio::sync::mpsc;

/// The latencies of `calls` messages on Redis, one after the other, in milliseconds.
///
/// # Errors
/// Those of the server.
pub async fn redis(url: &str, queue: &str, calls: usize, pause: Duration) -> Result<Vec<f64>> {
    let client = redis::Client::open(url)?;
    let mut sends = client.get_multiplexed_async_connection().await?;
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let mut waits = client.get_multiplexed_async_connection_with_config(&config).await?;
    let (queue, own) = (queue.to_owned(), format!("{queue}-own"));
    let (started, starts) = mpsc::channel(1);
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
    let latencies =
        one_by_one(calls, pause, starts, async || Ok(sends.lpush(&queue, "message").await?)).await?;
    taker.await??;
    Ok(latencies)
}

/// The same on RabbitMQ, in a new durable queue.
///
/// # Errors
/// Those of the server.
pub async fn amqp(url: &str, queue: &str, calls: usize, pause: Duration) -> Result<Vec<f64>> {
    let sends = Connection::connect(url, ConnectionProperties::default()).await?;
    let waits = Connection::connect(url, ConnectionProperties::default()).await?;
    let sender = sends.create_channel().await?;
    let taker = waits.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    taker.queue_declare(queue.into(), durable, FieldTable::default()).await?;
    let mut consumer = taker
        .basic_consume(queue.into(), "ceiling".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    let (started, starts) = mpsc::channel(1);
    let taking = tokio::spawn(async move {
        for _ in 0..calls {
            let delivery = consumer.next().await.context("the subscription has ended")??;
            if started.send(Instant::now()).await.is_err() {
                break;
            }
            delivery.acker.ack(BasicAckOptions::default()).await?;
        }
        anyhow::Ok(())
    });
    let latencies = one_by_one(calls, pause, starts, async || {
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        sender.basic_publish("".into(), queue.into(), options, b"message", persistent).await?;
        Ok(())
    })
    .await?;
    taking.await??;
    waits.close(200, "done".into()).await?;
    sends.close(200, "done".into()).await?;
    Ok(latencies)
}

/// Sends `calls` messages, each when the one before has come and a pause is over; how long each took.
async fn one_by_one(
    calls: usize,
    pause: Duration,
    mut starts: mpsc::Receiver<Instant>,
    mut send: impl AsyncFnMut() -> Result<()>,
) -> Result<Vec<f64>> {
    let mut latencies = Vec::with_capacity(calls);
    for _ in 0..calls {
        tokio::time::sleep(pause).await;
        let sent = Instant::now();
        send().await?;
        let started = starts.recv().await.context("the taker has ended")?;
        latencies.push(started.duration_since(sent).as_secs_f64() * 1e3);
    }
    Ok(latencies)
}
