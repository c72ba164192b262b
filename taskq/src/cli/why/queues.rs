//! What is seen in the queues: the task itself, those that lead to it, its dead letter.

use taskq_core::{
    Timestamp,
    broker::{Broker, BrokerAdmin, PeekedMessage},
    codec::Accept,
    protocol::{DeliveryInfo, Leads, Request},
};

use super::super::{Failure, Session};

/// Messages of a queue that are looked at.
const LOOK: usize = 10_000;
/// The same where a look is a delivery.
const LOOK_BY_TAKING: usize = 500;
/// Dead letters of a queue that are looked at.
const DEAD: usize = 10_000;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The task itself.
    pub(super) waiting: Vec<Waiting>,
    /// Tasks that lead to it.
    pub(super) before: Vec<Before>,
    pub(super) dead: Vec<Dead>,
    /// Messages that are with workers, in the queues that were looked into.
    pub(super) in_flight: u64,
    /// Queues with more messages than were looked at.
    pub(super) too_long: Vec<String>,
}

/// The message of the task.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) queue: String,
    pub(super) task: Option<String>,
    /// How many of those that are ready stand before it.
    pub(super) ahead: usize,
    pub(super) not_before: Option<Timestamp>,
    /// What the message itself asks for.
    pub(super) eta: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    pub(super) retries: u32,
}

/// The message of a task that leads to it.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) queue: String,
    pub(super) id: String,
    pub(super) task: String,
    pub(super) how: Leads,
}

/// Its dead letter.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) queue: String,
    pub(super) task: Option<String>,
    pub(super) at: Timestamp,
    pub(super) reason: String,
    /// Names it for `dead replay`.
    pub(super) letter: String,
}

/// Looks into these queues, or all.
pub(super) async fn look(
    session: &Session,
    broker: &dyn Broker,
    chosen: &[String],
    id: &str,
) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    let Some(admin) = broker.admin() else { return Ok(seen) };
    let queues = if chosen.is_empty() { session.all_queues(&*admin).await? } else { chosen.to_vec() };
    let most = if broker.capabilities().in_place { LOOK } else { LOOK_BY_TAKING };
    let stats = session.within(admin.stats(&queues)).await?;
    for row in &stats {
        seen.in_flight += row.in_flight;
        if row.ready + row.delayed > 0 {
            let messages = session.within(admin.peek(&row.queue, most)).await?;
            if row.ready + row.delayed > messages.len() as u64 {
                seen.too_long.push(row.queue.clone());
            }
            seen.take(session, &row.queue, &messages, id);
        }
        if row.dead > 0 {
            seen.take_dead(session, &*admin, &row.queue, id).await?;
        }
    }
    Ok(seen)
}

impl Seen {
    fn take(&mut self, session: &Session, queue: &str, messages: &[PeekedMessage], id: &str) {
        let mut ahead = 0;
        for peeked in messages {
            if let Some(request) = read(session, peeked) {
                if request.id().as_str() == id {
                    self.waiting.push(Waiting {
                        queue: queue.to_owned(),
                        task: Some(request.headers.task.clone()),
                        ahead,
                        not_before: peeked.not_before,
                        eta: request.eta,
                        expires: request.expires,
                        retries: request.headers.retries,
                    });
                } else if let Some(how) = request.embed.leads_to(id) {
                    self.before.push(Before {
                        queue: queue.to_owned(),
                        id: request.id().to_string(),
                        task: request.headers.task.clone(),
                        how,
                    });
                }
            }
            ahead += usize::from(peeked.not_before.is_none());
        }
    }

    async fn take_dead(
        &mut self,
        session: &Session,
        admin: &dyn BrokerAdmin,
        queue: &str,
        id: &str,
    ) -> Result<(), Failure> {
        for letter in session.within(admin.dead(queue, 0, DEAD)).await? {
            let Some(message) = letter.message else { continue };
            let peeked =
                PeekedMessage { original: letter.original, message: Some(message), not_before: None };
            let request = read(session, &peeked);
            let own = match &request {
                Some(request) => request.id().as_str() == id,
                // Its body cannot be read; its id may be.
                None => peeked
                    .message
                    .is_some_and(|message| message.properties.correlation_id.as_deref() == Some(id)),
            };
            if own {
                self.dead.push(Dead {
                    queue: queue.to_owned(),
                    task: request.map(|request| request.headers.task),
                    at: letter.at,
                    reason: letter.reason.to_string(),
                    letter: letter.id,
                });
            }
        }
        Ok(())
    }
}

fn read(session: &Session, peeked: &PeekedMessage) -> Option<Request> {
    let settings = session.app.settings();
    let limit = usize::try_from(settings.max_body_size).unwrap_or(usize::MAX);
    let message = peeked.message.clone()?;
    Request::decode(message, DeliveryInfo::default(), &Accept::all(), &settings.zone(), limit).ok()
}
