//! Several processes on one SQLite file: waking each other, and dying at any moment.
//!
//! The children are this test program again, told by the environment what to do ([`child`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use taskq_core::{
    Timestamp,
    backend::{ResultBackend, State, TaskMeta, TaskOutput},
    broker::{
        Broker, ConsumeSpec, Delivery, Outgoing, Payload, Queue, Settle, Settled, Settlement, Topology,
    },
    protocol::{Message, RawHeaders, TaskId},
};
use taskq_sqlite::{SqliteBackend, SqliteBroker, SqliteOptions};
use taskq_tests::process::Running;
use tempfile::TempDir;

/// What must happen happens within this time.
const SOON: Duration = Duration::from_secs(60);
/// Longer than any test: what comes back, comes back because its owner died, not because a lease lapsed.
const LEASE: Duration = Duration::from_secs(3_600);
const QUEUE: &str = "shared";
const ROLE: &str = "TASKQ_SQLITE_ROLE";
const FILE: &str = "TASKQ_SQLITE_FILE";
const NAME: &str = "TASKQ_SQLITE_NAME";
const FROM: &str = "TASKQ_SQLITE_FROM";

/// A folder with the database and the diaries of the children.
struct Yard(TempDir);

impl Yard {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("taskq.db")
    }

    async fn broker(&self) -> SqliteBroker {
        let broker = open(&self.database()).await;
        let topology = Topology { queues: vec![Queue::named(QUEUE)] };
        broker.declare(&topology).await.expect("declare");
        broker
    }

    fn child(&self, role: &str, name: &str, from: u32) -> Running {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, role).env(FILE, self.database()).env(NAME, name).env(FROM, from.to_string());
        Running::start(&mut command, self.0.path().join(format!("{name}.log")))
    }

    /// What a child wrote down before it died: a word and a number a line. A line that was cut off by the death
    /// is left out.
    fn diary(&self, name: &str) -> Vec<(String, u32)> {
        let text = fs::read_to_string(self.0.path().join(name)).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let line = |line: &str| {
            let (word, number) = line.split_once(' ').expect("a word and a number");
            (word.to_owned(), number.parse().expect("a number"))
        };
        whole.lines().map(line).collect()
    }
}

async fn open(database: &Path) -> SqliteBroker {
    let url = format!("sqlite:{}", database.display());
    SqliteBroker::open(&url, SqliteOptions::default()).await.expect("open the broker")
}

fn numbered(number: u32) -> Outgoing {
    let message = Message {
        headers: RawHeaders(b"{}".as_slice().into()),
        body: number.to_string().into(),
        ..Message::default()
    };
    Outgoing::to_queue(QUEUE, message)
}

fn number(payload: &Payload) -> u32 {
    match payload {
        Payload::Message(message) => {
            std::str::from_utf8(&message.body).expect("text").parse().expect("a number")
        }
        Payload::Undecodable(bytes) => panic!("undecodable: {}", bytes.why),
    }
}

/// Does nothing in the test run; in a child process it is the program.
#[tokio::test]
async fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let database = PathBuf::from(env::var(FILE).expect("a file"));
    let name = env::var(NAME).expect("a name");
    let from: u32 = env::var(FROM).expect("a number").parse().expect("a number");
    let diary = database.with_file_name(&name);
    let diary = fs::OpenOptions::new().create(true).append(true).open(diary).expect("a diary");
    let broker = open(&database).await;
    match role.as_str() {
        "publish" => publish(&broker, diary, from).await,
        "consume" => consume(&broker, diary).await,
        "hold" => hold(&broker).await,
        "answer" => answer(&broker, &database).await,
        "tick" => tick(&broker).await,
        other => panic!("no role `{other}`"),
    }
}

/// Publishes in small batches until it is killed, writing down what was acknowledged.
async fn publish(broker: &SqliteBroker, mut diary: fs::File, from: u32) {
    for start in (from..).step_by(10) {
        let batch: Vec<_> = (start..start + 10).map(numbered).collect();
        broker.publish(&batch).await.expect("publish");
        let lines: String = (start..start + 10).map(|n| format!("sent {n}\n")).collect();
        diary.write_all(lines.as_bytes()).expect("write down");
    }
}

