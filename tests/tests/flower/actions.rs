//! What the board does to messages, letters, schedules and workflows, by its effect on a real worker.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use taskq::{App, Signature, args, core::config::Sources};
use taskq_tests::{
    process::{Running, eventually},
    redis_server::RedisServer,
};
use tempfile::TempDir;

use crate::board::Board;

const PATIENCE: Duration = Duration::from_secs(60);

/// A board, a worker of `demo-app` on the queues `celery` and `slow`, and a queue `held` that nobody consumes.
struct Place {
    board: Board,
    _worker: Running,
    dir: TempDir,
    redis: RedisServer,
}

impl Place {
    fn open() -> Self {
        let redis = RedisServer::start();
        let dir = tempfile::tempdir().expect("a folder");
        let (broker, backend) = (redis.url(0), redis.url(1));
        let place =
            [&*format!("--broker={broker}"), &*format!("--result-backend={backend}"), "--store=:memory:"];
        let board = Board::start(
            &dir.path().join("board.log"),
            &[("SHOP_BARE", "1")],
            &[&place[..], &["--unauthenticated-api"]].concat(),
        );
        let mut worker = Self::program(&redis, &dir);
        worker.args(["worker", "-n", "rust@actions", "-E", "-Q", "celery,slow", "-c", "4"]);
        let mut worker = Running::start(&mut worker, dir.path().join("worker.log"));
        worker.wait_for_output("worker is ready", PATIENCE);
        let place = Self { board, _worker: worker, dir, redis };
        eventually("the worker is known", PATIENCE, || {
            place.get("/api/v1/workers/rust@actions")["status"] == "online"
        });
        place
    }

    fn program(redis: &RedisServer, dir: &TempDir) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_demo-app"));
        program.args(["--broker", &redis.url(0), "--result-backend", &redis.url(1)]).current_dir(dir.path());
        program
    }

    fn get(&self, path: &str) -> Value {
        self.board.get(path).body
    }

    fn call(&self, name: &str, args: &Value, queue: &str) -> String {
        let sent = self.board.done("/api/v1/calls", &json!({"name": name, "args": args, "queue": queue}));
        sent["id"].as_str().expect("an id").to_owned()
    }

    /// The letters of all queues, once there are so many.
    fn letters(&self, count: usize) -> Vec<Value> {
        let mut letters = Vec::new();
        eventually(&format!("{count} dead letters"), PATIENCE, || {
            letters = self.get("/api/v1/dead")["letters"].as_array().cloned().unwrap_or_default();
            letters.len() == count
        });
        letters
    }

    /// Previews a job and runs it to its end.
    fn job(&self, what: &Value) -> Value {
        let preview = self.board.done("/api/v1/preview", what);
        let job = self.board.done("/api/v1/jobs", &json!({"token": preview["token"]}));
        self.job_until(job["id"].as_str().expect("an id"), &["done", "stopped"])
    }

    fn job_until(&self, id: &str, states: &[&str]) -> Value {
        let mut seen = Value::Null;
        eventually(&format!("job {id} is {states:?}"), PATIENCE, || {
            let jobs = self.get("/api/v1/jobs");
            let found = jobs["jobs"].as_array().into_iter().flatten().find(|job| job["id"] == id).cloned();
            seen = found.unwrap_or_default();
            states.iter().any(|state| seen["state"] == *state)
        });
        seen
    }
}

