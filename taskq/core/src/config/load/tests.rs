//! Sources, precedence, and what is refused with which words.

use std::time::Duration;

use super::*;
use crate::config::{Concurrency, PoolKind};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn error(sources: Sources) -> String {
    let error = sources.load().expect_err("these settings are wrong");
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taskq.toml");
    std::fs::write(&path, text).unwrap();
    (dir, Sources::none().file(path))
}

#[test]
fn later_sources_win() {
    let (_dir, sources) = file(
        "worker_concurrency = 1\ntask_default_queue = \"file\"\nlease = \"1m\"\nworker_prefetch_multiplier = 7\n",
    );
    let settings = sources
        .environment(variables(&[
            ("TASKQ_WORKER_CONCURRENCY", "2"),
            ("TASKQ_TASK_DEFAULT_QUEUE", "variable"),
            ("TASKQ_LEASE", "45"),
        ]))
        .set("task_default_queue", "code")
        .set("worker_concurrency", 3)
        .flag_text("-c", "worker_concurrency", "4")
        .load()
        .unwrap();
    assert_eq!(settings.worker_concurrency, Concurrency::Fixed(4));
    assert_eq!(settings.task_default_queue, "code");
    assert_eq!(settings.lease, Duration::from_secs(45));
    assert_eq!(settings.worker_prefetch_multiplier, Some(7));
    assert_eq!(settings.source("worker_concurrency"), Some(&Source::Flag("-c".into())));
    assert!(matches!(settings.source("worker_prefetch_multiplier"), Some(Source::File { line: 4, .. })));
    assert_eq!(settings.source("worker_pool"), None);
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_name() {
    let (_dir, sources) = file("\ntask_ack_late = true\n");
    let text = error(sources);
    assert!(
        text.contains("taskq.toml:2: unknown setting `task_ack_late`: did you mean `task_acks_late`?"),
        "{text}"
    );
    let text = error(Sources::none().environment(variables(&[("TASKQ_BROKER_ULR", "redis://h")])));
    assert!(text.contains("`TASKQ_BROKER_ULR`") && text.contains("did you mean `broker_url`?"), "{text}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = error(
        Sources::none()
            .set("worker_concurrency", 0)
            .set("lease", "soon")
            .set("task_default_priority", 12)
            .set("nonsense", true),
    );
    assert!(text.starts_with("4 settings are wrong:"), "{text}");
    assert!(
        text.contains(
            "set in code: `worker_concurrency` is `0`, expected a whole number, 1 or more, or `auto`"
        )
    );
    assert!(text.contains("`lease` is the text `soon`, expected seconds"), "{text}");
    assert!(text.contains("set in code: `task_default_priority` is outside 0 to 9"), "{text}");
}

#[test]
fn wrong_types_are_refused() {
    let (_dir, sources) = file("worker_concurrency = \"4\"\n");
    assert!(error(sources).contains("taskq.toml:1: `worker_concurrency` is the text `4`"));
    assert!(error(Sources::none().set("task_acks_late", "yes")).contains("expected true or false"));
    assert!(error(Sources::none().set("task_serializer", "pickle")).contains("pickle is refused"));
    assert!(error(Sources::none().set("task_time_limit", -1)).contains("`-1`"));
}

#[test]
fn passwords_are_never_printed() {
    let secret = "hunter2";
    let text = error(
        Sources::none()
            .set("broker_url", format!("//me:{secret}@host"))
            .set("redis_password", 5)
            .set("result_backend", format!("no url {secret}@"))
            .set("security_key_password", Value::List(vec![Value::Str(secret.into())])),
    );
    assert!(text.contains("4 settings"), "{text}");
    let settings = Sources::none()
        .set("broker_url", format!("redis://:{secret}@host/0"))
        .set("redis_password", secret)
        .load()
        .unwrap();
    assert!(!format!("{settings:?}").contains(secret), "{settings:?}");
    assert!(format!("{settings:?}").contains("redis://:**@host/0"));
    assert!(!text.replace("no url hunter2@", "").contains(secret), "{text}");
}

#[test]
fn celerys_variables_and_old_names_work() {
    let settings = Sources::none()
        .environment(variables(&[
            ("CELERY_BROKER_URL", "amqp://guest@host//"),
            ("CELERY_RESULT_BACKEND", "rpc://"),
            ("CELERY_OTHER", "ignored: not one of Celery's own"),
            ("TASKQ_LOG", "debug"),
            ("TASKQ_TASK_IGNORE_RESULT", ""),
        ]))
        .set("CELERYD_POOL", "gevent")
        .set("CELERY_TASK_RESULT_EXPIRES", 0)
        .load()
        .unwrap();
    assert_eq!(settings.broker_url.scheme(), "amqp");
    assert_eq!(settings.backend_url().expose(), "rpc://");
    assert_eq!(settings.worker_pool, PoolKind::Threads);
    assert_eq!(settings.result_expires, None);
    assert!(!settings.task_ignore_result);
    let both = [("CELERY_BROKER_URL", "redis://a"), ("TASKQ_BROKER_URL", "redis://b")];
    for order in [both, [both[1], both[0]]] {
        let settings = Sources::none().environment(variables(&order)).load().unwrap();
        assert_eq!(settings.broker_url.expose(), "redis://b");
    }
}

#[test]
fn results_go_where_messages_go_unless_told_otherwise() {
    let backend =
        |broker: &str| Sources::none().set("broker_url", broker).load().unwrap().backend_url().expose();
    assert_eq!(backend("sqlite:./q.db"), "sqlite:./q.db");
    assert_eq!(backend("redis://h/1"), "redis://h/1");
    assert_eq!(backend("amqp://h//"), "disabled://");
    let off = Sources::none().set("result_backend", "disabled").load().unwrap();
    assert_eq!(off.backend_url().scheme(), "disabled");
    let parts = Sources::none()
        .set("result_backend", "redis")
        .set("redis_host", "h")
        .set("redis_db", 2)
        .load()
        .unwrap();
    assert_eq!(parts.backend_url().expose(), "redis://h:6379/2");
}

#[test]
fn a_foreign_map_is_taken_with_its_unknown_names() {
    let map: Map = [
        ("task_acks_late".to_owned(), Value::Bool(false)),
        ("worker_lost_wait".to_owned(), Value::Float(2.5)),
        ("task_time_limit".to_owned(), Value::Null),
        ("s3_bucket".to_owned(), Value::Str("b".into())),
        ("made_up".to_owned(), Value::Int(1)),
    ]
    .into_iter()
    .collect();
    let settings = Settings::from_map(map).unwrap();
    assert!(!settings.task_acks_late);
    assert_eq!(settings.worker_lost_wait, Duration::from_millis(2500));
    assert_eq!(settings.notices(), ["these settings have no effect in taskq: `made_up`, `s3_bucket`"]);
}

#[test]
fn maps_and_lists_can_be_given_as_text() {
    let settings = Sources::none()
        .environment(variables(&[
            ("TASKQ_BROKER_TRANSPORT_OPTIONS", r#"{"visibility_timeout": 10}"#),
            ("TASKQ_ACCEPT_CONTENT", "json,msgpack"),
            ("TASKQ_TASK_ROUTES", r#"{"proj.*": "low"}"#),
            ("TASKQ_TASK_QUEUES", "low, high"),
            ("TASKQ_TASK_TIME_LIMIT", "none"),
            ("TASKQ_WORKER_QUEUE_CONCURRENCY", "heavy=2, slow = 1"),
        ]))
        .load()
        .unwrap();
    assert_eq!(settings.broker_transport_options["visibility_timeout"], Value::Int(10));
    assert_eq!(settings.accept_content, ["json", "msgpack"]);
    assert_eq!(settings.task_routes.find("proj.a").unwrap().queue.as_deref(), Some("low"));
    assert_eq!(settings.task_queues.unwrap().0.len(), 2);
    assert_eq!(settings.task_time_limit, None);
    assert_eq!(settings.worker_queue_concurrency.len(), 2);
    assert_eq!(settings.worker_queue_concurrency["heavy"].get(), 2);
    for wrong in ["heavy", "heavy=0", "heavy=x", r#"{"heavy": -1}"#] {
        let loaded =
            Sources::none().environment(variables(&[("TASKQ_WORKER_QUEUE_CONCURRENCY", wrong)])).load();
        assert!(loaded.unwrap_err().to_string().contains("heavy=2,slow=1"), "{wrong}");
    }
}

#[test]
fn every_default_is_accepted_as_a_value() {
    let mut settings = Settings::default();
    for setting in crate::config::SETTINGS {
        let default = (setting.default)();
        let assigned = settings.assign(setting.name, Raw::Value(&default));
        assert_eq!(assigned, Some(Ok(())), "{}", setting.name);
        assert!(!setting.doc.is_empty() && !(setting.expected)().is_empty(), "{}", setting.name);
    }
    assert!(check::problems(&settings).is_empty());
    assert!(settings.changed().is_empty(), "{settings:?}");
}
