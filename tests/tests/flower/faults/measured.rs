//! The board's own metrics of the work, before and after the broker is gone.

use serde_json::json;

use super::{Place, Server, call, is_up, until};

#[test]
fn the_work_is_measured_and_what_is_not_known_has_no_sample() {
    let mut place = Place::new(Server::redis());
    let board = place.board("board");
    let _worker = place.worker("w1@test");
    is_up(&board, "w1@test");
    for (name, args, state) in [("add", json!([1, 2]), "SUCCESS"), ("add", json!([1, "x"]), "FAILURE")] {
        let id = call(&board, name, &args);
        until(&board, &format!("/api/v1/tasks/{id}"), "it ended", |it| it["task"]["state"] == state);
    }
    until(&board, "/api/v1/queues", "queues are read", |it| it["queues"][0]["ready"] == 0);
    let text = board.get("/metrics").raw;
    for line in [
        "taskq_queue_messages{queue=\"celery\",state=\"ready\"} 0.0",
        "taskq_dead_letters{queue=\"celery\"} 0.0",
        "taskq_workers{kind=\"rust\",state=\"online\"} 1.0",
        "taskq_workers{kind=\"python\",state=\"online\"} 0.0",
        "# TYPE taskq_task_failures_total counter",
        "# TYPE taskq_schedule_late_seconds gauge",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    // Who sent a task may tell of its queue after it was started: its labels are not the same then.
    let sum = |text: &str, name: &str| -> f64 {
        let of = |line: &&str| line.starts_with(name) && line.contains("task=\"conf_tasks.add\"");
        let value =
            |line: &str| line.rsplit(' ').next().and_then(|it| it.parse::<f64>().ok()).expect("a number");
        text.lines().filter(of).map(value).sum()
    };
    assert_eq!(sum(&text, "taskq_task_wait_seconds_count"), 2.0, "{text}");
    assert_eq!(sum(&text, "taskq_task_run_seconds_count"), 2.0, "{text}");
    assert_eq!(sum(&text, "taskq_task_wait_seconds_bucket{le=\"+Inf\""), 2.0, "{text}");
    let failures = text.lines().find(|line| line.starts_with("taskq_task_failures_total{error=\""));
    let failures = failures.unwrap_or_else(|| panic!("no failures in\n{text}"));
    assert!(
        failures.ends_with(",task=\"conf_tasks.add\"} 1.0") && !failures.contains("error=\"\""),
        "{failures}"
    );

    let open = board.ask(&json!({
        "method": "GET", "path": "/metrics",
        "headers": {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"},
    }));
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.raw.ends_with("# EOF\n") && open.raw.contains("# TYPE taskq_task_failures counter\n"));
    assert!(!open.raw.contains("_created"), "{}", open.raw);

    place.broker.kill();
    until(&board, "/api/v1/queues", "it is noticed", |it| it["error"].is_string());
    let text = board.get("/metrics").raw;
    assert!(!text.contains("taskq_queue_messages{"), "an old number looks like one of now:\n{text}");
    assert!(text.contains("taskq_task_run_seconds_count{"), "what was counted stays:\n{text}");
}

#[test]
fn the_rules_for_prometheus_ask_for_metrics_that_the_board_tells() {
    let rules = include_str!("../../../../docs/alerts.yaml");
    let text = {
        let place = Place::new(Server::redis());
        place.board("board").get("/metrics").raw
    };
    let mut asked: Vec<&str> = rules
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|it| it.starts_with("taskq_"))
        .collect();
    asked.sort_unstable();
    asked.dedup();
    assert!(asked.len() > 6, "{asked:?}");
    for name in asked {
        let name = name.trim_end_matches("_bucket").trim_end_matches("_count");
        assert!(text.contains(&format!("# TYPE {name} ")), "`{name}` is none of the board's metrics");
    }
}
