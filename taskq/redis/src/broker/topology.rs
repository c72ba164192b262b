//! Queues and bindings, as kombu records them: two sets for each exchange.
//!
//! kombu stores the kind of an exchange nowhere; we record it beside the bindings. Where it is not known (only
//! Python declared it), bindings with a pattern are a topic's and the others direct ones.
//!
//! A fan-out exchange is a channel to kombu. Queues that we declared on one get their copy all the same, and
//! keep it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use redis::Pipeline;
use taskq_core::{
    Timestamp,
    broker::{BrokerError, BrokerErrorKind, Exchange, ExchangeKind, Queue, Topology},
};

use super::Shared;
use crate::script;

/// How long kombu leaves the bindings of an exchange with queues that expire, in milliseconds.
const KEPT_MS: i64 = 3_600_000;

/// How long a binding set that was read is believed.
const FRESH: Duration = Duration::from_secs(10);

/// What is known of exchanges.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    kinds: Mutex<HashMap<String, ExchangeKind>>,
    read: Mutex<HashMap<String, (Instant, Vec<Binding>)>>,
    /// Queues that this process declared, to declare them again when the server has lost them.
    declared: Mutex<Vec<Queue>>,
}

/// `routing_key SEP pattern SEP queue`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    key: String,
    pattern: String,
    queue: String,
}

impl Binding {
    fn parse(member: &str, sep: &str) -> Option<Self> {
        let mut parts = member.splitn(3, sep);
        Some(Self {
            key: parts.next()?.to_owned(),
            pattern: parts.next()?.to_owned(),
            queue: parts.next()?.to_owned(),
        })
    }

    fn takes(&self, kind: Option<ExchangeKind>, routing_key: &str) -> bool {
        match kind {
            Some(ExchangeKind::Fanout) => true,
            Some(ExchangeKind::Topic) => topic_matches(&self.key, routing_key),
            Some(_) => self.key == routing_key,
            None => {
                self.key == routing_key || (!self.pattern.is_empty() && topic_matches(&self.key, routing_key))
            }
        }
    }
}

/// kombu's patterns: `*` is one word, `#` is anything, here even nothing (`a.#` does not take `a`).
fn topic_matches(pattern: &str, key: &str) -> bool {
    fn matches(pattern: &[u8], key: &[u8]) -> bool {
        match pattern.split_first() {
            None => key.is_empty(),
            Some((b'#', rest)) => (0..=key.len()).any(|taken| matches(rest, &key[taken..])),
            Some((b'*', rest)) => {
                let word = key.iter().take_while(|byte| **byte != b'.').count();
                word > 0 && matches(rest, &key[word..])
            }
            Some((byte, rest)) => key.first() == Some(byte) && matches(rest, &key[1..]),
        }
    }
    matches(pattern.as_bytes(), key.as_bytes())
}

/// The regular expression that kombu stores for a topic binding.
fn kombu_pattern(key: &str) -> String {
    let inner = key.replace('.', r"\.").replace('*', r"[^\.]+").replace('#', ".*?");
    format!("^{inner}$")
}

/// Records queues and bindings where Python looks for them.
pub(super) async fn declare(shared: &Shared, topology: &Topology) -> Result<(), BrokerError> {
    if topology.queues.is_empty() {
        return Ok(());
    }
    let (keys, sep) = (&shared.keys, shared.keys.sep());
    // Key, field of a hash or nothing, value.
    let mut records: Vec<(String, &str, String)> = Vec::new();
    let mut deadlines: Vec<&str> = Vec::new();
    for Queue { name, exchange: Exchange { name: exchange, kind, .. }, routing_key, arguments, .. } in
        &topology.queues
    {
        let for_a_while = arguments.contains_key("x-expires");
        if !for_a_while {
            records.push((keys.queues(), "", name.clone()));
        }
        if exchange.is_empty() {
            continue;
        }
        if *kind == ExchangeKind::Headers {
            return Err(BrokerError::new(
                BrokerErrorKind::Topology,
                format!("could not declare exchange `{exchange}`: Redis cannot route by headers"),
            ));
        }
        shared.bindings.know(exchange, *kind);
        records.push((keys.exchanges(), exchange, kind.as_str().to_owned()));
        let pattern = if *kind == ExchangeKind::Topic { kombu_pattern(routing_key) } else { String::new() };
        let member = format!("{routing_key}{sep}{pattern}{sep}{name}");
        records.push((keys.binding(exchange), "", member.clone()));
        if for_a_while {
            deadlines.push(exchange);
        } else {
            records.push((keys.permanent_binding(exchange), "", member));
        }
    }
    let mut command = script::call(&script::DECLARE, records.len());
    for (key, ..) in &records {
        command.arg(key);
    }
    for (_, field, value) in &records {
        command.arg(*field).arg(value);
    }
    script::run::<()>(&shared.link, "declare queues", &command).await?;
    let lasting = |queue: &&Queue| !queue.exchange.name.is_empty() && !queue.auto_delete && !queue.exclusive;
    let named = topology.queues.iter().filter(lasting);
    named.for_each(|queue| shared.bindings.remember(queue));
    if deadlines.is_empty() {
        return Ok(());
    }
    // kombu removes the bindings of an exchange whose deadline has passed; queues that expire keep it away.
    let deadline = Timestamp::now().as_millisecond() + KEPT_MS;
    let mut pipeline = Pipeline::new();
    for exchange in deadlines {
        pipeline.cmd("ZADD").arg(keys.binding_deadlines()).arg("GT").arg(deadline).arg(exchange).ignore();
    }
    shared.link.pipe("declare queues", &pipeline).await
}

