//! Broken, hostile and merely huge messages beyond those recorded from Celery.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use taskq::Error;

use crate::thrown::{End, Thrown, throw};

const NO_EMBED: &str = r#"{"callbacks": null, "errbacks": null, "chain": null, "chord": null}"#;

/// A call as a list element, whose parts can be broken one by one.
struct Call {
    case: &'static str,
    id: String,
    headers: Value,
    content_type: &'static str,
    body: Vec<u8>,
    end: End,
}

impl Call {
    fn new(case: &'static str, task: &str, args: &str, end: End) -> Self {
        let id = uuid::Uuid::new_v4().to_string();
        Self {
            case,
            headers: json!({"lang": "py", "task": format!("conf_tasks.{task}"), "id": id, "root_id": id}),
            content_type: "application/json",
            body: format!("[{args}, {{}}, {NO_EMBED}]").into_bytes(),
            id,
            end,
        }
    }

    fn header(mut self, name: &str, value: Value) -> Self {
        self.headers[name] = value;
        self
    }

    fn thrown(self) -> Thrown {
        let envelope = json!({
            "body": STANDARD.encode(&self.body),
            "content-encoding": "utf-8",
            "content-type": self.content_type,
            "headers": self.headers,
            "properties": {
                "correlation_id": self.id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "celery"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": uuid::Uuid::new_v4().to_string(),
            },
        });
        Thrown {
            case: self.case.to_owned(),
            id: self.id,
            raw: envelope.to_string().into_bytes(),
            end: self.end,
        }
    }
}

#[tokio::test]
async fn hostile_messages_are_answered_and_kept() -> Result<(), Error> {
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("[\"{}\"]", "x".repeat(50_000_000));
    let call = Call::new;
    let mut calls = vec![
        call("unknown task", "nobody_wrote_this", "[]", End::Dead),
        call("missing argument", "add", "[1]", End::Dead),
        call("surplus argument", "add", "[1, 2, 3, 4]", End::Dead),
        call("argument of the wrong type", "sleeping", "[\"long\"]", End::Dead),
        call("100,000 nested arrays", "identity", &deep, End::Dead),
        call("a body of 50 MB", "type_name", &huge, End::Runs(json!("str"))),
        call("id is a number", "noop", "[]", End::DeadWithoutId).header("id", json!(7)),
        call("task is a list", "noop", "[]", End::Dead).header("task", json!(["noop"])),
        call("an eta that is over", "add", "[1, 2]", End::Runs(json!(3)))
            .header("eta", json!("2020-01-01T00:00:00+00:00")),
        call("an expiry that is over", "noop", "[]", End::Revoked)
            .header("expires", json!("2020-01-01T00:00:00+00:00")),
    ];
    let mut pickle = call("a pickle", "noop", "[]", End::Dead);
    pickle.content_type = "application/x-python-serialize";
    calls.push(pickle);
    let mut not_utf_8 = call("a body that is not utf-8", "noop", "[]", End::Dead);
    not_utf_8.body = b"[[\"\xff\xfe\"], {}, {}]".to_vec();
    calls.push(not_utf_8);
    let mut headers = call("headers are a text", "noop", "[]", End::DeadWithoutId);
    headers.headers = json!("none");
    calls.push(headers);

    let mut thrown: Vec<Thrown> = calls.into_iter().map(Call::thrown).collect();
    thrown.push(Thrown {
        case: "an element that is not utf-8".to_owned(),
        id: String::new(),
        raw: b"\xff\xfe\x00".to_vec(),
        end: End::DeadWithoutId,
    });
    let good = Call::new("good", "add", "[2, 3]", End::Runs(json!(5))).thrown();
    throw("conf_tasks.", &thrown, &good).await
}
