//! `GET /openapi.json`: what there is, for programs.
//!
//! Kept true here: every route of the router stands in it, and nothing else does; a test holds that.

use axum::{extract::State, response::Response};
use serde_json::{Map, Value as Json, json};

use super::problem::reply;
use crate::server::Shared;

/// Method, path below `/api/v1`, what it does, the permission it needs, the fields of its body.
type Route = (&'static str, &'static str, &'static str, Option<&'static str>, &'static [&'static str]);

/// All of them.
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    ("get", "/session", "Who asks, and what they may do", None, &[]),
    ("get", "/sessions", "Who has logged in: one's own sessions, an admin's those of all", None, &[]),
    ("post", "/sessions/{id}/revoke", "Ends a session", None, &[]),
    ("get", "/tokens", "Tokens of programs, without what they are", Some("admin"), &[]),
    ("post", "/tokens", "Makes a token, and shows it once", Some("admin"), &["name", "role", "allow", "queues", "tasks", "days"]),
    ("post", "/tokens/{id}/revoke", "Ends a token", Some("admin"), &[]),
    ("get", "/users", "The file of users, without passwords", Some("admin"), &[]),
    ("get", "/overview", "How it is, in one look", None, &[]),
    ("get", "/series", "Numbers over time: measure, split, name, queue, from, to, points", None, &[]),
    ("get", "/stream", "What changes, as server-sent events; resumes at Last-Event-ID", None, &[]),
    ("get", "/tasks", "Tasks that match: q, sort, limit, cursor, facets", None, &[]),
    ("get", "/export", "All tasks that match, as a stream: q, format (ndjson, csv)", None, &[]),
    ("get", "/tasks/{id}", "Everything that is known of one task", None, &[]),
    ("post", "/tasks/{id}/retry", "Sends it again, under a new id", Some("task.retry"), &["edit", "queue", "countdown", "force"]),
    ("post", "/tasks/{id}/revoke", "Keeps it from starting", Some("task.revoke"), &[]),
    ("post", "/tasks/{id}/terminate", "Ends it while it runs", Some("task.terminate"), &["signal"]),
    ("post", "/tasks/{id}/forget", "Removes its stored result", Some("task.delete"), &[]),
    ("post", "/calls", "Sends a task", Some("task.call"), &["name", "args", "kwargs", "queue", "countdown", "eta", "expires", "priority", "headers", "task_id", "time_limit", "soft_time_limit", "ignore_result", "shadow", "routing_key"]),
    ("get", "/calls/{name}", "What is known of how a task is called", None, &[]),
    ("post", "/preview", "Counts what would be done: to tasks (retry, revoke, terminate, forget), dead letters (replay) or a schedule (backfill)", None, &["action", "query", "targets", "letters", "queue", "name", "reason", "to", "entry", "from", "rate", "canary", "stop_over"]),
    ("get", "/jobs", "What is being done many times", None, &[]),
    ("post", "/jobs", "Does what was counted", None, &["token"]),
    ("post", "/jobs/{id}/stop", "Stops a job between two steps", None, &[]),
    ("post", "/jobs/{id}/resume", "Lets a job go on that waits after its canaries", None, &[]),
    ("get", "/names", "Tasks by name: counts and percentiles; from, to", None, &[]),
    ("get", "/names/{name}", "One name", None, &[]),
    ("get", "/errors", "What tasks fail with; from, to", None, &[]),
    ("get", "/errors/{fingerprint}", "One kind of failure, with its tasks", None, &[]),
    ("get", "/workers", "The workers", None, &[]),
    ("get", "/workers/{worker}", "One worker, asked closely", None, &[]),
    ("post", "/workers/{worker}/{action}", "shutdown, drain, pool-grow, pool-shrink, pool-restart, autoscale, add-consumer, cancel-consumer, rate-limit, time-limit, enable-events", Some("worker.*"), &["n", "min", "max", "queue", "task", "rate_limit", "hard", "soft"]),
    ("get", "/queues", "How much waits where", None, &[]),
    ("get", "/queues/{queue}", "One queue", None, &[]),
    ("get", "/queues/{queue}/messages", "What waits, without taking it: limit, force", None, &[]),
    ("post", "/queues/{queue}/messages/delete", "Removes messages that wait, by the `key` they were listed with", Some("queue.edit"), &["keys"]),
    ("post", "/queues/{queue}/messages/move", "Moves them to another queue", Some("queue.edit"), &["keys", "to"]),
    ("post", "/queues/{queue}/purge", "Removes what waits, and keeps a copy", Some("queue.purge"), &["confirm", "without_snapshot"]),
    ("post", "/queues/{queue}/restore", "Puts a copy back", Some("queue.purge"), &["snapshot"]),
    ("post", "/queues/{queue}/pause", "Cancels its consumers on all workers", Some("queue.pause"), &[]),
    ("post", "/queues/{queue}/resume", "Starts them again", Some("queue.pause"), &[]),
    ("get", "/workflows", "Workflows, the latest first: cursor", None, &[]),
    ("get", "/workflows/{root}", "One workflow: its graph, over time, listed", None, &[]),
    ("post", "/workflows/{root}/cancel", "Keeps its tasks from starting", Some("task.revoke"), &[]),
    ("post", "/workflows/{root}/retry", "Runs the steps that failed again, or one of them (`from`), and what follows", Some("task.retry"), &["from"]),
    ("get", "/schedules", "Periodic tasks", None, &[]),
    ("get", "/schedules/{entry}", "One entry, with what it sent", None, &[]),
    ("post", "/schedules/{entry}/{action}", "run, pause, resume, delete", Some("schedule.*"), &[]),
    ("get", "/dead", "Messages that were put aside: queue, cursor", None, &[]),
    ("post", "/dead/{queue}/replay", "Puts letters back to their queue", Some("dead.replay"), &["ids"]),
    ("post", "/dead/{queue}/forget", "Removes letters for good", Some("dead.drop"), &["ids"]),
    ("post", "/dead/{queue}/edit", "Sends a letter again with other arguments; the letter stays", Some("dead.edit"), &["id", "args", "kwargs", "to", "same_id"]),
    ("get", "/views", "Saved views of the list of tasks", None, &[]),
    ("post", "/views", "Saves one, for everybody", Some("task.retry"), &["name", "query", "sort"]),
    ("post", "/views/{id}/delete", "Deletes one", Some("task.retry"), &[]),
    ("get", "/alerts", "Rules, what fires, who is told, what is silenced", None, &[]),
    ("post", "/alerts/rules", "Adds a rule, or replaces the one of `id`", Some("alert.edit"), &["id", "name", "query", "measure", "task", "queue", "op", "value", "window", "for", "level", "channels", "enabled"]),
    ("post", "/alerts/rules/{id}/delete", "Deletes a rule", Some("alert.edit"), &[]),
    ("post", "/alerts/test", "What a rule says now, what is sent, how often it would have fired; with `send` it is sent", Some("alert.edit"), &["name", "query", "measure", "task", "queue", "op", "value", "window", "for", "level", "channels", "send"]),
    ("post", "/alerts/channels", "Adds a webhook, or replaces the one of `id`", Some("alert.edit"), &["id", "name", "url", "secret", "format", "builtin"]),
    ("post", "/alerts/channels/{id}/delete", "Deletes it", Some("alert.edit"), &[]),
    ("post", "/alerts/silences", "Tells nobody of a rule for a while", Some("alert.edit"), &["rule", "link", "seconds", "note"]),
    ("post", "/alerts/silences/{id}/delete", "Tells of it again", Some("alert.edit"), &[]),
    ("get", "/activity", "What was done through the board: target, limit", Some("audit.view"), &[]),
    ("get", "/health", "How the board is", None, &[]),
    ("get", "/openapi.json", "This", None, &[]),
];

