//! The reply queue of an app: one for all questions that are asked at the same time.
//!
//! Kept true here: each question hears the answers to its own ticket and no other; the queue and its consumer
//! come with the first question and go with the last, whether that was awaited or dropped, and from whatever
//! runtime it was asked; when the consumer fails, all who wait hear of it, and the next question begins anew.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, OnceCell, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{Replies, Reply, ReplyTo, reply_exchange};
use crate::{
    Error, ErrorKind,
    app::App,
    broker::{
        ConsumeSpec, Consumer, Delivery, Exchange, ExchangeKind, Payload, Queue, Settle, Settlement, Topology,
    },
    codec::Value,
    config::Settings,
};

/// Replies that are taken in one go.
const BATCH: u32 = 256;
/// An abandoned reply queue goes after this, in milliseconds: `control_queue_expires`.
const EXPIRES: &str = "x-expires";
/// A reply that nobody takes goes after this, in milliseconds: `control_queue_ttl`.
const TTL: &str = "x-message-ttl";

/// The queue, if one is open; or why it could not be opened.
type Cell = OnceCell<Result<Open, Error>>;

/// Where an app's questions get their answers.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Weak<Cell>>);

impl Mailbox {
    /// Begins to listen for the answers to a new ticket.
    pub(super) async fn listen(&self, app: &App) -> Result<Listener, Error> {
        let cell = self.current();
        // Those who came meanwhile share a failure, too, instead of each finding out in turn.
        let open = cell.get_or_init(|| Open::new(app)).await.as_ref().map_err(Clone::clone)?;
        let (to, ticket) = (open.to.clone(), Ticket::new(&open.desk));
        Ok(Listener { to, ticket, cell })
    }

    fn current(&self) -> Arc<Cell> {
        let mut current = lock(&self.0);
        let usable = |cell: &Arc<Cell>| match cell.get() {
            Some(Ok(open)) => open.desk.failure().is_none(),
            Some(Err(_)) => false,
            None => true, // somebody opens it right now
        };
        current.upgrade().filter(usable).unwrap_or_else(|| {
            let cell = Arc::new(Cell::new());
            *current = Arc::downgrade(&cell);
            cell
        })
    }
}

/// One question's place at the mailbox.
#[derive(Debug)]
pub(super) struct Listener {
    /// Where answers are to be sent.
    pub(super) to: ReplyTo,
    ticket: Ticket,
    cell: Arc<Cell>,
}

impl Listener {
    /// What the answers have to bear.
    pub(super) fn ticket(&self) -> &str {
        &self.ticket.id
    }

    /// Waits until so many nodes have answered.
    pub(super) async fn heard(&self, nodes: usize) -> Result<(), Error> {
        loop {
            if lock(&self.ticket.answers.heard).replies.len() >= nodes {
                return Ok(());
            }
            if let Some(error) = self.ticket.desk.failure() {
                return Err(error);
            }
            self.ticket.answers.changed.notified().await;
        }
    }

    /// Ends listening, and says what has come. The last one out takes the queue along.
    pub(super) async fn close(self) -> Heard {
        let Self { ticket, cell, .. } = self;
        let heard = std::mem::take(&mut *lock(&ticket.answers.heard));
        drop(ticket);
        if let Some(Ok(open)) = Arc::into_inner(cell).and_then(OnceCell::into_inner) {
            drop(open.stop);
            let _ = open.run.await; // it says itself what goes wrong
        }
        heard
    }
}

/// What has come for a ticket.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) replies: Replies,
    /// The latest logical time of those who answered.
    pub(super) clock: u64,
}

#[derive(Debug, Default)]
struct Answers {
    heard: Mutex<Heard>,
    /// One waits at most.
    changed: Notify,
}

/// A ticket, which answers are taken for until it is dropped.
#[derive(Debug)]
struct Ticket {
    id: String,
    answers: Arc<Answers>,
    desk: Arc<Desk>,
}

impl Ticket {
    fn new(desk: &Arc<Desk>) -> Self {
        let id = Uuid::new_v4().to_string();
        let answers = Arc::default();
        lock(&desk.0).tickets.insert(id.clone(), Arc::clone(&answers));
        Self { id, answers, desk: Arc::clone(desk) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.desk.0).tickets.remove(&self.id);
    }
}

/// Who waits for what.
#[derive(Debug, Default)]
struct Desk(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    tickets: HashMap<String, Arc<Answers>>,
    /// Why nothing comes any more.
    failure: Option<Error>,
}

