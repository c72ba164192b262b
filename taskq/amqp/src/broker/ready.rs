//! What waits in queues: asked on channels of their own, and always to the end.
//!
//! RabbitMQ answers a question about a queue that does not exist by closing the channel. Kept true here: nobody else
//! is on that channel, and whoever loses interest meanwhile leaves it to end in peace. A channel that both sides
//! close at once costs the client its whole connection, and with it every subscription.

use std::sync::Arc;

use lapin::{Channel, options::QueueDeclareOptions, types::FieldTable};
use taskq_core::broker::{BrokerError, BrokerErrorKind};

use super::publish::short;
use crate::{conn::Link, error};

/// A queue that exists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Messages that are ready.
    pub(super) ready: u64,
    /// How many consume it.
    pub(super) consumers: u64,
}

/// Asks for these queues, one after the other; `None` for one that does not exist. `what` completes "could not …".
pub(super) async fn ask(
    link: &Arc<Link>,
    what: &'static str,
    queues: Vec<String>,
) -> Result<Vec<Option<Found>>, BrokerError> {
    let link = Arc::clone(link);
    // On a task of its own: it ends with its last answer, or with the connection.
    let asked = tokio::spawn(async move { each(&link, what, &queues).await });
    asked.await.unwrap_or_else(|gone| {
        Err(BrokerError::with_source(
            BrokerErrorKind::Closed,
            format!("could not {what}: it was given up"),
            gone,
        ))
    })
}

async fn each(link: &Link, what: &'static str, queues: &[String]) -> Result<Vec<Option<Found>>, BrokerError> {
    let mut open: Option<Channel> = None;
    let mut answers = Vec::with_capacity(queues.len());
    for queue in queues {
        let name = short("queue", queue)?;
        let channel = match open.take() {
            Some(channel) => channel,
            None => link.channel(what).await?.0,
        };
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        match channel.queue_declare(name, passive, FieldTable::default()).await {
            Ok(found) => {
                let (ready, consumers) = (found.message_count().into(), found.consumer_count().into());
                answers.push(Some(Found { ready, consumers }));
                open = Some(channel);
            }
            Err(error) if error::is_missing(&error) => answers.push(None),
            Err(error) => return Err(error::broker(what, link.shown(), error)),
        }
    }
    if let Some(channel) = open {
        let _ = channel.close(200, "counted".into()).await;
    }
    Ok(answers)
}
