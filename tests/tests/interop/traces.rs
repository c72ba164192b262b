//! One trace through programs of both languages, as OpenTelemetry's instrumentation of Celery writes and reads
//! it: the ids of parents are those of the spans that came before, on the other side of the queue.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use taskq_tests::demo::Demo;
use taskq_tests::otlp::{Receiver, Span};
use taskq_tests::process::{Running, eventually};
use taskq_tests::python;
use taskq_tests::redis_server::RedisServer;

/// A start, on a loaded machine.
const STARTING: Duration = Duration::from_secs(60);

/// A Rust and a Python worker, and where their spans go.
struct Rig {
    // Ended before what they use.
    running: Vec<Running>,
    redis: RedisServer,
    receiver: Receiver,
    demo: Demo,
}

impl Rig {
    fn new() -> Self {
        Self {
            running: Vec::new(),
            redis: RedisServer::start(),
            receiver: Receiver::start(),
            demo: Demo::new(env!("CARGO_BIN_EXE_traced-app")),
        }
    }

    /// Starts a Rust worker with further arguments.
    fn rust(mut self, more: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = self.command(&format!("worker -Q rs -c 2 -n rs@traced {more}"));
        command.envs(variables.iter().copied());
        let mut worker = Running::start(&mut command, self.demo.dir().join("rust.log"));
        worker.wait_for_output("ready", STARTING);
        self.running.push(worker);
        self
    }

    fn python(mut self) -> Self {
        let mut command = python::script("traced_app.py");
        self.configure_python(command.arg("worker"));
        let mut worker = Running::start(&mut command, self.demo.dir().join("python.log"));
        worker.wait_for_output("ready", STARTING);
        self.running.push(worker);
        self
    }

    fn configure_python<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("BROKER_URL", self.redis.url(0))
            .env("RESULT_BACKEND", self.redis.url(1))
            .env("CONF", json!({}).to_string())
            .env("OTEL_SERVICE_NAME", "python")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.receiver.endpoint())
    }

    /// The Rust program.
    fn command(&self, line: &str) -> Command {
        let mut command = self.demo.command(line);
        command
            .env("TASKQ_BROKER_URL", self.redis.url(0))
            .env("TASKQ_RESULT_BACKEND", self.redis.url(1))
            .env("OTEL_SERVICE_NAME", "rust")
            .env("OTEL_BSP_SCHEDULE_DELAY", "50")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.receiver.endpoint());
        command
    }

    /// Has the Python program start a workflow; the id of its trace.
    fn start(&self, workflow: &str) -> String {
        let mut command = python::script("traced_app.py");
        self.configure_python(command.arg(workflow));
        let output = python::run(&mut command, &self.demo.dir().join("start.log"), STARTING);
        output.lines().last().unwrap_or_default().trim().to_owned()
    }

    /// Calls a task from the Rust program; the span of the call.
    fn call(&self, task: &str, args: &str) -> Span {
        let mut command = self.command(&format!("call {task} -a {args}"));
        let id = self.demo.run_command(&mut command).ok().to_owned();
        let is_call =
            |span: &Span| span.kind == "producer" && span.attributes.get("messaging.message.id") == Some(&id);
        self.receiver.span(&format!("the span of the call of `{task}`"), is_call)
    }
}

/// `name@service`, from the root of the trace to the last span, where each has one child at most.
fn line(spans: &[Span]) -> Vec<String> {
    let mut line = Vec::new();
    let mut parent = String::new();
    while let Some(span) = spans.iter().find(|span| span.parent == parent) {
        line.push(format!("{}@{}", span.name, span.service));
        parent.clone_from(&span.id);
    }
    assert_eq!(line.len(), spans.len(), "not one line: {spans:#?}");
    line
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no `{name}` in {spans:#?}"))
}

#[test]
fn a_chain_through_both_workers_is_one_trace_with_every_parent() {
    let rig = Rig::new().rust("", &[]).python();
    let trace = rig.start("chain");
    // The first attempt of the retry ends with the trace's context, the second one follows it.
    let spans = rig.receiver.trace(&trace, 10);
    let expected = [
        "client@python",
        "apply_async/traced.rs_add@python",
        "run/traced.rs_add@rust",
        "apply_async/traced.py_add@rust",
        "run/traced.py_add@python",
        "apply_async/traced.rs_retry@python",
        "run/traced.rs_retry@rust",
        "run/traced.rs_retry@rust",
        "apply_async/traced.py_baggage@rust",
        "run/traced.py_baggage@python",
    ];
    assert_eq!(line(&spans), expected);

    let add = named(&spans, "run/traced.rs_add");
    assert_eq!(add.kind, "consumer");
    for (name, value) in [
        ("celery.action", "run"),
        ("celery.task_name", "traced.rs_add"),
        ("celery.state", "SUCCESS"),
        ("messaging.system", "redis"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "rs"),
    ] {
        assert_eq!(add.attributes.get(name).map(String::as_str), Some(value), "{name}: {add:#?}");
    }
    let called = named(&spans, "apply_async/traced.py_add");
    assert_eq!(
        (called.kind.as_str(), called.attributes["celery.action"].as_str()),
        ("producer", "apply_async")
    );
    let python = named(&spans, "run/traced.py_add");
    assert_eq!(python.attributes["messaging.message.id"], called.attributes["messaging.message.id"]);
    let attempts: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "run/traced.rs_retry")
        .map(|span| (span.attributes["celery.state"].as_str(), span.attributes.get("celery.retries")))
        .collect();
    assert!(attempts.contains(&("RETRY", None)), "{attempts:?}");
    assert!(attempts.contains(&("SUCCESS", Some(&"1".to_owned()))), "{attempts:?}");

    // What Python's own propagator made of the baggage after three hops through both languages.
    let id = &named(&spans, "run/traced.py_baggage").attributes["messaging.message.id"];
    let result = rig.demo.run_command(&mut rig.command(&format!("result {id} --wait=30"))).ok().to_owned();
    assert!(result.contains("acme"), "{result}");
}

