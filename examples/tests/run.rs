//! Runs every example as a reader would, and looks at what it prints.

use std::{env, path::PathBuf, process::Command};

/// The built program: `cargo test` builds examples beside this test.
fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("this test is a file");
    let built = test.parent().and_then(|deps| deps.parent()).expect("target/debug/deps").join("examples");
    built.join(name)
}

/// Runs it in an empty folder and without settings; every text must be in what it prints.
fn prints(name: &str, texts: &[&str]) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program(name));
    for (variable, _) in
        env::vars().filter(|(name, _)| name.starts_with("TASKQ_") || name.starts_with("CELERY_"))
    {
        command.env_remove(variable);
    }
    let output = command.current_dir(dir.path()).output().unwrap_or_else(|error| panic!("`{name}`: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{name}` {}:\n{stdout}\n{stderr}", output.status);
    for text in texts {
        assert!(stdout.contains(text), "`{name}` does not print `{text}`:\n{stdout}\n{stderr}");
    }
}

#[test]
fn quickstart() {
    let lines = [
        "`be` occurs 2 times",
        "https://example.org after 2 retries",
        "2 words",
        "9 came in place 1, 1 in place 2",
        "5 tasks done",
    ];
    prints("quickstart", &lines);
}

#[test]
fn blocking() {
    prints("blocking", &["pong", "500 rounds", "divide by zero"]);
}

#[test]
fn state() {
    prints("state", &["needs state of type `state::Shop`", "1 sold", "2 sold"]);
}

#[test]
fn by_name() {
    prints("by_name", &["welcome, Grace", "TypeError", "volume"]);
}

#[test]
fn progress() {
    prints("progress", &[" of 5", "5 files copied"]);
}

#[test]
fn middleware() {
    prints("middleware", &["acme", "1 succeeded"]);
}

#[test]
fn bulk() {
    prints("bulk", &["10000 sent", "10000 done"]);
}

#[test]
fn retries() {
    prints("retries", &["index after 3 retries", "not retried: ", "no such page"]);
}

#[test]
fn canvas() {
    let lines = [
        "chain     `be` occurs 2 times",
        "group     3 pages",
        "characters, 1 word",
        "chord     `be` occurs 6 times",
        "chunks    3 messages for 10 calls",
    ];
    prints("canvas", &lines);
}