/// Removes a queue, its binding and what is in it.
pub(super) async fn remove(shared: &Shared, queue: &Queue) -> Result<(), BrokerError> {
    let (keys, sep, exchange) = (&shared.keys, shared.keys.sep(), &queue.exchange.name);
    let pattern = match queue.exchange.kind {
        ExchangeKind::Topic => kombu_pattern(&queue.routing_key),
        _ => String::new(),
    };
    let member = format!("{}{sep}{pattern}{sep}{}", queue.routing_key, queue.name);
    let mut pipeline = Pipeline::new();
    if !exchange.is_empty() {
        pipeline.cmd("SREM").arg(keys.binding(exchange)).arg(&member).ignore();
        pipeline.cmd("SREM").arg(keys.permanent_binding(exchange)).arg(&member).ignore();
    }
    pipeline.cmd("SREM").arg(keys.queues()).arg(&queue.name).ignore();
    pipeline.cmd("DEL").arg(keys.lists(&queue.name)).arg(keys.delayed(&queue.name)).ignore();
    shared.link.pipe("remove a queue", &pipeline).await
}

impl Bindings {
    fn remember(&self, queue: &Queue) {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        if !declared.contains(queue) {
            declared.push(queue.clone());
        }
    }

    /// What was declared here of an exchange.
    fn declared(&self, exchange: &str) -> Vec<Queue> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.iter().filter(|queue| queue.exchange.name == exchange).cloned().collect()
    }

    fn know(&self, exchange: &str, kind: ExchangeKind) {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(exchange.to_owned(), kind);
        self.read.lock().unwrap_or_else(PoisonError::into_inner).remove(exchange);
    }

    /// The kind of an exchange that was declared here.
    pub(super) fn kind(&self, exchange: &str) -> Option<ExchangeKind> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(exchange).copied()
    }

    /// The queues by a binding set that was read lately.
    fn cached(&self, exchange: &str, routing_key: &str) -> Option<Vec<String>> {
        let kind = self.kind(exchange);
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, bindings) = read.get(exchange)?;
        (at.elapsed() < FRESH).then(|| matching(bindings, kind, routing_key))
    }

    /// Keeps a binding set that was just read; answers the queues.
    fn keep(&self, exchange: &str, bindings: Vec<Binding>, routing_key: &str) -> Vec<String> {
        let queues = matching(&bindings, self.kind(exchange), routing_key);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(exchange.to_owned(), (Instant::now(), bindings));
        queues
    }
}

/// Each queue once.
fn matching(bindings: &[Binding], kind: Option<ExchangeKind>, routing_key: &str) -> Vec<String> {
    let takes = |binding: &&Binding| binding.takes(kind, routing_key);
    let mut queues: Vec<String> =
        bindings.iter().filter(takes).map(|binding| binding.queue.clone()).collect();
    queues.sort();
    queues.dedup();
    queues
}

/// The queues that a message goes to.
///
/// # Errors
/// `Unroutable` when there is none: kombu drops such a message, we do not.
pub(super) async fn route(
    shared: &Shared,
    exchange: &str,
    routing_key: &str,
) -> Result<Vec<String>, BrokerError> {
    if exchange.is_empty() {
        return Ok(vec![routing_key.to_owned()]);
    }
    if let Some(queues) = shared.bindings.cached(exchange, routing_key)
        && !queues.is_empty()
    {
        return Ok(queues);
    }
    let mut queues = read(shared, exchange, routing_key).await?;
    if queues.is_empty() {
        // The server may have come back empty.
        let ours = shared.bindings.declared(exchange);
        if !ours.is_empty() {
            declare(shared, &Topology { queues: ours }).await?;
            queues = read(shared, exchange, routing_key).await?;
        }
    }
    if queues.is_empty() && shared.bindings.kind(exchange) != Some(ExchangeKind::Fanout) {
        return Err(BrokerError::new(
            BrokerErrorKind::Unroutable,
            format!("no queue is bound to exchange `{exchange}` with routing key `{routing_key}`"),
        ));
    }
    Ok(queues)
}

/// Reads the binding set.
async fn read(shared: &Shared, exchange: &str, routing_key: &str) -> Result<Vec<String>, BrokerError> {
    let mut pipeline = Pipeline::new();
    pipeline.cmd("SMEMBERS").arg(shared.keys.binding(exchange));
    pipeline.cmd("HGET").arg(shared.keys.exchanges()).arg(exchange);
    pipeline.cmd("SMEMBERS").arg(shared.keys.queues());
    let (members, kind, ours): (Vec<String>, Option<String>, HashSet<String>) =
        shared.link.pipe("read bindings", &pipeline).await?;
    if let Some(kind) = kind.as_deref().and_then(ExchangeKind::from_name) {
        shared.bindings.know(exchange, kind);
    }
    let fanout = shared.bindings.kind(exchange) == Some(ExchangeKind::Fanout);
    let bindings: Vec<Binding> = members
        .iter()
        .filter_map(|member| Binding::parse(member, shared.keys.sep()))
        // Python listens to the channel of a fan-out exchange: its queues there are names without a reader.
        .filter(|binding| !fanout || ours.contains(&binding.queue))
        .collect();
    Ok(shared.bindings.keep(exchange, bindings, routing_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_match_as_kombus_do() {
        for (pattern, key, matches) in [
            ("a.#", "a.b.c", true),
            ("a.#", "a", false),
            ("#", "", true),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.b.c", false),
            ("*", "a.b", false),
            ("a.b", "a.b", true),
        ] {
            assert_eq!(topic_matches(pattern, key), matches, "{pattern} {key}");
        }
        assert_eq!(kombu_pattern("a.#"), r"^a\..*?$");
    }
}
