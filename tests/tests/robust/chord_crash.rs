//! A chord of 1,000 on Redis whose workers are killed with `kill -9`, again and again: the body runs once.
//!
//! The header runs on workers that are killed in the middle and right at the end, when the last members are
//! counted and the body is sent. The body runs on a worker of its own that lives, so a second run of it could
//! only come from a second message.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskq::core::codec::from_value;
use taskq::core::config::Sources;
use taskq::{App, Error, Signature, args};
use taskq_tests::node::Node;
use taskq_tests::process::{Running, eventually};
use taskq_tests::redis_server::RedisServer;

use crate::WORKER;
use crate::crash::left;
use crate::ledger::{self, Ledger};

const ROUNDS: usize = 20;
const MEMBERS: usize = 1_000;
const CONCURRENCY: u32 = 4;
/// How many members have ended when a worker is killed: somewhere in the middle, and around the very end.
const KILLED_AT: [std::ops::Range<usize>; 2] = [50..900, 960..1_001];
/// How much longer it lives, in microseconds: the counting of the last members comes after their end.
const LONGER: std::ops::Range<u64> = 0..60_000;
/// What one worker may have ended and not settled.
const UNSETTLED: usize = CONCURRENCY as usize + ledger::UNSETTLED;
/// One chord, on a loaded machine: a lease or the claim of a dead worker has to lapse first.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the queue is looked at.
const LOOK: Duration = Duration::from_millis(50);
const STOPPING: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_body_of_a_chord_runs_once_although_its_workers_are_killed() -> Result<(), Error> {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = Node::new("body@chord", &redis.url(0), &redis.url(1), &redis.url(2), logs.path())
        .conf(json!({"task_acks_late": true, "lease": 3}))
        .concurrency(CONCURRENCY);
    let _bodies = node.clone().queues("body").start_rust(WORKER);
    let sources = Sources::none().set("broker_url", redis.url(0)).set("result_backend", redis.url(1));
    let app = App::builder().sources(sources).build()?;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let mut results = Vec::with_capacity(ROUNDS);
    let mut workers = Workers { node: node.clone(), born: 0, running: None };
    let (mut repeated, mut slowest) = (0, Duration::ZERO);
    for round in 0..ROUNDS {
        let began = Instant::now();
        let book = format!("book:{round}");
        results.push(app.send_canvas(chord(round)).await?);
        let mut kills = Vec::new();
        for range in KILLED_AT {
            workers.start();
            let enough = random.usize(range);
            eventually("the worker's life is over", PATIENCE, || list(&redis, &book).len() >= enough);
            std::thread::sleep(Duration::from_micros(random.u64(LONGER)));
            workers.kill();
            kills.push(list(&redis, &book).len());
        }
        workers.start();
        let body = format!("body:{round}");
        eventually(&format!("the body of round {round}"), PATIENCE, || !list(&redis, &body).is_empty());

        let sent: Vec<String> = (0..MEMBERS).map(|number| number.to_string()).collect();
        let verdict = Ledger::new(list(&redis, &book), kills.clone()).audit(&sent, UNSETTLED);
        println!("round {round}: kills at {kills:?}, {} members repeated", verdict.repeated);
        assert_eq!(verdict.lost, Vec::<String>::new(), "members that never ran, in round {round}");
        assert_eq!(verdict.doubled, Vec::<String>::new(), "members that ran twice without a reason");
        repeated += verdict.repeated;
        slowest = slowest.max(began.elapsed());
    }
    // The last worker stays until the leases of the dead ones have lapsed: only then is what they held settled.
    let deadline = Instant::now() + PATIENCE;
    while left(&app).await? != (0, 0, 0, 0) {
        assert!(Instant::now() < deadline, "left in the queue: {:?}", left(&app).await?);
        tokio::time::sleep(LOOK).await;
    }
    workers.stop();

    // Only now: a member that was delivered again could have sent the body again.
    let bodies: Vec<usize> = (0..ROUNDS).map(|round| list(&redis, &format!("body:{round}")).len()).collect();
    let kills = KILLED_AT.len() * ROUNDS;
    println!(
        "{ROUNDS} chords of {MEMBERS}, {kills} kills, {repeated} members repeated, bodies {bodies:?}, slowest {slowest:.1?}"
    );
    assert_eq!(bodies, [1; ROUNDS], "how often each body ran");
    for result in results {
        let value = result.get_within(PATIENCE).await.expect("a result");
        let value: Value = from_value(value).expect("JSON");
        let all: Vec<String> = (0..MEMBERS).map(|number| number.to_string()).collect();
        assert_eq!(value, json!(["body", all]), "what the body was given");
    }
    app.close().await
}

/// The workers of the header, one at a time.
struct Workers {
    node: Node,
    born: usize,
    running: Option<Running>,
}

impl Workers {
    /// Starts one, unless one runs.
    fn start(&mut self) {
        if self.running.is_none() {
            let name = format!("w{}@chord", self.born);
            self.running = Some(self.node.clone().named(&name).start_rust(WORKER));
            self.born += 1;
        }
    }

    fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
    }

    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.terminate();
            let status = running.wait(STOPPING);
            assert!(status.success(), "the last worker ended with {status}");
        }
    }
}

/// The chord of a round.
fn chord(round: usize) -> Signature {
    let record = |number: usize| {
        Signature::by_name("conf_tasks.record", args![number.to_string(), format!("book:{round}")])
    };
    let body = Signature::by_name("conf_tasks.record_result", args!["body", format!("body:{round}")]);
    Signature::chord((0..MEMBERS).map(record), body.queue("body"))
}

fn list(account: &RedisServer, key: &str) -> Vec<String> {
    redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut account.connect(2)).expect("an answer from redis")
}
