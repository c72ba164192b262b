//! Several beats, and what becomes of the schedule when the one that leads is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskq_core::config::Urls;
use taskq_core::schedule::{ScheduleStore, TickKind, TickRecord};
use taskq_redis::{RedisOptions, RedisSchedules};
use taskq_tests::node::Node;
use taskq_tests::process::{Running, eventually};
use taskq_tests::redis_server::RedisServer;

const BINARY: &str = env!("CARGO_BIN_EXE_interop-worker");
const PATIENCE: Duration = Duration::from_secs(30);
const ENTRIES: usize = 20;
const BEATS: usize = 3;
/// How long beats are killed, and how often.
const KILLING: Duration = Duration::from_secs(180);
const EVERY: Duration = Duration::from_secs(5);

fn schedule() -> Value {
    let entry = |number: usize| {
        let entry =
            json!({"task": "conf_tasks.noop", "schedule": {"every": 1.0}, "options": {"queue": "ticks"}});
        (format!("entry-{number}"), entry)
    };
    json!({"beat_schedule": (0..ENTRIES).map(entry).collect::<BTreeMap<_, _>>()})
}

struct Fleet {
    redis: RedisServer,
    logs: tempfile::TempDir,
    beats: Vec<Running>,
    started: usize,
}

impl Fleet {
    fn start() -> Self {
        let logs = tempfile::tempdir().expect("a folder for logs");
        let mut fleet = Self { redis: RedisServer::start(), logs, beats: Vec::new(), started: 0 };
        (0..BEATS).for_each(|_| fleet.start_one());
        fleet
    }

    fn start_one(&mut self) {
        self.started += 1;
        let name = format!("beat@{}", self.started);
        let node = Node::new(&name, &self.redis.url(0), "", &self.redis.url(1), self.logs.path());
        self.beats.push(node.conf(schedule()).start_rust_beat(BINARY));
    }

    /// The place of the beat that leads: the last one that said so.
    fn leader(&self) -> Option<usize> {
        let leads = |beat: &Running| beat.output().contains("beat leads");
        // Who led and lost it would say so; nobody does here, as leaders are killed.
        self.beats.iter().position(leads)
    }

    /// Kills the leader with SIGKILL and starts another beat.
    fn kill_leader(&mut self) {
        eventually("a beat leads", PATIENCE, || self.leader().is_some());
        let leader = self.leader().expect("just seen");
        drop(self.beats.remove(leader));
        self.start_one();
    }

    /// The ids of the messages in the queue.
    fn sent(&self) -> Vec<String> {
        let mut connection = self.redis.connect(0);
        let messages: Vec<String> =
            redis::cmd("LRANGE").arg("ticks").arg(0).arg(-1).query(&mut connection).expect("the queue");
        let id = |message: &String| {
            let message: Value = serde_json::from_str(message).expect("an envelope");
            message["headers"]["id"].as_str().expect("an id").to_owned()
        };
        messages.iter().map(id).collect()
    }

    async fn history(&self) -> BTreeMap<String, Vec<TickRecord>> {
        let urls = Urls::parse(&self.redis.url(0)).expect("a URL");
        let store = RedisSchedules::connect(&urls, RedisOptions::default(), true).await.expect("connect");
        let mut history = BTreeMap::new();
        for number in 0..ENTRIES {
            let name = format!("entry-{number}");
            let mut ticks = store.history(&name, 1_000).await.expect("history");
            ticks.reverse();
            history.insert(name, ticks);
        }
        history
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tick_is_sent_once_although_leaders_are_killed() {
    let mut fleet = Fleet::start();
    let began = Instant::now();
    let mut kills = 0;
    while began.elapsed() < KILLING {
        // Not a wait for anything: the time between two kills.
        thread::sleep(EVERY);
        fleet.kill_leader();
        kills += 1;
    }
    // The last leader has caught up once it has sent after the last kill.
    let last_kill = jiff::Timestamp::now();
    eventually("a beat leads", PATIENCE, || fleet.leader().is_some());
    let caught_up = |history: &BTreeMap<String, Vec<TickRecord>>| {
        history.values().all(|ticks| ticks.last().is_some_and(|tick| tick.due > last_kill))
    };
    let waiting = Instant::now();
    while !caught_up(&fleet.history().await) {
        assert!(waiting.elapsed() < PATIENCE, "the last leader does not catch up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fleet.beats.clear();

    let (history, sent) = (fleet.history().await, fleet.sent());
    let mut late = Vec::new();
    for (entry, ticks) in &history {
        for pair in ticks.windows(2) {
            let step = pair[1].due.duration_since(pair[0].due);
            assert_eq!(step, jiff::SignedDuration::from_secs(1), "{entry}: {pair:?}");
        }
        assert!(ticks.iter().all(|tick| tick.kind == TickKind::Due), "{entry}: {ticks:?}");
        late.extend(ticks.iter().map(TickRecord::late));
    }
    let unique: BTreeSet<&String> = sent.iter().collect();
    assert_eq!(unique.len(), sent.len(), "messages were sent twice");
    let expected: BTreeSet<&str> = history.values().flatten().map(|tick| tick.task.as_str()).collect();
    assert_eq!(unique, expected.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>().iter().collect());
    late.sort();
    let at = |part: usize| late[(late.len() - 1) * part / 100];
    println!(
        "{kills} leaders killed in {KILLING:?}: {} ticks of {ENTRIES} entries, each sent once; late p50 {:?}, \
         p99 {:?}, most {:?}",
        sent.len(),
        at(50),
        at(99),
        at(100)
    );
}
