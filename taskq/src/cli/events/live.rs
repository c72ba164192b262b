//! What the live view shows: the cluster as events tell it, and how much happens each second.

use std::collections::VecDeque;

use taskq_core::event::{Cluster, Event};

/// Seconds that the rates look back.
pub(super) const SECONDS: usize = 60;

/// Everything that is shown.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) cluster: Cluster,
    pub(super) rates: Rates,
    /// Where the messages come from, without its password.
    pub(super) broker: String,
    /// Nothing is taken in while it is true.
    pub(super) is_paused: bool,
    /// Only tasks that ended badly.
    pub(super) only_failed: bool,
    /// How far down the list of tasks begins.
    pub(super) scroll: usize,
    /// Events that could not be read.
    pub(super) garbage: u64,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Pause,
    Failed,
    Down(usize),
    Up(usize),
    Top,
}

/// Events by second, the newest last.
#[derive(Debug)]
pub(super) struct Rates {
    second: i64,
    received: VecDeque<u64>,
    succeeded: VecDeque<u64>,
    failed: VecDeque<u64>,
}

impl Default for Rates {
    fn default() -> Self {
        let none = || VecDeque::from(vec![0; SECONDS]);
        Self { second: 0, received: none(), succeeded: none(), failed: none() }
    }
}

impl Rates {
    /// Moves on to the second of `now`.
    fn advance(&mut self, now: f64) {
        let second = now as i64;
        let passed = usize::try_from(second - self.second).unwrap_or(0).min(SECONDS);
        self.second = self.second.max(second);
        for row in [&mut self.received, &mut self.succeeded, &mut self.failed] {
            for _ in 0..passed {
                row.pop_front();
                row.push_back(0);
            }
        }
    }

    fn take(&mut self, event: &Event, now: f64) {
        self.advance(now);
        let row = match event.kind.as_str() {
            "task-received" => &mut self.received,
            "task-succeeded" => &mut self.succeeded,
            "task-failed" => &mut self.failed,
            _ => return,
        };
        if let Some(last) = row.back_mut() {
            *last += 1;
        }
    }

    /// Name, the last full second, and all seconds, of each.
    pub(super) fn rows(&self) -> [(&'static str, u64, Vec<u64>); 3] {
        let row = |name, row: &VecDeque<u64>| (name, row[SECONDS - 2], row.iter().copied().collect());
        [row("received", &self.received), row("succeeded", &self.succeeded), row("failed", &self.failed)]
    }
}

impl Live {
    pub(super) fn new(broker: String) -> Self {
        Self { broker, ..Self::default() }
    }

    /// Takes in an event that came at `now`, in seconds since 1970.
    pub(super) fn take(&mut self, event: &Event, now: f64) {
        if !self.is_paused {
            self.cluster.take(event, now);
            self.rates.take(event, now);
        }
    }

    /// Time goes on without events too.
    pub(super) fn tick(&mut self, now: f64) {
        if !self.is_paused {
            self.rates.advance(now);
        }
    }

    /// Does what a key says; true: it is over.
    pub(super) fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Quit => return true,
            Key::Pause => self.is_paused = !self.is_paused,
            Key::Failed => {
                self.only_failed = !self.only_failed;
                self.scroll = 0;
            }
            Key::Down(by) => self.scroll = self.scroll.saturating_add(by),
            Key::Up(by) => self.scroll = self.scroll.saturating_sub(by),
            Key::Top => self.scroll = 0,
        }
        false
    }
}