/// Takes, writes down, settles, writes down, until it is killed.
async fn consume(broker: &SqliteBroker, mut diary: fs::File) {
    let mut spec = ConsumeSpec::new("child@test", vec![Queue::named(QUEUE)]);
    spec.lease = LEASE;
    spec.max_deliveries = 0;
    let mut consumer = broker.consume(spec).await.expect("consume");
    println!("consuming");
    let settler = consumer.settler();
    let mut batch = Vec::new();
    loop {
        consumer.next_batch(20, &mut batch).await.expect("take");
        let held: Vec<_> = batch.drain(..).map(Delivery::accept).collect();
        let lines: String = held.iter().map(|held| format!("ran {}\n", number(&held.1))).collect();
        diary.write_all(lines.as_bytes()).expect("write down");
        let ends: Vec<_> = held.iter().map(|held| Settlement::new(held.0, Settle::Ack)).collect();
        assert_eq!(settler.settle(&ends).await.expect("settle"), Settled::default());
        let lines: String = held.iter().map(|held| format!("settled {}\n", number(&held.1))).collect();
        diary.write_all(lines.as_bytes()).expect("write down");
    }
}

/// Takes what there is and sits on it.
async fn hold(broker: &SqliteBroker) {
    let mut spec = ConsumeSpec::new("child@test", vec![Queue::named(QUEUE)]);
    spec.lease = LEASE;
    let mut consumer = broker.consume(spec).await.expect("consume");
    let mut batch = Vec::new();
    loop {
        consumer.next_batch(20, &mut batch).await.expect("take");
        println!("holding {}", batch.len());
    }
}

/// Answers each task with a result of its number, and tells an event of it.
async fn answer(broker: &SqliteBroker, database: &Path) {
    let url = format!("sqlite:{}", database.display());
    let backend = SqliteBackend::open(&url, SqliteOptions::default()).await.expect("open the backend");
    let events = broker.broadcast().expect("broadcast");
    let spec = ConsumeSpec::new("child@test", vec![Queue::named(QUEUE)]);
    let mut consumer = broker.consume(spec).await.expect("consume");
    println!("consuming");
    let mut batch = Vec::new();
    loop {
        consumer.next_batch(1, &mut batch).await.expect("take");
        for delivery in batch.drain(..) {
            let (tag, payload, ..) = delivery.accept();
            let number = number(&payload).to_string();
            let output = TaskOutput::Json(number.clone().into());
            let meta = TaskMeta::new(number.as_str().into(), State::Success, output);
            backend.store(&[meta]).await.expect("store");
            let settled = consumer.settler().settle(&[Settlement::new(tag, Settle::Ack)]).await;
            assert_eq!(settled.expect("settle"), Settled::default());
            let Payload::Message(message) = payload else { panic!("undecodable") };
            events.publish("events", "task.done", &message).await.expect("broadcast");
        }
    }
}

/// Publishes the time, again and again.
async fn tick(broker: &SqliteBroker) {
    loop {
        tokio::time::sleep(Duration::from_millis(15)).await;
        let mut tick = numbered(0);
        tick.message.body = Timestamp::now().as_microsecond().to_string().into();
        broker.publish(&[tick]).await.expect("publish");
    }
}

/// Publishers and consumers are killed at random moments. What was acknowledged to a publisher runs; nothing
/// runs twice but what its consumer had not settled when it was killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_nothing_and_repeat_only_what_they_held() {
    const PUBLISHERS: u32 = 2;
    const CONSUMERS: usize = 3;
    const KILLS: usize = 6;
    let yard = Yard::new();
    let broker = yard.broker().await;
    let mut publishers: Vec<_> =
        (0..PUBLISHERS).map(|n| yard.child("publish", &format!("publisher{n}"), n * 1_000_000)).collect();
    let mut names: Vec<String> = (0..CONSUMERS).map(|n| format!("consumer{n}")).collect();
    let mut consumers: Vec<_> = names.iter().map(|name| yard.child("consume", name, 0)).collect();
    for consumer in &mut consumers {
        consumer.wait_for_output("consuming", SOON);
    }
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(100..400))).await;
        let victim = fastrand::usize(0..CONSUMERS);
        consumers[victim].kill();
        names.push(format!("consumer{}", CONSUMERS + kill));
        consumers[victim] = yard.child("consume", names.last().expect("a name"), 0);
    }
    for publisher in &mut publishers {
        publisher.kill();
    }
    let admin = broker.admin().expect("admin");
    let queue = [QUEUE.to_owned()];
    let begin = Instant::now();
    loop {
        let stats = admin.stats(&queue).await.expect("stats").remove(0);
        if stats.ready + stats.in_flight == 0 {
            break;
        }
        assert!(begin.elapsed() < SOON, "not drained within {SOON:?}: {stats:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The last settlements are committed; let them be written down.
    for consumer in &mut consumers {
        consumer.kill();
    }

    let mut sent = BTreeSet::new();
    for n in 0..PUBLISHERS {
        sent.extend(yard.diary(&format!("publisher{n}")).into_iter().map(|(_, number)| number));
    }
    assert!(sent.len() > 100, "only {} were sent", sent.len());
    let (mut ran, mut settled): (BTreeMap<u32, u32>, BTreeMap<u32, u32>) = Default::default();
    for name in &names {
        for (word, number) in yard.diary(name) {
            *if word == "ran" { &mut ran } else { &mut settled }.entry(number).or_default() += 1;
        }
    }
    let lost: Vec<_> = sent.iter().filter(|number| !ran.contains_key(number)).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), sent.len());
    let twice: Vec<_> = settled.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "settled twice: {twice:?}");
    let again = ran.values().filter(|times| **times > 1).count();
    assert!(again <= (KILLS + CONSUMERS) * 20, "{again} ran again, more than the killed could hold");
    println!("{} sent, {} ran, {again} of them again", sent.len(), ran.len());
}

