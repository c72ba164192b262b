//! The names of keys and channels: kombu's, and our own under `taskq:`.

use jiff::Timestamp;

use crate::options::RedisOptions;

/// What the names of owners that mirror have before their epoch.
const MIRRORS: &str = ":mirrors.";

/// The name of an owner in an epoch. It says whether the owner mirrors what it holds into kombu's `unacked`, for
/// whoever clears up after it.
pub(crate) fn owner(instance: &str, mirrors: bool, epoch: u32) -> String {
    format!("{instance}{}{epoch}", if mirrors { MIRRORS } else { "." })
}

/// Whether this owner mirrors what it holds.
pub(crate) fn mirrors(owner: &str) -> bool {
    owner.rfind('.').is_some_and(|end| owner[..=end].ends_with(MIRRORS))
}

/// In seconds.
const WEEK: i64 = 7 * 24 * 60 * 60;

/// Names keys. Every one carries the prefix.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    sep: String,
    steps: Vec<u8>,
    unacked: String,
    unacked_index: String,
}

impl Keys {
    pub(crate) fn new(options: &RedisOptions) -> Self {
        Self {
            prefix: options.key_prefix.clone(),
            sep: options.sep.clone(),
            steps: options.priority_steps.clone(),
            unacked: format!("{}{}", options.key_prefix, options.unacked_key),
            unacked_index: format!("{}{}", options.key_prefix, options.unacked_index_key),
        }
    }

