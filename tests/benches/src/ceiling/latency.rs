//! How soon a message that a broker gets is with a client that waits for it.
//!
//! What is sent is the message of a task: the first one that the queue holds, again and again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{Confirmation, Connection, ConnectionProperties};
use redis::AsyncCommands as _;
use tokio::sync::mpsc;

/// The latencies of `calls` messages on Redis, one after the other, in milliseconds. The queue has one.
///
/// # Errors
/// Those of the server.
pub async fn redis(url: &str, queue: &str, calls: usize, pause: Duration) -> Result<Vec<f64>> {
    let client = redis::Client::open(url)?;
    let mut sends = client.get_multiplexed_async_connection().await?;
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let mut waits = client.get_multiplexed_async_connection_with_config(&config).await?;
    let message: Vec<u8> = sends.rpop(queue, None).await?;
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
        one_by_one(calls, pause, starts, async || Ok(sends.lpush(&queue, &message).await?)).await?;
    taker.await??;
    Ok(latencies)
}

/// The same on RabbitMQ. What is sent is kept until it is acknowledged, and its sender is told so: without that it could
/// be lost.
///
/// # Errors
/// Those of the server.
pub async fn amqp(url: &str, queue: &str, calls: usize, pause: Duration) -> Result<Vec<f64>> {
    let sends = Connection::connect(url, ConnectionProperties::default()).await?;
    let waits = Connection::connect(url, ConnectionProperties::default()).await?;
    let sender = sends.create_channel().await?;
    let taker = waits.create_channel().await?;
    sender.confirm_select(ConfirmSelectOptions::default()).await?;
    let message = taker.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await?;
    let Delivery { data, properties, .. } = message.context("the queue has no message")?.delivery;
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
        let options = BasicPublishOptions::default();
        let sent = sender.basic_publish("".into(), queue.into(), options, &data, properties.clone()).await?;
        ensure!(matches!(sent.await?, Confirmation::Ack(_)), "RabbitMQ refused a message");
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
