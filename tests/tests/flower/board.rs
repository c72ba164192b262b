//! A board that a test started, and requests to it.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;
use taskq_tests::process::{Running, eventually};
use tempfile::TempDir;

/// How long a board may take until it answers.
const STARTING: Duration = Duration::from_secs(60);
/// Longest time for one answer.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a task may take to its end.
const ENDING: Duration = Duration::from_secs(60);

/// A running board.
pub(crate) struct Board {
    pub(crate) process: Running,
    pub(crate) base: String,
    _dir: TempDir,
}

/// An answer, as the captured ones are written.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The body as it came: with its keys in their order.
    pub(crate) raw: String,
}

impl Answer {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cookie that it sets, as a browser sends it back.
    pub(crate) fn cookie(&self) -> &str {
        self.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie")
    }

    pub(crate) fn text(&self) -> &str {
        self.body.as_str().unwrap_or_default()
    }
}

impl Board {
    /// Starts `shop-board flower` on a free port, with these variables and options.
    pub(crate) fn start(log: &Path, env: &[(&str, &str)], options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop-board"));
        command.args(["flower", "--port=0"]).args(options).envs(env.iter().copied());
        Self::of(command, log)
    }

    /// Starts a board by this command, in a folder of its own.
    pub(crate) fn of(mut command: Command, log: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("board-").tempdir().expect("a folder");
        for (name, _) in std::env::vars() {
            let ours = ["TASKQ_", "CELERY_", "FLOWER_"].iter().any(|prefix| name.starts_with(prefix));
            let wanted = command.get_envs().any(|(own, _)| own == name.as_str());
            if ours && !wanted && name != "TASKQ_TEST_RUN" {
                command.env_remove(name);
            }
        }
        command.current_dir(dir.path());
        let mut process = Running::start(&mut command, log);
        process.wait_for_output("board on ", STARTING);
        let mut base = String::new();
        eventually("the address of the board", STARTING, || {
            let output = process.output();
            let shown =
                output.split("board on ").nth(1).and_then(|rest| rest.split('\n').next()).unwrap_or_default();
            let end = shown.find(|c: char| c.is_whitespace() || c == '\u{1b}').unwrap_or(shown.len());
            base = shown[..end].trim_end_matches('/').to_owned();
            !base.is_empty()
        });
        // Without the prefix: captured paths carry it.
        if let Some(at) = base.find("://").and_then(|at| base[at + 3..].find('/').map(|slash| at + 3 + slash))
        {
            base.truncate(at);
        }
        Self { process, base, _dir: dir }
    }

    /// Puts a captured request.
    pub(crate) fn ask(&self, request: &Value) -> Answer {
        let text = |name: &str| request[name].as_str();
        let url = format!("{}{}", self.base, text("path").expect("a path"));
        let mut call = ureq::http::Request::builder().method(text("method").expect("a method")).uri(url);
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            call = call.header(name, value.as_str().expect("a text"));
        }
        let mut body = text("raw").unwrap_or_default().to_owned();
        if !request["json"].is_null() {
            body = request["json"].to_string();
            call = call.header("Content-Type", "application/json");
        }
        if let Some(form) = request["form"].as_object() {
            let pairs = form.iter().map(|(name, value)| {
                (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            });
            body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            call = call.header("Content-Type", "application/x-www-form-urlencoded");
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(ANSWER))
            .allow_non_standard_methods(true)
            .build()
            .into();
        let answer = if body.is_empty() && matches!(text("method"), Some("GET" | "HEAD" | "OPTIONS")) {
            agent.run(call.body(()).expect("a request"))
        } else {
            agent.run(call.body(body).expect("a request"))
        };
        let mut answer =
            answer.unwrap_or_else(|error| panic!("{request}: {error}\n{}", self.process.output()));
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(64 << 20).read_to_string().expect("a text");
        let body = serde_json::from_str(&read).ok().filter(Value::is_object);
        let body = body.unwrap_or_else(|| Value::String(read.clone()));
        Answer { status, headers, body, raw: read }
    }

    /// Asks for a path.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&serde_json::json!({"method": "GET", "path": path}))
    }

    /// Posts nothing to a path.
    pub(crate) fn post(&self, path: &str) -> Answer {
        self.ask(&serde_json::json!({"method": "POST", "path": path}))
    }

    /// Posts JSON to a path.
    pub(crate) fn send(&self, path: &str, body: &Value) -> Answer {
        self.ask(&serde_json::json!({"method": "POST", "path": path, "json": body}))
    }

    /// The same where it must succeed; what it answers.
    pub(crate) fn done(&self, path: &str, body: &Value) -> Value {
        let answer = self.send(path, body);
        assert_eq!(answer.status, 200, "{path} {body}: {}\n{}", answer.body, self.process.output());
        answer.body
    }

    /// Waits until a task is in a state; what is known of it then.
    pub(crate) fn until(&self, id: &str, state: &str) -> Value {
        let mut seen = Value::Null;
        eventually(&format!("{id} is {state}"), ENDING, || {
            seen = self.get(&format!("/api/v1/tasks/{id}")).body;
            seen["task"]["state"] == state
        });
        seen
    }
}
