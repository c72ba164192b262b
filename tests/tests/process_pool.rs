//! `-P processes`: what kills a process kills one run, and nothing else.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use taskq_tests::demo::Demo;
use taskq_tests::process::{Running, eventually};
use taskq_tests::redis_server::RedisServer;

const SOON: Duration = Duration::from_secs(60);

/// A worker with the process pool on a Redis of its own.
struct Bench {
    worker: Running,
    demo: Demo,
    _redis: RedisServer,
}

impl Bench {
    fn start(options: &str) -> Self {
        let redis = RedisServer::start();
        let demo = Demo::new(env!("CARGO_BIN_EXE_pool-app"));
        std::fs::write(demo.dir().join("taskq.toml"), format!("broker_url = \"{}\"\n", redis.url(0)))
            .expect("a settings file");
        let mut worker = demo.start(&format!("worker -n w@test -P processes -l DEBUG {options}"));
        worker.wait_for_output("worker is ready", SOON);
        Self { worker, demo, _redis: redis }
    }

    /// What a task returns.
    fn call(&self, call: &str) -> Value {
        let out = self.demo.run(&format!("call {call} --wait=60"));
        serde_json::from_str(out.ok()).unwrap_or_else(|error| panic!("{error}: {out:?}"))
    }

    /// What a task fails with.
    fn fails(&self, call: &str) -> String {
        self.demo.run(&format!("call {call} --wait=60")).failed(3).to_owned()
    }

    /// Sends a task; answers its id.
    fn send(&self, call: &str) -> String {
        self.demo.run(&format!("call {call}")).ok().to_owned()
    }

    /// The one answer to a command.
    fn ask(&self, command: &str) -> Value {
        let answers = self.demo.run(&format!("{command} --json -t 30 -d w@test")).json();
        answers["w@test"].clone()
    }

    fn pool(&self) -> Value {
        self.ask("inspect stats")["pool"].clone()
    }

    fn pids(&self) -> Vec<u64> {
        let pool = self.pool();
        let pids = pool["processes"].as_array().expect("processes").iter();
        pids.map(|pid| pid.as_u64().expect("a pid")).collect()
    }

    /// Waits until a task runs; answers its process.
    fn runs(&self, task: &str) -> u64 {
        let mut pid = None;
        eventually(&format!("{task} runs"), SOON, || {
            let active = self.ask("inspect active");
            let mine = active.as_array().and_then(|tasks| tasks.iter().find(|one| one["name"] == task));
            pid = mine.and_then(|one| one["worker_pid"].as_u64());
            pid.is_some()
        });
        pid.expect("a pid")
    }

    fn stop(mut self) {
        self.worker.terminate();
        assert!(self.worker.wait(SOON).success(), "{}", self.worker.output());
    }
}

fn kill(signal: &str, pid: u64) {
    let status = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
    assert!(status.expect("kill").success(), "could not send {signal} to {pid}");
}

