//! What every answer of the board has, whatever was asked.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use taskq_tests::process::{Running, eventually};

use crate::board::{Answer, Board};

const PATIENCE: Duration = Duration::from_secs(60);

/// A board on a file; no server is needed.
pub(crate) fn board(dir: &Path, options: &[&str]) -> Board {
    let place = ["--broker=sqlite:./broker.db", "--result-backend=sqlite:./broker.db", "--store=:memory:"];
    Board::start(&dir.join("board.log"), &[], &[&place, options].concat())
}

fn ask(board: &Board, method: &str, path: &str, headers: &Value) -> Answer {
    board.ask(&json!({"method": method, "path": path, "headers": headers}))
}

#[test]
fn an_answer_that_the_client_has_is_not_sent_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let board = board(dir.path(), &["--unauthenticated-api"]);
    let first = board.get("/api/workers");
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = ask(&board, "GET", "/api/workers", &json!({"If-None-Match": tag}));
    assert_eq!((again.status, again.text()), (304, ""));
    let other = ask(&board, "GET", "/api/workers", &json!({"If-None-Match": "\"other\""}));
    assert_eq!((other.status, &other.body), (200, &first.body));
}

#[test]
fn every_answer_forbids_what_a_page_does_not_need() {
    let dir = tempfile::tempdir().expect("a folder");
    let board = board(dir.path(), &[]);
    for path in ["/healthcheck", "/api/workers", "/nope", "/metrics"] {
        let answer = board.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    assert_eq!(ask(&board, "HEAD", "/healthcheck", &json!({})).status, 405);
    assert_eq!(ask(&board, "PUT", "/healthcheck", &json!({})).status, 405);
    assert_eq!(ask(&board, "OPTIONS", "/api/tasks", &json!({})).status, 204);
}

#[test]
fn errors_are_json_for_clients_that_want_it_and_flowers_text_for_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let board = board(dir.path(), &["--unauthenticated-api"]);
    let text = board.get("/api/workers?workername=nope");
    assert_eq!((text.status, text.text()), (404, "Unknown worker 'nope'"));
    let wants = json!({"Accept": "application/json"});
    let json = ask(&board, "GET", "/api/workers?workername=nope", &wants);
    assert_eq!(json.body, json!({"error": "Unknown worker 'nope'", "code": "unknown_worker"}));
    assert_eq!(board.get("/api/nope").body["code"], "not_found");
    // No arguments where the task needs some: Flower falls over.
    let bad = board.post("/api/task/async-apply/shop.add");
    assert_eq!(bad.status, 400, "{bad:?}");
    assert!(bad.text().contains("missing"), "{bad:?}");
}

#[test]
fn below_a_prefix_everything_is_there_and_elsewhere_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let board = board(dir.path(), &["--url_prefix=/flower/"]);
    assert_eq!(board.get("/flower/healthcheck").text(), "OK");
    assert_eq!(board.get("/healthcheck").status, 404);
    for near in ["/flower", "/"] {
        let sent = board.get(near);
        assert_eq!((sent.status, sent.header("location")), (308, Some("/flower/")), "{near}");
    }
    assert_eq!(board.get("/flowerhealthcheck").status, 404);
}

#[test]
fn only_the_boards_own_pages_call_the_api_while_nobody_is_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let board = board(dir.path(), &[]);
    let path = "/api/task/revoke/some-id";
    assert_eq!(board.get("/api/workers").status, 401);
    assert_eq!(board.post(path).status, 401);
    let page = board.get("/nope");
    let cookie = page.cookie();
    let token = cookie.split_once('=').expect("a value").1;
    assert_eq!(ask(&board, "GET", "/api/workers", &json!({"Cookie": cookie})).status, 200);
    // A form of another site sends the cookie, but cannot repeat it.
    assert_eq!(ask(&board, "POST", path, &json!({"Cookie": cookie})).status, 401);
    let whole = json!({"Cookie": cookie, "X-XSRFToken": token});
    assert_ne!(ask(&board, "POST", path, &whole).status, 401);
    let forged = json!({"Cookie": "_xsrf=x.y", "X-XSRFToken": "x.y"});
    assert_eq!(ask(&board, "POST", path, &forged).status, 401);
    for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")] {
        let mut headers = whole.clone();
        headers[name] = value.into();
        assert_eq!(ask(&board, "POST", path, &headers).status, 403, "{name}");
    }
    // A name of another site that points here.
    let rebound = ask(&board, "GET", "/api/workers", &json!({"Cookie": cookie, "Host": "evil.example"}));
    assert_eq!(rebound.status, 421);
}

#[test]
fn a_board_that_others_reach_does_not_start_without_authentication() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop-board"));
    command.args(["-b", "sqlite:./x.db", "flower", "--port=0", "--address=0.0.0.0"]).current_dir(dir.path());
    let output = command.output().expect("a program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("allow-unauthenticated"), "{said}");
    let output = command.args(["--url-prefx=x"]).output().expect("a program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("url-prefix"), "{said}");
}

#[test]
fn a_unix_socket_is_served_and_goes_with_the_board() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("board.sock");
    let option = format!("--unix-socket={}", path.display());
    let board = board(dir.path(), &[&option]);
    let mut stream = UnixStream::connect(&path).expect("a connection");
    stream.write_all(b"GET /healthcheck HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("OK"), "{answer}");
    let mut process = board.process;
    process.terminate();
    assert!(process.wait(PATIENCE).success());
    assert!(!path.exists());
}

#[test]
fn https_is_served_and_a_client_without_tls_disturbs_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let (key, chain) = (dir.path().join("key.pem"), dir.path().join("chain.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&chain)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let options = [format!("--certfile={}", chain.display()), format!("--keyfile={}", key.display())];
    let board = board(dir.path(), &[&options[0], &options[1]]);
    let address = board.base.strip_prefix("https://").expect("https").to_owned();
    let _mute = std::net::TcpStream::connect(&address).expect("a connection that says nothing");
    let log = dir.path().join("client.log");
    let request = dir.path().join("request");
    fs::write(&request, "GET /healthcheck HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("written");
    let line = format!(
        "openssl s_client -quiet -ign_eof -connect {address} -CAfile {} -verify_return_error < {}",
        chain.display(),
        request.display()
    );
    let mut client = Running::start(Command::new("sh").args(["-c", &line]), &log);
    eventually("an answer by TLS", PATIENCE, || client.output().contains("200 OK"));
    let _ = client.wait(PATIENCE);
    assert!(client.output().contains("strict-transport-security"), "{}", client.output());
}
