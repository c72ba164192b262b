//! The layout of delayed delivery, as Celery 5.5 and later have it. Names, keys and arguments only.
//!
//! 28 levels: a message waits in queue n, for `2^n` seconds, if digit n of its delay is 1, and else passes by to
//! the level below. Its key begins with the digits, so that each level looks at its own.

use std::{fmt, time::Duration};

use lapin::types::{AMQPValue, FieldTable, LongString};

use crate::options::QueueType;

/// How many levels there are.
pub(super) const LEVELS: u32 = 28;

/// Where messages arrive whose time has come.
pub(super) const DELIVERY: &str = "celery_delayed_delivery";

/// What the keys of ours begin with, after the digits. Nobody binds a queue of Celery's under such a word.
const OURS: &str = "taskq:";

/// Exchange and queue of a level.
pub(super) fn name(level: u32) -> String {
    format!("celery_delayed_{level}")
}

/// Whether it is the exchange of a level.
pub(super) fn is_level(exchange: &str) -> bool {
    let level = exchange.strip_prefix("celery_delayed_").and_then(|level| level.parse::<u32>().ok());
    level.is_some_and(|level| level < LEVELS)
}

/// Every level, which is also the longest delay: what waits longer is parked again.
pub(super) const ALL: u32 = (1 << LEVELS) - 1;

/// A delay in whole seconds, rounded up so that nothing is early: a bit for each level that it waits in.
pub(super) fn seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(ALL).clamp(1, ALL)
}

/// The digits of a delay, then `suffix`.
pub(super) fn delayed_key(wait: Duration, suffix: &str) -> String {
    let seconds = seconds(wait);
    let mut key = String::with_capacity(2 * LEVELS as usize + suffix.len());
    for level in (0..LEVELS).rev() {
        key.push(if seconds >> level & 1 == 1 { '1' } else { '0' });
        key.push('.');
    }
    // A message that was delayed before carries the digits of then.
    key + strip(suffix).unwrap_or(suffix)
}

/// The key without its digits, if it has all of them.
pub(super) fn strip(key: &str) -> Option<&str> {
    let (digits, rest) = key.split_at_checked(2 * LEVELS as usize)?;
    let are_digits = digits.as_bytes().chunks(2).all(|pair| matches!(pair, [b'0' | b'1', b'.']));
    are_digits.then_some(rest)
}

/// The key under which one queue is reached: one word, whatever its name.
pub(super) fn queue_key(queue: &str) -> String {
    format!("{OURS}{}", word(queue))
}

/// The key under which the queues of a direct exchange are reached that are bound by `routing_key`.
pub(super) fn exchange_key(exchange: &str, routing_key: &str) -> String {
    format!("{OURS}{}:{}", word(exchange), word(routing_key))
}

/// Whether a key without digits is one of ours.
pub(super) fn is_ours(key: &str) -> bool {
    key.starts_with(OURS)
}

/// A name as one word of a key: without what separates words, patterns and parts.
fn word(name: &str) -> String {
    let mut word = String::with_capacity(name.len());
    for char in name.chars() {
        match char {
            '.' | '*' | '#' | '%' | ':' => word.push_str(&format!("%{:02X}", u32::from(char))),
            char => word.push(char),
        }
    }
    word
}

/// The pattern under which Celery binds an exchange, and the queue to it.
pub(super) fn native_pattern(routing_key: &str) -> String {
    if routing_key.starts_with('#') { routing_key.to_owned() } else { format!("#.{routing_key}") }
}

/// One declaration.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Exchange { name: String },
    Queue { name: String, arguments: FieldTable },
    BindQueue { queue: String, exchange: String, key: String },
    BindExchange { to: String, from: String, key: String },
}

impl Step {
    /// The level whose queue it is about.
    pub(super) fn level(&self) -> Option<u32> {
        match self {
            Self::Queue { name, .. } | Self::BindQueue { queue: name, .. } => {
                name.strip_prefix("celery_delayed_")?.parse().ok()
            }
            Self::Exchange { .. } | Self::BindExchange { .. } => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange { name } => write!(f, "exchange `{name}`"),
            Self::Queue { name, .. } => write!(f, "queue `{name}`"),
            Self::BindQueue { queue, .. } => write!(f, "the binding of queue `{queue}`"),
            Self::BindExchange { to, .. } => write!(f, "the binding of exchange `{to}`"),
        }
    }
}

/// Everything, in Celery's order.
pub(super) fn steps(kind: QueueType) -> Vec<Step> {
    let below = |level: u32| level.checked_sub(1).map_or_else(|| DELIVERY.to_owned(), name);
    let digit = |level: u32, digit: char| format!("{}{digit}.#", "*.".repeat((LEVELS - 1 - level) as usize));
    let mut steps = Vec::with_capacity(4 * LEVELS as usize + 1);
    for level in (0..LEVELS).rev() {
        steps.push(Step::Exchange { name: name(level) });
        steps.push(Step::Queue { name: name(level), arguments: arguments(kind, level, &below(level)) });
        steps.push(Step::BindQueue { queue: name(level), exchange: name(level), key: digit(level, '1') });
    }
    for level in (0..LEVELS).rev() {
        if level == 0 {
            steps.push(Step::Exchange { name: DELIVERY.to_owned() });
        }
        steps.push(Step::BindExchange { to: below(level), from: name(level), key: digit(level, '0') });
    }
    steps
}

