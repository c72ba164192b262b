//! Where a message waits for its time: in Celery's 28 delay queues, whatever the kind of its own queue.
//!
//! Kept true here: no message that waits is held by a worker, and none comes early; a delay is rounded up to
//! whole seconds, and one that is longer than the layout can hold comes early and is parked again. A message for
//! one queue reaches that queue only: it is bound under a key ([`layout::queue_key`]) that no binding of
//! Celery's matches. A message for a topic or fanout exchange goes Celery's own way, so that Python workers
//! find it. Everything is declared when it is first needed; what is there with other arguments is used as it is.

mod layout;

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    Channel,
    options::{ExchangeBindOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use taskq_core::broker::{BrokerError, Exchange, ExchangeKind, Queue};
use tokio::sync::Mutex as AsyncMutex;

use self::layout::{DELIVERY, LEVELS, Step};
use super::{
    Shared,
    publish::{short, unroutable},
    topology,
};
use crate::{conn::Link, error};

/// What this process has declared and bound so far.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    /// One declares, the others wait for it.
    layers: AsyncMutex<Layers>,
    bound: Mutex<BTreeSet<String>>,
}

/// What is there of the layout. Quorum queues take their time to be made, so only those are that a delay needs.
#[derive(Debug, Default)]
struct Layers {
    exchanges: bool,
    /// A bit for each level.
    queues: u32,
}