    /// The keys of another database, under its own prefix.
    pub(crate) fn with_prefix(options: &RedisOptions, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::new(options) }
    }

    pub(crate) fn sep(&self) -> &str {
        &self.sep
    }

    /// The lists of a queue, most urgent first.
    pub(crate) fn lists(&self, queue: &str) -> Vec<String> {
        self.steps.iter().map(|step| self.list_of_step(queue, *step)).collect()
    }

    /// The list for a priority: the highest step at or below it, as kombu clamps it.
    pub(crate) fn list(&self, queue: &str, priority: Option<i64>) -> String {
        self.list_of_step(queue, self.step(priority))
    }

    pub(crate) fn step(&self, priority: Option<i64>) -> u8 {
        let priority = priority.unwrap_or(0).clamp(0, 9);
        self.steps.iter().copied().rfind(|step| i64::from(*step) <= priority).unwrap_or(self.steps[0])
    }

    fn list_of_step(&self, queue: &str, step: u8) -> String {
        match step {
            0 => format!("{}{queue}", self.prefix),
            step => format!("{}{queue}{}{step}", self.prefix, self.sep),
        }
    }

    /// How many steps there are.
    pub(crate) fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// kombu's bindings of an exchange.
    pub(crate) fn binding(&self, exchange: &str) -> String {
        format!("{}_kombu.binding.{exchange}", self.prefix)
    }

    /// When kombu may remove the bindings of an exchange.
    pub(crate) fn binding_deadlines(&self) -> String {
        format!("{}_kombu.binding_deadlines", self.prefix)
    }

    /// Bindings that are never swept.
    pub(crate) fn permanent_binding(&self, exchange: &str) -> String {
        format!("{}_kombu.binding_permanent.{exchange}", self.prefix)
    }

    /// A key under its own name.
    pub(crate) fn plain(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// kombu's unacknowledged messages.
    pub(crate) fn unacked(&self) -> &str {
        &self.unacked
    }

    /// Their index by time.
    pub(crate) fn unacked_index(&self) -> &str {
        &self.unacked_index
    }

    /// What was revoked, by time.
    pub(crate) fn revoked(&self) -> String {
        format!("{}taskq:revoked", self.prefix)
    }

    /// The turns of a rate limit.
    pub(crate) fn rate(&self, key: &str) -> String {
        format!("{}taskq:rate:{key}", self.prefix)
    }

    /// Owner → deadline in milliseconds.
    pub(crate) fn owners(&self) -> String {
        format!("{}taskq:owners", self.prefix)
    }

    /// Owners whose lease has lapsed and whose messages are being given back.
    pub(crate) fn leaving(&self) -> String {
        format!("{}taskq:leaving", self.prefix)
    }

    /// The queues of which an owner holds messages.
    pub(crate) fn held_queues(&self, owner: &str) -> String {
        format!("{}taskq:held:{owner}", self.prefix)
    }

    /// What an owner holds of a queue: number → message. Numbers are those of the owner's deliveries; the oldest has
    /// the smallest.
    pub(crate) fn in_flight(&self, owner: &str, queue: &str) -> String {
        format!("{}taskq:inflight:{owner}:{queue}", self.prefix)
    }

    /// Messages of a queue that wait for their time.
    pub(crate) fn delayed(&self, queue: &str) -> String {
        format!("{}taskq:delayed:{queue}", self.prefix)
    }

    /// Delivery tag → deliveries that did not end: the hash of this week, which is counted in, and the one of the
    /// week before; a count is the sum of both. They expire, because nobody removes the counts of messages that
    /// a Python worker has ended.
    pub(crate) fn deliveries(&self) -> [String; 2] {
        let week = Timestamp::now().as_second() / WEEK;
        [week, week - 1].map(|week| format!("{}taskq:deliveries:{week}", self.prefix))
    }

    /// Delivery tag → an entry of `unacked` that could not be read, and of which no queue could be told.
    pub(crate) fn unreadable(&self) -> String {
        format!("{}taskq:unreadable", self.prefix)
    }

    /// The channel on which a write to a key is announced.
    pub(crate) fn wake(&self, key: &str) -> String {
        format!("{}taskq:wake:{key}", self.prefix)
    }

    /// Dead letters of a queue, newest first.
    pub(crate) fn dead(&self, queue: &str) -> String {
        format!("{}taskq:dead:{queue}", self.prefix)
    }

    /// Exchange → its kind, of those that were declared by us. (kombu stores it nowhere.)
    pub(crate) fn exchanges(&self) -> String {
        format!("{}taskq:exchanges", self.prefix)
    }

    /// A part of the schedule: `entries`, `revision`, `leader`, `terms`.
    pub(crate) fn schedule(&self, part: &str) -> String {
        format!("{}taskq:schedule:{part}", self.prefix)
    }

    /// A part of what is kept of one entry: `state`, `history`, `backfilled`.
    pub(crate) fn schedule_entry(&self, part: &str, entry: &str) -> String {
        format!("{}taskq:schedule:{part}:{entry}", self.prefix)
    }

    /// A key that is never there.
    pub(crate) fn nothing(&self) -> String {
        format!("{}taskq:nothing", self.prefix)
    }

    /// Queues that were declared or consumed by us.
    pub(crate) fn queues(&self) -> String {
        format!("{}taskq:queues", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_say_whether_they_mirror() {
        for (instance, mirrors_it) in [("a@b.c:1", true), ("a@b.c:1", false), ("x:mirrors:1", false)] {
            let name = owner(instance, mirrors_it, 12);
            assert_eq!(mirrors(&name), mirrors_it, "{name}");
        }
    }

    #[test]
    fn priorities_go_to_kombus_lists() {
        let keys = Keys::new(&RedisOptions::default());
        for (priority, list) in [
            (None, "q"),
            (Some(0), "q"),
            (Some(2), "q"),
            (Some(3), "q\u{6}\u{16}3"),
            (Some(5), "q\u{6}\u{16}3"),
            (Some(6), "q\u{6}\u{16}6"),
            (Some(9), "q\u{6}\u{16}9"),
            (Some(10), "q\u{6}\u{16}9"),
            (Some(-1), "q"),
        ] {
            assert_eq!(keys.list("q", priority), list, "{priority:?}");
        }
        assert_eq!(keys.lists("q").len(), 4);
    }
}