fn arguments(kind: QueueType, level: u32, below: &str) -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(LongString::from(text));
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text(kind.as_str()));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(1_000 << level));
    arguments.insert("x-dead-letter-exchange".into(), text(below));
    if kind == QueueType::Quorum {
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use serde_json::{Value, json};

    use super::*;
    use crate::wire;

    fn recorded(case: &str) -> Value {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/celery");
        let text = fs::read(dir.join(format!("{case}.json"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn shown(step: &Step) -> Value {
        match step {
            Step::Exchange { name } => json!(["exchange.declare", name, "topic"]),
            Step::Queue { name, arguments } => {
                let arguments = taskq_core::codec::json::to_bytes(&wire::to_map(arguments)).unwrap();
                let arguments: Value = serde_json::from_slice(&arguments).unwrap();
                json!(["queue.declare", name, arguments])
            }
            Step::BindQueue { queue, exchange, key } => json!(["queue.bind", queue, exchange, key]),
            Step::BindExchange { to, from, key } => json!(["exchange.bind", to, from, key]),
        }
    }

    #[test]
    fn celerys_worker_declares_the_same_in_the_same_order() {
        let recorded = recorded("amqp.quorum.startup");
        let theirs: Vec<Value> = recorded["frames"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|frame| frame["dir"] == "C" && frame["args"].to_string().contains("celery_delayed_"))
            .filter_map(|frame| {
                let (method, args) = (&frame["method"], &frame["args"]);
                match method.as_str()? {
                    "exchange.declare" => Some(json!([method, args["exchange"], args["type"]])),
                    "queue.declare" => Some(json!([method, args["queue"], args["arguments"]])),
                    "queue.bind" => {
                        Some(json!([method, args["queue"], args["exchange"], args["routing_key"]]))
                    }
                    "exchange.bind" => {
                        Some(json!([method, args["destination"], args["source"], args["routing_key"]]))
                    }
                    _ => None,
                }
            })
            // The last one binds the task's exchange.
            .filter(|step| step[1] != "celery")
            .collect();
        let ours: Vec<Value> = steps(QueueType::Quorum).iter().map(shown).collect();
        assert_eq!(ours.len(), 4 * 28 + 1);
        assert_eq!(ours, theirs);
        assert_eq!(native_pattern("celery"), "#.celery");
        assert_eq!(native_pattern("#"), "#");
    }

    #[test]
    fn keys_are_celerys() {
        for (case, seconds) in [("amqp.task.delayed", 30), ("amqp.quorum.delayed-run", 3)] {
            let recorded = recorded(case);
            let place = &recorded["messages"][0]["where"];
            assert_eq!(place["exchange"], name(LEVELS - 1).as_str(), "{case}");
            let key = delayed_key(Duration::from_secs(seconds), "celery");
            assert_eq!(place["routing_key"], key.as_str(), "{case}");
            assert_eq!(strip(&key), Some("celery"));
        }
    }

    #[test]
    fn delays_round_up_and_none_is_refused() {
        let seconds = |wait: Duration| {
            let key = delayed_key(wait, "q");
            let digits: String = key.chars().filter(|char| char.is_ascii_digit()).collect();
            u64::from_str_radix(&digits, 2).unwrap()
        };
        assert_eq!(seconds(Duration::ZERO), 1);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(1)), 1);
        assert_eq!(seconds(Duration::from_millis(1_001)), 2);
        assert_eq!(seconds(Duration::MAX), (1 << 28) - 1);
    }

    #[test]
    fn a_prefix_is_stripped_once_and_only_whole() {
        let once = delayed_key(Duration::from_secs(5), "a.b");
        assert_eq!(delayed_key(Duration::from_secs(5), &once), once);
        assert_eq!(strip("0.1.q"), None);
        assert_eq!(strip(&"0.".repeat(27)), None);
        assert_eq!(strip(&"0.".repeat(28)), Some(""));
        assert_eq!(strip(&format!("{}2.q", "0.".repeat(27))), None);
        assert_eq!(strip(&"ä".repeat(28)), None);
    }

    #[test]
    fn keys_of_ours_are_one_word_and_differ() {
        assert_eq!(queue_key("a.b"), "taskq:a%2Eb");
        assert_eq!(exchange_key("x:y", "*.#"), "taskq:x%3Ay:%2A%2E%23");
        assert_ne!(queue_key("x:y"), exchange_key("x", "y"));
        assert!(is_ours(&queue_key("q")) && !is_ours("q"));
        assert!(is_level("celery_delayed_27") && !is_level("celery_delayed_28") && !is_level(DELIVERY));
    }
}
