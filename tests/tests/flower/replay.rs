//! Every captured request, put to our board in strict mode in the state it was captured in.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;
use taskq_tests::{process::eventually, redis_server::RedisServer};

use crate::{
    board::{Answer, Board},
    compare::{How, differences, order},
    shop::{self, PATIENCE},
};

/// What is not as captured, and why. A row that is no longer needed fails the test. There is none.
const DIFFERENT: &[(&str, &str)] = &[];

/// The captured answers.
struct Captured {
    names: Vec<String>,
    done: BTreeSet<String>,
    wrong: BTreeMap<String, Vec<String>>,
    /// Ids that were captured, and what stands for them now.
    ids: BTreeMap<String, String>,
}

impl Captured {
    fn read() -> Self {
        let index: Value = read("index.json");
        let names = index.as_array().into_iter().flatten();
        let names = names.map(|one| one["file"].as_str().expect("a name").replace(".json", "")).collect();
        Self { names, done: BTreeSet::new(), wrong: BTreeMap::new(), ids: BTreeMap::new() }
    }

    /// An id of now stands for the one in this answer.
    fn stands_for(&mut self, fixture: &str, id: &str) {
        let captured = read(&format!("{fixture}.json"));
        let path = captured["request"]["path"].as_str().expect("a path").to_owned();
        let old = path.split('?').next().and_then(|path| path.rsplit('/').next()).expect("an id");
        self.ids.insert(old.to_owned(), id.to_owned());
    }

    /// Puts a captured request and compares the answer.
    fn replay(&mut self, board: &Board, name: &str, how: How) -> Answer {
        let mut text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("a captured answer");
        for (old, new) in &self.ids {
            text = text.replace(old, new);
        }
        let captured: Value = serde_json::from_str(&text).expect("JSON");
        let answer = board.ask(&captured["request"]);
        let mut wrong = Vec::new();
        if u64::from(answer.status) != captured["status"].as_u64().expect("a status") {
            wrong.push(format!("status {}, not {}", answer.status, captured["status"]));
        }
        for (header, value) in captured["headers"].as_object().into_iter().flatten() {
            let ours = answer.header(&header.to_lowercase()).unwrap_or_default();
            let value = value.as_str().unwrap_or_default();
            let same = match header.as_str() {
                "Set-Cookie" | "Etag" => !ours.is_empty(),
                "Location" => location(ours) == location(value),
                _ => ours == value,
            };
            if !same {
                wrong.push(format!("header {header}: `{ours}`, not `{value}`"));
            }
        }
        // Of a task or of the first of several: scripts write columns in this order.
        let task = |body: &Value| {
            body.get("uuid")
                .map_or_else(|| body.as_object()?.values().next().cloned(), |_| Some(body.clone()))
        };
        if let (Some(Value::Object(task)), Some((_, body))) =
            (task(&captured["body"]), text.split_once("\"body\""))
            && task.contains_key("uuid")
        {
            let (ours, theirs) = (order(task.keys(), &answer.raw), order(task.keys(), body));
            if ours != theirs {
                wrong.push(format!("order of keys: {ours:?}, not {theirs:?}"));
            }
        }
        wrong.extend(differences(&answer.body, &captured["body"], how));
        self.done.insert(name.to_owned());
        match wrong.is_empty() {
            true => self.wrong.remove(name),
            false => self.wrong.insert(name.to_owned(), wrong),
        };
        answer
    }

    fn all(&mut self, board: &Board, names: &str, how: How) {
        for name in names.split_whitespace() {
            self.replay(board, name, how);
        }
    }

    fn exactly(&mut self, board: &Board, names: &str) {
        self.all(board, names, How::Exact);
    }

    fn rows(&mut self, board: &Board, names: &str) {
        self.all(board, names, How::Rows);
    }

    fn workers(&mut self, board: &Board, names: &str) {
        self.all(board, names, How::Worker);
    }

