//! `events` on a pseudo terminal: what runs is shown, a key ends it, and the terminal is left as it was.

use std::time::Duration;

use taskq_tests::{demo::Demo, process::Running, python, redis_server::RedisServer};

const SOON: Duration = Duration::from_secs(90);

#[test]
fn a_worker_and_its_tasks_are_on_the_screen_until_q() {
    let redis = RedisServer::start();
    let program = env!("CARGO_BIN_EXE_demo-app");
    let demo = Demo::new(program);
    let url = redis.url(0);
    let mut worker = demo.start(&format!("-b {url} worker -E -c 1 -n screen@test"));
    worker.wait_for_output("ready", SOON);
    let mut command = python::script("on_terminal.py");
    // The name of the task comes with its event, after the view listens; then `q`.
    command.args(["demo.add", "q", program, "-b", &url, "events"]).current_dir(demo.dir());
    let mut view = Running::start(&mut command, demo.dir().join("screen.log"));
    let mut sent = 0;
    while view.exited().is_none() {
        demo.run(&format!("-b {url} call demo.add -a [{sent},1] --wait=60")).ok();
        sent += 1;
        assert!(sent < 500, "never shown: {}", view.output());
    }
    assert!(view.wait(SOON).success(), "{}", view.output());
    let screen = view.output();
    // Blanks are skipped on a terminal that is blank.
    for text in ["screen@test", "online", "demo.add", "second"] {
        assert!(screen.contains(text), "`{text}` is not in {screen:?}");
    }
    assert!(
        screen.contains("\u{1b}[?1049h") && screen.contains("\u{1b}[?1049l"),
        "not left as it was: {screen:?}"
    );
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let said = Demo::new(env!("CARGO_BIN_EXE_demo-app")).run("events");
    assert!(said.failed(2).contains("--dump"), "{}", said.stderr);
}