/// What a killed process held comes back within seconds, although its lease has an hour to go.
#[tokio::test]
async fn what_a_killed_process_held_comes_back_at_once() {
    let yard = Yard::new();
    let broker = yard.broker().await;
    broker.publish(&(0..3).map(numbered).collect::<Vec<_>>()).await.expect("publish");
    let mut victim = yard.child("hold", "victim", 0);
    victim.wait_for_output("holding 3", SOON);
    let mut consumer =
        broker.consume(ConsumeSpec::new("survivor@test", vec![Queue::named(QUEUE)])).await.expect("consume");
    let mut batch = Vec::new();
    let alive = tokio::time::timeout(Duration::from_secs(3), consumer.next_batch(3, &mut batch)).await;
    assert!(alive.is_err(), "taken from a process that lives: {batch:?}");
    victim.kill();
    let killed = Instant::now();
    while batch.len() < 3 {
        let take = consumer.next_batch(3, &mut batch);
        tokio::time::timeout(SOON, take).await.expect("soon").expect("take");
    }
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(10), "came back after {took:?}");
    assert!(batch.iter().all(|delivery| delivery.deliveries == 2 && delivery.info.redelivered));
    println!("given back after {took:?}");
}

/// A message published by another process arrives without waiting for a slow tick.
#[tokio::test]
async fn processes_wake_each_other() {
    const COUNT: usize = 100;
    let yard = Yard::new();
    let broker = yard.broker().await;
    let spec = ConsumeSpec::new("waiting@test", vec![Queue::named(QUEUE)]);
    let mut consumer = broker.consume(spec).await.expect("consume");
    let _child = yard.child("tick", "ticker", 0);
    let (mut batch, mut took) = (Vec::new(), Vec::new());
    while took.len() < COUNT {
        tokio::time::timeout(SOON, consumer.next_batch(1, &mut batch)).await.expect("soon").expect("take");
        let now = Timestamp::now().as_microsecond();
        let held: Vec<_> = batch.drain(..).map(Delivery::accept).collect();
        for (tag, payload, ..) in held {
            let Payload::Message(message) = payload else { panic!("undecodable") };
            let sent: i64 = std::str::from_utf8(&message.body).expect("text").parse().expect("a time");
            took.push(now - sent);
            let settled = consumer.settler().settle(&[Settlement::new(tag, Settle::Ack)]).await;
            assert_eq!(settled.expect("settle"), Settled::default());
        }
    }
    took.sort_unstable();
    println!("microseconds: median {}, worst {}", took[COUNT / 2], took[COUNT - 1]);
    assert!(took[COUNT / 2] < 100_000, "median {} µs", took[COUNT / 2]);
}

/// Processes that all come first to a new file agree on it.
#[tokio::test]
async fn a_new_file_is_made_once_by_those_who_come_together() {
    for _ in 0..3 {
        let yard = Yard::new();
        let mut children: Vec<_> = (0..4).map(|n| yard.child("consume", &format!("first{n}"), 0)).collect();
        for child in &mut children {
            child.wait_for_output("consuming", SOON);
        }
        let broker = yard.broker().await;
        broker.publish(&[numbered(1)]).await.expect("publish");
    }
}

/// A task there, its result and its event here.
#[tokio::test]
async fn results_and_events_cross_processes() {
    let yard = Yard::new();
    let broker = yard.broker().await;
    let url = format!("sqlite:{}", yard.database().display());
    let backend = SqliteBackend::open(&url, SqliteOptions::default()).await.expect("open the backend");
    let mut events =
        broker.broadcast().expect("broadcast").subscribe("events", "task.#").await.expect("subscribe");
    let mut child = yard.child("answer", "answerer", 0);
    child.wait_for_output("consuming", SOON);
    for n in 1..=20 {
        broker.publish(&[numbered(n)]).await.expect("publish");
        let id = TaskId::from(n.to_string());
        let meta = backend.wait(&id, Some(SOON)).await.expect("wait");
        assert_eq!(meta.output, TaskOutput::Json(n.to_string().into()));
        let event = tokio::time::timeout(SOON, events.next()).await.expect("soon").expect("an event");
        assert_eq!(event.body, n.to_string());
    }
}
