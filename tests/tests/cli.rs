//! The command line on SQLite, as a person meets it: what it prints, how it ends, what it refuses.

use std::time::Duration;

use serde_json::json;
use taskq::{App, Args, Signature, args, core::config::Sources};
use taskq_tests::{
    demo::Demo,
    process::{Running, eventually},
};

const SOON: Duration = Duration::from_secs(30);

fn demo() -> Demo {
    Demo::new(env!("CARGO_BIN_EXE_demo-app"))
}

fn worker(demo: &Demo, line: &str) -> Running {
    let mut worker = demo.start(line);
    worker.wait_for_output("ready", SOON);
    worker
}

#[test]
fn a_call_is_run_by_a_worker_and_its_result_is_printed() {
    let demo = demo();
    let id = demo.run("call demo.add -a [2,3]").ok().to_owned();
    let pending = demo.run(&format!("result {id}"));
    assert!(pending.failed(4).contains("PENDING"), "{}", pending.stderr);

    let _worker = worker(&demo, "worker");
    assert_eq!(demo.run(&format!("result {id} --wait=30")).ok(), "5");
    let whole = demo.run(&format!("result {id} --json")).json();
    assert_eq!(
        (&whole["status"], &whole["result"], &whole["task_id"]),
        (&json!("SUCCESS"), &json!(5), &json!(id))
    );

    assert_eq!(demo.run("call demo.flaky --wait=30").ok(), "3");
    assert_eq!(
        demo.run(r#"call demo.add -k {"x":1,"y":1} --countdown 0.1 --priority 9 --wait=30"#).ok(),
        "2"
    );
}

#[test]
fn a_failed_task_is_told_with_its_error_and_code_3() {
    let demo = demo();
    let _worker = worker(&demo, "worker");
    let failed = demo.run(r#"call demo.fail -a ["disk_full"] --wait=30"#);
    assert!(failed.failed(3).contains("disk_full"), "{}", failed.stderr);
    let failed = demo.run(r#"call demo.fail -a ["disk_full"] --wait=30 --json"#);
    let document: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!(document["status"], "FAILURE");
    assert_eq!(failed.code, 3);
}

#[test]
fn lines_that_a_task_logs_carry_its_name_and_id() {
    let demo = demo();
    let mut text = worker(&demo, "worker");
    let id = demo.run(r#"call demo.say -a ["hello"]"#).ok().to_owned();
    text.wait_for_output(&format!("hello task=demo.say id={id}"), SOON);
    text.terminate();
    text.wait(SOON);
    let mut log = worker(&demo, "worker --log-format json");
    let id = demo.run(r#"call demo.say -a ["bye"]"#).ok().to_owned();
    log.wait_for_output("task succeeded", SOON);
    let lines: Vec<serde_json::Value> =
        log.output().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = lines.iter().find(|line| line["message"] == "bye").unwrap();
    assert_eq!((&said["task"], &said["id"]), (&json!("demo.say"), &json!(id)));
}

/// A JSON log has one line for each change of state, and each names the trace that came with the message.
#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_state_is_one_json_line_that_names_its_trace() {
    const TRACE: (&str, &str) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let demo = demo();
    let sources =
        Sources::none().set("broker_url", format!("sqlite:{}", demo.dir().join("taskq.db").display()));
    let app = App::builder().sources(sources).build().unwrap();
    let send = async |task: &str, args: Args, traced: bool| {
        let mut signature = Signature::by_name(task, args);
        if traced {
            signature = signature.header("traceparent", format!("00-{}-{}-01", TRACE.0, TRACE.1));
        }
        app.send_signature(signature).await.unwrap().id().to_string()
    };
    let traced = send("demo.flaky", args![], true).await;
    let plain = send("demo.flaky", args![], false).await;
    let said = send("demo.say", args!["said"], true).await;
    let unknown = send("demo.nowhere", args![], true).await;
    let mut log = worker(&demo, "worker --log-format json -l DEBUG");
    let lines = |log: &Running| -> Vec<serde_json::Value> {
        log.output().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    eventually("every task ends", SOON, || {
        let ended = |line: &&serde_json::Value| {
            ["task succeeded", "message put aside"].iter().any(|end| line["message"] == *end)
        };
        lines(&log).iter().filter(ended).count() == 4
    });
    log.terminate();
    log.wait(SOON);
    let lines = lines(&log);
    let of = |id: &str| -> Vec<&serde_json::Value> {
        let is_state = |line: &&serde_json::Value| {
            let message = line["message"].as_str().unwrap_or_default();
            line["id"] == *id
                && (message.starts_with("task ") || message == "message put aside" || message == "said")
        };
        lines.iter().filter(is_state).collect()
    };
    let messages = |id: &str| of(id).iter().map(|line| line["message"].clone()).collect::<Vec<_>>();
    let attempt = |end| ["task received", "task started", end];
    let mut flaky = [attempt("task retries"), attempt("task retries"), attempt("task succeeded")].concat();
    flaky.sort_unstable();
    for id in [&traced, &plain] {
        // The end of an attempt is told when it is settled: then the next one may be under way.
        let mut said = messages(id);
        said.sort_unstable_by_key(ToString::to_string);
        assert_eq!(said, flaky);
    }
    assert_eq!(messages(&said), ["task received", "task started", "said", "task succeeded"]);
    assert_eq!(messages(&unknown), ["message put aside"]);
    for line in [&traced, &said, &unknown].into_iter().flat_map(|id| of(id)) {
        assert_eq!((&line["trace_id"], &line["span_id"]), (&json!(TRACE.0), &json!(TRACE.1)), "{line}");
    }
    for line in of(&plain) {
        assert!(line.get("trace_id").is_none() && line.get("span_id").is_none(), "{line}");
    }
}

#[test]
fn a_worker_stops_warmly_on_sigterm() {
    let demo = demo();
    let mut worker = worker(&demo, "worker -l INFO -c 2 -n w1@%h");
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
}

#[test]
fn dev_is_a_worker_on_a_file_and_needs_nothing() {
    let demo = demo();
    let _dev = worker(&demo, "dev");
    assert_eq!(demo.run("call demo.add -a [20,22] --wait=30").ok(), "42");
    assert!(demo.dir().join("taskq.db").is_file());
}

#[test]
fn queues_are_counted_and_purged() {
    let demo = demo();
    for _ in 0..3 {
        demo.run("call demo.add -a [1,1]").ok();
    }
    demo.run("call demo.add -a [1,1] --countdown 1h").ok();
    demo.run("call demo.sleep").ok();
    let queues = demo.run("queues --json").json();
    assert_eq!(queues[0]["queue"], "celery");
    assert_eq!((&queues[0]["ready"], &queues[0]["delayed"]), (&json!(3), &json!(1)));
    assert_eq!((&queues[1]["queue"], &queues[1]["ready"]), (&json!("slow"), &json!(1)));
    let table = demo.run("queues -Q slow");
    assert!(table.ok().starts_with("queue  ready  delayed  in flight  dead"), "{}", table.stdout);

    let refused = demo.run("purge");
    assert!(refused.failed(2).contains("-f"), "{}", refused.stderr);
    assert_eq!(demo.run("purge -f").ok(), "celery: 4 removed");
    assert_eq!(demo.run("purge -f -Q slow --json").json(), json!([{"queue": "slow", "removed": 1}]));
    assert_eq!(demo.run("queues -Q celery --json").json()[0]["ready"], 0);
}

#[test]
fn the_list_shows_parameters_and_options() {
    let demo = demo();
    let list = demo.run("list");
    let line =
        list.ok().lines().find(|line| line.starts_with("demo.sleep")).unwrap_or_else(|| panic!("{list:?}"));
    for part in ["[seconds]", "async", "queue=slow", "time_limit=1h"] {
        assert!(line.contains(part), "{line}");
    }
    let rows = demo.run("list demo.add --json").json();
    assert_eq!(rows[0]["name"], "demo.add");
    assert_eq!(rows[0]["parameters"][1], json!({"name": "y", "kind": "required"}));
    assert_eq!(rows[0]["runs_on"], "thread");
}

#[test]
fn what_cannot_run_is_kept_shown_and_replayed() {
    let demo = demo();
    let _worker = worker(&demo, "worker");
    let told = demo.run("call demo.add -a [1,2,3] --wait=30");
    assert!(told.failed(3).contains("TypeError"), "{}", told.stderr);
    let told = demo.run("call demo.ad --wait=30");
    assert!(told.failed(3).contains("NotRegistered"), "{}", told.stderr);
    assert!(told.stderr.contains("did you mean `demo.add`"), "{}", told.stderr);

    let dead = demo.run("dead list --json").json();
    let reasons: Vec<_> =
        dead.as_array().unwrap().iter().map(|letter| letter["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains(&"bad-arguments") && reasons.contains(&"unknown-task"), "{dead}");
    let id = dead[0]["id"].as_str().unwrap();
    assert_eq!(demo.run(&format!("dead show {id} --json")).json()["id"], id);
    assert_eq!(demo.run(&format!("dead forget -f {id}")).ok(), "1 forgotten");
    let gone = demo.run(&format!("dead replay {id}"));
    assert!(gone.failed(1).contains(id), "{}", gone.stderr);
    assert_eq!(demo.run("dead replay --all").ok(), "1 replayed");
}

#[test]
fn dead_letters_are_chosen_by_what_they_have_in_common_and_edited() {
    let demo = demo();
    let mut first = worker(&demo, "worker");
    let id = demo.run(r#"call demo.add -a ["one",2]"#).ok().to_owned();
    for line in ["call demo.ad", "call demo.adieu", "call demo.other"] {
        demo.run(line).ok();
    }
    eventually("all are put aside", SOON, || {
        demo.run("dead list --json").json().as_array().unwrap().len() == 4
    });

    let count = |line: &str| demo.run(line).json().as_array().unwrap().len();
    assert_eq!(count("dead list --json --task demo.ad*"), 3);
    assert_eq!(count("dead list --json --task demo.ad"), 1);
    assert_eq!(count("dead list --json --reason unknown-task"), 3);
    assert_eq!(count("dead list --json --older-than 1h"), 0);
    let preview = demo.run("dead purge --reason unknown-task --task demo.ad* --dry-run --json").json();
    assert_eq!(preview, json!({"matching": 2, "queues": {"celery": 2}}));
    assert_eq!(
        demo.run("dead replay --task demo.other --dry-run").ok(),
        "1 would be replayed: 1 of `celery`"
    );
    assert_eq!(count("dead list --json"), 4, "a preview changes nothing");
    assert_eq!(demo.run("dead purge -f --reason unknown-task").ok(), "3 forgotten");
    demo.run("dead purge -f").failed(2);
    assert!(demo.run("dead list --reason odd").failed(2).contains("use undecodable"));

    let letter = demo.run("dead list --json").json()[0]["id"].as_str().unwrap().to_owned();
    let refused = demo.run(&format!(r#"dead edit {letter} -a ["two",2]"#));
    assert!(refused.failed(1).contains("do not fit `demo.add(x, y)`"), "{}", refused.stderr);
    assert_eq!(count("dead list --json"), 1, "a refused edit changes nothing");
    let kept = demo.run(&format!("dead edit {letter} -a [1,1] --keep --json")).json();
    let another = kept["task_id"].as_str().expect("an id");
    assert_eq!(demo.run(&format!("result {another} --wait=30")).ok(), "2");
    assert_eq!((count("dead list --json"), another == id), (1, false), "the letter stays");
    assert_eq!(
        demo.run(&format!("dead edit {letter} -a [40,2]")).ok(),
        "sent to `celery` with other arguments"
    );
    assert_eq!(demo.run(&format!("result {id} --wait=30")).ok(), "42");
    assert_eq!(count("dead list --json"), 0);
    first.terminate();
    assert!(first.wait(SOON).success());
}

#[test]
fn wrong_json_is_pointed_at() {
    let demo = demo();
    let wrong = demo.run("call demo.add -a [1,,2]");
    let lines: Vec<_> = wrong.failed(2).lines().collect();
    assert_eq!(
        &lines[..3],
        ["error: `--args` is no JSON: expected value", "  [1,,2]", "     ^"],
        "{}",
        wrong.stderr
    );
    assert!(demo.run("call demo.add -a {}").failed(2).contains("--kwargs"));
}

#[test]
fn wrong_settings_are_refused_at_start_with_the_nearest_name() {
    let demo = demo();
    let wrong = demo.run("worker -- task_ack_late=true");
    assert!(wrong.failed(2).contains("did you mean `task_acks_late`"), "{}", wrong.stderr);
    let wrong = demo.run("worker -c many");
    assert!(wrong.failed(2).contains("`--concurrency`"), "{}", wrong.stderr);
    let wrong = demo.run_command(demo.command("worker").env("TASKQ_RESULT_EXPIRES", "soon"));
    assert!(wrong.failed(2).contains("`TASKQ_RESULT_EXPIRES`"), "{}", wrong.stderr);
    std::fs::write(demo.dir().join("taskq.toml"), "worker_concurency = 3\n").unwrap();
    let wrong = demo.run("list");
    assert!(
        wrong.failed(2).contains("taskq.toml:1") && wrong.stderr.contains("worker_concurrency"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn unknown_schemes_and_celerys_other_options_are_refused() {
    let demo = demo();
    let wrong = demo.run("-b kafka://me:secret@localhost/ queues");
    assert!(wrong.failed(2).contains("amqp://") && !wrong.stderr.contains("secret"), "{}", wrong.stderr);
    let wrong = demo.run("-b rediss3://me:secret@h queues");
    assert!(wrong.failed(2).contains("redis://") && !wrong.stderr.contains("secret"), "{}", wrong.stderr);
    let wrong = demo.run("worker --statedb revoked.db");
    assert!(wrong.failed(2).contains("--statedb"), "{}", wrong.stderr);
    assert!(demo.run("wroker").failed(2).contains("worker"));
}

#[test]
fn the_report_masks_secrets() {
    let demo = demo();
    std::fs::write(demo.dir().join("taskq.toml"), "redis_password = \"hunter2\"\nworker_concurrency = 3\n")
        .unwrap();
    let report = demo.run("report");
    assert!(
        report.ok().contains("worker_concurrency") && !report.stdout.contains("hunter2"),
        "{}",
        report.stdout
    );
    let document = demo.run("report --json").json();
    assert_eq!(document["broker"]["reachable"], true);
    assert_eq!(document["settings"]["worker_concurrency"], 3);
}

#[test]
fn completions_are_for_this_program() {
    let script = demo().run("completions bash");
    assert!(script.ok().contains("demo-app") && script.stdout.contains("purge"), "{}", script.stdout);
}

#[test]
fn help_is_on_standard_output_and_fits_a_screen() {
    let demo = demo();
    let help = demo.run("--help");
    for command in
        ["worker", "dev", "call", "result", "list", "queues", "purge", "dead", "report", "completions"]
    {
        assert!(help.ok().contains(&format!("\n  {command}")), "{}", help.stdout);
    }
    assert!(help.stdout.lines().count() < 50, "{}", help.stdout);
    assert!(demo.run("--version").ok().starts_with("demo-app"));
}