#[test]
fn calls_from_rust_to_python_and_back_nest_under_the_spans_of_the_program() {
    let rig = Rig::new().rust("", &[]).python();
    let call = rig.call("traced.py_call", "[7]");
    assert_eq!((call.parent.as_str(), call.service.as_str()), ("", "rust"));
    let spans = rig.receiver.trace(&call.trace, 7);
    let expected = [
        "apply_async/traced.py_call@rust",
        "run/traced.py_call@python",
        "apply_async/traced.rs_call@python",
        "run/traced.rs_call@rust",
        "own call@rust",
        "apply_async/traced.py_add@rust",
        "run/traced.py_add@python",
    ];
    assert_eq!(line(&spans), expected);
}

#[test]
fn a_chord_over_both_workers_is_one_trace_whichever_side_sends_it() {
    let rig = Rig::new().rust("", &[]).python();
    let started = rig.start("chord");
    let called = rig.call("traced.rs_chord", "[]").trace;
    for (trace, spans) in [(&started, 7), (&called, 8)] {
        let spans = rig.receiver.trace(trace, spans);
        let body = named(&spans, "run/traced.rs_sum");
        let sent = named(&spans, "apply_async/traced.rs_sum");
        assert_eq!(body.parent, sent.id, "{spans:#?}");
        let last = spans.iter().find(|span| span.id == sent.parent).map(|span| span.name.as_str());
        // Whoever completes the header sends the body, as part of its run.
        assert!(matches!(last, Some("run/traced.rs_add" | "run/traced.py_add")), "{last:?}: {spans:#?}");
        for task in ["rs_add", "py_add"] {
            let run = named(&spans, &format!("run/traced.{task}"));
            assert_eq!(run.parent, named(&spans, &format!("apply_async/traced.{task}")).id, "{spans:#?}");
        }
    }
}

#[test]
fn a_failure_is_an_error_of_its_span_and_tells_its_exception() {
    let rig = Rig::new().rust("", &[]);
    let call = rig.call("traced.rs_fail", "[]");
    let spans = rig.receiver.trace(&call.trace, 2);
    let run = named(&spans, "run/traced.rs_fail");
    assert!(run.failed && !call.failed, "{spans:#?}");
    assert_eq!(run.attributes["celery.state"], "FAILURE");
    assert_eq!(run.events, ["exception"]);
    assert!(run.attributes.contains_key("error.type"), "{run:#?}");
}

#[test]
fn runs_may_be_linked_instead_of_being_children() {
    let rig = Rig::new().rust("", &[("TASKQ_OTEL_SPAN_LINKS", "true")]);
    let call = rig.call("traced.rs_blocking", "[7]");
    let run = rig.receiver.span("the run", |span| span.name == "run/traced.rs_blocking");
    assert_ne!(run.trace, call.trace);
    assert_eq!((run.parent.as_str(), run.links.as_slice()), ("", [call.id].as_slice()));
    // A span that the program opens on a thread of the pool is part of the run.
    let own = rig.receiver.span("a span of the program's own", |span| span.name == "own work");
    assert_eq!((own.trace, own.parent), (run.trace, run.id));
}

/// Whoever has a span finds its lines, and whoever has a line its span.
#[test]
fn json_lines_name_the_span_of_the_run() {
    for pool in ["", "-P processes"] {
        let rig = Rig::new().rust(&format!("{pool} --log-format json"), &[]);
        let call = rig.call("traced.rs_add", "[1,2]");
        let run = rig.receiver.span("the run", |span| span.name == "run/traced.rs_add");
        let log = || rig.running[0].output();
        eventually("the line of its end", STARTING, || log().contains("task succeeded"));
        let line = |message: &str| -> serde_json::Value {
            let lines = log();
            let line = lines.lines().find(|line| line.contains(message));
            serde_json::from_str(line.unwrap_or_else(|| panic!("no `{message}` in {lines}"))).expect("JSON")
        };
        for (message, span) in [("task received", &call.id), ("task succeeded", &run.id)] {
            let line = line(message);
            assert_eq!((&line["trace_id"], &line["span_id"]), (&json!(call.trace), &json!(span)), "{line}");
        }
    }
}

#[test]
fn children_of_the_process_pool_carry_the_trace_on() {
    let rig = Rig::new().rust("-P processes", &[]).python();
    let trace = rig.start("chain");
    let spans = rig.receiver.trace(&trace, 10);
    let line = line(&spans);
    assert_eq!(line.iter().filter(|name| name.starts_with("run/traced.rs_")).count(), 3, "{line:?}");
}
