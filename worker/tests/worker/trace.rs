//! Broker and backend that note what is done with them, and fail when told to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use taskq_core::{
    BoxFuture,
    backend::{
        BackendError, ChordClaim, ChordCopy, ChordPart, ChordProgress, ChordStart, ChordStore, GroupMeta,
        ResultBackend, State, TaskMeta, WaitError,
    },
    broker::{
        Broadcast, Broker, BrokerAdmin, BrokerError, BrokerErrorKind, Capabilities, ConsumeSpec, Consumer,
        Delivery, DeliveryTag, Outgoing, Queue, RateLimits, Revocations, Settle, Settled, Settlement,
        Settler, Topology,
    },
    protocol::TaskId,
};

/// One step of a worker, as broker and backend see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Stored(Vec<(String, State)>),
    Settled(Vec<(How, usize)>),
    Published(usize),
    Extended(usize),
}

/// How a delivery was settled; the number beside it in [`Step::Settled`] is that of its follow-ups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Ack,
    Requeue,
    Delay,
    Dead,
}

/// What goes wrong at the next call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    Passing,
    Lasting,
    /// The lease of everything in the call is lost.
    Lost,
    /// It never answers, and nothing is done: what a crash at this step looks like from outside.
    Hang,
}

#[derive(Debug, Default)]
pub(crate) struct Trace {
    steps: Mutex<Vec<Step>>,
    pub(crate) on_store: Mutex<VecDeque<Fault>>,
    pub(crate) on_count: Mutex<VecDeque<Fault>>,
    pub(crate) on_renew: Mutex<VecDeque<Fault>>,
    pub(crate) on_finish: Mutex<VecDeque<Fault>>,
    pub(crate) on_take: Mutex<VecDeque<Fault>>,
    pub(crate) on_settle: Mutex<VecDeque<Fault>>,
    pub(crate) on_extend: Mutex<VecDeque<Fault>>,
    /// Every meta that was stored.
    pub(crate) stored: Mutex<Vec<TaskMeta>>,
    /// Every message that was published, also with settlements.
    pub(crate) sent: Mutex<Vec<Outgoing>>,
    /// The most that `next_batch` was asked for.
    pub(crate) asked: Mutex<usize>,
}

impl Trace {
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }

    fn note(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

#[derive(Debug)]
pub(crate) struct TracedBackend(pub(crate) Arc<dyn ResultBackend>, pub(crate) Arc<Trace>);

impl ResultBackend for TracedBackend {
    fn store<'a>(&'a self, batch: &'a [TaskMeta]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let fault = self.1.on_store.lock().unwrap().pop_front();
            match fault {
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Passing) => return Err(BackendError::transient("away")),
                Some(_) => return Err(BackendError::permanent("too large")),
                None => {}
            }
            self.0.store(batch).await?;
            self.1.stored.lock().unwrap().extend_from_slice(batch);
            self.1.note(Step::Stored(
                batch.iter().map(|meta| (meta.id.to_string(), meta.state.clone())).collect(),
            ));
            Ok(())
        })
    }

    fn fetch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<Option<TaskMeta>>, BackendError>> {
        self.0.fetch(ids)
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        timeout: Option<Duration>,
    ) -> BoxFuture<'a, Result<TaskMeta, WaitError>> {
        self.0.wait(id, timeout)
    }

    fn forget<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.forget(ids)
    }

    fn chords(&self) -> Option<Arc<dyn ChordStore>> {
        Some(Arc::new(TracedChords(self.0.chords()?, Arc::clone(&self.1))))
    }

    fn save_group<'a>(&'a self, group: &'a GroupMeta) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.save_group(group)
    }

    fn load_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<GroupMeta>, BackendError>> {
        self.0.load_group(id)
    }

    fn forget_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.forget_group(id)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.close()
    }
}

#[derive(Debug)]
struct TracedChords(Arc<dyn ChordStore>, Arc<Trace>);

impl ChordStore for TracedChords {
    fn start<'a>(&'a self, chords: &'a [ChordStart]) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.start(chords)
    }

    fn grow<'a>(&'a self, group: &'a str, by: u32) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.grow(group, by)
    }

    fn count<'a>(
        &'a self,
        parts: &'a [ChordPart<'a>],
    ) -> BoxFuture<'a, Result<Vec<ChordProgress>, BackendError>> {
        Box::pin(async move {
            let fault = self.1.on_count.lock().unwrap().pop_front();
            match fault {
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Passing) => {
                    // Done, but the answer is lost.
                    self.0.count(parts).await?;
                    Err(BackendError::transient("away"))
                }
                _ => self.0.count(parts).await,
            }
        })
    }

    fn renew<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let fault = self.1.on_renew.lock().unwrap().pop_front();
            match fault {
                Some(Fault::Lost) => {
                    // Somebody else had it meanwhile, and has given it up.
                    self.0.release(claim).await?;
                    Ok(false)
                }
                _ => self.0.renew(claim).await,
            }
        })
    }

    fn finish<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let fault = self.1.on_finish.lock().unwrap().pop_front();
            match fault {
                Some(Fault::Hang) => std::future::pending().await,
                _ => self.0.finish(claim).await,
            }
        })
    }

    fn release<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.release(claim)
    }

    fn take<'a>(&'a self, copy: &'a ChordCopy) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let fault = self.1.on_take.lock().unwrap().pop_front();
            let taken = self.0.take(copy).await?;
            // Done, but the answer is lost.
            if fault.is_some() { Err(BackendError::transient("away")) } else { Ok(taken) }
        })
    }

    fn fail<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.fail(claim)
    }
}

