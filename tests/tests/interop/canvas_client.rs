//! A Rust program sends canvases of every shape to a Python worker; each result is what Celery's rules give.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use taskq::core::codec::from_value;
use taskq::core::config::Sources;
use taskq::prelude::*;
use taskq::{App, AsyncResult, Signature, Value, WaitError, args, kwargs};
use taskq_tests::node::Node;
use taskq_tests::redis_server::RedisServer;

use crate::client::app;
use crate::rabbitmq::new_vhost;

/// One result, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// What a canvas ends with.
enum End {
    Value(Json),
    /// An exception of this type.
    Raises(&'static str),
}

struct Case {
    name: &'static str,
    canvas: Signature,
    end: End,
}

fn gives(name: &'static str, canvas: impl Into<Signature>, value: Json) -> Case {
    Case { name, canvas: canvas.into(), end: End::Value(value) }
}

fn raises(name: &'static str, canvas: impl Into<Signature>, exception: &'static str) -> Case {
    Case { name, canvas: canvas.into(), end: End::Raises(exception) }
}

fn call(task: &str, args: taskq::Args) -> Signature {
    Signature::by_name(format!("conf_tasks.{task}"), args)
}

fn add(x: i64, y: i64) -> Signature {
    call("add", args![x, y])
}

/// `add`, `mul` that get their first argument from what runs before.
fn plus(y: i64) -> Signature {
    call("add", args![y])
}

fn times(y: i64) -> Signature {
    call("mul", args![y])
}

fn sum() -> Signature {
    call("tsum", args![])
}

fn same() -> Signature {
    call("identity", args![])
}

fn value(of: i64) -> Signature {
    call("identity", args![of])
}

fn chain<const N: usize>(steps: [Signature; N]) -> Signature {
    Signature::chain(steps)
}

fn group<const N: usize>(members: [Signature; N]) -> Signature {
    Signature::group(members)
}

fn chord<const N: usize>(header: [Signature; N], body: Signature) -> Signature {
    Signature::chord(header, body)
}

fn chains() -> Vec<Case> {
    let failing = || call("fail", args![]);
    vec![
        gives("one task", add(2, 3), json!(5)),
        gives("chain of three", chain([add(2, 2), times(3), plus(1)]), json!(13)),
        gives("chain of one", chain([add(1, 1)]), json!(2)),
        gives("chain with `|`", add(2, 2) | times(10) | plus(2), json!(42)),
        gives(
            "chain of chains",
            chain([chain([add(1, 1), times(2)]), chain([plus(1), times(10)])]),
            json!(50),
        ),
        gives(
            "chain of thirty",
            Signature::chain((0..30).map(|n| if n == 0 { add(0, 1) } else { plus(1) })),
            json!(30),
        ),
        gives("an immutable step", chain([add(2, 2), add(5, 5).immutable(), plus(1)]), json!(11)),
        gives(
            "keyword arguments",
            chain([add(1, 1), call("echo_args", args![7]).with_kwargs(kwargs! { "k" => [1] })]),
            json!({"args": [2, 7], "kwargs": {"k": [1]}}),
        ),
        gives("arguments of the chain", chain([plus(4), times(2)]).prepend([Value::Int(6)]), json!(20)),
        gives(
            "keyword arguments only",
            chain([same().with_kwargs(kwargs! { "x" => 7 }), times(2)]),
            json!(14),
        ),
        gives("a chain in the middle", chain([value(1), chain([plus(1), plus(2)]), plus(3)]), json!(7)),
        gives("a chain of a hundred", Signature::chain((0..100).map(|n| value(n).immutable())), json!(99)),
        gives("a map in a chain", chain([Signature::map(sum(), [list(&[1, 2])]), sum()]), json!(3)),
        gives("null passes on", chain([call("identity", args![Value::Null]), same()]), json!(null)),
        gives("a step with a countdown", chain([add(1, 1), plus(2).countdown(300.milliseconds())]), json!(4)),
        gives("a replaced step", chain([add(1, 1), call("add_replaced", args![2]), times(10)]), json!(40)),
        gives("a retried step", chain([call("retry_once", args![]), plus(1)]), json!(2)),
        raises("a failing step", chain([add(1, 1), failing(), plus(1)]), "ExpectedException"),
        raises("a failing first step", chain([failing(), plus(1), plus(1)]), "ExpectedException"),
    ]
}

fn groups() -> Vec<Case> {
    vec![
        gives(
            "group of ten",
            Signature::group((0..10).map(|n| add(n, n))),
            json!([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]),
        ),
        gives("group of one", group([add(1, 2)]), json!([3])),
        gives(
            "group of chains",
            group([chain([add(1, 1), times(3)]), chain([add(2, 2), plus(1)])]),
            json!([6, 5]),
        ),
        gives(
            "arguments of the group",
            group([plus(1), times(3)]).prepend([Value::Int(10)]),
            json!([11, 30]),
        ),
        gives("a group in a group", group([group([value(1), value(2)]), value(3)]), json!([1, 2, 3])),
        gives(
            "group of chords",
            group([chord([add(1, 1), add(2, 2)], sum()), chord([add(3, 3), add(4, 4)], sum())]),
            json!([6, 14]),
        ),
        gives(
            "chain that ends with a group",
            chain([add(1, 1), group([plus(1), times(10)])]),
            json!([3, 20]),
        ),
        gives(
            "group of two hundred",
            Signature::group((0..200).map(value)),
            json!((0..200).collect::<Vec<_>>()),
        ),
        gives("group of groups of chains", group([group([add(1, 1) | times(2)]), add(2, 2)]), json!([4, 4])),
        gives("a group after a step", add(1, 1) | group([same(), plus(1), times(2)]), json!([2, 3, 4])),
        gives("skewed group", group([value(1), value(2)]).skew(0.1, None, 0.1), json!([1, 2])),
        gives(
            "replaced members",
            group([call("add_replaced", args![1, 1]), call("replace_with_chain", args![5])]),
            json!([2, 5]),
        ),
        raises("a failing member", group([add(1, 1), call("fail", args![])]), "ExpectedException"),
        gives("map", Signature::map(call("tsum", args![]), [list(&[1, 2]), list(&[3])]), json!([3, 3])),
        gives("starmap", starred(), json!([3, 7])),
        gives(
            "chunks",
            Signature::chunks(call("add", args![]), (0..5).map(|n| list(&[n, n])), 2),
            json!([[0, 2], [4, 6], [8]]),
        ),
    ]
}

fn starred() -> Signature {
    Signature::starmap(call("add", args![]), [list(&[1, 2]), list(&[3, 4])])
}

fn list(numbers: &[i64]) -> Value {
    Value::List(numbers.iter().copied().map(Value::Int).collect())
}

fn chords() -> Vec<Case> {
    let pair = || [add(1, 1), add(2, 2)];
    vec![
        gives("chord", chord(pair(), sum()), json!(6)),
        gives(
            "chord of a hundred",
            Signature::chord((0..100).map(value), same()),
            json!((0..100).collect::<Vec<_>>()),
        ),
        gives("chord of one", chord([add(2, 2)], same()), json!([4])),
        gives("a starmap as header member", chord([starred(), value(1)], same()), json!([[3, 7], 1])),
        gives("a chord, then a step", chord(pair(), sum()) | times(2), json!(12)),
        gives("a step, then a chord", add(1, 1) | chord([plus(1), plus(2)], sum()), json!(7)),
        gives("two chords side by side", chord([group(pair()) | sum(), value(1)], sum()), json!(7)),
        gives("an immutable body", chord(pair(), add(20, 3).immutable()), json!(23)),
        gives("group, then a task", group(pair()) | sum(), json!(6)),
        gives("task, group, task", chain([add(1, 1), group([plus(3), plus(4)]), sum()]), json!(11)),
        gives("group, then a group", group(pair()) | group([same(), sum()]), json!([[2, 4], 6])),
        gives(
            "chain of chords",
            chain([chord(pair(), sum()), chord([plus(1), plus(2)], sum()), times(10)]),
            json!(150),
        ),
        gives(
            "several chords in a chain",
            chain([add(1, 1), group([plus(1), plus(2)]), sum(), group([plus(0), times(2)]), sum()]),
            json!(21),
        ),
        gives("a chain as body", chord(pair(), chain([sum(), times(10), plus(1)])), json!(61)),
        gives("a group as body", chord(pair(), group([sum(), same()])), json!([6, [2, 4]])),
        gives("a chord as body", chord(pair(), chord([sum(), same()], same())), json!([6, [2, 4]])),
        gives(
            "chains in the header",
            chord([chain([add(1, 1), times(5)]), chain([add(2, 2), plus(1), plus(1)])], same()),
            json!([10, 6]),
        ),
        gives("a chord in the header", chord([chord(pair(), sum()), value(7)], same()), json!([6, 7])),
        gives(
            "chords three deep",
            chord([chord([chord(pair(), sum()), value(10)], sum()), value(100)], sum()),
            json!(116),
        ),
        gives(
            "chains with chords in the header",
            chord(
                [
                    chain([value(1), group([plus(1), plus(2)]), sum()]),
                    chain([value(2), group([plus(1), plus(2)]), sum()]),
                ],
                same(),
            ),
            json!([5, 7]),
        ),
        gives(
            "a replaced header",
            chord([call("replace_with_chord", args![[1, 2]]), call("add_replaced", args![1, 1])], same()),
            json!([3, 2]),
        ),
        gives("a replaced body", chord(pair(), call("replace_with_chord", args![])), json!(6)),
        gives("a retried member", chord([call("retry_once", args![]), value(1)], same()), json!([1, 1])),
        gives(
            "arguments of the chord",
            chord([plus(1), times(2)], sum()).prepend([Value::Int(10)]),
            json!(31),
        ),
        raises("a failing member of a chord", chord([add(1, 1), call("fail", args![])], sum()), "ChordError"),
        raises("a failing body", chord(pair(), call("fail", args![])), "ExpectedException"),
    ]
}

/// Sends all of them at once, and counts them.
async fn all_go_well(app: App, cases: Vec<Case>) {
    let wrong: Vec<String> =
        join_all(cases.iter().map(|case| run(&app, case))).await.into_iter().flatten().collect();
    app.close().await.expect("connections close");
    println!("{} canvases", cases.len());
    assert!(
        wrong.is_empty(),
        "{} of {} canvases went wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

fn all() -> Vec<Case> {
    [chains(), groups(), chords()].into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canvases_sent_from_rust_run_on_a_python_worker() {
    let redis = RedisServer::start();
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = Node::new("py@canvas", &redis.url(0), &redis.url(1), &redis.url(2), logs.path());
    let _worker = node.start_python();
    all_go_well(app(&redis, &[]).expect("an app"), all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canvases_sent_from_rust_over_rabbitmq_run_on_a_python_worker() {
    let (redis, broker) = (RedisServer::start(), new_vhost());
    let logs = tempfile::tempdir().expect("a folder for logs");
    let node = Node::new("py@canvas", &broker, &redis.url(1), &redis.url(2), logs.path());
    let _worker = node.start_python();
    all_go_well(app_on(&broker, &redis.url(1)), all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chord_whose_results_would_come_by_rpc_is_refused() {
    let app = app_on(&new_vhost(), "rpc://");
    for canvas in [chord([add(1, 1), add(2, 2)], sum()), chain([add(1, 1), group([plus(1), plus(2)]), sum()])]
    {
        let refused = app.send_canvas(canvas).await.expect_err("a chord that could never end was sent");
        assert!(refused.to_string().contains("`rpc://`"), "{refused}");
    }
    app.close().await.expect("connections close");
}

fn app_on(broker: &str, backend: &str) -> App {
    let sources = Sources::none().set("broker_url", broker).set("result_backend", backend);
    App::builder().sources(sources).build().expect("an app")
}

/// What is wrong with a case.
async fn run(app: &App, case: &Case) -> Option<String> {
    let name = case.name;
    let sent = match app.send_canvas(case.canvas.clone()).await {
        Ok(sent) => sent,
        Err(error) => return Some(format!("{name}: not sent: {error}")),
    };
    let mut ended = sent.get_within(PATIENCE).await;
    let may_be_earlier = matches!((&case.end, &ended), (End::Raises(_), Err(WaitError::Failed(_))));
    if may_be_earlier && sent.members().is_none() {
        // A wait looks at what ran before as well, as Celery's does, so it may have seen why it failed before it
        // saw what came of it. That is stored under its own id.
        ended = AsyncResult::<Value>::new(app, sent.id()).get().timeout(PATIENCE).await;
    }
    match (&case.end, ended) {
        (End::Value(expected), Ok(got)) => {
            let got: Json = from_value(got).expect("JSON");
            (got != *expected).then(|| format!("{name}: expected {expected}, got {got}"))
        }
        (End::Raises(expected), Err(WaitError::Failed(failure))) if failure.error.exc_type == *expected => {
            None
        }
        (End::Value(expected), other) => Some(format!("{name}: expected {expected}, got {other:?}")),
        (End::Raises(expected), other) => Some(format!("{name}: expected a {expected}, got {other:?}")),
    }
}