#[test]
fn waiting_messages_are_moved_and_deleted_and_taken_ones_are_told() {
    let place = Place::open();
    let ids: Vec<String> = (0..3).map(|n| place.call("demo.add", &json!([n, 1]), "held")).collect();
    let listed =
        || place.get("/api/v1/queues/held/messages")["messages"].as_array().cloned().unwrap_or_default();
    eventually("three wait", PATIENCE, || listed().len() == 3);
    let messages = listed();
    let key =
        |id: &str| messages.iter().find(|it| it["id"] == id).map(|it| it["key"].clone()).expect("a key");
    let keys = |ids: &[&String]| ids.iter().map(|id| key(id)).collect::<Vec<_>>();

    let gone = place.board.done("/api/v1/queues/held/messages/delete", &json!({"keys": keys(&[&ids[0]])}));
    assert_eq!((gone["done"].as_array().map(Vec::len), &gone["taken"]), (Some(1), &json!([])));
    // One that is there, and the one that is not any more.
    let moved = json!({"keys": keys(&[&ids[0], &ids[1]]), "to": "celery"});
    let moved = place.board.done("/api/v1/queues/held/messages/move", &moved);
    assert_eq!(moved["done"], json!(keys(&[&ids[1]])));
    assert_eq!(moved["taken"], json!(keys(&[&ids[0]])));
    assert_eq!(moved["note"], "1 had been taken already");
    place.board.until(&ids[1], "SUCCESS");
    assert_eq!(listed().len(), 1, "the third stays");
    for (path, body, why) in [
        ("move", json!({"keys": keys(&[&ids[2]]), "to": "nowhere"}), "there is no queue `nowhere`"),
        ("move", json!({"keys": keys(&[&ids[2]]), "to": "held"}), "they are in `held` already"),
        ("delete", json!({"keys": []}), "`keys` has to name"),
    ] {
        let answer = place.board.send(&format!("/api/v1/queues/held/messages/{path}"), &body);
        assert!(answer.body["detail"].as_str().is_some_and(|text| text.contains(why)), "{}", answer.body);
    }
    let activity = place.get("/api/v1/activity");
    let entries = activity["entries"].as_array().expect("entries");
    assert!(entries.iter().any(|entry| entry["action"] == "queue.move" && entry["outcome"] == "ok"));
}

#[test]
fn a_letter_is_edited_and_stays_and_letters_are_replayed_at_a_rate() {
    let place = Place::open();
    // The worker wants numbers.
    let first = place.call("demo.add", &json!(["one", 2]), "celery");
    let letter = place.letters(1).remove(0);
    assert_eq!((&letter["task_id"], &letter["task"]), (&json!(first), &json!("demo.add")));
    let edit = json!({"id": letter["id"], "args": [1, 2], "kwargs": {}});
    let edited = place.board.done("/api/v1/dead/celery/edit", &edit);
    let seen = place.board.until(edited["task_id"].as_str().expect("an id"), "SUCCESS");
    assert_eq!(seen["stored"]["result"], 3);
    let kept = place.letters(1).remove(0);
    assert_eq!(kept["args"], json!(["one", 2]), "the letter is as it came");
    assert_eq!((&kept["mark"]["what"], &kept["mark"]["task"]), (&json!("edited"), &edited["task_id"]));
    let same = json!({"id": letter["id"], "args": [3, 4], "kwargs": {}, "same_id": true});
    assert_eq!(place.board.done("/api/v1/dead/celery/edit", &same)["task_id"], json!(first));
    assert_eq!(place.board.until(&first, "SUCCESS")["stored"]["result"], 7);

    for n in 0..5 {
        place.call("demo.add", &json!(["no", n]), "celery");
    }
    place.letters(6);
    // The first one alone; then somebody stops it, since it fails again.
    let what = json!({"action": "replay", "name": "demo.add", "rate": 50, "canary": 1});
    let preview = place.board.done("/api/v1/preview", &what);
    assert_eq!(preview["count"], 6);
    let job = place.board.done("/api/v1/jobs", &json!({"token": preview["token"]}));
    let id = job["id"].as_str().expect("an id");
    let waiting = place.job_until(id, &["waiting"]);
    assert_eq!((&waiting["done"], &waiting["total"]), (&json!(1), &json!(6)));
    place.board.done(&format!("/api/v1/jobs/{id}/resume"), &json!({}));
    let over = place.job_until(id, &["done"]);
    assert_eq!((&over["done"], &over["failed"]), (&json!(6), &json!(0)));
    let letters = place.letters(6);
    // It stops by itself when what it replays fails again.
    // Not the one that went well meanwhile: a success stands, whatever comes after.
    let fails = letters.iter().filter(|it| it["task_id"] != json!(first));
    let one_by_one: Vec<Value> = fails.map(|it| json!([it["queue"], it["id"]])).collect();
    let stopped =
        place.job(&json!({"action": "replay", "letters": one_by_one, "canary": 3, "stop_over": 0.5}));
    assert_eq!(stopped["state"], "stopped", "{stopped}");
    assert!(stopped["why"].as_str().is_some_and(|why| why.contains("failed again")), "{stopped}");
    assert_eq!(stopped["done"], 3, "{stopped}");
    let letters = place.letters(6);
    // To a queue that nobody consumes.
    place.call("demo.add", &json!([1, 1]), "held");
    eventually("the queue is known", PATIENCE, || place.get("/api/v1/queues/held")["ready"] == 1);
    let there =
        json!({"action": "replay", "letters": [[letters[0]["queue"], letters[0]["id"]]], "to": "held"});
    assert_eq!(place.job(&there)["done"], 1);
    place.letters(5);
    eventually("two wait", PATIENCE, || {
        place.get("/api/v1/queues/held/messages")["messages"].as_array().map(Vec::len) == Some(2)
    });
}

