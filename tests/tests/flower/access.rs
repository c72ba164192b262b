//! Who may do what: each permission by one who has it and one who has not, through the API, with a real worker.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use taskq_tests::{
    node::Node,
    process::{Running, eventually},
    redis_server::RedisServer,
};
use tempfile::TempDir;

use crate::{
    board::{Answer, Board},
    http,
};

const PATIENCE: Duration = Duration::from_secs(60);
const WORKER: &str = env!("CARGO_BIN_EXE_interop-worker");
const NAME: &str = "w1@test";

/// The credentials of a user whose password is `x`, as a header.
fn basic(user: &str) -> Value {
    use base64::{Engine, prelude::BASE64_STANDARD};
    json!({"Authorization": format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:x")))})
}

fn ask(board: &Board, user: &str, method: &str, path: &str, body: &Value) -> Answer {
    board.ask(&json!({"method": method, "path": path, "headers": basic(user), "json": body}))
}

/// A board with these users, on a file of its own; no server is needed.
fn with_users(dir: &Path, users: &str, options: &[&str]) -> Board {
    let file = dir.join("users.toml");
    fs::write(&file, users).expect("written");
    let option = format!("--users={}", file.display());
    http::board(dir, &[&[option.as_str()], options].concat())
}

/// A board with these users, and a worker that it knows.
struct Shop {
    board: Board,
    _worker: Running,
    _redis: RedisServer,
    _dir: TempDir,
}

impl Shop {
    fn open(users: &str) -> Self {
        let redis = RedisServer::start();
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("users.toml");
        fs::write(&file, users).expect("written");
        let options = [
            format!("--broker={}", redis.url(0)),
            format!("--result-backend={}", redis.url(1)),
            "--store=:memory:".to_owned(),
            format!("--users={}", file.display()),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let board = Board::start(&dir.path().join("board.log"), &[("SHOP_BARE", "1")], &options);
        let conf = json!({"worker_send_task_events": true, "task_send_sent_event": true});
        let node = Node::new(NAME, &redis.url(0), &redis.url(1), &redis.url(2), dir.path()).conf(conf);
        let worker = node.start_rust(WORKER);
        let shop = Self { board, _worker: worker, _redis: redis, _dir: dir };
        eventually("the worker is known", PATIENCE, || {
            let worker = shop.ask("root", "GET", &format!("/api/v1/workers/{NAME}"), &Value::Null).body;
            worker["status"] == "online" && worker["queues"] == json!(["celery"])
        });
        shop
    }

    fn ask(&self, user: &str, method: &str, path: &str, body: &Value) -> Answer {
        ask(&self.board, user, method, path, body)
    }

    /// Sends a task, and waits until it has ended.
    fn ended(&self, task: &str) -> String {
        let body = json!({"name": task, "args": [1, 2]});
        let id =
            self.ask("root", "POST", "/api/v1/calls", &body).body["id"].as_str().expect("an id").to_owned();
        eventually("the task has ended", PATIENCE, || {
            let task = self.ask("root", "GET", &format!("/api/v1/tasks/{id}"), &Value::Null).body;
            task["task"]["state"] == "SUCCESS"
        });
        id
    }

    /// The newest entry of the audit log by that user.
    fn written(&self, user: &str) -> Value {
        let activity = self.ask("root", "GET", "/api/v1/activity?limit=2000", &Value::Null).body;
        let entries = activity["entries"].as_array().expect("entries");
        entries.iter().find(|entry| entry["user"] == user).cloned().unwrap_or_default()
    }
}

/// Permissions that no route asks for by themselves.
const LATER: [&str; 2] = ["view_payloads_raw", "admin"];

/// A call that needs each permission: method, path, body. `{id}` is a task that has ended.
fn calls() -> Vec<(&'static str, &'static str, String, Value)> {
    let none = Value::Null;
    let worker = |action: &str| format!("/api/v1/workers/{NAME}/{action}");
    let own = |path: &str| format!("/api/v1/{path}");
    vec![
        ("view", "GET", own("tasks"), none.clone()),
        ("view_payloads", "GET", "/api/task/result/{id}".to_owned(), none.clone()),
        ("audit.view", "GET", own("activity"), none),
        ("task.call", "POST", own("calls"), json!({"name": "conf_tasks.add", "args": [1, 2]})),
        ("task.retry", "POST", own("tasks/{id}/retry"), json!({})),
        ("task.revoke", "POST", own("tasks/{id}/revoke"), json!({})),
        ("task.terminate", "POST", own("tasks/{id}/terminate"), json!({})),
        ("task.delete", "POST", own("tasks/{id}/forget"), json!({})),
        ("queue.pause", "POST", own("queues/celery/pause"), json!({})),
        ("queue.purge", "POST", own("queues/celery/purge"), json!({"confirm": "celery"})),
        ("queue.edit", "POST", own("queues/celery/messages/delete"), json!({"keys": ["none"]})),
        ("dead.edit", "POST", own("dead/celery/edit"), json!({"id": "1", "args": [], "kwargs": {}})),
        (
            "alert.edit",
            "POST",
            own("alerts/rules"),
            json!({"name": "r", "query": "state:failure", "op": ">", "value": 9, "window": 600, "for": 0, "level": "warn", "channels": []}),
        ),
        ("dead.replay", "POST", own("dead/celery/replay"), json!({"ids": ["1"]})),
        ("dead.drop", "POST", own("dead/celery/forget"), json!({"ids": ["1"]})),
        ("worker.pool", "POST", worker("pool-grow"), json!({"n": 1})),
        ("worker.consumers", "POST", worker("add-consumer"), json!({"queue": "extra"})),
        (
            "worker.limits",
            "POST",
            worker("rate-limit"),
            json!({"task": "conf_tasks.add", "rate_limit": "9/m"}),
        ),
        ("schedule.run", "POST", own("schedules/none/run"), json!({})),
        ("schedule.edit", "POST", own("schedules/none/pause"), json!({})),
        ("worker.shutdown", "POST", worker("shutdown"), json!({})),
    ]
}

/// For each permission somebody who has nothing else, and somebody who has everything else.
fn users_by_permission() -> String {
    let mut all: Vec<&str> = calls().iter().map(|call| call.0).collect();
    all.extend(LATER.iter().filter(|name| **name != "admin"));
    let mut text = "[users.root]\npassword = 'x'\nrole = 'admin'\n".to_owned();
    for (name, ..) in calls() {
        // Nobody does anything who may not look, and to terminate is to revoke.
        let with = ["view", "task.revoke", name];
        let with = &with[if name == "task.terminate" { 0 } else { 1 }..];
        let with: Vec<&str> = ["view"]
            .iter()
            .chain(with)
            .copied()
            .filter(|it| *it != "task.revoke" || name.starts_with("task."))
            .collect();
        let without: Vec<&str> = all.iter().copied().filter(|other| *other != name).collect();
        for (user, allow) in [(format!("with {name}"), with), (format!("without {name}"), without)] {
            text += &format!("[users.'{user}']\npassword = 'x'\ngrants = [{{ allow = {} }}]\n", json!(allow));
        }
    }
    text
}

#[test]
fn each_permission_lets_one_do_what_it_says_and_nobody_else() {
    let shop = Shop::open(&users_by_permission());
    let id = shop.ended("conf_tasks.add");
    for (name, method, path, body) in calls() {
        let path = path.replace("{id}", &id);
        let (with, without) = (format!("with {name}"), format!("without {name}"));
        let refused = shop.ask(&without, method, &path, &body);
        let text = refused.body["detail"].as_str().unwrap_or(&refused.raw);
        assert_eq!(refused.status, 403, "{name}: {refused:?}");
        assert!(text.contains(&format!("`{name}`")), "{name}: {text}");
        if path.starts_with("/api/v1/") {
            assert_eq!(refused.header("content-type"), Some("application/problem+json"), "{name}");
        }
        let allowed = shop.ask(&with, method, &path, &body);
        assert!(![401, 403].contains(&allowed.status), "{name}: {allowed:?}");
        if method == "POST" {
            let entry = shop.written(&without);
            assert!(entry["outcome"].as_str().unwrap_or_default().contains(name), "{name}: {entry}");
            let entry = shop.written(&with);
            let done =
                if allowed.status == 200 { "ok" } else { allowed.body["detail"].as_str().expect("why") };
            assert_eq!(entry["outcome"], done, "{name}: {entry}");
        }
    }
    // A job and a workflow ask for what they do to each task.
    let job = |user: &str| {
        let preview = json!({"action": "revoke", "targets": [id]});
        let preview = shop.ask(user, "POST", "/api/v1/preview", &preview);
        let token = json!({"token": preview.body["token"]});
        (preview.status, shop.ask(user, "POST", "/api/v1/jobs", &token).status)
    };
    assert_eq!(job("with task.revoke"), (200, 200));
    let (counted, started) = job("without task.revoke");
    assert!(counted == 403 && [400, 403, 404].contains(&started), "{counted} {started}");
    let retry =
        |user: &str| shop.ask(user, "POST", &format!("/api/v1/workflows/{id}/retry"), &json!({})).status;
    assert_eq!(retry("without task.retry"), 403);
    assert!(![401, 403].contains(&retry("with task.retry")));
    // What they may is told to them, so that a page shows no other buttons.
    let session = shop.ask("with queue.purge", "GET", "/api/v1/session", &Value::Null).body;
    assert_eq!(
        (&session["permissions"], &session["role"]),
        (&json!(["view", "queue.purge"]), &json!("custom"))
    );
    let session = shop.ask("root", "GET", "/api/v1/session", &Value::Null).body;
    let all = session["permissions"].as_array().expect("permissions").len();
    assert_eq!(all, calls().len() + LATER.len(), "a permission has no call in this test: {session}");
}

const LIMITED: &str = "
[users.root]
password = 'x'
role = 'admin'
[users.adder]
password = 'x'
role = 'operator'
tasks = ['conf_tasks.add*']
[users.queuer]
password = 'x'
grants = [{ allow = ['view', 'audit.view'] }, { allow = ['task.call', 'queue.purge', 'task.revoke'], queues = ['cel*'] }]
";

#[test]
fn a_limited_permission_reaches_its_own_tasks_and_queues_only() {
    let shop = Shop::open(LIMITED);
    let (add, echo) = (shop.ended("conf_tasks.add"), shop.ended("conf_tasks.echo_args"));
    let post = |user: &str, path: &str, body: Value| shop.ask(user, "POST", path, &body).status;
    for (user, path, body, status) in [
        ("adder", "/api/v1/calls".to_owned(), json!({"name": "conf_tasks.add", "args": [1, 2]}), 200),
        ("adder", "/api/v1/calls".to_owned(), json!({"name": "conf_tasks.echo_args", "args": [1]}), 403),
        ("adder", "/api/task/send-task/conf_tasks.add".to_owned(), json!({"args": [1, 2]}), 200),
        ("adder", "/api/task/send-task/conf_tasks.echo_args".to_owned(), json!({"args": [1]}), 403),
        ("adder", format!("/api/v1/tasks/{add}/retry"), json!({}), 200),
        ("adder", format!("/api/v1/tasks/{echo}/retry"), json!({}), 403),
        ("adder", format!("/api/task/revoke/{add}"), json!({}), 200),
        ("adder", format!("/api/task/revoke/{echo}"), json!({}), 403),
        ("adder", "/api/task/revoke/nobody-heard-of-it".to_owned(), json!({}), 403),
        // The queue may hold tasks that are not theirs.
        ("adder", "/api/v1/queues/celery/pause".to_owned(), json!({}), 403),
        ("adder", format!("/api/v1/workers/{NAME}/pool-grow"), json!({}), 403),
        ("queuer", "/api/v1/calls".to_owned(), json!({"name": "conf_tasks.echo_args", "args": [1]}), 200),
        (
            "queuer",
            "/api/v1/calls".to_owned(),
            json!({"name": "conf_tasks.echo_args", "queue": "other"}),
            403,
        ),
        ("queuer", "/api/v1/queues/celery/purge".to_owned(), json!({"confirm": "celery"}), 200),
        ("queuer", "/api/v1/queues/extra/purge".to_owned(), json!({"confirm": "extra"}), 403),
        ("queuer", format!("/api/v1/tasks/{add}/revoke"), json!({}), 200),
        ("queuer", format!("/api/v1/tasks/{add}/retry"), json!({}), 403),
    ] {
        assert_eq!(post(user, &path, body.clone()), status, "{user} {path} {body}");
    }
    // Of many, those that are not theirs fail one by one.
    let preview =
        shop.ask("adder", "POST", "/api/v1/preview", &json!({"action": "revoke", "targets": [add, echo]}));
    let job = shop.ask("adder", "POST", "/api/v1/jobs", &json!({"token": preview.body["token"]})).body;
    eventually("the job is over", PATIENCE, || {
        let jobs = shop.ask("adder", "GET", "/api/v1/jobs", &Value::Null).body;
        let of = jobs["jobs"].as_array().into_iter().flatten().find(|it| it["id"] == job["id"]).cloned();
        of.is_some_and(|it| it["state"] == "done" && it["done"] == 1 && it["failed"] == 1)
    });
    // Arguments and results of other tasks are not theirs to see.
    let seen =
        |user: &str, id: &str| shop.ask(user, "GET", &format!("/api/v1/tasks/{id}"), &Value::Null).body;
    assert!(seen("adder", &add)["task"]["args"].is_string());
    let hidden = seen("adder", &echo);
    assert_eq!(
        (&hidden["task"]["args"], &hidden["task"]["result"]),
        (&Value::Null, &Value::Null),
        "{hidden}"
    );
    assert_eq!((&hidden["arguments"], &hidden["stored"]), (&Value::Null, &Value::Null), "{hidden}");
    for path in ["/api/v1/tasks?q=args:1", "/api/v1/tasks?sort=result", "/api/tasks?search=result:gateway"] {
        assert_eq!(shop.ask("queuer", "GET", path, &Value::Null).status, 403, "{path}");
    }
    for path in [format!("/api/task/info/{echo}"), "/api/tasks?limit=100".to_owned()] {
        let body = shop.ask("queuer", "GET", &path, &Value::Null).raw;
        assert!(body.contains("\"args\":null") && !body.contains("\"result\":\""), "{path}: {body}");
    }
    let limits = shop.ask("adder", "GET", "/api/v1/session", &Value::Null).body["limits"].clone();
    assert_eq!(limits[0]["tasks"], json!(["conf_tasks.add*"]), "{limits}");
}

const SECRETS: &str = "
[users.root]
password = 'x'
role = 'admin'
[users.looks]
password = 'x'
role = 'viewer'
[users.acts]
password = 'x'
role = 'operator'
[users.counts]
password = 'x'
grants = [{ allow = ['view'] }]
";

#[test]
fn secrets_in_messages_and_results_are_shown_to_nobody_who_may_not_see_them() {
    let shop = Shop::open(SECRETS);
    let get = |user: &str, path: &str| shop.ask(user, "GET", path, &Value::Null);
    let call = |name: &str| {
        let body = json!({"name": name, "args": [1], "kwargs": {"db_password": "hunter2", "n": 1}});
        let answer = shop.ask("root", "POST", "/api/v1/calls", &body);
        answer.body["id"].as_str().expect("an id").to_owned()
    };
    let id = call("conf_tasks.echo_args");
    eventually("the result is there", PATIENCE, || {
        get("root", &format!("/api/task/result/{id}")).body["state"] == "SUCCESS"
    });
    let lost = call("conf_tasks.nobody_has_it");
    let letters =
        |user: &str| get(user, "/api/v1/dead").body["letters"].as_array().cloned().unwrap_or_default();
    eventually("a letter", PATIENCE, || letters("root").iter().any(|it| it["task_id"] == lost.as_str()));
    eventually("history has it", PATIENCE, || {
        get("root", &format!("/api/v1/tasks/{id}")).body["task"]["state"] == "SUCCESS"
    });
    for path in [format!("/api/task/result/{id}"), format!("/api/v1/tasks/{id}"), "/api/v1/dead".to_owned()] {
        let (whole, clean) = (get("root", &path).raw, get("looks", &path).raw);
        assert!(whole.contains("hunter2"), "{path}: {whole}");
        assert!(!clean.contains("hunter2") && clean.contains("[redacted]"), "{path}: {clean}");
        assert!(!get("counts", &path).raw.contains("hunter2"), "{path}");
    }
    // What was not seen is sent again as it was, where it was; elsewhere nothing is sent.
    let letter = letters("acts").remove(0);
    assert_eq!(letter["kwargs"], json!({"db_password": "[redacted]", "n": 1}));
    let edit = |kwargs: Value| {
        let body = json!({"id": letter["id"], "args": [2], "kwargs": kwargs});
        shop.ask("acts", "POST", "/api/v1/dead/celery/edit", &body)
    };
    let moved = edit(json!({"other": "[redacted]"}));
    assert_eq!(moved.status, 422, "{moved:?}");
    let edited = edit(json!({"db_password": "[redacted]", "n": 3}));
    assert_eq!(edited.status, 200, "{edited:?}");
    let again = edited.body["task_id"].as_str().expect("an id").to_owned();
    eventually("the edited one is a letter, too", PATIENCE, || {
        let letters = letters("root");
        let found = letters.iter().find(|it| it["task_id"] == again.as_str());
        found.is_some_and(|it| it["kwargs"] == json!({"db_password": "hunter2", "n": 3}))
    });
    let entry = shop.written("acts");
    assert_eq!((&entry["before"]["args"], &entry["after"]["args"]), (&json!([1]), &json!([2])), "{entry}");
    assert!(!entry.to_string().contains("hunter2"), "{entry}");
    let by_hand = json!({"name": "conf_tasks.echo_args", "kwargs": {"a": "[redacted]"}});
    assert_eq!(shop.ask("acts", "POST", "/api/v1/calls", &by_hand).status, 422);
    // An export shows what a list does.
    let export = |user: &str, path: &str| get(user, path);
    let lines = export("looks", "/api/v1/export?q=name:echo_args");
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let row: Value = serde_json::from_str(lines.raw.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&row["id"], lines.raw.lines().count()), (&json!(id), 1), "{}", lines.raw);
    assert!(row["kwargs"].as_str().is_some_and(|text| text.contains("[redacted]")), "{row}");
    let table = export("counts", "/api/v1/export?q=name:echo_args&format=csv");
    let (head, line) = table.raw.trim_end().split_once("\r\n").expect("two lines");
    assert!(head.starts_with("id,name,state,") && line.starts_with(&format!("\"{id}\",")), "{}", table.raw);
    assert!(!line.contains("redacted") && !line.contains("'n'"), "arguments are not shown: {line}");
    assert_eq!(export("counts", "/api/v1/export?q=args:1").status, 403);
    assert_eq!(export("root", "/api/v1/export?format=xml").status, 400);
    let exports = get("root", "/api/v1/activity?limit=2000").raw.matches("\"task.export\"").count();
    assert_eq!(exports, 2);
}

#[test]
fn the_file_of_users_is_read_again_when_it_changes_and_a_broken_one_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let user = |name: &str, role: &str| format!("[users.{name}]\npassword = 'x'\nrole = '{role}'\n");
    let board = with_users(dir.path(), &(user("anna", "viewer") + &user("ben", "operator")), &[]);
    let role = |name: &str| ask(&board, name, "GET", "/api/v1/session", &Value::Null);
    assert_eq!((role("anna").body["role"].clone(), role("ben").status), (json!("viewer"), 200));
    let file = dir.path().join("users.toml");
    fs::write(&file, user("anna", "admin") + &user("carl", "viewer")).expect("written");
    eventually("anna is an admin", PATIENCE, || role("anna").body["role"] == "admin");
    assert_eq!((role("ben").status, role("carl").status), (401, 200), "ben is gone, carl is new");
    fs::write(&file, user("anna", "boss")).expect("written");
    eventually("it is said", PATIENCE, || board.process.output().contains("what it said before holds"));
    assert_eq!((role("anna").body["role"].clone(), role("carl").status), (json!("admin"), 200));
    let hangup = |times: usize| {
        let pid = board.process.id().to_string();
        let done = std::process::Command::new("kill").args(["-HUP", &pid]).status().expect("kill");
        assert!(done.success());
        eventually("it is read at SIGHUP", PATIENCE, || {
            board.process.output().matches("what it said before holds").count() > times
        });
    };
    hangup(1);
    assert_eq!(role("anna").status, 200, "SIGHUP does not end it");
}

#[test]
fn what_is_changed_by_flowers_routes_stands_in_the_audit_log() {
    let shop = Shop::open("[users.root]\npassword = 'x'\nrole = 'admin'\n");
    let path = format!("/api/worker/pool/grow/{NAME}?n=2");
    assert_eq!(shop.ask("root", "POST", &path, &Value::Null).status, 200);
    let entry = shop.written("root");
    assert_eq!((&entry["action"], &entry["target"]), (&json!("worker.pool-grow"), &json!(NAME)), "{entry}");
    assert_eq!((&entry["arguments"], &entry["outcome"]), (&json!({"n": "2"}), &json!("ok")), "{entry}");
    let reply = &entry["replies"]["replies"][0];
    assert_eq!((&reply["worker"], &reply["ok"]), (&json!(NAME), &json!(true)), "{entry}");
    let send = shop.ask("root", "POST", "/api/task/send-task/conf_tasks.add", &json!({"args": [1, 2]}));
    assert_eq!(send.status, 200, "{send:?}");
    let entry = shop.written("root");
    assert_eq!(
        (&entry["action"], &entry["target"]),
        (&json!("task.call"), &json!("conf_tasks.add")),
        "{entry}"
    );
    let bad =
        shop.ask("root", "POST", &format!("/api/worker/pool/autoscale/{NAME}?min=1&max=2"), &Value::Null);
    assert_eq!(bad.status, 403, "the worker has no autoscaler: {bad:?}");
    let entry = shop.written("root");
    assert_eq!(entry["action"], "worker.autoscale", "{entry}");
    assert!(entry["outcome"].as_str().unwrap_or_default().contains("Failed to autoscale"), "{entry}");
    // Our own say what was there before, too.
    eventually("the board knows that the pool has grown", PATIENCE, || {
        shop.ask("root", "GET", &format!("/api/v1/workers/{NAME}"), &Value::Null).body["slots"] == 6
    });
    let path = format!("/api/v1/workers/{NAME}/pool-shrink");
    assert_eq!(shop.ask("root", "POST", &path, &json!({"n": 3})).status, 200);
    let entry = shop.written("root");
    assert_eq!((&entry["before"]["slots"], &entry["after"]["slots"]), (&json!(6), &json!(3)), "{entry}");
}

#[test]
fn a_hash_made_on_the_command_line_lets_its_password_in() {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop-board"));
    command.args(["-b", "sqlite:./x.db", "flower", "hash-password"]).current_dir(dir.path());
    let mut made = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a program");
    made.stdin.take().expect("a pipe").write_all(b"x\n").expect("written");
    let made = made.wait_with_output().expect("an answer");
    let hash = String::from_utf8(made.stdout).expect("a text").trim().to_owned();
    assert!(made.status.success() && hash.starts_with("$argon2id$"), "{hash}");
    let board = with_users(
        dir.path(),
        &format!("[users.anna]\npassword = '{hash}'\nrole = 'viewer'\n"),
        &[&format!("--basic-auth=flo:{hash}"), "--default-role=operator"],
    );
    let role = |user: &str| ask(&board, user, "GET", "/api/v1/session", &Value::Null);
    assert_eq!(role("anna").body["role"], "viewer");
    assert_eq!(role("flo").body["role"], "operator");
    assert_eq!(role("eve").status, 401);
    let wrong = json!({"Authorization": "Basic YW5uYTp5"});
    assert_eq!(board.ask(&json!({"method": "GET", "path": "/api/v1/session", "headers": wrong})).status, 401);
    assert_eq!(ask(&board, "anna", "POST", "/api/v1/calls", &json!({"name": "x"})).status, 403);
}

#[test]
fn a_file_of_users_that_says_what_nobody_understands_keeps_the_board_from_starting() {
    let dir = tempfile::tempdir().expect("a folder");
    for (text, word) in [
        ("[users.a]\npassword = 'x'\nrole = 'boss'\n", "boss"),
        ("[users.a]\nrole = 'admin'\n", "nobody could log in"),
        ("[users.a]\npassword = '$argon2id$x'\n", "hash-password"),
    ] {
        let file = dir.path().join("users.toml");
        fs::write(&file, text).expect("written");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shop-board"));
        command.args(["-b", "sqlite:./x.db", "flower", "--port=0", "--store=:memory:"]);
        let output = command.arg(format!("--users={}", file.display())).current_dir(dir.path()).output();
        let output = output.expect("a program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(word), "{text}: {said}");
    }
}