    /// Nothing was forgotten, and nothing differs but what is known to.
    fn finish(mut self) {
        let known = ["events", "index"];
        let left: Vec<&String> = self
            .names
            .iter()
            .filter(|name| !self.done.contains(*name) && !known.contains(&name.as_str()))
            .collect();
        assert!(left.is_empty(), "not replayed: {left:?}");
        let stale: Vec<_> = DIFFERENT.iter().filter(|(name, _)| self.wrong.remove(*name).is_none()).collect();
        assert!(stale.is_empty(), "these are as captured by now: {stale:?}");
        let wrong: Vec<String> =
            self.wrong.iter().map(|(name, wrong)| format!("{name}: {}", wrong.join("\n    "))).collect();
        println!("{} captured requests were put to the board", self.done.len());
        assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/flower")).to_path_buf()
}

fn read(file: &str) -> Value {
    let text = fs::read_to_string(folder().join(file)).expect("a captured answer");
    serde_json::from_str(&text).expect("JSON")
}

/// Where a browser is sent, without what is drawn each time.
fn location(text: &str) -> Vec<String> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let mut parts: Vec<String> =
        query.split('&').filter(|pair| !pair.starts_with("state=")).map(str::to_owned).collect();
    parts.sort();
    parts.insert(0, path.to_owned());
    parts
}

/// Waits until the board has heard of a task in that state.
fn heard(board: &Board, id: &str, state: &str) {
    let path = format!("/api/task/info/{id}");
    eventually(&format!("`{id}` is {state}"), PATIENCE, || {
        let task = board.get(&path).body;
        task["state"] == state && !task["sent"].is_null()
    });
}

#[test]
fn every_captured_request_is_answered_as_flower_did() {
    let mut captured = Captured::read();
    let mut redis = RedisServer::start();
    let dir = tempfile::tempdir().expect("a folder for logs");
    let logs = dir.path();
    let url = redis.url(0);
    let open = [("FLOWER_UNAUTHENTICATED_API", "true")];
    let place = [
        format!("--broker={url}"),
        format!("--result-backend={url}"),
        "--flower-compat=strict".to_owned(),
        // Python's workers answer within it on a loaded machine, too.
        "--inspect-timeout=5000".to_owned(),
    ];
    let place: Vec<&str> = place.iter().map(String::as_str).collect();

    let board = Board::start(&logs.join("board.log"), &open, &place);
    let alpha = ["-P", "prefork", "-c", "2", "-Q", "celery,emails"];
    let _alpha = shop::worker(&redis, logs, "alpha@demo", &alpha, true);
    let _beta =
        shop::worker(&redis, logs, "beta@demo", &["-P", "threads", "-c", "2", "-Q", "reports,celery"], true);
    // A worker says that it is online before it listens to commands.
    eventually("both workers are online, and answer", PATIENCE, || {
        ["/api/workers?status=1", "/api/workers?refresh=1"]
            .iter()
            .all(|path| board.get(path).body.as_object().is_some_and(|workers| workers.len() == 2))
    });

    captured.workers(&board, "workers_refresh workers workers_one_refresh workers_one_cached");
    captured.exactly(
        &board,
        "workers_status workers_bad_bool_400 workers_unknown_404 options_preflight healthcheck \
         method_not_allowed_405 tasks_list_bad_date_400 tasks_list_bad_limit_400 tasks_list_bad_sort_400 \
         tasks_list_search_error_400 tasks_list_search_not_400 tasks_list_search_short_400 datatable_missing_400 \
         task_info_404",
    );
    captured.replay(&board, "api_unknown_endpoint_404", How::Page);
    captured.replay(&board, "not_found_page", How::Page);

    history(&mut captured, &board, &redis, logs);
    calls(&mut captured, &board);
    controls(&mut captured, &board);
    endings(&mut captured, &board, &redis, logs);
    workers(&mut captured, &board, &redis, logs);
    captured.exactly(&board, "queues_length");
    crate::metrics::are_flowers(board.get("/metrics").text(), &folder().join("metrics.txt"));

    others(&mut captured, logs, &place, &url);

    redis.kill();
    captured.exactly(&board, "queues_length_broker_down_500 task_revoke_broker_down_503");
    captured.finish();
}