#[test]
fn a_schedule_is_sent_for_the_times_that_have_passed_once_each() {
    let place = Place::open();
    let mut add = Place::program(&place.redis, &place.dir);
    add.args(["schedule", "add", "often", "--task", "demo.add", "--args", "[1,1]", "--every", "10m"]);
    assert!(add.status().expect("it runs").success());
    let entry = place.get("/api/v1/schedules/often");
    let now = entry["at"].as_f64().expect("a time");
    let what = json!({"action": "backfill", "entry": "often", "from": now - 3_000.0, "to": now});
    let preview = place.board.done("/api/v1/preview", &what);
    let count = preview["count"].as_u64().expect("a count");
    assert!((4..=6).contains(&count), "{preview}");
    assert_eq!(preview["sample"][0]["sent"], false);
    let job = place.job(&what);
    assert_eq!((&job["done"], &job["failed"]), (&json!(count), &json!(0)), "{job}");
    eventually("its tasks have run", PATIENCE, || {
        let tasks = place.get("/api/v1/tasks?q=name:demo.add%20state:success");
        tasks["matched"]["count"] == count
    });
    let again = place.job(&what);
    assert_eq!(again["done"], 0, "{again}");
    assert_eq!(again["reasons"][0]["why"], "it had been sent before");
    assert_eq!(
        place.get("/api/v1/schedules/often")["history"].as_array().map(Vec::len),
        Some(count as usize)
    );
}

#[test]
fn a_workflow_is_retried_from_the_step_that_failed() {
    let place = Place::open();
    let file = place.dir.path().join("made-later");
    let path = file.display().to_string();
    let root = tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let (broker, backend) = (place.redis.url(0), place.redis.url(1));
        let sources = Sources::none().set("broker_url", broker).set("result_backend", backend);
        let app = App::builder().sources(sources).build().expect("an app");
        let read = Signature::by_name("demo.read", args![path]);
        let chain = Signature::chain([read, Signature::by_name("demo.say", args![])]);
        let sent = app.send_canvas(chain).await.expect("it is sent");
        let root = sent.parent().expect("the first step").id().to_owned();
        app.close().await.expect("it is closed");
        root
    });
    place.board.until(&root, "FAILURE");
    let workflow = format!("/api/v1/workflows/{root}");
    eventually("its failed step is told", PATIENCE, || place.get(&workflow)["failed_steps"] == json!([root]));
    fs::write(&file, "here it is").expect("a file");
    let none = place.board.send(&format!("{workflow}/retry"), &json!({"from": "another"}));
    assert_eq!(none.status, 409, "{}", none.body);
    let retried = place.board.done(&format!("{workflow}/retry"), &json!({"from": root}));
    assert_eq!(retried["tasks"], json!([root]));
    eventually("the next step has run", PATIENCE, || {
        let tasks = place.get(&workflow);
        let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
        tasks.iter().any(|task| task["name"] == "demo.say" && task["state"] == "SUCCESS")
    });
    assert_eq!(place.get(&workflow)["failed_steps"], json!([]));
    assert_eq!(place.board.send(&format!("{workflow}/retry"), &json!({})).status, 409);
}

/// Takes one request on a port of its own: its head and body.
fn receiver() -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) < 3 {
                    break;
                }
                let lower = line.to_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                head.push_str(&lower);
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            let _ = sender.send((head, String::from_utf8_lossy(&body).into_owned()));
        }
    });
    (url, received)
}

