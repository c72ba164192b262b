//! The shop: real Python workers, and the tasks they were given when Flower's answers were captured.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use taskq_tests::{process::Running, python, redis_server::RedisServer};

/// How long a worker may take until it is ready, and a script until it is done.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A command with the addresses of the shop.
fn configured(command: &mut Command, redis: &RedisServer) {
    command.env("SHOP_BROKER", redis.url(0)).env("SHOP_BACKEND", redis.url(0));
}

/// A worker that is ready.
pub(crate) fn worker(
    redis: &RedisServer,
    logs: &Path,
    name: &str,
    options: &[&str],
    restarts: bool,
) -> Running {
    let mut command = python::command();
    configured(&mut command, redis);
    if restarts {
        command.env("SHOP_RESTARTS", "1");
    }
    command
        .args(["-m", "celery", "-A", "shop", "worker", "-l", "INFO", "-E", "-n", name])
        .args(options)
        .current_dir(logs);
    let mut worker = Running::start(&mut command, logs.join(format!("{name}.log")));
    worker.wait_for_output(" ready.", PATIENCE);
    worker
}

/// Sends what a step of the test needs; the ids by role.
pub(crate) fn send(redis: &RedisServer, logs: &Path, step: &str) -> BTreeMap<String, String> {
    let mut script = python::script("shop_state.py");
    configured(&mut script, redis);
    let output = python::run(script.arg(step), &logs.join(format!("{step}.log")), PATIENCE);
    let ids = output.lines().last().and_then(|line| serde_json::from_str(line).ok());
    ids.unwrap_or_else(|| panic!("no ids in:\n{output}"))
}
