//! The consumer: [fetches](fetch) that outlive whoever waits for them, so that waiting can be cancelled at any time.
//!
//! Kept true here: what was fetched and is not handed out goes back, uncounted, when the consumer stops, and when its
//! window becomes too small for it.

use std::{collections::VecDeque, sync::Arc};

use taskq_core::{
    BoxFuture,
    broker::{BrokerError, BrokerErrorKind, ConsumeSpec, Consumer, Delivery, Queue, Settler, Topology},
};
use tokio::{
    sync::{
        mpsc,
        oneshot::{self, error::TryRecvError},
    },
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    fetch::{Batch, Fetch, Fetched, State},
    held::Held,
    reclaim,
    settle::{self, RETURNS, RedisSettler},
    take::Terms,
    topology, unacked,
    wait::Watch,
};
use crate::options::QueueOrder;

pub(super) struct RedisConsumer {
    shared: Arc<Shared>,
    held: Arc<Held>,
    settler: Arc<RedisSettler>,
    queues: Vec<String>,
    terms: Terms,
    watch: Watch,
    state: Arc<State>,
    /// A fetch that is under way, and what ends it and those that follow it.
    fetching: Option<(CancellationToken, oneshot::Receiver<Fetched>)>,
    /// Fetched, not handed out yet.
    ready: VecDeque<Delivery>,
    /// Where round robin goes on.
    turn: usize,
    stop: CancellationToken,
    /// Loops that end with the consumer.
    duties: JoinSet<()>,
}

impl RedisConsumer {
    pub(super) async fn start(shared: &Shared, spec: ConsumeSpec) -> Result<Self, BrokerError> {
        let shared = Arc::new(shared.beside());
        shared.link.connect("consume").await?;
        topology::declare(&shared, &Topology { queues: spec.queues.clone() }).await?;
        let instance = format!("{}:{}", spec.node, uuid::Uuid::new_v4().as_simple());
        let held = Arc::new(Held::new(instance, shared.options.mirror_unacked));
        let (send, receive) = mpsc::channel(RETURNS);
        let watch = Watch::new(&shared);
        let wake = Arc::clone(&watch.wake);
        let settler = Arc::new(RedisSettler::new(Arc::clone(&shared), Arc::clone(&held), send, wake));
        // Ends when the last settler is gone: deliveries may outlive the consumer.
        tokio::spawn(settle::give_back(Arc::clone(&shared), Arc::clone(&held), receive));
        let stop = CancellationToken::new();
        let mut duties = JoinSet::new();
        duties.spawn(reclaim::run(Arc::clone(&shared), spec.lease));
        duties.spawn(unacked::run(Arc::clone(&shared)));
        let mut consumer = Self {
            shared,
            held,
            settler,
            queues: Vec::new(),
            terms: Terms { lease: spec.lease, max_deliveries: spec.max_deliveries },
            watch,
            state: Arc::default(),
            fetching: None,
            ready: VecDeque::new(),
            turn: 0,
            stop,
            duties,
        };
        consumer.watch_queues(spec.queues);
        Ok(consumer)
    }

    fn watch_queues(&mut self, queues: Vec<Queue>) {
        self.queues = queues.into_iter().map(|queue| queue.name).collect();
        if self.shared.options.queue_order == QueueOrder::Sorted {
            self.queues.sort();
        }
        self.watch.set(&self.shared, &self.queues, &self.stop);
    }

    /// The queues in the order of this turn.
    fn order(&mut self) -> Vec<String> {
        let mut queues = self.queues.clone();
        if self.shared.options.queue_order == QueueOrder::RoundRobin && !queues.is_empty() {
            self.turn = (self.turn + 1) % queues.len();
            queues.rotate_left(self.turn);
        }
        queues
    }

    fn fetch(&mut self, max: usize) -> (CancellationToken, oneshot::Receiver<Fetched>) {
        let end = self.stop.child_token();
        let fetch = Fetch {
            shared: Arc::clone(&self.shared),
            held: Arc::clone(&self.held),
            settler: Arc::clone(&self.settler),
            queues: self.order(),
            terms: self.terms.clone(),
            max,
            wake: Arc::clone(&self.watch.wake),
            watchers: self.watch.watchers(),
            waits: self.watch.waits(),
            state: Arc::clone(&self.state),
            stop: end.clone(),
        };
        (end, fetch.start())
    }

    /// Takes in what one fetch has brought; the one that follows it is under way.
    fn take_in(&mut self, end: CancellationToken, fetched: Fetched) -> Result<(), BrokerError> {
        let Batch { deliveries, next } = fetched?;
        self.ready.extend(deliveries);
        self.fetching = next.map(|next| (end, next));
        Ok(())
    }

    /// Takes in what was fetched until now, without waiting.
    fn take_in_what_is_there(&mut self) {
        while let Some((end, mut fetching)) = self.fetching.take() {
            match fetching.try_recv() {
                Ok(fetched) => drop(self.take_in(end, fetched)),
                Err(TryRecvError::Empty) => return self.fetching = Some((end, fetching)),
                Err(TryRecvError::Closed) => {}
            }
        }
    }

    /// Lets every fetch that is under way come to its end.
    async fn end_fetching(&mut self) -> Result<(), BrokerError> {
        while let Some((end, fetching)) = self.fetching.take() {
            end.cancel();
            if let Ok(fetched) = fetching.await {
                self.take_in(end, fetched)?;
            }
        }
        Ok(())
    }
}

impl Consumer for RedisConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            if max == 0 || self.stop.is_cancelled() {
                return Ok(());
            }
            while self.ready.is_empty() {
                if self.stop.is_cancelled() {
                    return Ok(());
                }
                if self.fetching.is_none() {
                    self.fetching = Some(self.fetch(max));
                }
                let Some((end, fetching)) = &mut self.fetching else { return Ok(()) };
                let (end, fetched) = (end.clone(), fetching.await);
                self.fetching = None;
                match fetched {
                    Ok(fetched) => self.take_in(end, fetched)?,
                    Err(_) => {
                        return Err(BrokerError::new(
                            BrokerErrorKind::Closed,
                            "could not take messages: the runtime they were fetched on has ended",
                        ));
                    }
                }
            }
            let count = max.min(self.ready.len());
            into.extend(self.ready.drain(..count));
            Ok(())
        })
    }

    fn set_window(&mut self, most: Option<usize>) {
        self.state.set_window(most);
        self.take_in_what_is_there();
        let beyond = self.held.total().saturating_sub(most.unwrap_or(0)).min(self.ready.len());
        self.settler.give_back_unseen(self.ready.drain(self.ready.len() - beyond..));
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::<RedisSettler>::clone(&self.settler)
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            self.stop.cancel();
            self.duties.abort_all();
            let ended = self.end_fetching().await;
            self.settler.give_back_unseen(self.ready.drain(..));
            ended
        })
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>> {
        Box::pin(async move {
            topology::declare(&self.shared, &Topology { queues: queues.clone() }).await?;
            self.watch_queues(queues);
            // A fetch that is under way looks at the old queues: it ends, and what it has comes first.
            self.end_fetching().await
        })
    }

    fn health(&self) -> Result<(), String> {
        self.state.health()
    }
}

impl Drop for RedisConsumer {
    fn drop(&mut self) {
        self.stop.cancel();
        // A fetch that has brought nothing yet finds that nobody waits, and gives back itself.
        self.fetching.iter_mut().for_each(|(_, fetching)| fetching.close());
        self.take_in_what_is_there();
        self.settler.give_back_unseen(self.ready.drain(..));
    }
}