impl Delays {
    fn is_bound(&self, key: &str) -> bool {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    fn forget(&self, queues: &[Queue]) {
        let gone = |name: &str| queues.iter().any(|queue| queue.name == name);
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.retain(|known| !known.split_once('\n').is_some_and(|(_, name)| gone(name)));
    }

    fn know(&self, key: String) {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }
}

/// The exchange and routing key that bring a message, after at least `wait`, to where it would go if it were sent
/// to `exchange` with `routing_key` now. Declares what it needs.
///
/// Queues behind a direct exchange are those that this process declared. Where it knows none, the message goes
/// its way at once: whoever takes it early parks it.
pub(super) async fn route(
    shared: &Shared,
    exchange: &str,
    routing_key: &str,
    wait: Duration,
) -> Result<(String, String), BrokerError> {
    layers(shared, shared.publisher.link(), layout::seconds(wait)).await?;
    let suffix = if exchange.is_empty() {
        let key = layout::queue_key(routing_key);
        bind(shared, &key, &[routing_key.to_owned()]).await?;
        key
    } else {
        let queues = shared.declared.candidates(exchange, routing_key);
        let names: Vec<String> = queues.iter().map(|queue| queue.name.clone()).collect();
        match queues.first().map(|queue| queue.exchange.kind) {
            Some(ExchangeKind::Topic | ExchangeKind::Fanout) => {
                for queue in &queues {
                    bind_natively(shared, queue).await?;
                }
                routing_key.to_owned()
            }
            Some(ExchangeKind::Direct) => {
                let key = layout::exchange_key(exchange, routing_key);
                bind(shared, &key, &names).await?;
                key
            }
            Some(ExchangeKind::Headers) | None => {
                tracing::debug!(exchange, routing_key, "delayed by whoever takes it: no queue is known");
                return Ok((exchange.to_owned(), routing_key.to_owned()));
            }
        }
    };
    Ok((layout::name(LEVELS - 1), layout::delayed_key(wait, &suffix)))
}

/// Where a message that comes from the delay queues was sent to; `None` for others. `queue` is the one it is
/// taken from: Celery's layout keeps the key only.
pub(super) fn restore(exchange: &str, routing_key: &str, queue: &Queue) -> Option<(String, String)> {
    if exchange != DELIVERY && !layout::is_level(exchange) {
        return None;
    }
    let key = layout::strip(routing_key).unwrap_or(routing_key);
    Some(match layout::is_ours(key) {
        true if queue.exchange.kind == ExchangeKind::Direct => (String::new(), queue.name.clone()),
        true => (queue.exchange.name.clone(), queue.routing_key.clone()),
        false => (queue.exchange.name.clone(), key.to_owned()),
    })
}

/// What a worker declares before it consumes: with a quorum queue all that Celery's worker does, so that Python
/// producers may delay; and the bindings of queues for which a message may be waiting already.
pub(super) async fn serve(shared: &Shared, link: &Link, queues: &[Queue]) -> Result<(), BrokerError> {
    // What goes with its connection takes answers, and nobody delays those.
    let queues: Vec<&Queue> = queues.iter().filter(|queue| !queue.exclusive).collect();
    if queues.is_empty() {
        return Ok(());
    }
    if queues.iter().any(|queue| topology::is_quorum(queue, &shared.options)) {
        layers(shared, link, layout::ALL).await?;
        for queue in queues.iter().filter(|queue| is_native(queue)) {
            bind_natively(shared, queue).await?;
        }
    }
    let (channel, _) = link.channel("look for delayed messages").await?;
    let passive = lapin::options::ExchangeDeclareOptions { passive: true, ..Default::default() };
    let kind = lapin::ExchangeKind::Topic;
    if channel.exchange_declare(DELIVERY.into(), kind, passive, FieldTable::default()).await.is_ok() {
        for queue in queues {
            let key = layout::queue_key(&queue.name);
            bind_queue(&channel, &queue.name, DELIVERY, &format!("#.{key}"))
                .await
                .map_err(|error| error::broker("bind a queue to delayed delivery", link.shown(), error))?;
            shared.delays.know(format!("{key}\n{}", queue.name));
        }
        let _ = channel.close(200, "bound".into()).await;
    }
    Ok(())
}

/// The same after the connection was lost, or a queue was deleted: whatever was there may be gone.
pub(super) async fn serve_again(shared: &Shared, queues: &[Queue]) {
    *shared.delays.layers.lock().await = Layers::default();
    shared.delays.forget(queues);
    // Events and control come over it: an alarm does not hold it up.
    if let Err(error) = serve(shared, &shared.listener, queues).await {
        tracing::warn!(%error, "could not see to delayed messages; those that others delay may be refused");
    }
}

/// Declares everything again that somebody deleted since, when a message was sent to the delay queues in vain.
/// False for any other exchange.
pub(super) async fn revive(shared: &Shared, exchange: &str) -> Result<bool, BrokerError> {
    if !layout::is_level(exchange) {
        return Ok(false);
    }
    *shared.delays.layers.lock().await = Layers::default();
    layers(shared, shared.publisher.link(), layout::ALL).await?;
    let bound = std::mem::take(&mut *shared.delays.bound.lock().unwrap_or_else(PoisonError::into_inner));
    for (key, queue) in bound.iter().filter_map(|known| known.split_once('\n')) {
        if layout::is_ours(key) {
            bind(shared, key, &[queue.to_owned()]).await?;
        }
    }
    Ok(true)
}

fn is_native(queue: &Queue) -> bool {
    matches!(queue.exchange.kind, ExchangeKind::Topic | ExchangeKind::Fanout)
        && !queue.exchange.name.is_empty()
}

/// Binds queues to the end of the delay queues under a key of ours, once a process.
async fn bind(shared: &Shared, key: &str, queues: &[String]) -> Result<(), BrokerError> {
    let link = shared.publisher.link();
    for queue in queues {
        let known = format!("{key}\n{queue}");
        if shared.delays.is_bound(&known) {
            continue;
        }
        let (channel, _) = link.channel("bind a queue to delayed delivery").await?;
        let pattern = format!("#.{key}");
        short("routing key of a delayed message", &layout::delayed_key(Duration::MAX, key))?;
        match bind_queue(&channel, queue, DELIVERY, &pattern).await {
            Ok(()) => {}
            Err(error) if error::is_missing(&error) => {
                // Never declared, or deleted since: then it is declared again, if it was ours.
                if !Box::pin(topology::revive(shared, "", queue)).await? {
                    return Err(unroutable("", queue));
                }
                let (channel, _) = link.channel("bind a queue to delayed delivery").await?;
                bind_queue(&channel, queue, DELIVERY, &pattern).await.map_err(|error| {
                    error::broker("bind a queue to delayed delivery", link.shown(), error)
                })?;
            }
            Err(error) => {
                return Err(error::broker("bind a queue to delayed delivery", link.shown(), error));
            }
        }
        let _ = channel.close(200, "bound".into()).await;
        shared.delays.know(known);
    }
    Ok(())
}

/// Binds a queue of a topic or fanout exchange as Celery does: the key keeps its prefix until it arrives.
async fn bind_natively(shared: &Shared, queue: &Queue) -> Result<(), BrokerError> {
    let link = shared.publisher.link();
    let known = format!("{}\n{}", queue.exchange.name, queue.name);
    if shared.delays.is_bound(&known) {
        return Ok(());
    }
    let pattern = layout::native_pattern(&queue.routing_key);
    let (channel, _) = link.channel("bind an exchange to delayed delivery").await?;
    let (from, to) = (DELIVERY, queue.exchange.name.as_str());
    let both = async {
        bind_exchange(&channel, to, from, &pattern).await?;
        bind_queue(&channel, &queue.name, to, &pattern).await
    };
    both.await.map_err(|error| {
        error::broker(&format!("bind exchange `{to}` to delayed delivery"), link.shown(), error)
    })?;
    let _ = channel.close(200, "bound".into()).await;
    shared.delays.know(known);
    Ok(())
}

/// Declares the exchanges, and the queues of these levels, each once a process. It goes on where a caller who
/// could not wait has left it.
async fn layers(shared: &Shared, link: &Link, levels: u32) -> Result<(), BrokerError> {
    let mut there = shared.delays.layers.lock().await;
    if there.exchanges && there.queues & levels == levels {
        return Ok(());
    }
    let (mut channel, _) = link.channel("declare the delay queues").await?;
    for step in layout::steps(shared.options.delayed_queue_type) {
        let is_there = match step.level() {
            Some(level) => levels >> level & 1 == 0 || there.queues >> level & 1 == 1,
            None => there.exchanges,
        };
        if is_there {
            continue;
        }
        if let Err(error) = take(&channel, &step).await {
            // Declared by somebody else as the other type, or by somebody with more rights.
            if !error::is_mismatch(&error) && !error::is_refused(&error) {
                return Err(error::broker(&format!("declare {step}"), link.shown(), error));
            }
            tracing::debug!(%step, %error, "used as it is");
            (channel, _) = link.channel("declare the delay queues").await?;
        }
        if let (Step::BindQueue { .. }, Some(level)) = (&step, step.level()) {
            there.queues |= 1 << level;
        }
    }
    let _ = channel.close(200, "declared".into()).await;
    there.exchanges = true;
    Ok(())
}

async fn take(channel: &Channel, step: &Step) -> lapin::Result<()> {
    match step {
        Step::Exchange { name } => {
            let exchange = Exchange { kind: ExchangeKind::Topic, ..Exchange::direct(name) };
            topology::declare_exchange(channel, &exchange).await
        }
        Step::Queue { name, arguments } => {
            let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name.as_str().into(), durable, arguments.clone()).await.map(drop)
        }
        Step::BindQueue { queue, exchange, key } => bind_queue(channel, queue, exchange, key).await,
        Step::BindExchange { to, from, key } => bind_exchange(channel, to, from, key).await,
    }
}

async fn bind_queue(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await
}

async fn bind_exchange(channel: &Channel, to: &str, from: &str, key: &str) -> lapin::Result<()> {
    let options = ExchangeBindOptions::default();
    channel.exchange_bind(to.into(), from.into(), key.into(), options, FieldTable::default()).await
}
