//! What is not written down, what is done once, and that what was written stays as it was.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use taskq_tests::{
    node::Node,
    process::{Running, eventually},
    python,
    redis_server::RedisServer,
};
use tempfile::TempDir;

use crate::board::{Answer, Board};

const PATIENCE: Duration = Duration::from_secs(60);
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");
const NAME: &str = "w1@test";

/// A board with its history in a file, and a worker that it knows.
struct Shop {
    board: Board,
    _worker: Running,
    _redis: RedisServer,
    _dir: TempDir,
}

impl Shop {
    fn open(options: &[&str]) -> Self {
        let redis = RedisServer::start();
        let dir = tempfile::tempdir().expect("a folder");
        let own = [
            format!("--broker={}", redis.url(0)),
            format!("--result-backend={}", redis.url(1)),
            store(dir.path()),
            "--unauthenticated-api".to_owned(),
        ];
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let board = Board::start(
            &dir.path().join("board.log"),
            &[("SHOP_BARE", "1")],
            &[own.as_slice(), options].concat(),
        );
        let conf = json!({"worker_send_task_events": true, "task_send_sent_event": true});
        let node = Node::new(NAME, &redis.url(0), &redis.url(1), &redis.url(2), dir.path()).conf(conf);
        let shop = Self { board, _worker: node.start_rust(WORKER), _redis: redis, _dir: dir };
        eventually("the worker is known", PATIENCE, || {
            let worker = shop.get(&format!("/api/v1/workers/{NAME}"));
            worker["status"] == "online" && worker["queues"] == json!(["celery"])
        });
        shop
    }

    fn get(&self, path: &str) -> Value {
        self.board.get(path).body
    }

    fn post(&self, path: &str, body: &Value, headers: &Value) -> Answer {
        self.board.ask(&json!({"method": "POST", "path": path, "json": body, "headers": headers}))
    }
}

fn store(dir: &Path) -> String {
    format!("--store={}", dir.join("history.sqlite").display())
}

#[test]
fn secrets_are_neither_in_history_nor_in_the_audit_log_and_are_not_sent_again_as_their_mark() {
    let shop = Shop::open(&["--redact-paths=args[1],kwargs.user.mail"]);
    let call = json!({
        "name": "conf_tasks.echo_args",
        "args": ["seen", "hidden-by-path"],
        "kwargs": {"db_password": "hidden-by-key", "user": {"mail": "hidden@path", "id": 7}, "n": 1},
    });
    let id = shop.post("/api/v1/calls", &call, &json!({})).body["id"].as_str().expect("an id").to_owned();
    let task = shop.board.until(&id, "SUCCESS")["task"].clone();
    let text = task.to_string();
    assert!(text.contains("seen") && text.contains("[redacted]") && text.contains("'id': 7"), "{text}");
    for path in
        [format!("/api/v1/tasks?q=id:{id}"), format!("/api/task/info/{id}"), "/api/v1/activity".to_owned()]
    {
        let answer = shop.board.get(&path);
        assert!(answer.raw.contains("seen") && answer.raw.contains("[redacted]"), "{path}: {}", answer.raw);
        // What a task gives back is its own affair: keys are known there, paths of arguments are not.
        let hidden = if path.contains("activity") { vec!["hidden"] } else { vec!["hidden-by-key"] };
        assert!(hidden.iter().all(|secret| !answer.raw.contains(secret)), "{path}: {}", answer.raw);
    }
    assert!(
        !task["args"].to_string().contains("hidden") && !task["kwargs"].to_string().contains("hidden"),
        "{text}"
    );
    let again = shop.post(&format!("/api/v1/tasks/{id}/retry"), &json!({}), &json!({}));
    assert_eq!(again.status, 422, "{again:?}");
    assert!(again.body["detail"].as_str().unwrap_or_default().contains("secret"), "{again:?}");
}

#[test]
fn a_change_that_is_asked_for_twice_with_one_key_is_done_once() {
    let shop = Shop::open(&[]);
    let call = json!({"name": "conf_tasks.add", "args": [1, 2]});
    let key = json!({"Idempotency-Key": "a1"});
    let first = shop.post("/api/v1/calls", &call, &key);
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None), "{first:?}");
    let second = shop.post("/api/v1/calls", &call, &key);
    assert_eq!((second.status, second.header("idempotent-replayed")), (200, Some("true")), "{second:?}");
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("content-type"), first.header("content-type"));
    let other = shop.post("/api/v1/calls", &json!({"name": "conf_tasks.add", "args": [2, 2]}), &key);
    assert_eq!(
        (other.status, other.header("content-type")),
        (422, Some("application/problem+json")),
        "{other:?}"
    );
    // Without a key, or with another one, it is another change.
    let third = shop.post("/api/v1/calls", &call, &json!({"Idempotency-Key": "a2"}));
    assert_ne!(third.body["id"], first.body["id"]);
    shop.board.until(third.body["id"].as_str().expect("an id"), "SUCCESS");
    shop.board.until(first.body["id"].as_str().expect("an id"), "SUCCESS");
    let tasks = shop.get("/api/v1/tasks?q=name:conf_tasks.add");
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(2), "{tasks}");
    let log = shop.get("/api/v1/activity");
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(2), "{log}");
}

#[test]
fn an_audit_log_that_somebody_changed_or_cut_is_told_on_the_command_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let place =
        ["--broker=sqlite:./broker.db", "--result-backend=sqlite:./broker.db", "--unauthenticated-api"];
    let store = store(dir.path());
    let board = Board::start(&dir.path().join("board.log"), &[], &[&place[..], &[&store]].concat());
    for n in 0..4 {
        let call = json!({"name": "shop.add", "args": [n, 1]});
        let sent = board.ask(&json!({"method": "POST", "path": "/api/v1/calls", "json": call}));
        assert_eq!(sent.status, 200, "{sent:?}");
    }
    let verify = |head: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop-board"));
        command
            .args(["-b", "sqlite:./x.db", "--json", "flower", &store, "audit", "verify"])
            .current_dir(dir.path());
        if !head.is_empty() {
            command.args(["--head", head]);
        }
        let output = command.output().expect("a program");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default(), said)
    };
    // While the board runs.
    let (fine, found, said) = verify("");
    assert!(fine, "{said}");
    assert_eq!((&found["entries"], &found["range"]), (&json!(4), &json!([1, 4])), "{found}");
    let head = found["head"].as_str().expect("a hash").to_owned();
    assert!(verify(&head).0);
    let sql = |text: &str| {
        let code =
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
        let mut command = python::command();
        command.args(["-c", code]).arg(dir.path().join("history.sqlite")).arg(text);
        assert!(command.status().expect("python").success());
    };
    sql("DELETE FROM audit WHERE seq = 4");
    assert!(verify("").0, "what is missing at the end shows by its hash only");
    let (fine, _, said) = verify(&head);
    assert!(!fine && said.contains(&head), "{said}");
    sql("UPDATE audit SET actor = 'bob' WHERE seq = 2");
    let (fine, _, said) = verify("");
    assert!(!fine && said.contains("entry 2"), "{said}");
    assert_eq!(board.get("/api/v1/activity").body["broken_at"], 2);
}
