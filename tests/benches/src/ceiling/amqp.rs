//! What RabbitMQ itself can do: one consumer with prefetch, many acknowledged at once.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

/// What may be unacknowledged.
const PREFETCH: u16 = 256;
/// Acknowledged at once.
const ACKED: usize = 64;

/// Takes `tasks` messages from `queue` and acknowledges them; messages a second.
///
/// # Errors
/// Those of the server.
pub async fn drain(url: &str, queue: &str, tasks: usize) -> Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let began = Instant::now();
    let mut consumer = channel
        .basic_consume(queue.into(), "ceiling".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    let mut done = 0;
    while done < tasks {
        let delivery = consumer.next().await;
        let Some(delivery) = delivery.transpose()? else { break };
        done += 1;
        if done % ACKED == 0 || done == tasks {
            delivery.acker.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    let took = began.elapsed();
    ensure!(done == tasks, "only {done} of {tasks} came");
    connection.close(200, "done".into()).await?;
    Ok(tasks as f64 / took.as_secs_f64())
}
