//! `/api/v1` with a real worker on a private Redis: each resource, and each action by its effect on the worker.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use taskq_tests::{
    node::Node,
    process::{Running, eventually},
    redis_server::RedisServer,
};
use tempfile::TempDir;

use crate::{board::Board, stream::Stream};

const PATIENCE: Duration = Duration::from_secs(60);
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");
/// Texts that would do harm in a page, a log or a shell.
const HOSTILE: &str = "<script>alert(1)</script>'\"`$(id)\u{202e}\n";

struct Shop {
    board: Board,
    redis: RedisServer,
    dir: TempDir,
}

impl Shop {
    fn open(options: &[&str]) -> Self {
        let redis = RedisServer::start();
        let dir = tempfile::tempdir().expect("a folder");
        let board = board(&redis, dir.path(), "board", options);
        Self { board, redis, dir }
    }

    fn node(&self, name: &str) -> Node {
        let conf = json!({
            "worker_send_task_events": true, "task_send_sent_event": true, "result_extended": true,
            "task_track_started": true,
        });
        Node::new(name, &self.redis.url(0), &self.redis.url(1), &self.redis.url(2), self.dir.path())
            .conf(conf)
    }

    /// Starts a worker, and waits until the board knows it.
    fn worker(&self, name: &str) -> Running {
        let running = self.node(name).start_rust(WORKER);
        self.known(name);
        running
    }

    fn known(&self, name: &str) {
        eventually("the worker is known", PATIENCE, || {
            let worker = self.get(&format!("/api/v1/workers/{name}"));
            worker["status"] == "online" && worker["queues"] == json!(["celery"])
        });
    }

    fn get(&self, path: &str) -> Value {
        self.board.get(path).body
    }

    fn refused(&self, path: &str, body: &Value, status: u16) -> String {
        let answer = self.board.send(path, body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.body["request_id"].is_string() && answer.body["title"].is_string(), "{}", answer.body);
        answer.body["detail"].as_str().unwrap_or_default().to_owned()
    }

    fn call(&self, name: &str, args: &Value) -> String {
        let sent =
            self.board.done("/api/v1/calls", &json!({"name": format!("conf_tasks.{name}"), "args": args}));
        sent["id"].as_str().expect("an id").to_owned()
    }

    fn queue(&self, name: &str) -> Value {
        let queues = self.get("/api/v1/queues");
        queues["queues"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|queue| queue["name"] == name)
            .cloned()
            .unwrap_or_default()
    }

    fn audited(&self, action: &str) -> Value {
        let activity = self.get("/api/v1/activity");
        let found =
            activity["entries"].as_array().into_iter().flatten().find(|entry| entry["action"] == action);
        found.cloned().unwrap_or_else(|| panic!("{action} is not in {activity}"))
    }
}

fn board(redis: &RedisServer, dir: &Path, name: &str, options: &[&str]) -> Board {
    let (broker, backend) =
        (format!("--broker={}", redis.url(0)), format!("--result-backend={}", redis.url(1)));
    let place = [broker.as_str(), backend.as_str(), "--store=:memory:"];
    Board::start(&dir.join(format!("{name}.log")), &[("SHOP_BARE", "1")], &[&place, options].concat())
}

