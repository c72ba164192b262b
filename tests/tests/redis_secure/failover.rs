//! The server goes away for good while tasks are sent and run: another one takes over.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use taskq::{App, Error, core::config::Sources, task};
use taskq_core::codec::{Map, Value};
use taskq_tests::{node::Node, process::eventually, redis_server::RedisServer, sentinels::Sentinels};
use tokio::task::JoinSet;

use crate::SOON;

const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");
/// The list that tasks append to.
const BOOK: &str = "book";
/// Callers at once.
const CALLERS: u32 = 4;
/// Tasks that have run before the server goes away, and that must be accepted after it.
const SOME: usize = 500;
/// One second until the sentinels call the master down, then a vote; and all that on a loaded machine.
const BACK: Duration = Duration::from_secs(30);

#[task(name = "conf_tasks.record")]
async fn record(id: String, key: String) -> String {
    drop(key);
    id
}

/// Callers that go on whatever happens, and know what was accepted.
struct Load {
    accepted: Arc<Mutex<Vec<String>>>,
    enough: Arc<AtomicBool>,
    callers: JoinSet<usize>,
}

impl Load {
    fn start(app: &App) -> Self {
        let mut load = Self { accepted: Arc::default(), enough: Arc::default(), callers: JoinSet::new() };
        for caller in 0..CALLERS {
            let (app, accepted, enough) = (app.clone(), Arc::clone(&load.accepted), Arc::clone(&load.enough));
            load.callers.spawn(async move {
                let mut refused = 0;
                for number in 0.. {
                    if enough.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("{caller}-{number}");
                    match record.with().app(&app).ignore_result(true).delay(id.clone(), BOOK.to_owned()).await
                    {
                        Ok(_) => accepted.lock().expect("a list").push(id),
                        Err(_) => refused += 1,
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                refused
            });
        }
        load
    }

    fn accepted(&self) -> usize {
        self.accepted.lock().expect("a list").len()
    }

    /// Stops them. What was accepted, and how many calls were not.
    async fn end(mut self) -> (Vec<String>, usize) {
        self.enough.store(true, Ordering::Relaxed);
        let mut refused = 0;
        while let Some(caller) = self.callers.join_next().await {
            refused += caller.expect("a caller");
        }
        (std::mem::take(&mut *self.accepted.lock().expect("a list")), refused)
    }
}

/// What the tasks have written.
fn book(account: &RedisServer) -> Vec<String> {
    redis::cmd("LRANGE")
        .arg(BOOK)
        .arg(0)
        .arg(-1)
        .query(&mut account.connect(0))
        .expect("an answer from redis")
}

async fn taken_over(urls: &str, options: &serde_json::Value, kill: impl FnOnce(&App)) -> Result<(), Error> {
    let account = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let mut conf = json!({"task_acks_late": true});
    conf["broker_transport_options"] = options.clone();
    conf["result_backend_transport_options"] = options.clone();
    let node = Node::new("w@failover", urls, urls, &account.url(0), logs.path()).conf(conf);
    let _one = node.clone().named("one@failover").start_rust(WORKER);
    let _two = node.named("two@failover").start_rust(WORKER);
    let options: Map = serde_json::from_value(options.clone()).expect("a table");
    let sources = Sources::none()
        .set("broker_url", urls)
        .set("result_backend", urls)
        .set("broker_transport_options", Value::Map(options));
    let app = App::builder().sources(sources).build()?;

    let load = Load::start(&app);
    tokio::task::block_in_place(|| eventually("tasks run", SOON, || book(&account).len() > SOME));
    let began = Instant::now();
    let (ran, accepted) = (book(&account).len(), load.accepted());
    kill(&app);
    tokio::task::block_in_place(|| {
        eventually("calls are accepted again", BACK, || load.accepted() > accepted + SOME);
        eventually("tasks run again", BACK, || book(&account).len() > ran + SOME);
    });
    let back = began.elapsed();
    let (accepted, refused) = load.end().await;

    let missing = || {
        let book: HashSet<String> = book(&account).into_iter().collect();
        accepted.iter().filter(|id| !book.contains(*id)).cloned().collect::<Vec<_>>()
    };
    let all = Instant::now();
    while !missing().is_empty() && all.elapsed() < BACK * 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(missing(), Vec::<String>::new(), "accepted and never run");
    let mut times = HashMap::new();
    for id in book(&account) {
        *times.entry(id).or_insert(0) += 1;
    }
    let twice = times.values().filter(|times| **times > 1).count();
    println!("{} accepted, {refused} refused, {twice} ran twice, back after {back:.1?}", accepted.len());
    // A call whose answer was lost is sent again; nothing else may come twice.
    assert!(twice <= CALLERS as usize, "{twice} ran twice");
    app.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_replace_a_killed_master_and_nothing_accepted_is_lost() -> Result<(), Error> {
    let mut sentinels = Sentinels::start(Some("hunter2"));
    let options = json!({"master_name": Sentinels::MASTER, "sentinel_kwargs": {"password": "hunter2"}});
    let url = sentinels.url(0);
    taken_over(&url, &options, |_| sentinels.kill_master()).await
}

/// Two servers with several addresses do not share what they hold: this is about going on, so the second one is
/// given what the first one had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_address_is_used_when_the_first_server_is_killed() -> Result<(), Error> {
    let (mut first, second) = (RedisServer::start(), RedisServer::start());
    let urls = format!("{};{}", first.url(0), second.url(0));
    let () = redis::cmd("REPLICAOF")
        .arg("127.0.0.1")
        .arg(first.port())
        .query(&mut second.connect(0))
        .expect("a replica");
    taken_over(&urls, &json!({}), |_| {
        taskq_tests::sentinels::kill_when_replicated(&mut first, &second);
        let () =
            redis::cmd("REPLICAOF").arg("NO").arg("ONE").query(&mut second.connect(0)).expect("a master");
    })
    .await
}
