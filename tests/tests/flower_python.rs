//! Flower 2.2 from PyPI in front of a Rust worker: what it shows, and that its actions work.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use taskq_tests::demo::Demo;
use taskq_tests::ports::free_port;
use taskq_tests::process::{Running, eventually};
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

const SOON: Duration = Duration::from_secs(60);
const WORKER: &str = "rs@flower";

/// Flower and a worker with the process pool on one Redis.
struct Garden {
    flower: u16,
    worker: Running,
    _flower: Running,
    _demo: Demo,
    _redis: RedisServer,
}

impl Garden {
    fn plant() -> Self {
        let redis = RedisServer::start();
        let demo = Demo::new(env!("CARGO_BIN_EXE_pool-app"));
        let options = "-P processes -c 2 -E -l DEBUG -- worker_pool_restarts=true";
        let mut worker = demo.start(&format!("-b {} worker -n {WORKER} {options}", redis.url(0)));
        worker.wait_for_output("worker is ready", SOON);
        let port = free_port();
        let mut command = python::command();
        command
            .args(["-m", "celery", "-A", "flower_app", "flower", "--address=127.0.0.1"])
            .args([format!("--port={port}"), "--inspect_timeout=10000".to_owned()])
            .env("BROKER_URL", redis.url(0))
            .env("FLOWER_UNAUTHENTICATED_API", "true")
            .current_dir(demo.dir());
        let flower = Running::start(&mut command, demo.dir().join("flower.log"));
        let garden = Self { flower: port, worker, _flower: flower, _demo: demo, _redis: redis };
        eventually("flower answers", SOON, || garden.try_ask("GET", "/healthcheck", "").is_some());
        garden
    }

    /// The code and the body of an answer; `None` while nobody listens.
    fn try_ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.flower)).ok()?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let code = head.split(' ').nth(1)?.parse().ok()?;
        Some((code, body.to_owned()))
    }

    fn get(&self, path: &str) -> Value {
        let (code, body) = self.try_ask("GET", path, "").expect("an answer");
        assert_eq!(code, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// Does something; answers the message.
    fn post(&self, path: &str, body: &str) -> Value {
        let (code, answer) = self.try_ask("POST", path, body).expect("an answer");
        assert_eq!(code, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"))
    }

    /// What Flower says to an action.
    fn act(&self, path: &str) -> String {
        self.post(path, "")["message"].as_str().expect("a message").to_owned()
    }

    /// Sends a task; answers its id.
    fn send(&self, task: &str, body: &Value) -> String {
        let sent = self.post(&format!("/api/task/send-task/{task}"), &body.to_string());
        sent["task-id"].as_str().expect("an id").to_owned()
    }

    /// What Flower knows of the worker, asked for anew.
    fn worker(&self) -> Value {
        self.get(&format!("/api/workers?refresh=1&workername={WORKER}"))[WORKER].clone()
    }

    fn slots(&self) -> Value {
        self.worker()["stats"]["pool"]["max-concurrency"].clone()
    }

    /// Waits until Flower shows a task in a state; answers the task.
    fn shows(&self, id: &str, state: &str) -> Value {
        let mut task = Value::Null;
        eventually(&format!("{id} is shown as {state}"), SOON, || {
            let known = self.try_ask("GET", &format!("/api/task/info/{id}"), "");
            task = known.and_then(|(_, body)| serde_json::from_str(&body).ok()).unwrap_or_default();
            task["state"] == state
        });
        assert_eq!(task["worker"], WORKER, "{task}");
        task
    }
}

#[test]
fn flower_shows_a_rust_worker_and_its_tasks_and_its_actions_work() {
    let mut garden = Garden::plant();
    eventually("the worker is online", SOON, || garden.get("/api/workers?status=1")[WORKER] == true);
    let stats = garden.worker()["stats"].clone();
    assert_eq!(stats["pid"], garden.worker.id());
    assert_eq!(stats["pool"]["processes"].as_array().map(Vec::len), Some(2), "{stats}");

    // Tasks through all states.
    let id = garden.send("pool.pid", &json!({}));
    let task = garden.shows(&id, "SUCCESS");
    for seen in ["received", "started", "succeeded", "runtime", "result", "name"] {
        assert!(!task[seen].is_null(), "{seen}: {task}");
    }
    assert_eq!(garden.get(&format!("/api/task/result/{id}"))["state"], "SUCCESS");
    let id = garden.send("pool.exit", &json!({"args": [7]}));
    let task = garden.shows(&id, "FAILURE");
    assert!(task["exception"].as_str().is_some_and(|text| text.contains("exitcode 7")), "{task}");
    let id = garden.send("pool.flaky", &json!({}));
    assert!(!garden.shows(&id, "SUCCESS")["retried"].is_null());
    let long = garden.send("pool.sleep", &json!({"args": [600]}));
    garden.shows(&long, "STARTED");
    let active = garden.worker()["active"].clone();
    assert_eq!((active[0]["id"].as_str(), active.as_array().map(Vec::len)), (Some(long.as_str()), Some(1)));
    assert!(active[0]["worker_pid"].as_u64().is_some_and(|pid| pid != u64::from(garden.worker.id())));

    // Terminate and revoke.
    garden.act(&format!("/api/task/revoke/{long}?terminate=true&signal=SIGKILL"));
    garden.shows(&long, "REVOKED");
    let never = "11111111-2222-3333-4444-555555555555";
    garden.act(&format!("/api/task/revoke/{never}"));
    eventually("the worker knows", SOON, || garden.worker()["revoked"].to_string().contains(never));
    garden.send("pool.pid", &json!({"task_id": never}));
    garden.shows(never, "REVOKED");

    // The pool.
    garden.act(&format!("/api/worker/pool/grow/{WORKER}?n=2"));
    eventually("it grew", SOON, || garden.slots() == 4);
    garden.act(&format!("/api/worker/pool/shrink/{WORKER}?n=1"));
    eventually("it shrank", SOON, || garden.slots() == 3);
    garden.act(&format!("/api/worker/pool/restart/{WORKER}"));

    // Limits.
    let said = garden.act(&format!("/api/task/rate-limit/pool.pid?workername={WORKER}&ratelimit=100/m"));
    assert_eq!(said, "new rate limit set successfully");
    let limited = "pool.pid [rate_limit=100/m]";
    assert!(garden.worker()["registered"].to_string().contains(limited), "{}", garden.worker()["registered"]);
    let said = garden.act(&format!("/api/task/timeout/pool.sleep?workername={WORKER}&hard=1"));
    assert_eq!(said, "time limits set successfully");
    let id = garden.send("pool.sleep", &json!({"args": [600]}));
    let task = garden.shows(&id, "FAILURE");
    assert!(task["exception"].as_str().is_some_and(|text| text.contains("TimeLimitExceeded")), "{task}");

    // Queues.
    garden.act(&format!("/api/worker/queue/add-consumer/{WORKER}?queue=extra"));
    let id = garden.send("pool.nap", &json!({"args": [0], "queue": "extra"}));
    garden.shows(&id, "SUCCESS");
    garden.act(&format!("/api/worker/queue/cancel-consumer/{WORKER}?queue=extra"));
    eventually("it is not consumed any more", SOON, || {
        !garden.worker()["active_queues"].to_string().contains("extra")
    });

    garden.act(&format!("/api/worker/shutdown/{WORKER}"));
    assert!(garden.worker.wait(SOON).success(), "{}", garden.worker.output());
    eventually("the worker is offline", SOON, || garden.get("/api/workers?status=1")[WORKER] == false);
}
