//! What somebody may show to be let in besides a password: a token, a session, a proxy's word.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::board::{Answer, Board};

const ROOT: &str = "Basic cm9vdDp4";
const USERS: &str = "[users.root]\npassword = 'x'\nrole = 'admin'\n[users.vera]\nrole = 'viewer'\n";

fn ask(board: &Board, method: &str, path: &str, headers: &Value, body: &Value) -> Answer {
    board.ask(&json!({"method": method, "path": path, "headers": headers, "json": body}))
}

/// A board with users, and its history in a file.
fn board(dir: &Path, options: &[&str]) -> Board {
    fs::write(dir.join("users.toml"), USERS).expect("written");
    let own = [format!("--users={}", dir.join("users.toml").display()), store(dir)];
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let place = ["--broker=sqlite:./broker.db", "--result-backend=sqlite:./broker.db"];
    Board::start(&dir.join("board.log"), &[], &[&place, own.as_slice(), options].concat())
}

fn store(dir: &Path) -> String {
    format!("--store={}", dir.join("history.sqlite").display())
}

/// What `flower …` prints, and whether it went well.
fn run(dir: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop-board"));
    command.args(["-b", "sqlite:./x.db", "flower", &store(dir)]).args(words).current_dir(dir);
    let output = command.output().expect("a program");
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.success(), text)
}

fn bearer(token: &str) -> Value {
    json!({"Authorization": format!("Bearer {token}")})
}

#[test]
fn a_token_lets_a_program_do_what_it_was_made_for_until_it_is_revoked() {
    let dir = tempfile::tempdir().expect("a folder");
    let board = board(dir.path(), &[]);
    let root = json!({"Authorization": ROOT});
    let new = json!({"name": "deploy", "allow": ["view", "task.call"], "tasks": null, "days": 1});
    let made = ask(&board, "POST", "/api/v1/tokens", &root, &new);
    let token = made.body["token"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    let program = bearer(&token);
    let session = ask(&board, "GET", "/api/v1/session", &program, &Value::Null).body;
    assert_eq!((&session["user"], &session["role"]), (&json!("token:deploy"), &json!("custom")), "{session}");
    let call = json!({"name": "shop.add", "args": [1, 2]});
    assert_eq!(ask(&board, "POST", "/api/v1/calls", &program, &call).status, 200);
    assert_eq!(ask(&board, "POST", "/api/v1/tasks/x/revoke", &program, &json!({})).status, 403);
    for path in ["/api/v1/tokens", "/api/v1/users"] {
        assert_eq!(ask(&board, "GET", path, &program, &Value::Null).status, 403, "{path}");
    }
    let log = ask(&board, "GET", "/api/v1/activity", &root, &Value::Null);
    assert!(!log.raw.contains(&token), "the log tells the token: {}", log.raw);
    let users: Vec<&str> =
        log.body["entries"].as_array().into_iter().flatten().filter_map(|it| it["user"].as_str()).collect();
    assert!(users.contains(&"token:deploy") && users.contains(&"root"), "{users:?}");

    // One made on the command line is known at once, and so is its end.
    let (ok, said) = run(dir.path(), &["token", "create", "nightly", "--role=viewer", "--days=30"]);
    assert!(ok, "{said}");
    let nightly =
        said.split_whitespace().find(|word| word.starts_with("taskq_")).expect("a token").to_owned();
    assert_eq!(ask(&board, "GET", "/api/v1/tasks", &bearer(&nightly), &Value::Null).status, 200);
    let (ok, said) = run(dir.path(), &["token", "list"]);
    assert!(ok && said.contains("nightly") && said.contains("deploy") && !said.contains(&nightly), "{said}");
    let (ok, said) = run(dir.path(), &["token", "revoke", "nightly"]);
    assert!(ok, "{said}");
    assert_eq!(ask(&board, "GET", "/api/v1/tasks", &bearer(&nightly), &Value::Null).status, 401);
    let id = made.body["id"].as_str().expect("an id");
    assert_eq!(ask(&board, "POST", &format!("/api/v1/tokens/{id}/revoke"), &root, &json!({})).status, 200);
    assert_eq!(ask(&board, "GET", "/api/v1/tasks", &program, &Value::Null).status, 401);
    let (ok, said) = run(dir.path(), &["token", "revoke", "nobody"]);
    assert!(!ok && said.contains("nobody"), "{said}");
    let (ok, said) = run(dir.path(), &["token", "create", "boss", "--role=boss"]);
    assert!(!ok && said.contains("boss"), "{said}");
}

#[test]
fn a_token_opens_the_api_of_a_board_that_asks_nobody_for_a_password() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = store(dir.path());
    let place = ["--broker=sqlite:./broker.db", "--result-backend=sqlite:./broker.db", &store];
    let board = Board::start(&dir.path().join("board.log"), &[], &place);
    let (ok, said) = run(dir.path(), &["token", "create", "ci", "--role=viewer"]);
    assert!(ok, "{said}");
    let token = said.split_whitespace().find(|word| word.starts_with("taskq_")).expect("a token").to_owned();
    assert_eq!(board.get("/api/v1/tasks").status, 401);
    assert_eq!(ask(&board, "GET", "/api/v1/tasks", &bearer(&token), &Value::Null).status, 200);
    assert_eq!(ask(&board, "GET", "/api/v1/tasks", &bearer("taskq_x_y"), &Value::Null).status, 401);
    assert_eq!(ask(&board, "POST", "/api/v1/calls", &bearer(&token), &json!({"name": "x"})).status, 403);
}

