//! The asking side: `app.control()`.
//!
//! Kept true here: whoever asks waits no longer than the timeout says, whatever the workers do; a reply to
//! somebody else's question, or to an earlier one, is not taken for an answer; the reply queue goes with the
//! question.

use std::{collections::BTreeMap, future::IntoFuture, time::Duration};

use uuid::Uuid;

use super::{Command, Matcher, Reply, ReplyTo, exchange, reply_exchange};
use crate::{
    BoxFuture, Error, ErrorKind,
    app::App,
    broker::{
        Broker, ConsumeSpec, Delivery, Exchange, ExchangeKind, Payload, Queue, Settle, Settlement, Topology,
    },
    codec::{Map, Value},
};

/// How long replies are waited for. As Celery.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Replies that are taken in one go.
const BATCH: u32 = 256;
/// An abandoned reply queue goes after this, in milliseconds: `control_queue_expires`.
const EXPIRES: &str = "x-expires";
/// A reply that nobody takes goes after this, in milliseconds: `control_queue_ttl`.
const TTL: &str = "x-message-ttl";

/// What each node answered, by node name.
pub type Replies = BTreeMap<String, Value>;

/// Remote control of the workers on an app's broker.
#[derive(Clone, Debug)]
pub struct Control(App);

impl App {
    /// Remote control of the workers on this app's broker.
    pub fn control(&self) -> Control {
        Control(self.clone())
    }
}

impl Control {
    /// A command, with or without arguments: `control.ask("ping").await?`.
    pub fn ask(&self, method: impl Into<String>) -> Ask {
        Ask { app: self.0.clone(), command: Command::new(method), timeout: TIMEOUT, limit: None }
    }
}

/// A question that is not asked yet. Awaiting it asks, and answers what came within the timeout.
#[must_use = "a question is asked when it is awaited"]
#[derive(Clone, Debug)]
pub struct Ask {
    app: App,
    command: Command,
    timeout: Duration,
    limit: Option<usize>,
}

impl Ask {
    /// With an argument.
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.command.arguments.insert(name.into(), value.into());
        self
    }

    /// With these arguments, by name.
    pub fn args(mut self, arguments: Map) -> Self {
        self.command.arguments.extend(arguments);
        self
    }

    /// Only to these nodes. It is over when all of them have answered.
    pub fn destination<S: Into<String>>(mut self, nodes: impl IntoIterator<Item = S>) -> Self {
        self.command.destination = Some(nodes.into_iter().map(Into::into).collect());
        self
    }

    /// Only to nodes whose names match.
    pub fn matching(mut self, matcher: Matcher) -> Self {
        self.command.matcher = Some(matcher);
        self
    }

    /// Waits so long for replies. Default: 1 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Is over after so many replies.
    pub fn limit(mut self, replies: usize) -> Self {
        self.limit = Some(replies);
        self
    }

    /// Tells, and wants no reply.
    ///
    /// # Errors
    /// When the broker cannot be reached or has no fan-out.
    pub async fn tell(mut self) -> Result<(), Error> {
        self.command.clock = self.app.tick();
        self.publish().await
    }

    async fn publish(&self) -> Result<(), Error> {
        let message = self.command.to_message().map_err(|error| {
            let text = format!("could not encode the command `{}`", self.command);
            Error::with_source(ErrorKind::Encode, text, error)
        })?;
        let exchange = exchange(&self.app.settings().control_exchange);
        Ok(self.app.broadcast().await?.publish(&exchange, "", &message).await?)
    }

    async fn ask(mut self) -> Result<Replies, Error> {
        let settings = self.app.settings();
        // Of its own for each question, so that several may be asked at once.
        let key = Uuid::new_v4().to_string();
        let to = ReplyTo { exchange: reply_exchange(&settings.control_exchange), routing_key: key };
        let milliseconds = |time: Duration| Value::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let queue = Queue {
            exchange: Exchange { name: to.exchange.clone(), kind: ExchangeKind::Direct, durable: false },
            routing_key: to.routing_key.clone(),
            durable: false,
            auto_delete: true,
            exclusive: settings.control_queue_exclusive,
            arguments: [
                (EXPIRES.to_owned(), milliseconds(settings.control_queue_expires)),
                (TTL.to_owned(), milliseconds(settings.control_queue_ttl)),
            ]
            .into(),
            ..Queue::named(format!("{}.{}", to.routing_key, to.exchange))
        };
        let broker = self.app.read_broker().await?;
        broker.declare(&Topology { queues: vec![queue.clone()] }).await?;
        let ticket = Uuid::new_v4().to_string();
        self.command.ticket = Some(ticket.clone());
        self.command.reply_to = Some(to);
        self.command.clock = self.app.tick();
        let now = self.app.clock().now().as_microsecond() as f64 / 1e6;
        self.command.expires = now + self.timeout.as_secs_f64();
        let replies = self.collect(broker.as_ref(), &queue, &ticket).await;
        if let Some(admin) = broker.admin()
            && let Err(error) = admin.remove_queue(&queue).await
        {
            tracing::debug!(%error, queue = queue.name, "could not remove a reply queue; it goes by itself");
        }
        replies
    }

    async fn collect(&self, broker: &dyn Broker, queue: &Queue, ticket: &str) -> Result<Replies, Error> {
        let mut spec = ConsumeSpec::new(self.app.origin(), vec![queue.clone()]);
        spec.max_deliveries = 0;
        // Answers come one by one: a subscription has to wait for the last.
        spec.prefetch = BATCH;
        let mut consumer = broker.consume(spec).await?;
        self.publish().await?;
        let wanted = self.limit.or(self.command.destination.as_ref().map(Vec::len)).unwrap_or(usize::MAX);
        let mut replies = Replies::new();
        let gather = async {
            let mut batch: Vec<Delivery> = Vec::new();
            while replies.len() < wanted {
                consumer.next_batch(BATCH as usize, &mut batch).await?;
                let mut settle = Vec::with_capacity(batch.len());
                for delivery in batch.drain(..) {
                    let (tag, payload, ..) = delivery.accept();
                    settle.push(Settlement { tag, how: Settle::Ack, publish: Vec::new() });
                    let Payload::Message(message) = payload else { continue };
                    for reply in Reply::read(&message) {
                        if reply.ticket.as_deref() == Some(ticket) {
                            self.app.adjust_clock(reply.clock);
                            replies.insert(reply.node, reply.value);
                        }
                    }
                }
                // A lost one comes again, with the same ticket.
                let _ = consumer.settler().settle(&settle).await?;
            }
            Ok::<_, Error>(())
        };
        // Whoever has not answered by then does not.
        if let Ok(done) = tokio::time::timeout(self.timeout, gather).await {
            done?;
        }
        let _ = consumer.stop_fetching().await; // the queue goes in any case
        Ok(replies)
    }
}

impl IntoFuture for Ask {
    type Output = Result<Replies, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
