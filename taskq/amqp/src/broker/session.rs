//! One channel that consumes.
//!
//! With a window, all queues are subscribed to and stay so. Without one, messages come only when they are asked
//! for: a take subscribes for as many as it wants, and the first that comes ends the subscription. A window that
//! changes is one of the channel, as only that counts what it has delivered before; quorum queues know none, so
//! messages are asked for.

mod arrival;
mod ask;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::try_join_all,
    stream::{BoxStream, SelectAll},
};
use lapin::{
    Channel,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use taskq_core::broker::{BrokerError, Delivery, Queue};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{
    delay,
    feed::{Feed, Order, is_final, lost, refuses_shared_window},
    publish::short,
    topology,
};

/// How a channel ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By order.
    Stopped,
    /// By itself, and why.
    Lost(String),
}

/// A subscription to a queue.
#[derive(Debug)]
struct Source {
    queue: Queue,
    name: Arc<str>,
    tag: ShortString,
    /// It counts deliveries.
    quorum: bool,
}

/// What a channel was told of windows; 0 is none.
#[derive(Debug, Default)]
struct Told {
    each: u16,
    together: u16,
}

enum Event {
    Arrived(Arc<Source>, Box<lapin::message::Delivery>),
    Failed(lapin::Error),
    /// Cancelled, by us or because the queue is gone. It is the last of its source.
    Ended(Arc<Source>),
}

pub(super) struct Session<'a> {
    feed: &'a mut Feed,
    channel: Channel,
    epoch: u32,
    events: SelectAll<BoxStream<'static, Event>>,
    sources: Vec<Arc<Source>>,
    /// The window of the subscriptions; 0: none stays.
    window: u16,
    /// What the channel was told: the window of each subscription that follows, and the one of all together.
    told: Told,
    /// What has come and is not handed over yet.
    arrived: Vec<(Arc<str>, Delivery)>,
    /// An order that came while something else was done.
    order: Option<Order>,
    /// What happens to deliveries that are not handed out. They end with the channel.
    chores: JoinSet<()>,
    /// Sees to delayed messages, after a connection was lost.
    serving: Option<AbortOnDropHandle<()>>,
}

/// Events that are taken before anything else is looked at.
const AT_ONCE: usize = 64;

/// How often a channel without a subscription is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Consumer tags are never used twice.
static TAGS: AtomicU64 = AtomicU64::new(1);

impl<'a> Session<'a> {
    pub(super) fn new(feed: &'a mut Feed, channel: Channel, epoch: u32) -> Self {
        Self {
            feed,
            channel,
            epoch,
            events: SelectAll::new(),
            sources: Vec::new(),
            window: 0,
            told: Told::default(),
            arrived: Vec::new(),
            order: None,
            chores: JoinSet::new(),
            serving: None,
        }
    }

