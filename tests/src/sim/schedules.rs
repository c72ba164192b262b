//! The schedule in memory, as a beat sees it through its link.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    BoxFuture, Error, ErrorKind,
    schedule::{Change, Claim, Leadership, MemorySchedules, ScheduleStore, Snapshot, Tick, TickRecord},
};

use super::{link::Link, plan::Server};

/// A schedule that fails as its link does. It lives on the broker's server.
#[derive(Debug)]
pub(super) struct FaultySchedules {
    pub(super) schedules: MemorySchedules,
    pub(super) link: Arc<Link>,
}

type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Connection, format!("the schedule is away: {what}"))
}

impl FaultySchedules {
    fn call<'a, T: Send + 'a>(&'a self, what: &'static str, call: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(self.link.call(Server::Broker, what, failed, call))
    }
}

impl ScheduleStore for FaultySchedules {
    fn publishes(&self) -> bool {
        self.schedules.publishes()
    }

    fn snapshot(&self) -> Answer<'_, Snapshot> {
        self.call("snapshot", self.schedules.snapshot())
    }

    fn revision(&self) -> Answer<'_, u64> {
        self.call("revision", self.schedules.revision())
    }

    fn change<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, Vec<bool>> {
        self.call("change", self.schedules.change(changes))
    }

    fn lead<'a>(&'a self, beat: &'a str, lease: Duration) -> Answer<'a, Leadership> {
        self.call("lead", self.schedules.lead(beat, lease))
    }

    fn resign<'a>(&'a self, beat: &'a str) -> Answer<'a, ()> {
        self.call("resign", self.schedules.resign(beat))
    }

    fn claim<'a>(&'a self, token: u64, ticks: &'a [Tick]) -> Answer<'a, Vec<Claim>> {
        self.call("claim", self.schedules.claim(token, ticks))
    }

    fn confirm<'a>(&'a self, token: u64, entries: &'a [String]) -> Answer<'a, ()> {
        self.call("confirm", self.schedules.confirm(token, entries))
    }

    fn history<'a>(&'a self, entry: &'a str, limit: usize) -> Answer<'a, Vec<TickRecord>> {
        self.call("history", self.schedules.history(entry, limit))
    }
}