#[test]
fn a_task_is_called_seen_retried_and_told_from_its_retry() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let _worker = shop.worker("w1@test");
    let id = shop.call("add", &json!([2, 3]));
    let seen = shop.board.until(&id, "SUCCESS");
    assert_eq!(seen["task"]["name"], "conf_tasks.add");
    assert_eq!(seen["stored"]["result"], 5);
    assert_eq!(seen["arguments"]["args"], json!([2, 3]));
    assert_eq!(
        (&seen["arguments"]["source"], &seen["arguments"]["exact"]),
        (&json!("backend"), &json!(true))
    );
    assert_eq!(seen["attempts"].as_array().map(Vec::len), Some(1), "{seen}");
    assert!(seen["task"]["wait"].is_number() && seen["task"]["run"].is_number(), "{seen}");
    assert_eq!(seen["task"]["backoff"], Value::Null, "it never backed off, which is not 0");
    assert!(seen["code"]["python"].as_str().unwrap_or_default().contains("conf_tasks.add"), "{seen}");

    let again = shop.board.done(&format!("/api/v1/tasks/{id}/retry"), &json!({}));
    let new = again["id"].as_str().expect("an id").to_owned();
    assert_ne!(new, id);
    assert_eq!(shop.board.until(&new, "SUCCESS")["stored"]["result"], 5);
    assert_eq!(shop.audited("task.retry")["target"], json!(id));
    let edited = shop
        .board
        .done(&format!("/api/v1/tasks/{id}/retry"), &json!({"edit": {"args": [20, 30], "kwargs": {}}}));
    assert_eq!(shop.board.until(edited["id"].as_str().expect("an id"), "SUCCESS")["stored"]["result"], 50);

    let list = shop.get("/api/v1/tasks?q=name:conf_tasks.add&limit=2&facets=true");
    assert_eq!(list["tasks"].as_array().map(Vec::len), Some(2), "{list}");
    assert_eq!(list["matched"], json!({"count": 3, "exact": true}));
    let next = list["next"].as_str().expect("another page");
    let rest = shop.get(&format!("/api/v1/tasks?q=name:conf_tasks.add&limit=2&cursor={next}"));
    assert_eq!((rest["tasks"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null), "{rest}");
    let names = shop.get("/api/v1/names");
    assert_eq!(names["names"][0]["succeeded"], 3, "{names}");
    let overview = shop.get("/api/v1/overview");
    assert_eq!(overview["workers"]["online"], 1, "{overview}");
    assert!(overview["verdict"]["level"].is_string(), "{overview}");

    let answer = shop.board.get("/api/v1/tasks?q=(((");
    assert_eq!((answer.status, answer.body["position"].is_number()), (400, true), "{}", answer.body);
    assert_eq!(shop.board.get("/api/v1/tasks/nobody").status, 404);
    assert_eq!(shop.board.get("/api/v1/nothing").header("content-type"), Some("application/problem+json"));
    shop.refused(&format!("/api/v1/tasks/{id}/retry"), &json!({"edit": {"args": 1}}), 400);
    shop.refused("/api/v1/calls", &json!({"name": "x", "qeue": "y"}), 400);
}

#[test]
fn a_running_task_is_not_retried_and_ends_when_it_is_terminated() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let _worker = shop.worker("w1@test");
    let id = shop.call("sleeping", &json!([600.0]));
    shop.board.until(&id, "STARTED");
    let why = shop.refused(&format!("/api/v1/tasks/{id}/retry"), &json!({}), 409);
    assert!(why.contains("twice"), "{why}");
    eventually("it is seen in the worker", PATIENCE, || {
        let worker = shop.get("/api/v1/workers/w1@test");
        worker["active"]["value"][0]["id"] == json!(id) && worker["active"]["as_of"].is_number()
    });
    shop.refused(&format!("/api/v1/tasks/{id}/terminate"), &json!({"signal": "SIGSEGV"}), 400);
    shop.board.done(&format!("/api/v1/tasks/{id}/terminate"), &json!({"signal": "SIGTERM"}));
    let ended = shop.board.until(&id, "REVOKED");
    assert!(
        ended["task"]["reason"].as_str().unwrap_or_default().starts_with("Terminated"),
        "{}",
        ended["task"]
    );
    assert_eq!(ended["audit"][0]["action"], "task.terminate");

    // One that waits for its time is revoked before it starts.
    let later = shop
        .board
        .done("/api/v1/calls", &json!({"name": "conf_tasks.add", "args": [1, 2], "countdown": 3.0}));
    let later = later["id"].as_str().expect("an id").to_owned();
    shop.board.done(&format!("/api/v1/tasks/{later}/revoke"), &json!({}));
    shop.board.until(&later, "REVOKED");
}