    /// Consumes until the channel ends.
    ///
    /// # Errors
    /// Only those that no retry mends.
    pub(super) async fn run(mut self) -> Result<Ended, BrokerError> {
        let (inbox, stop) = (Arc::clone(&self.feed.inbox), self.feed.stop.clone());
        if let Err(error) = self.fit_window().await {
            return Ok(self.broken(&error));
        }
        self.feed.consuming();
        if !std::mem::replace(&mut self.feed.served, true) {
            self.serve_delays();
        }
        loop {
            let asks = self.window == 0;
            let wish = if asks { inbox.wish() } else { 0 };
            let ended = if stop.is_cancelled() {
                return Ok(self.close().await);
            } else if let Some(order) = self.order.take() {
                self.obey(order).await?
            } else if self.wants_another_window() {
                let fitted = self.fit_window().await;
                fitted.err().map(|error| self.broken(&error))
            } else if wish > 0 {
                self.ask(wish).await
            } else {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => None,
                    Some(order) = self.feed.orders.recv() => {
                        self.order = Some(order);
                        None
                    }
                    Some(event) = self.events.next() => self.hear_all(event).await?,
                    Some(_) = self.chores.join_next() => None,
                    () = inbox.wanted.notified(), if self.feed.adapts => None,
                    () = gone(&self.channel), if asks => {
                        Some(Ended::Lost("the connection was lost".to_owned()))
                    }
                }
            };
            self.hand_over();
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    /// Beside the work: all of it may be to be made again.
    fn serve_delays(&mut self) {
        let (shared, queues) = (Arc::clone(&self.feed.shared), self.feed.queues.clone());
        let serving = tokio::spawn(async move { delay::serve_again(&shared, &queues).await });
        self.serving = Some(AbortOnDropHandle::new(serving));
    }

    fn broken(&mut self, error: &lapin::Error) -> Ended {
        self.feed.no_shared_window |= refuses_shared_window(error);
        lost(error)
    }

    /// The window that is wanted, where there can be one.
    fn wanted_window(&self) -> u16 {
        let Feed { adapts, no_shared_window, .. } = &*self.feed;
        let can = !adapts || !no_shared_window && self.all_are_classic();
        if can { self.feed.inbox.window() } else { 0 }
    }

    fn wants_another_window(&self) -> bool {
        self.wanted_window() != self.window
    }

    /// Subscribes with the window that is wanted, or changes it under the subscriptions.
    async fn fit_window(&mut self) -> lapin::Result<()> {
        let wanted = self.wanted_window();
        if wanted == 0 {
            let sources = std::mem::take(&mut self.sources);
            self.cancel(&sources).await?;
        }
        let before = std::mem::replace(&mut self.window, wanted);
        self.set_window().await?;
        if before == 0 && wanted > 0 {
            for queue in self.feed.queues.clone() {
                self.subscribe(&queue).await?;
            }
        }
        Ok(())
    }

    fn all_are_classic(&self) -> bool {
        let Feed { queues, shared, .. } = &*self.feed;
        !queues.iter().any(|queue| topology::is_quorum(queue, &shared.options))
    }

    /// One window over all queues, where all are classic; else each has its own. Only the window of the channel
    /// counts what was delivered before it was changed.
    async fn set_window(&mut self) -> lapin::Result<()> {
        let Feed { queues, adapts, no_shared_window, .. } = &*self.feed;
        let several = queues.len() > 1 && !no_shared_window && self.all_are_classic();
        let (each, together) = match self.window {
            window if *adapts => (0, window),
            window => (window, if several { window } else { 0 }),
        };
        self.tell_each(each).await?;
        if self.told.together != together {
            self.channel.basic_qos(together, BasicQosOptions { global: true }).await?;
            self.told.together = together;
        }
        Ok(())
    }

    /// The window of each subscription that follows. To tell RabbitMQ so takes the one of the channel away, so it is not
    /// told again what it knows: subscriptions would be without a window for a moment.
    async fn tell_each(&mut self, each: u16) -> lapin::Result<()> {
        if self.told.each != each {
            self.channel.basic_qos(each, BasicQosOptions { global: false }).await?;
            self.told = Told { each, together: 0 };
        }
        Ok(())
    }

    async fn subscribe(&mut self, queue: &Queue) -> lapin::Result<()> {
        let tag: ShortString = format!("taskq{}", TAGS.fetch_add(1, Ordering::Relaxed)).into();
        let source = Arc::new(Source {
            name: queue.name.as_str().into(),
            quorum: topology::is_quorum(queue, &self.feed.shared.options),
            queue: queue.clone(),
            tag: tag.clone(),
        });
        // Declared before, so its name is short enough.
        let name = short("queue", &queue.name).unwrap_or_default();
        let arguments = FieldTable::default();
        let consumer =
            self.channel.basic_consume(name, tag, BasicConsumeOptions::default(), arguments).await?;
        let (arriving, ending) = (Arc::clone(&source), Arc::clone(&source));
        let events = consumer.map(move |event| match event {
            Ok(delivery) => Event::Arrived(Arc::clone(&arriving), Box::new(delivery)),
            Err(error) => Event::Failed(error),
        });
        let end = futures_util::stream::once(async move { Event::Ended(ending) });
        self.events.push(events.chain(end).boxed());
        self.sources.push(source);
        Ok(())
    }

    /// Takes an event and those that came with it: so they are handed over at once. `Some` when the channel has ended.
    async fn hear_all(&mut self, first: Event) -> Result<Option<Ended>, BrokerError> {
        let mut event = first;
        for _ in 1..AT_ONCE {
            if let Some(ended) = self.hear(event).await? {
                return Ok(Some(ended));
            }
            match self.events.next().now_or_never() {
                Some(Some(next)) => event = next,
                _ => return Ok(None),
            }
        }
        self.hear(event).await
    }

    /// Hands over what has come.
    fn hand_over(&mut self) {
        self.feed.inbox.push_all(self.arrived.drain(..));
    }

    /// Takes an event; `Some` when the channel has ended.
    async fn hear(&mut self, event: Event) -> Result<Option<Ended>, BrokerError> {
        match event {
            Event::Arrived(source, delivery) => self.arrive(&source, *delivery),
            Event::Failed(error) => return Ok(Some(self.broken(&error))),
            Event::Ended(source) if self.forget(&source) => return self.resubscribe(&source.queue).await,
            Event::Ended(_) => {}
        }
        Ok(None)
    }

    /// True when it was not cancelled by us.
    fn forget(&mut self, source: &Arc<Source>) -> bool {
        let count = self.sources.len();
        self.sources.retain(|other| !Arc::ptr_eq(other, source));
        self.sources.len() < count
    }

    /// The queue went away under us.
    async fn resubscribe(&mut self, queue: &Queue) -> Result<Option<Ended>, BrokerError> {
        if !self.channel.status().connected() {
            return Ok(Some(Ended::Lost("the channel was closed".to_owned())));
        }
        tracing::warn!(queue = queue.name, "the queue was deleted; declaring it again");
        let feed = &mut *self.feed;
        match topology::declare(&feed.shared, &feed.link, std::slice::from_ref(queue)).await {
            Ok(()) => {}
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => return Ok(Some(Ended::Lost(error.to_string()))),
        }
        // Its bindings went with it.
        self.serve_delays();
        let subscribed = self.subscribe(queue).await;
        Ok(subscribed.err().map(|error| self.broken(&error)))
    }

    async fn obey(&mut self, order: Order) -> Result<Option<Ended>, BrokerError> {
        let Order { queues, done } = order;
        let feed = &mut *self.feed;
        let ready = async {
            topology::declare(&feed.shared, &feed.link, &queues).await?;
            delay::serve(&feed.shared, &feed.link, &queues).await
        };
        if let Err(error) = ready.await {
            let _ = done.send(Err(error));
            return Ok(None);
        }
        let gone: Vec<Arc<Source>> = self
            .sources
            .extract_if(.., |source| !queues.iter().any(|queue| *queue.name == *source.name))
            .collect();
        let new: Vec<Queue> = queues
            .iter()
            .filter(|queue| !self.feed.queues.iter().any(|old| old.name == queue.name))
            .cloned()
            .collect();
        let ended = self.change(&gone, queues, &new).await;
        let _ = done.send(Ok(()));
        Ok(ended.err().map(|error| self.broken(&error)))
    }

    async fn change(&mut self, gone: &[Arc<Source>], queues: Vec<Queue>, new: &[Queue]) -> lapin::Result<()> {
        self.cancel(gone).await?;
        let is_gone = |name: &str| !queues.iter().any(|queue| queue.name == name);
        let back = self.feed.inbox.remove(is_gone);
        self.feed.give_back(back).await;
        self.feed.queues = queues;
        if self.window > 0 && !self.wants_another_window() {
            self.set_window().await?;
            for queue in new {
                self.subscribe(queue).await?;
            }
        }
        Ok(())
    }

    /// Ends subscriptions, and hands over what was under way. They are not in `sources` any more.
    async fn cancel(&mut self, sources: &[Arc<Source>]) -> lapin::Result<()> {
        let cancel = |source: &Arc<Source>| {
            self.channel.basic_cancel(source.tag.clone(), BasicCancelOptions::default())
        };
        try_join_all(sources.iter().map(cancel)).await?;
        let mut open = sources.len();
        while open > 0 {
            match self.events.next().await {
                Some(Event::Arrived(source, delivery)) => self.arrive(&source, *delivery),
                Some(Event::Failed(error)) => return Err(error),
                Some(Event::Ended(source)) if sources.iter().any(|ours| Arc::ptr_eq(ours, &source)) => {
                    open -= 1;
                }
                // Deleted in the same moment: its next take declares it.
                Some(Event::Ended(source)) => drop(self.forget(&source)),
                None => break,
            }
        }
        self.hand_over();
        Ok(())
    }

    /// Stops receiving; the channel stays for those who settle.
    async fn close(mut self) -> Ended {
        let sources = std::mem::take(&mut self.sources);
        if let Err(error) = self.cancel(&sources).await {
            return lost(&error);
        }
        while self.chores.join_next().await.is_some() {}
        Ended::Stopped
    }
}

/// Until the channel has ended. Without a subscription nobody else would tell.
async fn gone(channel: &Channel) {
    while channel.status().connected() {
        sleep(LOOK).await;
    }
}