pub(super) async fn openapi(State(shared): State<Shared>) -> Response {
    reply(&shared, document(&format!("{}/api/v1", shared.options.url_prefix)))
}

fn document(server: &str) -> Json {
    let mut paths = Map::new();
    for (method, path, summary, permission, fields) in ROUTES {
        let mut operation = json!({
            "summary": summary,
            "responses": {
                "200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}},
                "default": {
                    "description": "refused",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
            },
        });
        let parameter =
            |name: &str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        let parameters: Vec<Json> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(parameter)
            .collect();
        operation["parameters"] = parameters.into();
        if let Some(permission) = permission {
            operation["x-permission"] = (*permission).into();
        }
        if !fields.is_empty() {
            let properties: Map<String, Json> =
                fields.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
            operation["requestBody"] = json!({"content": {"application/json": {"schema": {"type": "object", "properties": properties}}}});
        }
        let entry = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        entry[*method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "The board of taskq", "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": {"Problem": {
            "type": "object",
            "required": ["title", "status", "detail", "request_id"],
            "properties": {
                "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
                "fix": {"type": "string"}, "request_id": {"type": "string"},
            },
        }}},
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The routes as they stand in the code of this module's siblings.
    fn in_code() -> BTreeSet<(String, String)> {
        const SOURCES: [&str; 15] = [
            include_str!("mod.rs"),
            include_str!("tasks/mod.rs"),
            include_str!("workers/mod.rs"),
            include_str!("queues/mod.rs"),
            include_str!("session.rs"),
            include_str!("calls.rs"),
            include_str!("dead/mod.rs"),
            include_str!("schedules.rs"),
            include_str!("activity.rs"),
            include_str!("alerts/mod.rs"),
            include_str!("views.rs"),
            include_str!("names.rs"),
            include_str!("workflows.rs"),
            include_str!("jobs/mod.rs"),
            include_str!("series.rs"),
        ];
        let mut found = BTreeSet::new();
        for source in SOURCES {
            for rest in source.split(".route(").skip(1) {
                let Some(path) = rest.split('"').nth(1).and_then(|path| path.strip_prefix("/api/v1")) else {
                    continue;
                };
                let handlers = rest.split(".route(").next().unwrap_or_default();
                let handlers = handlers.split('\n').next().unwrap_or_default();
                for (method, call) in [("get", "get("), ("post", "post(")] {
                    if handlers.contains(&format!(" {call}")) || handlers.contains(&format!(".{call}")) {
                        found.insert((method.to_owned(), path.to_owned()));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_route_stands_in_it_and_nothing_else() {
        let told: BTreeSet<(String, String)> =
            ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(told.len(), ROUTES.len(), "none twice");
        assert_eq!(told, in_code());
        let document = document("/x/api/v1");
        assert_eq!(document["paths"]["/tasks/{id}/retry"]["post"]["parameters"][0]["name"], "id");
    }
}