#[test]
fn a_worker_obeys_and_its_answers_are_shown() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let mut worker = shop.worker("w1@test");
    let slots = || shop.get("/api/v1/workers/w1@test")["slots"].clone();
    assert_eq!(slots(), 4);
    let grown = shop.board.done("/api/v1/workers/w1@test/pool-grow", &json!({"n": 2}));
    assert_eq!(grown["replies"], json!([{"worker": "w1@test", "ok": true, "text": "pool will grow"}]));
    assert_eq!((slots(), &grown["silent"]), (json!(6), &json!([])));
    shop.board.done("/api/v1/workers/w1@test/pool-shrink", &json!({"n": 3}));
    assert_eq!(slots(), 3);
    let refused = shop.board.done("/api/v1/workers/w1@test/autoscale", &json!({"min": 1, "max": 2}));
    assert_eq!(refused["replies"][0]["ok"], false, "{refused}");
    let limited = shop
        .board
        .done("/api/v1/workers/w1@test/rate-limit", &json!({"task": "conf_tasks.add", "rate_limit": "7/m"}));
    assert_eq!(limited["replies"][0]["ok"], true, "{limited}");
    shop.board.done("/api/v1/workers/w1@test/add-consumer", &json!({"queue": "extra"}));
    assert_eq!(shop.get("/api/v1/workers/w1@test")["queues"], json!(["celery", "extra"]));
    shop.board.done("/api/v1/workers/w1@test/cancel-consumer", &json!({"queue": "extra"}));
    assert_eq!(shop.get("/api/v1/workers/w1@test")["queues"], json!(["celery"]));
    let audit = shop.audited("worker.pool-grow");
    assert_eq!(
        (&audit["target"], &audit["replies"]["replies"][0]["ok"]),
        (&json!("w1@test"), &json!(true)),
        "{audit}"
    );
    shop.refused("/api/v1/workers/nobody@test/pool-grow", &json!({}), 404);
    shop.refused("/api/v1/workers/w1@test/explode", &json!({}), 404);

    // Drained: it takes nothing more, ends what it has, and goes.
    let id = shop.call("sleeping", &json!([2.0]));
    shop.board.until(&id, "STARTED");
    let drained = shop.board.done("/api/v1/workers/w1@test/drain", &json!({}));
    assert_eq!(drained["silent"], json!([]), "{drained}");
    let waits = shop.call("add", &json!([1, 1]));
    worker.wait(PATIENCE);
    assert_eq!(shop.get(&format!("/api/v1/tasks/{id}"))["task"]["state"], "SUCCESS");
    assert_ne!(shop.get(&format!("/api/v1/tasks/{waits}"))["task"]["state"], "SUCCESS");
    eventually("it is offline", PATIENCE, || shop.get("/api/v1/workers/w1@test")["status"] == "offline");
}

#[test]
fn a_queue_is_looked_into_purged_restored_paused_and_resumed() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let ids: Vec<String> = (0..5).map(|n| shop.call("add", &json!([n, HOSTILE]))).collect();
    eventually("they wait", PATIENCE, || shop.queue("celery")["ready"] == 5);
    let queue = shop.queue("celery");
    assert_eq!((&queue["consumers"], &queue["oldest"]), (&json!([]), &Value::Null), "{queue}");
    let problem = shop.get("/api/v1/overview")["problems"][0].clone();
    assert_eq!((&problem["rule"], &problem["level"]), (&json!("no_consumer"), &json!("bad")), "{problem}");

    let looked = shop.board.get("/api/v1/queues/celery/messages?limit=2");
    assert!(looked.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    assert_eq!(looked.body["messages"][0]["id"], json!(ids[0]));
    assert_eq!(looked.body["messages"][1]["args"], json!([1, HOSTILE]));
    assert_eq!(shop.queue("celery")["ready"], 5, "looking takes nothing");

    shop.refused("/api/v1/queues/celery/purge", &json!({"confirm": "other"}), 400);
    shop.refused("/api/v1/queues/nobody/purge", &json!({"confirm": "nobody"}), 404);
    let purged = shop.board.done("/api/v1/queues/celery/purge", &json!({"confirm": "celery"}));
    assert_eq!(
        (&purged["removed"], &purged["copied"], &purged["warning"]),
        (&json!(5), &json!(5), &Value::Null)
    );
    eventually("it is empty", PATIENCE, || shop.queue("celery")["ready"] == 0);
    assert_eq!(shop.get("/api/v1/queues/celery")["snapshots"][0]["messages"], 5);
    let restored = shop.board.done("/api/v1/queues/celery/restore", &json!({"snapshot": purged["snapshot"]}));
    assert_eq!(restored["restored"], 5);
    eventually("they are back", PATIENCE, || shop.queue("celery")["ready"] == 5);
    shop.refused("/api/v1/queues/celery/restore", &json!({"snapshot": purged["snapshot"]}), 404);
    let again = shop.get("/api/v1/queues/celery/messages?limit=5");
    let back: Vec<&Value> =
        again["messages"].as_array().into_iter().flatten().map(|message| &message["id"]).collect();
    assert_eq!(json!(back), json!(ids), "in their order, under their ids");

    let _worker = shop.worker("w1@test");
    shop.board.until(&ids[4], "FAILURE"); // a number and a text cannot be added
    let paused = shop.board.done("/api/v1/queues/celery/pause", &json!({}));
    assert_eq!(paused["replies"][0]["ok"], true, "{paused}");
    assert_eq!(shop.queue("celery")["paused"], true);
    let waits = shop.call("add", &json!([1, 2]));
    eventually("it waits", PATIENCE, || shop.queue("celery")["ready"] == 1);
    shop.board.done("/api/v1/queues/celery/resume", &json!({}));
    shop.board.until(&waits, "SUCCESS");
    shop.refused("/api/v1/queues/celery/resume", &json!({}), 409);

    let errors = shop.get("/api/v1/errors");
    assert_eq!(errors["errors"][0]["count"], 5, "{errors}");
}