impl Desk {
    fn failure(&self) -> Option<Error> {
        lock(&self.0).failure.clone()
    }

    /// Gives a reply to whoever asked; what nobody asked for, or no longer, goes.
    fn hand_over(&self, reply: Reply) {
        let Some(ticket) = &reply.ticket else { return };
        let Some(answers) = lock(&self.0).tickets.get(ticket).cloned() else { return };
        let mut heard = lock(&answers.heard);
        heard.clock = heard.clock.max(reply.clock);
        heard.replies.insert(reply.node, reply.value);
        drop(heard);
        answers.changed.notify_one();
    }

    fn fail(&self, error: Error) {
        let mut waiting = lock(&self.0);
        waiting.failure = Some(error);
        for answers in waiting.tickets.values() {
            answers.changed.notify_one();
        }
    }
}

/// A queue with the consumer that empties it, until this is dropped.
#[derive(Debug)]
struct Open {
    to: ReplyTo,
    desk: Arc<Desk>,
    stop: DropGuard,
    /// On the thread of the app's connections: who asked first may be gone before the others.
    run: JoinHandle<()>,
}

impl Open {
    async fn new(app: &App) -> Result<Self, Error> {
        let queue = reply_queue(app.settings());
        let to = ReplyTo { exchange: queue.exchange.name.clone(), routing_key: queue.routing_key.clone() };
        let broker = app.read_broker().await?;
        let mut spec = ConsumeSpec::new(app.origin(), vec![queue.clone()]);
        spec.max_deliveries = 0;
        // Answers come one by one: a subscription has to wait for the last.
        spec.prefetch = BATCH;
        let (desk, stop) = (Arc::new(Desk::default()), CancellationToken::new());
        let (for_run, stopped) = (Arc::clone(&desk), stop.clone());
        let (opened, ready) = oneshot::channel();
        let run = app.connections().io()?.spawn(async move {
            let consumer = async {
                broker.declare(&Topology { queues: vec![queue.clone()] }).await?;
                broker.consume(spec).await
            };
            match consumer.await {
                Err(error) => drop(opened.send(Err(Error::from(error)))),
                Ok(mut consumer) => {
                    let _ = opened.send(Ok(()));
                    tokio::select! {
                        biased;
                        () = stopped.cancelled() => {}
                        error = distribute(consumer.as_mut(), &for_run) => for_run.fail(error),
                    }
                    let _ = consumer.stop_fetching().await; // the queue goes in any case
                }
            }
            if let Some(admin) = broker.admin()
                && let Err(error) = admin.remove_queue(&queue).await
            {
                tracing::debug!(%error, queue = queue.name, "could not remove a reply queue; it goes by itself");
            }
        });
        let stop = stop.drop_guard();
        let gone = |_| Error::new(ErrorKind::Other, "the app was closed while a reply queue was opened");
        ready.await.map_err(gone)??;
        Ok(Self { to, desk, stop, run })
    }
}

/// Hands replies to who waits for them, until that fails.
async fn distribute(consumer: &mut dyn Consumer, desk: &Desk) -> Error {
    let settler = consumer.settler();
    let mut batch: Vec<Delivery> = Vec::new();
    loop {
        if let Err(error) = consumer.next_batch(BATCH as usize, &mut batch).await {
            return error.into();
        }
        let mut settle = Vec::with_capacity(batch.len());
        for delivery in batch.drain(..) {
            let (tag, payload, ..) = delivery.accept();
            settle.push(Settlement::new(tag, Settle::Ack));
            if let Payload::Message(message) = payload {
                Reply::read(&message).into_iter().for_each(|reply| desk.hand_over(reply));
            }
        }
        // A lost one comes again, with the same ticket.
        if let Err(error) = settler.settle(&settle).await {
            return error.into();
        }
    }
}

/// A queue with a name that nobody else has.
fn reply_queue(settings: &Settings) -> Queue {
    let exchange = reply_exchange(&settings.control_exchange);
    let key = Uuid::new_v4().to_string();
    let milliseconds = |time: Duration| Value::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    Queue {
        exchange: Exchange { name: exchange.clone(), kind: ExchangeKind::Direct, durable: false },
        routing_key: key.clone(),
        durable: false,
        auto_delete: true,
        exclusive: settings.control_queue_exclusive,
        arguments: [
            (EXPIRES.to_owned(), milliseconds(settings.control_queue_expires)),
            (TTL.to_owned(), milliseconds(settings.control_queue_ttl)),
        ]
        .into(),
        ..Queue::named(format!("{key}.{exchange}"))
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