fn is_there(pid: u64) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn tasks_have_all_they_need_in_a_child() {
    let bench = Bench::start("-c 2 -E");
    let worker = u64::from(bench.worker.id());
    let pid = bench.call("pool.pid").as_u64().expect("a pid");
    assert!(pid != worker && bench.pids().contains(&pid), "{pid} is a child of {worker}");
    assert_ne!(bench.call("pool.nap -a [0]"), worker, "async tasks, too");
    let said = bench.call(r#"pool.busy -a ["bob"]"#);
    assert!(said.as_str().expect("a text").starts_with("hello bob from w@test"), "{said}");
    assert_eq!(bench.call("pool.flaky"), 1, "one retry");
    assert_eq!(bench.call("pool.soft"), "told in time", "the soft limit reaches the task");
    // Both that `pool.busy` sent: during its run, and with its success.
    bench.demo.run("call pool.pid --wait=60").ok();
    let sent = || bench.worker.output().matches("task succeeded task=pool.pid").count();
    eventually("what the task sent has run", SOON, || sent() == 4);
    bench.stop();
}

/// Symptom: what a map called, and errbacks, ran in the worker itself.
#[test]
fn what_a_map_calls_and_errbacks_run_in_children() {
    let bench = Bench::start("-c 2");
    let worker = u64::from(bench.worker.id());
    let is_child = |pid: &Value| {
        let pid = pid.as_u64().expect("a pid");
        pid != worker && bench.pids().contains(&pid)
    };
    let map = bench.call(r#"celery.map -a [{"task":"pool.abort_if"},[false,false,false]]"#);
    let starmap = bench.call(r#"celery.starmap -a [{"task":"pool.pid"},[[],[]]]"#);
    for (pids, count) in [(map, 3), (starmap, 2)] {
        let pids = pids.as_array().expect("a list");
        assert!(pids.len() == count && pids.iter().all(is_child), "{pids:?} of {worker}");
    }

    bench.demo.run(r#"call pool.send_fail -a ["for_a_reason"]"#).ok();
    let mut told = String::new();
    eventually("the errback is called", SOON, || {
        told = std::fs::read_to_string(bench.demo.dir().join("told")).unwrap_or_default();
        !told.is_empty()
    });
    let (pid, error) = told.split_once(' ').expect("a pid and an error");
    assert!(is_child(&pid.parse::<u64>().expect("a pid").into()), "{told} of {worker}");
    assert!(error.contains("for_a_reason"), "{told}");

    // An item that aborts its process: the map is given back as any task that does, and is dead in the end.
    let error = bench.fails(r#"celery.map -a [{"task":"pool.abort_if"},[false,true]]"#);
    assert!(error.contains("WorkerLostError") && error.contains("signal 6 (SIGABRT)"), "{error}");
    let dead = bench.demo.run("dead list --json").json();
    assert_eq!((dead.as_array().map(Vec::len), &dead[0]["task"]), (Some(1), &Value::from("celery.map")));
    bench.call("pool.pid");
    bench.stop();
}

#[test]
fn a_task_that_aborts_its_process_is_a_dead_letter_and_hurts_nobody_else() {
    let bench = Bench::start("-c 2");
    let other = bench.send("pool.nap -a [3]");
    let pid = bench.runs("pool.nap");
    let error = bench.fails("pool.abort");
    let lost = "Worker exited prematurely: signal 6 (SIGABRT) Job: ";
    assert!(error.contains("WorkerLostError") && error.contains(lost), "{error}");
    let dead = bench.demo.run("dead list --json").json();
    assert_eq!((dead.as_array().map(Vec::len), &dead[0]["task"]), (Some(1), &Value::from("pool.abort")));
    let reason = dead[0].to_string();
    assert!(
        reason.contains("its process died 3 times, the last time it ran alone") && reason.contains(lost),
        "{reason}"
    );
    assert_eq!(bench.worker.output().matches("task started task=pool.abort").count(), 3);
    let result = bench.demo.run(&format!("result {other} --wait=60"));
    assert!(result.ok().contains(&pid.to_string()), "the other run was not disturbed: {result:?}");
    eventually("both slots have a child again", SOON, || bench.pids().len() == 2);
    bench.stop();
}

#[test]
fn a_chord_learns_of_a_member_that_kills_its_processes() {
    let bench = Bench::start("-c 2");
    let error = bench.fails("pool.doomed");
    assert!(error.contains("ChordError") && error.contains("signal 6 (SIGABRT)"), "{error}");
    assert_eq!(bench.demo.run("dead list --json").json().as_array().map(Vec::len), Some(1));
    bench.stop();
}

/// Workers that run tasks in their own process, on a Redis of their own.
fn in_one_process(settings: &str) -> (Demo, RedisServer) {
    let redis = RedisServer::start();
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let settings = format!("broker_url = \"{}\"\n{settings}\n", redis.url(0));
    std::fs::write(demo.dir().join("taskq.toml"), settings).expect("a settings file");
    (demo, redis)
}

#[test]
fn a_task_that_kills_its_worker_runs_alone_in_a_child_the_third_time_and_is_a_dead_letter() {
    let (demo, _redis) = in_one_process("lease = \"2s\"");
    let id = demo.run("call demo.abort").ok().to_owned();
    // Held beside it by the workers that die: it dies with nobody.
    let innocent = demo.run("call demo.add -a [1,2]").ok().to_owned();
    for _ in 0..2 {
        let mut worker = demo.start("worker -n w@test -P solo --prefetch-multiplier 4");
        assert!(!worker.wait(SOON).success(), "the task took it along: {}", worker.output());
        assert!(worker.output().contains("worker is ready"), "{}", worker.output());
    }
    let mut worker = demo.start("worker -n w@test -P threads -c 2");
    let error = demo.run(&format!("result {id} --wait=60")).failed(3).to_owned();
    assert!(error.contains("WorkerLostError") && error.contains("signal 6 (SIGABRT)"), "{error}");
    let dead = demo.run("dead list --json").json();
    assert_eq!((dead.as_array().map(Vec::len), &dead[0]["task"]), (Some(1), &Value::from("demo.abort")));
    let reason = "its process died 3 times, the last time it ran alone: Worker exited prematurely";
    assert!(dead[0].to_string().contains(reason), "{dead}");
    let result = demo.run(&format!("result {innocent} --wait=60"));
    assert_eq!(result.ok(), "3", "it ran");
    let log = worker.output();
    assert!(log.contains("it runs alone: its processes died"), "{log}");
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
}

#[test]
fn messages_that_workers_give_back_are_no_suspects_however_often() {
    let (demo, _redis) = in_one_process("");
    let waiting = demo.run("call demo.add -a [1,2] --queue slow --priority 0").ok().to_owned();
    for _ in 0..4 {
        // Goes first; the other is taken beside it, and given back.
        demo.run("call demo.sleep -a [1] --priority 9").ok();
        let mut worker =
            demo.start("worker -n w@test -l DEBUG -P threads -c 1 --prefetch-multiplier 4 -Q slow");
        worker.wait_for_output("task started task=demo.sleep", SOON);
        worker.terminate();
        assert!(worker.wait(SOON).success(), "{}", worker.output());
        assert!(!worker.output().contains("task started task=demo.add"), "{}", worker.output());
    }
    let mut worker = demo.start("worker -n w@test -P threads -c 1 -Q slow");
    assert_eq!(demo.run(&format!("result {waiting} --wait=60")).ok(), "3");
    worker.terminate();
    assert!(worker.wait(SOON).success());
    assert!(!worker.output().contains("it runs alone"), "{}", worker.output());
}

#[test]
fn a_child_that_dies_is_a_failure_or_a_retry_where_the_task_says_so() {
    let bench = Bench::start("-c 1");
    let error = bench.fails("pool.exit -a [3]");
    assert!(error.contains("WorkerLostError: Worker exited prematurely: exitcode 3 Job: 0."), "{error}");
    let error = bench.fails("pool.abort_early");
    assert!(error.contains("signal 6 (SIGABRT) Job: 1."), "acknowledged before: {error}");
    assert_eq!(bench.call("pool.retried"), 1);
    assert_eq!(bench.demo.run("dead list --json").json(), serde_json::json!([]));
    bench.stop();
}

#[test]
fn a_blocking_loop_is_killed_at_its_hard_limit_and_its_slot_runs_the_next_task() {
    let bench = Bench::start("-c 1");
    let id = bench.send("pool.block");
    let pid = bench.runs("pool.block");
    let next = bench.send("pool.pid");
    let error = bench.demo.run(&format!("result {id} --wait=60"));
    assert!(format!("{error:?}").contains("TimeLimitExceeded"), "{error:?}");
    assert!(!is_there(pid), "killed before its failure is told");
    let failed = "task failed task=pool.block";
    eventually("the worker logs it", SOON, || bench.worker.output().contains(failed));
    let runtime = runtime(&bench.worker.output(), failed);
    // One second and what a kill takes: 1.5 s on a machine that has time. Never before the limit.
    assert!((1.0..3.0).contains(&runtime), "killed after {runtime} s");
    let by = bench.demo.run(&format!("result {next} --wait=60 --json")).json();
    assert!(by["result"].is_u64() && by["result"] != pid, "{by}");
    bench.stop();
}

/// The run time that a line of the log tells, in seconds.
fn runtime(log: &str, line: &str) -> f64 {
    let line = log.lines().find(|one| one.contains(line)).unwrap_or_else(|| panic!("{line}: {log}"));
    let (_, rest) = line.split_once("runtime=").expect("a run time");
    let text = rest.split(' ').next().expect("a run time");
    match text.strip_suffix("ms") {
        Some(milliseconds) => milliseconds.parse::<f64>().expect("a number") / 1e3,
        None => text.trim_end_matches('s').parse().expect("a number"),
    }
}

#[test]
fn a_child_that_is_killed_from_outside_is_replaced_and_its_task_runs_again() {
    let bench = Bench::start("-c 1");
    let idle = bench.pids()[0];
    kill("KILL", idle);
    eventually("an idle child is replaced", SOON, || bench.pids().iter().any(|pid| *pid != idle));
    let id = bench.send("pool.nap -a [2]");
    kill("KILL", bench.runs("pool.nap"));
    let result = bench.demo.run(&format!("result {id} --wait=60"));
    assert_eq!(result.code, 0, "it was given back and ran again: {result:?}");
    assert_eq!(bench.worker.output().matches("task started task=pool.nap").count(), 2);
    bench.stop();
}

#[test]
fn terminate_ends_a_child_by_the_signal_that_was_given() {
    let mut bench = Bench::start("-c 1 -E");
    let mut events = bench.demo.command("events --dump --json");
    let mut events = Running::start(&mut events, bench.demo.dir().join("events.log"));
    events.wait_for_output("worker-heartbeat", SOON);
    for (signal, number) in [("SIGTERM", 15), ("KILL", 9), ("sigint", 2)] {
        let id = bench.send("pool.sleep -a [600]");
        let pid = bench.runs("pool.sleep");
        let answer = bench.ask(&format!("control terminate {signal} {id}"));
        assert!(answer["ok"].as_str().is_some_and(|ok| ok.contains(&id)), "{answer}");
        eventually("its process is gone", SOON, || !is_there(pid));
        let revoked = || {
            events.output().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|event| {
                event["type"] == "task-revoked"
                    && event["uuid"] == id.as_str()
                    && event["terminated"] == true
                    && event["signum"] == number
            })
        };
        eventually(&format!("{signal} is told"), SOON, revoked);
    }
    let wrong = bench.demo.run("control terminate SIGNONE some-id -t 30 -d w@test");
    assert!(wrong.code == 1 && wrong.stdout.contains("SIGNONE"), "{wrong:?}");
    assert!(bench.call("pool.pid").is_u64(), "the slot is free again");
    assert!(bench.worker.exited().is_none());
    bench.stop();
}

#[test]
fn children_are_replaced_after_so_many_tasks_or_so_much_memory() {
    let bench = Bench::start("-c 1 --max-tasks-per-child 2");
    assert_eq!(bench.pool()["max-tasks-per-child"], 2);
    let pids: Vec<Value> = (0..4).map(|_| bench.call("pool.pid")).collect();
    assert!(pids[0] == pids[1] && pids[1] != pids[2] && pids[2] == pids[3], "{pids:?}");
    bench.stop();

    let bench = Bench::start("-c 1 --max-memory-per-child 150000");
    let small = bench.call("pool.eat -a [1]");
    assert_eq!(bench.call("pool.eat -a [200]"), small, "its task is completed first");
    assert_ne!(bench.call("pool.pid"), small);
    bench.stop();
}

#[test]
fn the_pool_grows_shrinks_and_restarts_by_remote_control() {
    let bench = Bench::start("-c 1 -- worker_pool_restarts=true");
    let first = bench.pids();
    bench.ask("control pool_grow 2");
    eventually("three children", SOON, || bench.pids().len() == 3);
    assert!(bench.pids().contains(&first[0]));
    assert_eq!(bench.pool()["max-concurrency"], 3);
    bench.ask("control pool_shrink 1");
    eventually("two children", SOON, || bench.pids().len() == 2);
    let before = bench.pids();
    bench.ask("control pool_restart");
    eventually("two others", SOON, || {
        let pids = bench.pids();
        pids.len() == 2 && pids.iter().all(|pid| !before.contains(pid))
    });
    eventually("the old ones are gone", SOON, || before.iter().all(|pid| !is_there(*pid)));
    assert!(bench.call("pool.pid").is_u64());
    bench.stop();
}

#[test]
fn a_signal_to_every_process_of_the_service_still_lets_tasks_finish() {
    let mut bench = Bench::start("-c 1");
    let id = bench.send("pool.sleep -a [2]");
    let pid = bench.runs("pool.sleep");
    kill("TERM", pid);
    bench.worker.terminate();
    assert!(bench.worker.wait(SOON).success());
    assert!(bench.worker.output().contains("left=0"), "{}", bench.worker.output());
    assert_eq!(bench.demo.run(&format!("result {id} --wait=1")).code, 0, "it was let finish");
    assert!(!is_there(pid));
}

#[test]
fn children_end_with_a_worker_that_is_killed() {
    let mut bench = Bench::start("-c 2");
    bench.send("pool.sleep -a [600]");
    let busy = bench.runs("pool.sleep");
    let pids = bench.pids();
    assert!(pids.contains(&busy) && pids.len() == 2, "{pids:?}");
    let began = Instant::now();
    kill("KILL", u64::from(bench.worker.id()));
    bench.worker.wait(SOON);
    eventually("no child is left", SOON, || pids.iter().all(|pid| !is_there(*pid)));
    assert!(began.elapsed() < Duration::from_secs(600), "the task did not finish first");
}
