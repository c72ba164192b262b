//! A program that knows the tasks of the shop (`tests/python/shop.py`) by name and runs none of them: what the
//! tests of the board start. `SHOP_BARE` knows none.

use std::process::ExitCode;

use taskq::{App, Main, Registry, task};

/// Adds.
#[task(name = "shop.add")]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// Fails with a code.
#[task(name = "shop.always_fails")]
fn always_fails(code: i64) -> i64 {
    code
}

/// Sends an e-mail.
#[task(name = "shop.send_email", queue = "emails")]
fn send_email(to: String, #[default = String::new()] subject: String) -> String {
    to + &subject
}

/// Sleeps.
#[task(name = "shop.sleepy")]
fn sleepy(seconds: f64) -> f64 {
    seconds
}

/// Ends early when it is told to.
#[task(name = "shop.abortable")]
fn abortable(seconds: f64) -> f64 {
    seconds
}

fn main() -> ExitCode {
    let app = if std::env::var_os("SHOP_BARE").is_some() {
        App::builder().registry(Registry::new())
    } else {
        App::builder()
    };
    app.set("task_send_sent_event", true).set("task_track_started", true).set("result_extended", true).main()
}