#[test]
fn cut_arguments_are_never_sent_again() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let conf =
        json!({"worker_send_task_events": true, "task_send_sent_event": true, "result_extended": false});
    let _worker = shop.node("w1@test").conf(conf).start_rust(WORKER);
    shop.known("w1@test");
    let long = "x".repeat(5_000);
    let id = shop.call("identity", &json!([long]));
    let seen = shop.board.until(&id, "SUCCESS");
    assert_eq!((&seen["arguments"]["exact"], &seen["arguments"]["source"]), (&json!(false), &json!("repr")));
    let why = shop.refused(&format!("/api/v1/tasks/{id}/retry"), &json!({}), 422);
    assert!(why.contains("cut"), "{why}");
    // Whole ones are read back from the text.
    let short = shop.call("identity", &json!([{"a": [1, null, "it's"]}]));
    let seen = shop.board.until(&short, "SUCCESS");
    assert_eq!(
        (&seen["arguments"]["args"], &seen["arguments"]["source"]),
        (&json!([{"a": [1, null, "it's"]}]), &json!("repr"))
    );
    let again = shop.board.done(&format!("/api/v1/tasks/{short}/retry"), &json!({}));
    let again = shop.board.until(again["id"].as_str().expect("an id"), "SUCCESS");
    assert_eq!(again["stored"]["result"], json!({"a": [1, null, "it's"]}));
}

#[test]
fn dead_letters_are_shown_replayed_and_forgotten() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let _worker = shop.worker("w1@test");
    for _ in 0..2 {
        shop.board.done("/api/v1/calls", &json!({"name": HOSTILE, "args": [HOSTILE], "queue": "celery"}));
    }
    let letters = || shop.get("/api/v1/dead")["letters"].as_array().cloned().unwrap_or_default();
    eventually("they are put aside", PATIENCE, || letters().len() == 2);
    let letter = letters()[0].clone();
    assert_eq!((&letter["task"], &letter["args"]), (&json!(HOSTILE), &json!([HOSTILE])), "{letter}");
    assert_eq!((&letter["reason"], &letter["queue"]), (&json!("unknown-task"), &json!("celery")));
    shop.refused("/api/v1/dead/celery/replay", &json!({"ids": []}), 400);
    let forgotten = shop.board.done("/api/v1/dead/celery/forget", &json!({"ids": [letter["id"]]}));
    assert_eq!((&forgotten["count"], &forgotten["gone"]), (&json!(1), &json!(0)));
    let other = letters()[0]["id"].clone();
    assert_eq!(shop.board.done("/api/v1/dead/celery/replay", &json!({"ids": [other]}))["count"], 1);
    // The worker does not know it any better now.
    eventually("it is put aside again", PATIENCE, || letters().len() == 1 && letters()[0]["id"] != other);
    assert_eq!(shop.board.done("/api/v1/dead/celery/forget", &json!({"ids": [other]}))["gone"], 1);
}

