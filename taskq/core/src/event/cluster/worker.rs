//! A worker, as its events tell.

use crate::{codec::Value, event::Event};

/// A worker is taken for dead after so many intervals without a heartbeat. As Celery.
const MISSED: f64 = 2.0;

/// What is known of a worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerView {
    /// Node name.
    pub hostname: String,
    /// Process id.
    pub pid: i64,
    /// Seconds between heartbeats.
    pub freq: f64,
    /// When it was last heard of, in seconds since 1970 by the receiver's clock.
    pub last_heard: f64,
    /// Its logical time.
    pub clock: u64,
    /// Whether it said goodbye.
    pub is_offline: bool,
    /// Tasks that run now.
    pub active: u64,
    /// Tasks that were started since it came up.
    pub processed: u64,
    /// Load of its machine over 1, 5 and 15 minutes.
    pub loadavg: [f64; 3],
    /// Its software: `taskq`, `py-celery`.
    pub sw_ident: String,
    /// The version of that.
    pub sw_ver: String,
    /// Its operating system.
    pub sw_sys: String,
}

impl WorkerView {
    pub(super) fn take(&mut self, event: &Event, what: &str, now: f64) {
        if self.hostname.is_empty() {
            self.hostname.clone_from(&event.hostname);
            self.freq = 60.0;
        }
        // A late word must not bring back one that has gone; one that was restarted begins anew.
        let late = event.clock < self.clock && event.pid == self.pid;
        if late {
            return;
        }
        self.clock = event.clock;
        self.pid = event.pid;
        self.is_offline = what == "offline";
        self.last_heard = now;
        let count = |name| event.number(name).map(|number: f64| number.max(0.0) as u64);
        if let Some(freq) = event.number("freq").filter(|freq| *freq > 0.0) {
            self.freq = freq;
        }
        self.active = count("active").unwrap_or(self.active);
        self.processed = count("processed").unwrap_or(self.processed);
        if let Some(Value::List(loads)) = event.fields.get("loadavg") {
            for (load, value) in self.loadavg.iter_mut().zip(loads) {
                *load = match value {
                    Value::Float(value) => *value,
                    Value::Int(value) => *value as f64,
                    _ => *load,
                };
            }
        }
        for (name, text) in
            [("sw_ident", &mut self.sw_ident), ("sw_ver", &mut self.sw_ver), ("sw_sys", &mut self.sw_sys)]
        {
            if let Some(told) = event.text(name) {
                told.clone_into(text);
            }
        }
    }

    /// It told of something else.
    pub(super) fn heard(&mut self, now: f64) {
        if !self.is_offline {
            self.last_heard = self.last_heard.max(now);
        }
    }

    /// Whether it is alive: it did not say goodbye, and was heard of within two heartbeats.
    pub fn is_alive(&self, now: f64) -> bool {
        !self.is_offline && now < self.last_heard + self.freq * MISSED
    }
}
