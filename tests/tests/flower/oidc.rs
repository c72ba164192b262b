//! Logging in by OpenID Connect, against a provider that speaks it over real HTTP.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    board::{Answer, Board},
    http::board,
};

/// What the provider will say, and what it was asked.
struct State {
    issuer: String,
    email: String,
    verified: bool,
    /// The nonce that the browser brought; `None` says another one.
    nonce: Option<String>,
    forms: Vec<BTreeMap<String, String>>,
}

/// A small provider of identities.
struct Provider {
    state: Arc<Mutex<State>>,
    issuer: String,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let state = State {
            issuer: issuer.clone(),
            email: "ann@example.com".to_owned(),
            verified: true,
            nonce: None,
            forms: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &mut shared.lock().expect("the state"));
            }
        });
        Self { state, issuer }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }
}

fn answer(mut stream: TcpStream, state: &mut State) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut first = String::new();
    let mut length = 0;
    let _ = reader.read_line(&mut first);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let issuer = &state.issuer;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let said = match path.as_str() {
        "/.well-known/openid-configuration" => json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "userinfo_endpoint": format!("{issuer}/me"),
        }),
        "/token" => {
            state.forms.push(url::form_urlencoded::parse(&body).into_owned().collect());
            let claims = json!({
                "iss": issuer, "aud": "board", "exp": 4_000_000_000_i64, "sub": "1",
                "nonce": state.nonce.clone().unwrap_or_else(|| "another".to_owned()),
            });
            let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
            json!({"access_token": "t", "token_type": "Bearer", "id_token": format!("e30.{claims}.x")})
        }
        "/me" => json!({"sub": "1", "email": state.email, "email_verified": state.verified}),
        _ => json!({}),
    };
    let said = said.to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{said}", said.len());
}

/// A browser: keeps cookies.
struct Browser<'a> {
    board: &'a Board,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    fn ask(&mut self, method: &str, path: &str, headers: &Value) -> Answer {
        let mut headers = headers.clone();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers["Cookie"] = cookies.join("; ").into();
        let answer = self.board.ask(&json!({"method": method, "path": path, "headers": headers}));
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().expect("a value").to_owned();
            self.cookies.insert(name.to_owned(), value);
        }
        answer
    }

    fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &json!({}))
    }

    /// Goes to the provider; what it is to say back.
    fn leave(&mut self) -> BTreeMap<String, String> {
        let sent = self.get("/login?next=%2Ftasks%3Fa%3Db");
        assert_eq!(sent.status, 302, "{sent:?}");
        let to = url::Url::parse(sent.header("location").expect("a place")).expect("an address");
        assert_eq!(to.path(), "/authorize");
        to.query_pairs().into_owned().collect()
    }
}

fn start(dir: &std::path::Path, provider: &Provider) -> Board {
    let issuer = format!("--oidc-issuer={}", provider.issuer);
    let secret = dir.join("secret");
    std::fs::write(&secret, "hush\n").expect("written");
    let secret = format!("--oauth2-secret=@{}", secret.display());
    let options = [
        "--auth-provider=oidc",
        "--auth=.*@example.com",
        "--oauth2-key=board",
        "--oauth2-redirect-uri=http://127.0.0.1:1/login",
        issuer.as_str(),
        secret.as_str(),
    ];
    board(dir, &options)
}

#[test]
fn somebody_whom_the_provider_knows_and_the_options_name_logs_in_and_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let provider = Provider::start();
    let board = start(dir.path(), &provider);
    let mut browser = Browser { board: &board, cookies: BTreeMap::new() };
    assert_eq!(browser.get("/api/workers").status, 401);
    assert_eq!(browser.get("/workers").header("location"), Some("/login?next=%2Fworkers"));
    let asked = browser.leave();
    assert_eq!((asked["client_id"].as_str(), asked["scope"].as_str()), ("board", "openid email"));
    provider.state().nonce = Some(asked["nonce"].clone());

    let back = browser.get(&format!("/login?code=c&state={}", asked["state"]));
    assert_eq!((back.status, back.header("location")), (302, Some("/tasks?a=b")), "{back:?}");
    let form = provider.state().forms.pop().expect("a request for a token");
    assert_eq!((form["code"].as_str(), form["client_secret"].as_str()), ("c", "hush"));
    let session = back.headers.iter().find(|(_, value)| value.starts_with("user=")).expect("a session");
    assert!(session.1.contains("HttpOnly") && session.1.contains("SameSite=Lax"), "{session:?}");

    assert_eq!(browser.get("/api/workers").status, 200);
    let without_token = browser.ask("POST", "/api/task/revoke/x", &json!({}));
    assert_eq!((without_token.status, without_token.text()), (403, "'_xsrf' argument missing from POST"));
    browser.get("/nope"); // a page gives the token
    let token = browser.cookies["_xsrf"].clone();
    let with_token = browser.ask("POST", "/api/task/revoke/x", &json!({"X-XSRFToken": token}));
    assert_ne!(with_token.status, 403, "{with_token:?}");

    let kept = browser.cookies.clone();
    browser.get("/logout");
    assert_eq!(browser.get("/api/workers").status, 401);
    // Also for whoever has kept the cookie.
    let mut thief = Browser { board: &board, cookies: kept };
    assert_eq!(thief.get("/api/workers").status, 401);
}

#[test]
fn a_login_that_was_not_begun_here_or_is_of_somebody_else_fails() {
    let dir = tempfile::tempdir().expect("a folder");
    let provider = Provider::start();
    let board = start(dir.path(), &provider);
    let mut browser = Browser { board: &board, cookies: BTreeMap::new() };
    let mut arrive = |email: &str, verified: bool, nonce: bool, state: Option<&str>| {
        let asked = browser.leave();
        {
            let mut said = provider.state();
            (said.email, said.verified) = (email.to_owned(), verified);
            said.nonce = nonce.then(|| asked["nonce"].clone());
        }
        let state = state.unwrap_or(&asked["state"]);
        let back = browser.get(&format!("/login?code=c&state={state}"));
        let session = browser.cookies.get("user").is_some_and(|session| !session.is_empty());
        (back.status, session)
    };
    assert_eq!(arrive("ann@example.com", false, true, None), (403, false), "an address nobody has checked");
    assert_eq!(arrive("ann@evil.example", true, true, None), (403, false), "an address that may not");
    assert_eq!(arrive("ann@example.com", true, false, None), (403, false), "a token of another login");
    assert_eq!(arrive("ann@example.com", true, true, Some("other")), (403, false), "another browser's login");
    assert_eq!(arrive("ann@example.com", true, true, None), (302, true), "the right one");
}