#[test]
fn a_schedule_is_shown_paused_run_and_removed() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let empty = shop.get("/api/v1/schedules");
    assert_eq!((&empty["schedules"], &empty["readable"]), (&json!([]), &json!(true)), "{empty}");
    let broker = format!("--broker={}", shop.redis.url(0));
    let added = Command::new(env!("CARGO_BIN_EXE_shop-board"))
        .args(["schedule", "add", "nightly", "--task", "conf_tasks.add", "--every", "1h", &broker])
        .current_dir(shop.dir.path())
        .output()
        .expect("the command line");
    assert!(added.status.success(), "{added:?}");
    let entry = || shop.get("/api/v1/schedules/nightly");
    let shown = entry();
    assert_eq!(
        (&shown["task"], &shown["runs"], &shown["last"]),
        (&json!("conf_tasks.add"), &json!(0), &Value::Null)
    );
    assert_eq!(shown["next"].as_array().map(Vec::len), Some(5), "{shown}");
    shop.board.done("/api/v1/schedules/nightly/pause", &json!({}));
    assert_eq!((&entry()["paused"], &entry()["next"]), (&json!(true), &json!([])));
    shop.board.done("/api/v1/schedules/nightly/resume", &json!({}));
    assert_eq!(entry()["paused"], false);
    let asked = shop.board.done("/api/v1/schedules/nightly/run", &json!({}));
    assert!(asked["note"].as_str().unwrap_or_default().contains("no beat"), "{asked}");
    assert!(entry()["asked"].is_number(), "{}", entry());
    shop.board.done("/api/v1/schedules/nightly/delete", &json!({}));
    shop.refused("/api/v1/schedules/nightly/run", &json!({}), 404);
    assert_eq!(shop.audited("schedule.delete")["target"], "nightly");
}

#[test]
fn many_tasks_are_counted_before_something_is_done_to_them() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let _worker = shop.worker("w1@test");
    for n in 0..3 {
        let id = shop.call("add", &json!([n, 1]));
        shop.board.until(&id, "SUCCESS");
    }
    let seen =
        shop.board.done("/api/v1/preview", &json!({"action": "retry", "query": "name:conf_tasks.add"}));
    assert_eq!((&seen["count"], seen["sample"].as_array().map(Vec::len)), (&json!(3), Some(3)), "{seen}");
    let job = shop.board.done("/api/v1/jobs", &json!({"token": seen["token"]}));
    let mine = || shop.get("/api/v1/jobs")["jobs"][0].clone();
    eventually("it is done", PATIENCE, || mine()["state"] == "done");
    assert_eq!(
        (&mine()["id"], &mine()["done"], &mine()["failed"]),
        (&job["id"], &json!(3), &json!(0)),
        "{}",
        mine()
    );
    eventually("they ran again", PATIENCE, || {
        shop.get("/api/v1/tasks?q=name:conf_tasks.add%20state:SUCCESS")["matched"]["count"] == 6
    });
    assert_eq!(shop.audited("job.retry")["target"], job["id"]);
    shop.refused("/api/v1/jobs", &json!({"token": seen["token"]}), 404);
    shop.refused("/api/v1/preview", &json!({"action": "explode", "query": ""}), 400);
}

#[test]
fn a_workflow_is_drawn() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let _worker = shop.worker("w1@test");
    let root = shop.call("build_chain_inside_task", &json!([]));
    shop.board.until(&root, "SUCCESS");
    let mut flow = Value::Null;
    eventually("all of it is there", PATIENCE, || {
        flow = shop.get(&format!("/api/v1/workflows/{root}"));
        let tasks = flow["tasks"].as_array().cloned().unwrap_or_default();
        tasks.len() >= 5 && tasks.iter().all(|task| task["state"] == "SUCCESS")
    });
    let nodes = flow["graph"]["nodes"].as_array().expect("nodes");
    assert!(nodes.iter().any(|node| node["id"] == json!(root)), "{flow}");
    assert!(nodes.iter().all(|node| node["x"].is_number() && node["w"].is_number()));
    assert!(
        flow["graph"]["edges"].as_array().is_some_and(|edges| edges.len() >= 3),
        "{}",
        flow["graph"]["edges"]
    );
    assert_eq!(shop.get("/api/v1/workflows")["workflows"][0]["root"], json!(root));
}

#[test]
fn a_stream_tells_what_changes_and_goes_on_where_it_was_cut() {
    let shop = Shop::open(&["--unauthenticated-api"]);
    let _worker = shop.worker("w1@test");
    let mut stream = Stream::open(&shop.board, None);
    assert_eq!(stream.next().event, "hello");
    let tick = stream.until("tick");
    let data: Value = serde_json::from_str(&tick.data).expect("JSON");
    assert_eq!(data["workers"][0][0], "w1@test", "{data}");
    assert!(data["now"].is_object() && data["queues"].is_array(), "{data}");
    let id = shop.call("add", &json!([1, 2]));
    let mut told = false;
    while !told {
        told = stream.until("change").data.contains(&id);
    }
    let last = stream.until("tick").id;
    drop(stream);
    let mut again = Stream::open(&shop.board, Some(&last));
    let hello = again.next();
    assert_eq!((hello.event.as_str(), &hello.id), ("hello", &last));
    let number =
        |id: &str| id.rsplit('-').next().and_then(|number| number.parse::<u64>().ok()).expect("a number");
    assert_eq!(number(&again.next().id), number(&last) + 1, "nothing is left out");
    assert_eq!(Stream::open(&shop.board, Some("00000000-7")).next().event, "reset");
}