#[test]
fn a_proxys_word_counts_from_where_it_was_said_to_be_and_is_refused_from_elsewhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let near = board(dir.path(), &["--proxy-header=X-Forwarded-User", "--proxy-from=127.0.0.0/8"]);
    let vera = json!({"X-Forwarded-User": "vera"});
    let session = ask(&near, "GET", "/api/v1/session", &vera, &Value::Null);
    assert_eq!(
        (&session.body["user"], &session.body["role"]),
        (&json!("vera"), &json!("viewer")),
        "{session:?}"
    );
    assert_eq!(near.get("/api/v1/session").status, 401);
    let stranger = json!({"X-Forwarded-User": "eve"});
    assert_eq!(ask(&near, "GET", "/api/v1/tasks", &stranger, &Value::Null).status, 403, "she is not listed");
    // A page of another site cannot act by it: the proxy adds the header to whatever a browser sends.
    let root = json!({"X-Forwarded-User": "root"});
    let call = json!({"name": "shop.add", "args": [1, 2]});
    let forged = ask(&near, "POST", "/api/v1/calls", &root, &call);
    assert_eq!((forged.status, &forged.body["code"]), (403, &json!("xsrf")), "{forged:?}");
    let page = ask(&near, "GET", "/", &root, &Value::Null);
    let cookie = page.cookie().to_owned();
    let token = cookie.split_once('=').expect("a value").1;
    let own = json!({"X-Forwarded-User": "root", "Cookie": cookie, "X-Taskq-CSRF": token});
    assert_eq!(ask(&near, "POST", "/api/v1/calls", &own, &call).status, 200);
    let log = ask(&near, "GET", "/api/v1/activity", &vera, &Value::Null).body;
    let entry = &log["entries"][0];
    assert_eq!((&entry["user"], &entry["from"]), (&json!("root"), &json!("127.0.0.1")), "{log}");
    drop(near);

    let other = tempfile::tempdir().expect("a folder");
    let far = board(other.path(), &["--proxy-header=X-Forwarded-User", "--proxy-from=192.0.2.0/24,unix"]);
    for headers in
        [json!({"X-Forwarded-User": "root"}), json!({"X-Forwarded-User": "root", "X-Real-Ip": "192.0.2.1"})]
    {
        let refused = ask(&far, "GET", "/api/v1/session", &headers, &Value::Null);
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("proxy")), "{refused:?}");
    }
    assert_eq!(
        ask(&far, "GET", "/api/v1/session", &json!({"Authorization": ROOT}), &Value::Null).status,
        200
    );
}
