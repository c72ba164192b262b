//! A worker as a service: what it tells systemd, its signals, and a pool that follows its work.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use taskq_tests::demo::Demo;
use taskq_tests::process::{Running, eventually};
use taskq_tests::redis_server::RedisServer;

const SOON: Duration = Duration::from_secs(60);

fn demo() -> Demo {
    Demo::new(env!("CARGO_BIN_EXE_demo-app"))
}

fn app() -> Demo {
    Demo::new(env!("CARGO_BIN_EXE_pool-app"))
}

fn start(demo: &Demo, line: &str, variables: &[(&str, &str)]) -> Running {
    let mut command = demo.command(line);
    command.envs(variables.iter().copied());
    Running::start(&mut command, demo.dir().join("running.log"))
}

fn signal(signal: &str, worker: &Running) {
    let status = Command::new("kill").args(["-s", signal, &worker.id().to_string()]).status();
    assert!(status.expect("kill").success());
}

#[test]
fn systemd_is_told_when_it_consumes_that_it_lives_and_when_it_stops() {
    let demo = demo();
    let place = demo.dir().join("notify");
    let socket = UnixDatagram::bind(&place).expect("a socket");
    socket.set_read_timeout(Some(SOON)).expect("a time limit");
    let mut buffer = [0; 256];
    let mut heard = || {
        let length = socket.recv(&mut buffer).expect("something is told");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let variables = [("NOTIFY_SOCKET", place.to_str().expect("a path")), ("WATCHDOG_USEC", "100000")];
    let mut worker = start(&demo, "worker", &variables);
    let mut said = Vec::new();
    while !said.iter().any(|text: &String| text.starts_with("READY=1")) {
        said.push(heard());
    }
    while heard() != "WATCHDOG=1" {}
    worker.terminate();
    while !heard().starts_with("STOPPING=1") {}
    assert!(worker.wait(SOON).success(), "{}", worker.output());
}

#[test]
fn sighup_lets_running_tasks_finish_and_starts_the_program_again_under_its_process_id() {
    let demo = demo();
    let mut worker = start(&demo, "worker -c 1 -l DEBUG -Q celery,slow", &[]);
    worker.wait_for_output("worker is ready", SOON);
    let id = demo.run("call demo.sleep -a [1]").ok().to_owned();
    worker.wait_for_output("task started", SOON);
    signal("HUP", &worker);
    eventually("it is ready twice", SOON, || worker.output().matches("worker is ready").count() == 2);
    assert!(worker.exited().is_none(), "the same process");
    assert_eq!(demo.run(&format!("result {id} --wait=1")).ok(), "null", "it was let finish");
    assert_eq!(demo.run("call demo.add -a [2,3] --wait=60").ok(), "5");
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
}

#[test]
fn remap_sigterm_makes_the_first_one_give_running_tasks_back() {
    let demo = demo();
    let mut worker = start(&demo, "worker -c 1 -l DEBUG -Q celery,slow", &[("REMAP_SIGTERM", "SIGQUIT")]);
    worker.wait_for_output("worker is ready", SOON);
    demo.run("call demo.sleep -a [600]").ok();
    worker.wait_for_output("task started", SOON);
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
    assert!(worker.output().contains("task given back"), "{}", worker.output());
}

#[test]
fn an_autoscaled_pool_follows_its_work_and_the_command() {
    let redis = RedisServer::start();
    let demo = app();
    std::fs::write(demo.dir().join("taskq.toml"), format!("broker_url = \"{}\"\n", redis.url(0))).unwrap();
    let line = "worker -n w@test -P processes --autoscale 4,1";
    let mut worker = start(&demo, line, &[("AUTOSCALE_KEEPALIVE", "1")]);
    worker.wait_for_output("worker is ready", SOON);
    let stats = || demo.run("inspect stats --json -t 30 -d w@test").json()["w@test"].clone();
    let scaled = |key: &str| stats()["autoscaler"][key].as_u64();
    let now = stats();
    assert_eq!((now["autoscaler"]["max"].as_u64(), now["autoscaler"]["min"].as_u64()), (Some(4), Some(1)));
    assert_eq!(now["pool"]["max-concurrency"], 1);
    for _ in 0..8 {
        demo.run("call pool.nap -a [4]").ok();
    }
    eventually("it has grown to its most", SOON, || scaled("current") == Some(4));
    eventually("children, too", SOON, || {
        stats()["pool"]["processes"].as_array().is_some_and(|pids| pids.len() == 4)
    });
    eventually("it has shrunk to its least", SOON, || scaled("current") == Some(1));
    let said = demo.run("control autoscale 3 2 --json -t 30 -d w@test").json();
    assert_eq!(said["w@test"]["ok"], "autoscale now max=3 min=2");
    eventually("the new bounds hold", SOON, || scaled("current") == Some(2));
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
}