/// What was heard of tasks that Python sent.
fn history(captured: &mut Captured, board: &Board, redis: &RedisServer, logs: &Path) {
    captured.rows(board, "tasks_list_empty tasks_list_search_kwargs");
    let ids = shop::send(redis, logs, "first");
    for (role, fixture, state) in [
        ("success", "task_info_success", "SUCCESS"),
        ("failure", "task_info_failure", "FAILURE"),
        ("received", "task_info_received", "RECEIVED"),
        ("expired", "task_info_revoked", "REVOKED"),
    ] {
        captured.stands_for(fixture, &ids[role]);
        heard(board, &ids[role], state);
        captured.exactly(board, fixture);
    }
    heard(board, &ids["unknown"], "FAILURE");
    captured.exactly(
        board,
        "task_types task_result_success task_result_failure task_result_pending_unknown_id task_result_timeout \
         task_result_bad_timeout_400",
    );
    let today = jiff::Zoned::now().date();
    for (day, date) in
        [("2026-11-21%2000:00", today), ("2026-11-22%2000:00", today.tomorrow().expect("a day"))]
    {
        captured.ids.insert(day.to_owned(), format!("{date}%2000:00"));
    }
    captured.rows(
        board,
        "tasks_list_limit3 tasks_list_sorted tasks_list_dates tasks_list_filters tasks_list_search \
         tasks_list_state_failure tasks_list_state_received_eta tasks_list_state_retry datatable_page",
    );
    captured.ids.retain(|old, _| !old.contains('%'));
    captured.exactly(board, "datatable_search_error");
    captured.workers(board, "workers_page_json");
}

/// Tasks sent through the board.
fn calls(captured: &mut Captured, board: &Board) {
    captured.exactly(
        board,
        "task_apply_success task_apply_kwargs task_apply_failure task_apply_timeout task_apply_args_not_array_400 \
         task_apply_bad_eta_400 task_apply_bad_json_400 task_apply_bad_timeout_400 task_apply_not_object_400 \
         task_apply_empty_body_500 task_apply_unknown_404 task_async_apply_unknown_404",
    );
    // How far a task is when the answer is written is chance.
    captured.rows(
        board,
        "task_async_apply task_async_apply_countdown task_async_apply_eta task_async_apply_priority_headers \
         task_send_task task_send_task_unknown_name",
    );
}

