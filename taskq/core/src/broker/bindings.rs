//! Which queues an exchange leads to, for brokers that route by themselves.
//!
//! Kept true here: an exchange has one kind for its life; declaring it again as another kind is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{BrokerError, BrokerErrorKind, Exchange, ExchangeKind, Queue, Topology};

/// Exchanges, and what is bound to them.
#[derive(Clone, Debug, Default)]
pub struct Bindings(BTreeMap<String, Bound>);

#[derive(Clone, Debug)]
struct Bound {
    kind: ExchangeKind,
    /// Binding key and queue.
    queues: BTreeSet<(String, String)>,
}

impl Bindings {
    /// Checks what is to be declared against what there is.
    ///
    /// # Errors
    /// [`BrokerErrorKind::Topology`] when an exchange exists with another kind, or routes by headers.
    pub fn check(&self, topology: &Topology) -> Result<(), BrokerError> {
        let mut seen: BTreeMap<&str, ExchangeKind> = BTreeMap::new();
        for Queue { exchange: Exchange { name, kind, .. }, .. } in &topology.queues {
            if *kind == ExchangeKind::Headers {
                return Err(BrokerError::new(
                    BrokerErrorKind::Topology,
                    format!("could not declare exchange `{name}`: this broker cannot route by headers"),
                ));
            }
            let there = self.0.get(name).map(|bound| bound.kind);
            let before = *seen.entry(name).or_insert(there.unwrap_or(*kind));
            if before != *kind {
                return Err(BrokerError::new(
                    BrokerErrorKind::Topology,
                    format!(
                        "could not declare exchange `{name}` as {}: it exists as {}",
                        kind.as_str(),
                        before.as_str()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Binds a queue, which [`check`](Self::check) has passed. True when the binding is new.
    pub fn bind(&mut self, exchange: &str, kind: ExchangeKind, key: &str, queue: &str) -> bool {
        let bound =
            self.0.entry(exchange.to_owned()).or_insert_with(|| Bound { kind, queues: BTreeSet::new() });
        bound.queues.insert((key.to_owned(), queue.to_owned()))
    }

    /// Removes the binding of a queue.
    pub fn unbind(&mut self, exchange: &str, key: &str, queue: &str) {
        if let Some(bound) = self.0.get_mut(exchange) {
            bound.queues.remove(&(key.to_owned(), queue.to_owned()));
        }
    }

    /// The queues that take a message, each once. The anonymous exchange leads to the queue of that name,
    /// declared or not: a message sent to a queue is never lost because nobody consumes yet.
    ///
    /// # Errors
    /// [`BrokerErrorKind::Unroutable`] when no queue takes it.
    pub fn route<'a>(&'a self, exchange: &str, routing_key: &'a str) -> Result<Vec<&'a str>, BrokerError> {
        if exchange.is_empty() {
            return Ok(vec![routing_key]);
        }
        let mut queues = Vec::new();
        if let Some(bound) = self.0.get(exchange) {
            for (key, queue) in &bound.queues {
                let takes = match bound.kind {
                    ExchangeKind::Direct => key == routing_key,
                    ExchangeKind::Topic => topic_matches(key, routing_key),
                    ExchangeKind::Fanout => true,
                    ExchangeKind::Headers => false,
                };
                if takes && !queues.contains(&queue.as_str()) {
                    queues.push(queue);
                }
            }
        }
        if queues.is_empty() {
            return Err(BrokerError::new(
                BrokerErrorKind::Unroutable,
                format!(
                    "no queue takes a message sent to exchange `{exchange}` with routing key `{routing_key}`: \
                     declare a queue that is bound to it"
                ),
            ));
        }
        Ok(queues)
    }
}

/// Whether a routing key matches a topic pattern: `*` stands for one word, `#` for any number of them.
pub fn topic_matches(pattern: &str, key: &str) -> bool {
    fn words(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) => (0..=key.len()).any(|skip| words(rest, &key[skip..])),
            (Some((&"*", pattern)), Some((_, key))) => words(pattern, key),
            (Some((a, pattern)), Some((b, key))) => a == b && words(pattern, key),
            _ => false,
        }
    }
    if pattern == "#" {
        return true;
    }
    words(&pattern.split('.').collect::<Vec<_>>(), &key.split('.').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_patterns_match_as_in_amqp() {
        for (pattern, key, matches) in [
            ("#", "", true),
            ("#", "a.b.c", true),
            ("*", "a", true),
            ("*", "a.b", false),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("#.c", "a.b.c", true),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.c", false),
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.#.d.#", "a.b.c.d", true),
        ] {
            assert_eq!(topic_matches(pattern, key), matches, "{pattern} {key}");
        }
    }

    #[test]
    fn a_message_reaches_a_queue_once_however_often_it_is_bound() {
        let mut bindings = Bindings::default();
        assert!(bindings.bind("t", ExchangeKind::Topic, "a.#", "q"));
        assert!(bindings.bind("t", ExchangeKind::Topic, "#.b", "q"));
        assert!(!bindings.bind("t", ExchangeKind::Topic, "a.#", "q"));
        assert_eq!(bindings.route("t", "a.b").unwrap(), ["q"]);
        assert_eq!(bindings.route("t", "c").unwrap_err().kind(), BrokerErrorKind::Unroutable);
        assert_eq!(bindings.route("nobody", "c").unwrap_err().kind(), BrokerErrorKind::Unroutable);
        assert_eq!(bindings.route("", "undeclared").unwrap(), ["undeclared"]);
    }

    #[test]
    fn an_exchange_keeps_its_kind() {
        let mut bindings = Bindings::default();
        bindings.bind("x", ExchangeKind::Direct, "k", "q");
        let mut queue = Queue::named("q");
        queue.exchange = Exchange { kind: ExchangeKind::Topic, ..Exchange::direct("x") };
        let error = bindings.check(&Topology { queues: vec![queue] }).unwrap_err();
        assert_eq!(error.to_string(), "could not declare exchange `x` as topic: it exists as direct");
    }
}
