//! The trace of a message goes on in everything that follows it, with no tracing switched on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use taskq_core::{
    BoxFuture,
    app::App,
    args,
    canvas::Signature,
    codec::Value,
    middleware::{ExecuteNext, Middleware},
    protocol::{Request, TraceContext},
    task::{Failure, Outcome, TaskContext},
};

use crate::rig::{Builder, until};

const HEADERS: [(&str, &str); 3] = [
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", "vendor=opaque,other=1"),
    ("baggage", "tenant=acme,user=%C3%BC"),
];

/// The trace of each attempt of each task.
type Seen = Arc<Mutex<BTreeMap<(String, u32), Vec<TraceContext>>>>;

fn note(seen: &Seen, cx: &TaskContext) {
    let headers = &cx.request().headers;
    let key = (headers.task.clone(), headers.retries);
    seen.lock().unwrap().entry(key).or_default().push(TraceContext::of(headers));
}

/// Tasks that note their trace: `t.note` returns its argument, `t.twice` retries once, `t.send` sends another
/// task, `t.replace` goes on as another one, `t.fail` fails.
fn tasks(seen: &Seen) -> Builder {
    let noting = || {
        let seen = Arc::clone(seen);
        move |cx: &TaskContext| note(&seen, cx)
    };
    let (one, two, three, four, five) = (noting(), noting(), noting(), noting(), noting());
    Builder::new()
        .task("t.note", move |cx, args| {
            one(&cx);
            async move { Ok(args.into_iter().next().unwrap_or_default()) }
        })
        .task("t.twice", move |cx, _| {
            two(&cx);
            async move {
                match cx.retries() {
                    0 => Err(cx.retry().countdown(Duration::from_millis(5)).into()),
                    _ => Ok(Value::Null),
                }
            }
        })
        .task("t.send", move |cx, _| {
            three(&cx);
            async move {
                let sent = App::current()?.send("t.note", args![1], taskq_core::kwargs! {}).await;
                sent.map(|_| Value::Null).map_err(|error| Failure::from_error(error).into())
            }
        })
        .task("t.replace", move |cx, _| {
            four(&cx);
            async move { Err(cx.replace(Signature::by_name("t.note", args![2]))) }
        })
        .task("t.fail", move |cx, _| {
            five(&cx);
            async move { Err(Failure::new("ValueError", "bad").into()) }
        })
}

fn call(task: &str) -> Signature {
    Signature::by_name(task, args![]).immutable()
}

/// A call that belongs to the trace.
fn traced(task: &str) -> Signature {
    HEADERS.into_iter().fold(call(task), |call, (name, value)| call.header(name, value))
}

/// Runs the canvas until that many attempts were seen; what they saw.
async fn seen_by(canvas: Signature, attempts: usize) -> BTreeMap<(String, u32), Vec<TraceContext>> {
    let seen = Seen::default();
    let (rig, worker) = tasks(&seen).start().await;
    rig.app.send_canvas(canvas).await.expect("sent");
    let count = || seen.lock().unwrap().values().map(Vec::len).sum::<usize>();
    until("all have run", async || count() >= attempts).await;
    rig.settled().await;
    worker.stop().await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), attempts, "{seen:?}");
    seen
}

#[tokio::test]
async fn the_trace_survives_retries_and_whatever_follows() {
    let trace = {
        let mut headers = taskq_core::protocol::Headers::new("t", "id".into());
        headers.extra.extend(HEADERS.map(|(name, value)| (name.to_owned(), value.into())));
        TraceContext::of(&headers)
    };
    let chain = traced("t.twice") | call("t.note") | call("t.twice");
    let callback = traced("t.note").link(call("t.twice"));
    let errback = traced("t.fail").link_error(call("t.send"));
    let group = traced("t.note") | Signature::group([call("t.send"), call("t.twice")]);
    let chord = Signature::chord([traced("t.note"), traced("t.note")], call("t.replace"));
    for (canvas, attempts, what) in [
        (chain, 5, "a chain"),
        (callback, 3, "a callback"),
        (errback, 3, "an errback"),
        (group, 5, "a group in a chain"),
        (chord, 4, "the body of a chord"),
        (traced("t.send"), 2, "a task sent by another"),
    ] {
        for (who, traces) in seen_by(canvas, attempts).await {
            assert!(traces.iter().all(|seen| *seen == trace), "{what}, {who:?}: {traces:?}");
        }
    }
}

#[tokio::test]
async fn a_message_without_a_trace_stays_without() {
    for (who, traces) in seen_by(call("t.twice") | call("t.send"), 4).await {
        assert!(traces.iter().all(TraceContext::is_empty), "{who:?}: {traces:?}");
    }
}

/// Names each attempt as the parent of what follows it, as a tracer does; and takes an argument away.
struct Spans;

impl Middleware for Spans {
    fn execute<'a>(&'a self, request: &'a mut Request, next: ExecuteNext<'a>) -> BoxFuture<'a, Outcome> {
        let span = format!("{}:{}", request.headers.task, request.headers.retries);
        request.headers.extra.insert("traceparent".into(), span.into());
        request.headers.extra.insert("secret".into(), "of this run".into());
        next.run(request)
    }
}

#[tokio::test]
async fn what_a_middleware_changes_reaches_the_task_and_only_the_trace_goes_on() {
    let seen: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
    let note = Arc::clone(&seen);
    let (rig, worker) = Builder::new()
        .task("t.outer", move |cx, _| {
            let extra = &cx.request().headers.extra;
            let text = |name: &str| extra.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            note.lock().unwrap().push((text("traceparent"), text("secret") == "of this run"));
            async move {
                match cx.retries() {
                    0 => Err(cx.retry().countdown(Duration::from_millis(5)).into()),
                    _ => Ok(Value::Null),
                }
            }
        })
        .middleware(Came(Arc::clone(&seen)))
        .middleware(Spans)
        .start()
        .await;
    let id =
        rig.send_signature(call("t.outer").link(Signature::by_name("t.add", args![1, 2]).immutable())).await;
    rig.meta(&id).await;
    rig.settled().await;
    worker.stop().await.unwrap();
    let (none, own) = (String::new(), |retries: u32| format!("t.outer:{retries}"));
    let expected = [
        (none, false),
        (own(0), true),
        // The next attempt follows the first, and has its trace, but nothing else that was changed.
        (own(0), false),
        (own(1), true),
        (own(1), false),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// Notes what comes from the broker.
struct Came(Arc<Mutex<Vec<(String, bool)>>>);

impl Middleware for Came {
    fn execute<'a>(&'a self, request: &'a mut Request, next: ExecuteNext<'a>) -> BoxFuture<'a, Outcome> {
        let extra = &request.headers.extra;
        let parent = extra.get("traceparent").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((parent, extra.contains_key("secret")));
        next.run(request)
    }
}
