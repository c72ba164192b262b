//! What is stored is what is read.

use taskq_core::{
    backend::{Child, Extended, State, StoredError, TaskOutput},
    codec::{Map, Value},
    protocol::TaskId,
};

use super::bench::{Bench, ready, success, value};

/// Every kind of value, unicode and control characters, numbers of any size, typed values.
pub async fn values_of_every_kind_come_back(bench: &Bench) {
    let texts = [
        "null",
        "true",
        "-0.5",
        "123456789012345678901234567890",
        r#""ключ 😀 \u0000 \" \\""#,
        r#"[1, [2, [3, []]], {"a": {"b": null}}]"#,
        r#"{"when": {"__type__": "datetime", "__value__": "2030-01-02T03:04:05.678901"}}"#,
        r#"{"result": 1, "status": "FAILURE", "task_id": "x"}"#,
    ];
    for text in texts {
        let stored = success(text);
        bench.store(&stored).await;
        let read = bench.read(&stored.id).await.expect("stored");
        assert_eq!(value(&read), value(&stored));
        assert_eq!((&read.id, &read.state, read.date_done), (&stored.id, &State::Success, stored.date_done));
        assert_eq!(read.traceback, None);
    }
}

/// An error comes back as it was, arguments of any kind included.
pub async fn an_error_keeps_type_message_module_and_traceback(bench: &Bench) {
    let mut odd = StoredError::builtin("KeyError", "");
    odd.exc_message = vec![Value::Int(404), Value::Str("ключ".into()), Value::List(vec![Value::Null])];
    odd.exc_module = "proj.errors".into();
    for error in [StoredError::celery("Retry", "in 3 s"), StoredError::builtin("ValueError", "ü"), odd] {
        let mut stored = ready(State::Failure, TaskOutput::Error(error.clone()));
        stored.traceback = Some("Traceback:\n  line 1\n\t`ü`".into());
        bench.store(&stored).await;
        let read = bench.read(&stored.id).await.expect("stored");
        assert_eq!((read.state, read.output), (State::Failure, TaskOutput::Error(error)));
        assert_eq!(read.traceback, stored.traceback);
    }
}

/// `update_state(state="PROGRESS", meta={…})`.
pub async fn a_state_of_the_users_own_carries_its_meta(bench: &Bench) {
    let progress = State::from("PROGRESS");
    let meta = Value::Map(Map::from_iter([
        ("done".to_owned(), Value::Int(3)),
        ("file".to_owned(), Value::from("ä.txt")),
    ]));
    let mut stored = ready(progress.clone(), TaskOutput::Value(meta.clone()));
    stored.date_done = None;
    bench.store(&stored).await;
    let read = bench.read(&stored.id).await.expect("stored");
    assert_eq!((&read.state, value(&read), read.date_done), (&progress, meta, None));
}

/// The result tree.
pub async fn children_group_and_parent_come_back(bench: &Bench) {
    let leaf = |id: &str| Child { id: id.into(), parent: None, members: None };
    let mut stored = success("1");
    stored.group_id = Some("group-1".into());
    stored.parent_id = Some(TaskId::from("parent-1"));
    stored.children = Some(vec![
        leaf("child-1"),
        Child { id: "child-2".into(), parent: Some(Box::new(leaf("child-1"))), members: None },
        Child { id: "group-2".into(), parent: None, members: Some(vec![leaf("member-1"), leaf("member-2")]) },
    ]);
    bench.store(&stored).await;
    let read = bench.read(&stored.id).await.expect("stored");
    assert_eq!(
        (read.children, read.group_id, read.parent_id),
        (stored.children, stored.group_id, stored.parent_id)
    );
    let mut without = success("1");
    without.children = None;
    bench.store(&without).await;
    assert_eq!(bench.read(&without.id).await.expect("stored").children, None);
}

/// `result_extended`.
pub async fn extended_results_keep_name_and_arguments(bench: &Bench) {
    let mut stored = success("5");
    stored.extended = Some(Box::new(Extended {
        name: "proj.add".into(),
        args: vec![Value::Int(2), Value::from("ü")],
        kwargs: Map::from_iter([("z".to_owned(), Value::Null), ("a".to_owned(), Value::Int(3))]),
        worker: "celery@host".into(),
        retries: 2,
        queue: Some("high".into()),
        stamps: Map::from_iter([("tenant".to_owned(), Value::from("t1"))]),
    }));
    bench.store(&stored).await;
    let read = bench.read(&stored.id).await.expect("stored");
    assert_eq!(read.extended, stored.extended);
}

/// A big value is not cut.
pub async fn a_value_of_five_megabytes_comes_back(bench: &Bench) {
    let stored = success(&format!("\"{}\"", "ü".repeat(2_500_000)));
    bench.store(&stored).await;
    let read = bench.read(&stored.id).await.expect("stored");
    assert!(value(&read) == value(&stored), "the value changed");
}