#[test]
fn a_rule_fires_tells_its_channel_and_is_over() {
    let place = Place::open();
    let (url, told) = receiver();
    let channel = json!({"name": "ops", "url": url, "secret": "between us", "builtin": false});
    let channel = place.board.done("/api/v1/alerts/channels", &channel);
    assert!(!channel.to_string().contains("between us") && channel["signed"] == true, "{channel}");
    let rule = json!({
        "name": "failures", "query": "state:failure name:demo.fail", "op": ">", "value": 0, "window": 600, "for": 0,
        "level": "bad", "channels": [channel["id"]],
    });
    let tried = place.board.done("/api/v1/alerts/test", &rule);
    assert_eq!((&tried["number"], &tried["fires"]), (&json!(0.0), &json!(false)), "{tried}");
    let saved = place.board.done("/api/v1/alerts/rules", &rule);
    let failed = place.call("demo.fail", &json!(["no"]), "celery");
    place.board.until(&failed, "FAILURE");
    let (head, body) = told.recv_timeout(PATIENCE).expect("it is told");
    assert!(head.contains("x-taskq-signature: sha256="), "{head}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&body["what"], &body["level"]), (&json!("fired"), &json!("bad")), "{body}");
    assert!(body["text"].as_str().is_some_and(|text| text.contains("1, more than 0")), "{body}");
    let alerts = place.get("/api/v1/alerts");
    assert!(
        alerts["firing"].as_array().into_iter().flatten().any(|it| it["rule"] == saved["id"]),
        "{alerts}"
    );
    // Silenced, it is listed and told to nobody.
    place
        .board
        .done("/api/v1/alerts/silences", &json!({"rule": saved["id"], "seconds": 600, "note": "known"}));
    place
        .board
        .done(&format!("/api/v1/alerts/rules/{}/delete", saved["id"].as_str().expect("an id")), &json!({}));
    let alerts = place.get("/api/v1/alerts");
    assert_eq!(alerts["rules"], json!([]));
    let past = alerts["past"].as_array().cloned().unwrap_or_default();
    let of_it: Vec<&Value> = past.iter().filter(|it| it["rule"] == saved["id"]).collect();
    assert_eq!(of_it.len(), 2, "{past:?}");
    assert_eq!((&of_it[0]["what"], &of_it[0]["silenced"]), (&json!("resolved"), &json!(true)), "{past:?}");
    assert!(told.try_recv().is_err(), "somebody was told of what is silenced");
    for (path, wrong) in [
        ("rules", json!({"name": "x", "query": "wait:>>", "value": 1})),
        ("rules", json!({"name": "x", "measure": "height", "value": 1})),
        ("rules", json!({"name": "x", "value": 1})),
        ("channels", json!({"name": "x", "url": "file:///etc/passwd"})),
        ("silences", json!({"rule": "x", "seconds": 0})),
    ] {
        assert_eq!(place.board.send(&format!("/api/v1/alerts/{path}"), &wrong).status, 400, "{wrong}");
    }
}

#[test]
fn a_view_is_saved_for_everybody_and_deleted() {
    let redis = RedisServer::start();
    let dir = tempfile::tempdir().expect("a folder");
    let place = [&*format!("--broker={}", redis.url(0)), "--store=:memory:", "--unauthenticated-api"];
    let board = Board::start(&dir.path().join("board.log"), &[("SHOP_BARE", "1")], &place);
    let post = |path: &str, body: Value| board.ask(&json!({"method": "POST", "path": path, "json": body}));
    let saved = post(
        "/api/v1/views",
        json!({"name": "Slow charges", "query": "name:shop.charge run:>5s", "sort": "-run"}),
    );
    assert_eq!(saved.status, 200, "{}", saved.body);
    assert_eq!(post("/api/v1/views", json!({"name": "Wrong", "query": "run:>>"})).status, 400);
    let views = board.get("/api/v1/views").body;
    assert_eq!(views["views"].as_array().map(Vec::len), Some(1), "{views}");
    assert_eq!(
        (&views["views"][0]["name"], &views["views"][0]["sort"]),
        (&json!("Slow charges"), &json!("-run"))
    );
    let delete = format!("/api/v1/views/{}/delete", saved.body["id"].as_str().expect("an id"));
    assert_eq!(post(&delete, json!({})).status, 200);
    assert_eq!(post(&delete, json!({})).status, 404);
    assert_eq!(board.get("/api/v1/views").body["views"], json!([]));
}