/// Sends a task through the board.
fn send(board: &Board, name: &str, body: &Value) -> String {
    let path = format!("/api/task/async-apply/{name}");
    let answer = board.ask(&serde_json::json!({"method": "POST", "path": path, "json": body}));
    answer.body["task-id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// Tasks that are told something.
fn controls(captured: &mut Captured, board: &Board) {
    let revoked = send(
        board,
        "shop.send_email",
        &serde_json::json!({"args": ["revoke@example.com"], "countdown": 600}),
    );
    captured.stands_for("task_revoke", &revoked);
    heard(board, &revoked, "RECEIVED");
    captured.exactly(board, "task_revoke task_info_revoked_before_start task_revoke_unknown_id");

    let aborted = send(board, "shop.abortable", &serde_json::json!({"args": [20]}));
    captured.stands_for("task_abort", &aborted);
    heard(board, &aborted, "STARTED");
    captured.exactly(board, "task_abort");
    heard(board, &aborted, "SUCCESS");
    captured.exactly(board, "task_info_aborted task_result_aborted");

    captured.exactly(
        board,
        "task_rate_limit task_rate_limit_bad_403 task_rate_limit_missing_400 task_rate_limit_reset task_timeout \
         task_timeout_missing_worker_400 task_timeout_unknown_task_404 task_timeout_unknown_worker_404",
    );
}

/// Ways that a task can end, or not.
fn endings(captured: &mut Captured, board: &Board, redis: &RedisServer, logs: &Path) {
    let ids = shop::send(redis, logs, "later");
    for (role, fixture, state) in [
        ("rejected", "task_info_rejected", "FAILURE"),
        ("slow", "task_info_soft_time_limit", "FAILURE"),
        ("chain_first", "task_info_chain_first", "SUCCESS"),
        ("chain_last", "task_info_chain_last", "SUCCESS"),
        ("chord_body", "task_info_chord_body", "SUCCESS"),
        ("chord_member", "task_info_chord_header_member", "SUCCESS"),
        ("unregistered", "task_info_unregistered", "FAILURE"),
        ("retry", "task_info_after_retry", "RETRY"),
    ] {
        captured.stands_for(fixture, &ids[role]);
        heard(board, &ids[role], state);
        if role == "retry" {
            let path = format!("/api/task/info/{}", ids[role]);
            eventually("the second attempt is received", PATIENCE, || board.get(&path).body["retries"] == 1);
        }
        captured.exactly(board, fixture);
    }
    captured.exactly(board, "task_result_rejected task_result_retry");

    let started = shop::send(redis, logs, "sleeper").remove("started").expect("an id");
    captured.stands_for("task_info_started", &started);
    heard(board, &started, "STARTED");
    captured.exactly(board, "task_info_started task_result_started");
    captured.workers(board, "worker_active_task");
    captured.exactly(board, "task_revoke_terminate");
    heard(board, &started, "REVOKED");
    captured.exactly(board, "task_info_revoked_terminated task_result_revoked");
}

/// Workers that are told something.
fn workers(captured: &mut Captured, board: &Board, redis: &RedisServer, logs: &Path) {
    captured.exactly(
        board,
        "worker_pool_grow worker_pool_grow_form worker_pool_grow_bad_n_400 worker_pool_grow_threads_403 \
         worker_pool_grow_unknown_404",
    );
    eventually("the new processes of alpha are idle", PATIENCE, || {
        captured.exactly(board, "worker_pool_shrink");
        captured.wrong.remove("worker_pool_shrink").is_none()
    });
    captured.exactly(
        board,
        "worker_pool_autoscale_disabled_403 \
         worker_pool_autoscale_missing_400 worker_add_consumer worker_add_consumer_missing_400 \
         worker_cancel_consumer worker_cancel_consumer_unknown worker_pool_restart worker_shutdown_unknown_404",
    );
    captured.workers(board, "workers_after");
    let options = ["-P", "prefork", "--autoscale=3,1", "-Q", "reports"];
    let _delta = shop::worker(redis, logs, "delta@demo", &options, false);
    captured.workers(board, "worker_with_autoscaler");
    captured.exactly(board, "worker_pool_autoscale worker_pool_restart_disabled_403 worker_shutdown");
    eventually("delta says goodbye", PATIENCE, || {
        board.get("/api/workers?status=1").body["delta@demo"] == false
    });
    captured.exactly(board, "workers_status_after_shutdown");
    captured.workers(board, "workers_after_shutdown_still_cached");
}

/// Boards that were started in another way.
fn others(captured: &mut Captured, logs: &Path, place: &[&str], url: &str) {
    let start = |name: &str, env: &[(&str, &str)], options: &[&str]| {
        Board::start(&logs.join(format!("{name}.log")), env, &[place, options].concat())
    };
    let closed = start("closed", &[], &[]);
    captured.exactly(&closed, "unauthenticated_api_disabled_401 unauthenticated_api_disabled_post_401");
    drop(closed);

    let secured = start("secured", &[], &["--url-prefix=flower", "--basic-auth=admin:secret"]);
    let login = serde_json::json!({"Authorization": "Basic YWRtaW46c2VjcmV0"});
    let status =
        serde_json::json!({"method": "GET", "path": "/flower/api/workers?status=1", "headers": login});
    eventually("this board hears both workers, too", PATIENCE, || {
        secured.ask(&status).body.as_object().is_some_and(|workers| workers.len() == 2)
    });
    captured.exactly(
        &secured,
        "auth_basic_missing_401 auth_basic_ok auth_basic_page_missing_401 auth_basic_wrong_401 \
         auth_cross_site_post_403 auth_mismatched_origin_post_403 auth_healthcheck_open",
    );
    drop(secured);

    let looking =
        start("read-only", &[], &["--url-prefix=flower", "--basic-auth=admin:secret", "--read-only"]);
    captured.exactly(&looking, "read_only_apply_403 read_only_revoke_403 read_only_shutdown_403");
    drop(looking);

    let provider = [
        "--auth-provider=flower.views.auth.GithubLoginHandler",
        "--auth=.*@example.com",
        "--oauth2-key=KEY",
        "--oauth2-secret=SECRET",
        "--oauth2-redirect-uri=http://127.0.0.1:5558/login",
    ];
    let provided = start("oauth", &[], &provider);
    captured.exactly(
        &provided,
        "oauth_api_no_cookie oauth_api_post_no_cookie oauth_login_redirect oauth_page_redirect",
    );
    drop(provided);

    let broker = format!("--broker={url}");
    let bare = ["--result-backend=disabled://", "--flower-compat=strict", broker.as_str()];
    let env = [("SHOP_BARE", "1"), ("FLOWER_UNAUTHENTICATED_API", "true")];
    let bare = Board::start(&logs.join("bare.log"), &env, &bare);
    captured.exactly(
        &bare,
        "noapp_async_apply_404 noapp_rate_limit_404 noapp_send_task noapp_task_abort_503 noapp_task_result_503",
    );
}
