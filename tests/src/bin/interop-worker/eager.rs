//! The tasks without a broker: what they return, and how they fail.

use taskq::core::codec::json;
use taskq::core::config::Sources;
use taskq::{App, Error, Signature, Value, WaitError, args, kwargs};

use crate::interop::Interop;
use crate::tasks;

fn app() -> Result<App, Error> {
    // Nobody listens there: tasks that account are not run here.
    let interop = Interop::new("conf_tasks.".to_owned(), "redis://127.0.0.1:1/").expect("an address");
    let sources = Sources::none().set("task_always_eager", true).set("result_backend", "disabled://");
    App::builder().sources(sources).registry(tasks::registry("conf_tasks.")?).state(interop).build()
}

async fn run(task: &str, args: taskq::Args, kwargs: taskq::Kwargs) -> Result<Value, WaitError> {
    let signature = Signature::by_name(format!("conf_tasks.{task}"), args).with_kwargs(kwargs);
    app().expect("an app").send_signature(signature).await.expect("a result").get().await
}

fn failure(outcome: Result<Value, WaitError>) -> (String, String, String) {
    match outcome {
        Err(WaitError::Failed(failure)) => {
            let message = failure.error.message();
            (failure.error.exc_module, failure.error.exc_type, message)
        }
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[tokio::test]
async fn arithmetic_is_pythons() {
    let int = Value::Int;
    assert_eq!(run("add", args![1, 2], kwargs! {}).await.unwrap(), int(3));
    assert_eq!(run("add", args![1], kwargs! { "y" => 2, "z" => 4 }).await.unwrap(), int(7));
    assert_eq!(run("add", args![1, 2, 0], kwargs! {}).await.unwrap(), int(3));
    assert_eq!(run("add", args!["a", "b"], kwargs! {}).await.unwrap(), Value::Str("ab".into()));
    assert_eq!(run("add", args![1, 0.5], kwargs! {}).await.unwrap(), Value::Float(1.5));
    let big = run("mul", args![i64::MAX, 2], kwargs! {}).await.unwrap();
    assert_eq!(big, Value::BigInt("18446744073709551614".into()));
    assert_eq!(run("mul", args!["ab", 2], kwargs! {}).await.unwrap(), Value::Str("abab".into()));
    assert_eq!(run("tsum", args![vec![1, 2, 3]], kwargs! {}).await.unwrap(), int(6));
    let mixed = Value::List(vec![int(1), Value::List(vec![int(2), int(3)])]);
    assert_eq!(run("xsum", args![mixed], kwargs! {}).await.unwrap(), int(6));
}

#[tokio::test]
async fn any_arguments_come_back() {
    let echo = run("echo_args", args![1, "two"], kwargs! { "three" => 3 }).await.unwrap();
    let expected = json::from_slice::<Value>(br#"{"args": [1, "two"], "kwargs": {"three": 3}}"#).unwrap();
    assert_eq!(echo, expected);
    assert_eq!(run("noop", args![1], kwargs! { "x" => 1 }).await.unwrap(), Value::Null);
}

#[tokio::test]
async fn values_of_every_kind_know_their_type() {
    for (kind, name) in [
        ("none", "null"),
        ("true", "bool"),
        ("bigint", "int"),
        ("negint", "int"),
        ("nan", "float"),
        ("ninf", "float"),
        ("unicode", "str"),
        ("bytes", "bytes"),
        ("bytes_binary", "bytes"),
        ("datetime_naive", "datetime"),
        ("datetime_offset", "datetime"),
        ("date", "date"),
        ("time", "time"),
        ("uuid", "uuid"),
        ("decimal", "decimal"),
        ("nested", "dict"),
    ] {
        let value = run("typed_value", args![kind], kwargs! {}).await.unwrap();
        let told = run("type_name", args![value], kwargs! {}).await.unwrap();
        assert_eq!(told, Value::Str(name.into()), "{kind}");
    }
}

#[tokio::test]
async fn failures_carry_pythons_names() {
    let of = |module: &str, kind: &str, text: &str| (module.to_owned(), kind.to_owned(), text.to_owned());
    let fail = failure(run("fail", args!["why"], kwargs! {}).await);
    assert_eq!((fail.0.as_str(), fail.1.as_str()), ("conf_tasks", "ExpectedException"));
    let error = failure(run("raise_error", args![], kwargs! {}).await);
    assert_eq!(error, of("builtins", "ValueError", "deliberate error"));
    let error = failure(run("add", args![1, "a"], kwargs! {}).await);
    assert_eq!(error, of("builtins", "TypeError", "unsupported operand type(s) for +: 'int' and 'str'"));
    let (_, kind, _) = failure(run("add", args![1], kwargs! {}).await);
    assert_eq!(kind, "TypeError");
    let (module, kind, _) = failure(run("retry_exhaust", args![], kwargs! {}).await);
    assert_eq!((module.as_str(), kind.as_str()), ("celery.exceptions", "MaxRetriesExceededError"));
}

#[tokio::test]
async fn retries_end_as_in_python() {
    assert_eq!(run("retry_args", args![0], kwargs! {}).await.unwrap(), Value::Int(3));
    assert_eq!(run("auto_retry", args![], kwargs! {}).await.unwrap(), Value::Int(1));
    assert_eq!(run("retry_once", args![], kwargs! {}).await.unwrap(), Value::Int(1));
    let done = run("retry", args!["done"], kwargs! {}).await.unwrap();
    assert_eq!(done, Value::Str("done".into()));
    let (module, kind, text) = failure(run("retry", args![], kwargs! {}).await);
    assert_eq!(
        (module.as_str(), kind.as_str(), text.as_str()),
        ("conf_tasks", "ExpectedException", "retrying")
    );
}