#[derive(Debug)]
pub(crate) struct TracedBroker(pub(crate) Arc<dyn Broker>, pub(crate) Arc<Trace>);

impl Broker for TracedBroker {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn declare<'a>(&'a self, topology: &'a Topology) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.0.declare(topology)
    }

    fn publish<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.1.note(Step::Published(batch.len()));
        self.1.sent.lock().unwrap().extend_from_slice(batch);
        self.0.publish(batch)
    }

    fn consume(&self, spec: ConsumeSpec) -> BoxFuture<'_, Result<Box<dyn Consumer>, BrokerError>> {
        Box::pin(async move {
            let inner = self.0.consume(spec).await?;
            Ok(Box::new(TracedConsumer(inner, Arc::clone(&self.1))) as _)
        })
    }

    fn broadcast(&self) -> Option<Arc<dyn Broadcast>> {
        self.0.broadcast()
    }

    fn rate_limits(&self) -> Option<Arc<dyn RateLimits>> {
        self.0.rate_limits()
    }

    fn revocations(&self) -> Option<Arc<dyn Revocations>> {
        self.0.revocations()
    }

    fn admin(&self) -> Option<Arc<dyn BrokerAdmin>> {
        self.0.admin()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.0.close()
    }
}

struct TracedConsumer(Box<dyn Consumer>, Arc<Trace>);

impl Consumer for TracedConsumer {
    fn next_batch<'a>(
        &'a mut self,
        max: usize,
        into: &'a mut Vec<Delivery>,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        let mut asked = self.1.asked.lock().unwrap();
        *asked = max.max(*asked);
        drop(asked);
        self.0.next_batch(max, into)
    }

    fn set_window(&mut self, most: Option<usize>) {
        self.0.set_window(most);
    }

    fn settler(&self) -> Arc<dyn Settler> {
        Arc::new(TracedSettler(self.0.settler(), Arc::clone(&self.1)))
    }

    fn stop_fetching(&mut self) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.0.stop_fetching()
    }

    fn set_queues(&mut self, queues: Vec<Queue>) -> BoxFuture<'_, Result<(), BrokerError>> {
        self.0.set_queues(queues)
    }

    fn health(&self) -> Result<(), String> {
        self.0.health()
    }
}

#[derive(Debug)]
struct TracedSettler(Arc<dyn Settler>, Arc<Trace>);

impl Settler for TracedSettler {
    fn settle<'a>(&'a self, batch: &'a [Settlement]) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        Box::pin(async move {
            let fault = self.1.on_settle.lock().unwrap().pop_front();
            match fault {
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Passing) => return Err(BrokerError::new(BrokerErrorKind::Connection, "away")),
                Some(Fault::Lasting) => {
                    return Err(BrokerError::new(BrokerErrorKind::Unroutable, "no queue"));
                }
                Some(Fault::Lost) => {
                    return Ok(Settled { lost: batch.iter().map(|settlement| settlement.tag).collect() });
                }
                None => {}
            }
            let settled = self.0.settle(batch).await?;
            let how = |settlement: &Settlement| match &settlement.how {
                Settle::Ack => How::Ack,
                Settle::Requeue { not_before: None } => How::Requeue,
                Settle::Requeue { not_before: Some(_) } => How::Delay,
                Settle::DeadLetter { .. } => How::Dead,
            };
            let sent = batch.iter().flat_map(|one| one.publish.clone());
            self.1.sent.lock().unwrap().extend(sent);
            self.1.note(Step::Settled(batch.iter().map(|one| (how(one), one.publish.len())).collect()));
            Ok(settled)
        })
    }

    fn extend<'a>(
        &'a self,
        tags: &'a [DeliveryTag],
        by: Duration,
    ) -> BoxFuture<'a, Result<Settled, BrokerError>> {
        Box::pin(async move {
            match self.1.on_extend.lock().unwrap().pop_front() {
                Some(Fault::Lost) => return Ok(Settled { lost: tags.to_vec() }),
                Some(_) => return Err(BrokerError::new(BrokerErrorKind::Connection, "away")),
                None => {}
            }
            self.1.note(Step::Extended(tags.len()));
            self.0.extend(tags, by).await
        })
    }

    fn give_back(&self, tag: DeliveryTag) {
        self.0.give_back(tag);
    }
}
