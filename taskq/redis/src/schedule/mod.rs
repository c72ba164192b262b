//! Schedules in Redis: beside the broker, or alone.
//!
//! Kept true here: claiming a tick and pushing its message is one script, fenced by the leader's token. The
//! leader's lease is a key that lapses by itself, so a dead beat needs nobody to clean up after it.

mod redbeat;
mod state;
mod tick;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub use redbeat::{REDBEAT_PREFIX, Redbeat, read_redbeat};
use redis::Pipeline;
use taskq_core::{
    BoxFuture, Error, Timestamp,
    broker::BrokerError,
    config::Urls,
    schedule::{Change, Claim, Entry, Leadership, ScheduleStore, Snapshot, Tick, TickRecord},
};

use crate::{
    RedisBroker, RedisOptions,
    broker::Shared,
    script::{self, CONFIRM, LEAD, RESIGN},
};

/// Schedules in a Redis database.
#[derive(Debug)]
pub struct RedisSchedules {
    shared: Arc<Shared>,
    publishes: bool,
}

impl RedisSchedules {
    /// Connects. With `publishes`, ticks are pushed to the queues of this very database: it must be the broker's,
    /// with the broker's options.
    ///
    /// # Errors
    /// As [`RedisBroker::connect`].
    pub async fn connect(urls: &Urls, options: RedisOptions, publishes: bool) -> Result<Self, BrokerError> {
        let broker = RedisBroker::connect(urls, options).await?;
        Ok(Self { shared: Arc::clone(broker.shared()), publishes })
    }

    async fn snapshot(&self) -> Result<Snapshot, BrokerError> {
        let keys = &self.shared.keys;
        let mut pipeline = Pipeline::new();
        pipeline.cmd("GET").arg(keys.schedule("revision"));
        pipeline.cmd("HGETALL").arg(keys.schedule("entries"));
        pipeline.cmd("HGET").arg(keys.schedule("leader")).arg("beat");
        type Answers = (Option<u64>, Vec<(String, Vec<u8>)>, Option<String>);
        let (revision, stored, leader): Answers =
            self.shared.link.pipe("read the schedule", &pipeline).await?;
        let mut snapshot = Snapshot { revision: revision.unwrap_or(0), leader, ..Snapshot::default() };
        if stored.is_empty() {
            return Ok(snapshot);
        }
        let mut pipeline = Pipeline::with_capacity(stored.len());
        for (name, _) in &stored {
            pipeline.cmd("HGETALL").arg(keys.schedule_entry("state", name));
        }
        let states: Vec<HashMap<String, String>> =
            self.shared.link.pipe("read the schedule's state", &pipeline).await?;
        for ((name, definition), fields) in stored.into_iter().zip(states) {
            match Entry::from_stored(&name, &definition) {
                Ok(entry) => snapshot.entries.push(entry),
                Err(error) => snapshot.unreadable.push((name.clone(), error.to_string())),
            }
            snapshot.states.insert(name, state::read(&fields));
        }
        snapshot.entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(snapshot)
    }

    async fn change(&self, changes: &[Change]) -> Result<Vec<bool>, Error> {
        let keys = &self.shared.keys;
        let now = Timestamp::now();
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        for change in changes {
            state::change(&mut pipeline, keys, change, now)?;
        }
        pipeline.cmd("INCR").arg(keys.schedule("revision")).ignore();
        let there: Vec<i64> = self.shared.link.pipe("change the schedule", &pipeline).await?;
        Ok(changes
            .iter()
            .zip(there)
            .map(|(change, there)| matches!(change, Change::Put(_)) || there > 0)
            .collect())
    }

    async fn lead(&self, beat: &str, lease: Duration) -> Result<Leadership, BrokerError> {
        let keys = &self.shared.keys;
        let mut command = script::call(&LEAD, 2);
        command.arg(keys.schedule("leader")).arg(keys.schedule("terms")).arg(beat);
        command.arg(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
        let (token, leader): (u64, String) = script::run(&self.shared.link, "lead", &command).await?;
        Ok(if token > 0 { Leadership::Leader { token } } else { Leadership::Follower { leader } })
    }

    async fn resign(&self, beat: &str) -> Result<(), BrokerError> {
        let mut command = script::call(&RESIGN, 1);
        command.arg(self.shared.keys.schedule("leader")).arg(beat);
        script::run::<i64>(&self.shared.link, "resign", &command).await.map(drop)
    }

    async fn confirm(&self, token: u64, entries: &[String]) -> Result<(), BrokerError> {
        let keys = &self.shared.keys;
        let mut command = script::call(&CONFIRM, entries.len() + 1);
        command.arg(keys.schedule("leader"));
        for entry in entries {
            command.arg(keys.schedule_entry("state", entry));
        }
        command.arg(token);
        script::run::<i64>(&self.shared.link, "confirm ticks", &command).await.map(drop)
    }

    async fn history(&self, entry: &str, limit: usize) -> Result<Vec<TickRecord>, BrokerError> {
        let mut command = redis::cmd("LRANGE");
        let last = isize::try_from(limit).unwrap_or(isize::MAX) - 1;
        command.arg(self.shared.keys.schedule_entry("history", entry)).arg(0).arg(last);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let lines: Vec<String> = self.shared.link.run("read the history of an entry", &command).await?;
        Ok(lines.iter().filter_map(|line| TickRecord::from_line(line)).collect())
    }
}

impl ScheduleStore for RedisSchedules {
    fn publishes(&self) -> bool {
        self.publishes
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, Error>> {
        Box::pin(async { Ok(self.snapshot().await?) })
    }

    fn revision(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async {
            let mut command = redis::cmd("GET");
            command.arg(self.shared.keys.schedule("revision"));
            let revision: Option<u64> = self.shared.link.run("look at the schedule", &command).await?;
            Ok(revision.unwrap_or(0))
        })
    }

    fn change<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Vec<bool>, Error>> {
        Box::pin(self.change(changes))
    }

    fn lead<'a>(&'a self, beat: &'a str, lease: Duration) -> BoxFuture<'a, Result<Leadership, Error>> {
        Box::pin(async move { Ok(self.lead(beat, lease).await?) })
    }

    fn resign<'a>(&'a self, beat: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { Ok(self.resign(beat).await?) })
    }

    fn claim<'a>(&'a self, token: u64, ticks: &'a [Tick]) -> BoxFuture<'a, Result<Vec<Claim>, Error>> {
        Box::pin(async move { Ok(tick::claim(&self.shared, self.publishes, token, ticks).await?) })
    }

    fn confirm<'a>(&'a self, token: u64, entries: &'a [String]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { Ok(self.confirm(token, entries).await?) })
    }

    fn history<'a>(&'a self, entry: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<TickRecord>, Error>> {
        Box::pin(async move { Ok(self.history(entry, limit).await?) })
    }
}
