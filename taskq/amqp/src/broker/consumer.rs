//! The consumer: one loop that receives, and an inbox between it and whoever takes.

use std::sync::Arc;

use taskq_core::{
    BoxFuture,
    broker::{BrokerError, BrokerErrorKind, ConsumeSpec, Consumer, Delivery, HoldLimit, Queue, Settler},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared, delay,
    feed::{Feed, ORDERS, Order},
    hold,
    inbox::Inbox,
    ledger::Ledger,
    settle::AmqpSettler,
    topology,
};

/// The window of a consumer without one, on queues that go with their last subscription.
const WINDOW: u16 = 256;

pub(super) struct AmqpConsumer {
    inbox: Arc<Inbox>,
    settler: Arc<AmqpSettler>,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
    hold: Option<HoldLimit>,
    /// Whether the window may change.
    adapts: bool,
    /// Not aborted with the consumer: it gives back what nobody took, and then ends.
    feed: Option<JoinHandle<()>>,
}

impl AmqpConsumer {
    /// Declares the queues, and starts the loop.
    pub(super) async fn start(shared: Arc<Shared>, spec: ConsumeSpec) -> Result<Self, BrokerError> {
        // A thousand questions at once are not a thousand connections.
        let private = spec.queues.iter().all(|queue| queue.exclusive);
        let room = if private { Arc::clone(&shared.private).acquire_owned().await.ok() } else { None };
        let link =
            if private { Arc::clone(&shared.listener) } else { Arc::new(shared.publisher.link().sibling()) };
        topology::declare(&shared, &link, &spec.queues).await?;
        delay::serve(&shared, &link, &spec.queues).await?;
        let hold = hold::limit(&shared, &spec.queues).await;
        // Such a queue goes, with all that is in it, when nobody is subscribed for a moment.
        let fleeting = spec.queues.iter().any(|queue| queue.auto_delete);
        let window = match u16::try_from(spec.prefetch).unwrap_or(u16::MAX) {
            0 if fleeting => WINDOW,
            window => window,
        };
        let (inbox, ledger) = (Arc::<Inbox>::default(), Arc::<Ledger>::default());
        inbox.set_window(window);
        let settler = Arc::new(AmqpSettler::start(Arc::clone(&shared), Arc::clone(&ledger)));
        let (orders, receive) = mpsc::channel(ORDERS);
        let stop = CancellationToken::new();
        let feed = Feed {
            shared,
            link,
            _room: room,
            ledger,
            settler: Arc::clone(&settler),
            inbox: Arc::clone(&inbox),
            queues: spec.queues,
            adapts: window == 0,
            max_deliveries: spec.max_deliveries,
            no_shared_window: false,
            served: true,
            orders: receive,
            stop: stop.clone(),
        };
        let feed = Some(tokio::spawn(feed.run()));
        Ok(Self { inbox, settler, orders, stop, hold, adapts: window == 0, feed })
    }
}

impl Consumer for AmqpConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            if max == 0 || self.stop.is_cancelled() {
                return Ok(());
            }
            self.inbox.take(max, into).await
        })
    }

    fn set_window(&mut self, most: Option<usize>) {
        if self.adapts {
            self.inbox.set_window(most.map_or(0, |most| u16::try_from(most).unwrap_or(u16::MAX)));
        }
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::<AmqpSettler>::clone(&self.settler)
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            self.stop.cancel();
            if let Some(feed) = self.feed.take() {
                // Its runtime has ended when this fails, and the connection with it.
                let _ = feed.await;
            }
            Ok(())
        })
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            let stopped =
                || BrokerError::new(BrokerErrorKind::Closed, "could not change queues: not consuming");
            let (done, answer) = oneshot::channel();
            self.orders.send(Order { queues, done }).await.map_err(|_| stopped())?;
            answer.await.unwrap_or_else(|_| Err(stopped()))
        })
    }

    fn health(&self) -> Result<(), String> {
        self.inbox.health()
    }

    fn hold_limit(&self) -> Option<HoldLimit> {
        self.hold.clone()
    }
}

impl Drop for AmqpConsumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