#[test]
fn who_may_only_look_changes_nothing_and_other_sites_neither() {
    let shop = Shop::open(&["--unauthenticated-api", "--read-only"]);
    let session = shop.get("/api/v1/session");
    assert_eq!((&session["read_only"], &session["role"]), (&json!(true), &json!("viewer")), "{session}");
    for (path, body) in [
        ("/api/v1/calls", json!({"name": "x"})),
        ("/api/v1/tasks/x/retry", json!({})),
        ("/api/v1/tasks/x/revoke", json!({})),
        ("/api/v1/tasks/x/terminate", json!({})),
        ("/api/v1/tasks/x/forget", json!({})),
        ("/api/v1/workers/x/shutdown", json!({})),
        ("/api/v1/workers/x/drain", json!({})),
        ("/api/v1/workers/x/pool-grow", json!({})),
        ("/api/v1/workers/x/add-consumer", json!({"queue": "q"})),
        ("/api/v1/workers/x/rate-limit", json!({})),
        ("/api/v1/queues/celery/purge", json!({"confirm": "celery"})),
        ("/api/v1/queues/celery/restore", json!({"snapshot": "x"})),
        ("/api/v1/queues/celery/pause", json!({})),
        ("/api/v1/queues/celery/resume", json!({})),
        ("/api/v1/dead/celery/replay", json!({"ids": ["x"]})),
        ("/api/v1/dead/celery/forget", json!({"ids": ["x"]})),
        ("/api/v1/schedules/x/run", json!({})),
        ("/api/v1/schedules/x/delete", json!({})),
        ("/api/v1/workflows/x/cancel", json!({})),
    ] {
        shop.refused(path, &body, 403);
    }
    let own = board(&shop.redis, shop.dir.path(), "own", &[]);
    // Without a page's token nobody reads, nor changes.
    let answer = own.get("/api/v1/session");
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")));
    let page = own.get("/workers?json=1");
    let cookie = page.cookie();
    let ask = |method: &str, path: &str, headers: Value| {
        own.ask(&json!({"method": method, "path": path, "headers": headers}))
    };
    let session = ask("GET", "/api/v1/session", json!({"Cookie": cookie}));
    let csrf = session.body["csrf"].as_str().expect("a token").to_owned();
    assert_eq!(session.body["role"], "admin");
    let revoke = "/api/v1/tasks/x/revoke";
    assert_eq!(ask("POST", revoke, json!({"Cookie": cookie})).status, 401);
    assert_eq!(ask("POST", revoke, json!({"Cookie": cookie, "X-Taskq-CSRF": csrf})).status, 200);
    let cross = json!({"Cookie": cookie, "X-Taskq-CSRF": csrf, "Sec-Fetch-Site": "cross-site"});
    assert_eq!(ask("POST", revoke, cross).status, 403);
}

#[test]
fn without_a_broker_the_board_says_so_and_invents_no_number() {
    let mut shop = Shop::open(&["--unauthenticated-api"]);
    let _worker = shop.worker("w1@test");
    eventually("queues are counted", PATIENCE, || shop.queue("celery")["ready"] == 0);
    shop.redis.kill();
    eventually("it is told", PATIENCE, || {
        let overview = shop.get("/api/v1/overview");
        overview["verdict"]["level"] == "bad" && overview["problems"][0]["rule"] == "broker"
    });
    let queues = shop.get("/api/v1/queues");
    assert!(queues["error"].is_string() && queues["as_of"].is_number(), "{queues}");
    shop.refused("/api/v1/calls", &json!({"name": "conf_tasks.add", "args": [1, 2]}), 503);
    eventually("those who hear events notice it, too", PATIENCE, || {
        shop.get("/api/v1/health")["broker"]["connected"] == false
    });
}
