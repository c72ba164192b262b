//! What is asked by a route that writes no audit log of its own: Flower's, and what is refused.
//!
//! Kept true here: a change by one of Flower's routes is written down like one by ours; whoever is known and asks
//! for what they may not do is written down, too.

use axum::{
    body::{Bytes, to_bytes},
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
    response::Response,
};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{Refusal, Shared};
use crate::{
    api::{Act, Detail},
    auth::Caller,
};

/// Flower's routes that change something, what that is called, and whether it is told to a worker.
const ROUTES: [(&str, &str, bool); 14] = [
    ("/api/worker/shutdown/", "worker.shutdown", true),
    ("/api/worker/pool/restart/", "worker.pool-restart", true),
    ("/api/worker/pool/grow/", "worker.pool-grow", true),
    ("/api/worker/pool/shrink/", "worker.pool-shrink", true),
    ("/api/worker/pool/autoscale/", "worker.autoscale", true),
    ("/api/worker/queue/add-consumer/", "worker.add-consumer", true),
    ("/api/worker/queue/cancel-consumer/", "worker.cancel-consumer", true),
    ("/api/task/apply/", "task.call", false),
    ("/api/task/async-apply/", "task.call", false),
    ("/api/task/send-task/", "task.call", false),
    ("/api/task/revoke/", "task.revoke", false),
    ("/api/task/abort/", "task.abort", false),
    ("/api/task/timeout/", "worker.time-limit", true),
    ("/api/task/rate-limit/", "worker.rate-limit", true),
];
/// What is refused before it is known what it would be.
const REFUSED: &str = "refused";

/// A request that may have to be written down.
#[derive(Debug)]
pub(super) struct Asked {
    caller: Caller,
    path: String,
    /// Action, what it is done to, whether a worker is told.
    act: Option<(&'static str, String, bool)>,
    arguments: Value,
}

impl Asked {
    /// What is asked, by whom.
    pub(super) fn new(caller: &Caller, head: &Parts, body: &Bytes) -> Self {
        let path = head.uri.path();
        let route = ROUTES.iter().find_map(|(route, action, worker)| {
            path.strip_prefix(route).map(|target| (*action, decoded(target), *worker))
        });
        let arguments = if route.is_some() { arguments(head, body) } else { Value::Null };
        let by_name = |name: &str| arguments[name].as_str().map(str::to_owned);
        let act = route.map(|(action, target, worker)| match action {
            "task.revoke" if by_name("terminate").is_some_and(|it| it.eq_ignore_ascii_case("true")) => {
                ("task.terminate", target, worker)
            }
            // Those name the task in the path.
            "worker.time-limit" | "worker.rate-limit" => {
                (action, by_name("workername").unwrap_or(target), worker)
            }
            _ => (action, target, worker),
        });
        Self { caller: caller.clone(), path: path.to_owned(), act, arguments }
    }

    /// Writes down what became of it, unless that was done.
    pub(super) async fn answered(self, shared: &Shared, response: Response) -> Response {
        if self.caller.is_written() {
            return response;
        }
        let refused = response.status() == StatusCode::FORBIDDEN;
        let (action, target, worker) = match self.act {
            Some(act) => act,
            None if refused => (REFUSED, format!("POST {}", self.path), false),
            None => return response,
        };
        let (response, outcome, text) = outcome(response).await;
        let replies = match worker && !refused {
            true => {
                json!({"replies": [{"worker": target, "ok": outcome == "ok", "text": text}], "silent": []})
            }
            false => Value::Null,
        };
        Act::new(&self.caller, action, &target, self.arguments).write(shared, &outcome, replies).await;
        if worker && outcome == "ok" && action != "worker.shutdown" {
            // What it said before is old now.
            let shared = Shared::clone(shared);
            tokio::spawn(async move {
                let timeout = shared.options.inspect_timeout;
                let _ = shared.workers.refresh(&shared.app, timeout, Some(&target)).await; // dated anyway
            });
        }
        response
    }
}

/// `ok` or why not, and what was answered.
async fn outcome(response: Response) -> (Response, String, String) {
    let refusal = response.extensions().get::<Refusal>().map(|refusal| refusal.clone().into_parts().2);
    let refusal = refusal.or_else(|| response.extensions().get::<Detail>().map(|detail| detail.0.clone()));
    if !response.status().is_success() {
        let text = refusal.filter(|text| !text.is_empty()).unwrap_or_else(|| response.status().to_string());
        return (response, text.clone(), text);
    }
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    // Not the result: it is none of the log's.
    let text = ["message", "task-id"].iter().find_map(|name| said[name].as_str()).unwrap_or_default();
    (Response::from_parts(head, bytes.into()), "ok".to_owned(), text.to_owned())
}

/// The query and the body, as an object.
fn arguments(head: &Parts, body: &Bytes) -> Value {
    let mut all = Map::new();
    let mut add = |text: &[u8]| {
        all.extend(
            form_urlencoded::parse(text).map(|(name, it)| (name.into_owned(), it.into_owned().into())),
        );
    };
    add(head.uri.query().unwrap_or_default().as_bytes());
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        add(body);
    } else if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
        all.extend(fields);
    }
    if all.is_empty() { Value::Null } else { Value::Object(all) }
}

/// A part of a path as it was meant.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_is_read_as_it_was_meant() {
        assert_eq!(decoded("w%40host%2Fa+b%"), "w@host/a+b%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }

    #[test]
    fn every_route_of_flower_that_changes_something_is_here() {
        let router = include_str!("../flower/mod.rs");
        let posts = router.lines().filter(|line| line.contains("post(") && !line.contains("datatable"));
        let paths: Vec<&str> = posts.filter_map(|line| line.split('"').nth(1)?.split('{').next()).collect();
        assert_eq!(paths.len(), ROUTES.len());
        for path in paths {
            assert!(ROUTES.iter().any(|(route, ..)| *route == path), "{path}");
        }
    }
}
