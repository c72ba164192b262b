//! Tasks that try the process pool: they abort, block, leak, and tell which process ran them.

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use taskq::{Value, prelude::*, task};

/// The process that runs it.
#[task(name = "pool.pid")]
fn pid() -> u32 {
    std::process::id()
}

/// The same, after a while, on the runtime.
#[task(name = "pool.nap")]
async fn nap(seconds: f64) -> u32 {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    std::process::id()
}

/// Ends its process in the hardest way.
#[task(name = "pool.abort")]
fn abort() {
    std::process::abort();
}

/// The same, acknowledged before.
#[task(name = "pool.abort_early", acks_late = false)]
fn abort_early() {
    std::process::abort();
}

/// Ends its process with a code.
#[task(name = "pool.exit", reject_on_worker_lost = false)]
fn exit(code: i32) {
    std::process::exit(code);
}

/// Dies in its first run, and says so in the second.
#[task(bind, name = "pool.retried", retry_on_worker_lost, max_retries = 1)]
fn retried(cx: &TaskContext) -> u32 {
    if cx.retries() == 0 {
        std::process::abort();
    }
    cx.retries()
}

/// Blocks a thread and looks at nothing.
#[task(name = "pool.block", time_limit = "1s")]
fn block() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(600) {
        std::hint::spin_loop();
    }
}

/// Blocks until it is told that its time is over.
#[task(bind, name = "pool.soft", soft_time_limit = "200ms", time_limit = "1h")]
fn soft(cx: &TaskContext) -> String {
    while !cx.is_cancelled() {
        thread::sleep(Duration::from_millis(5));
    }
    "told in time".to_owned()
}

/// Sleeps on a thread, whatever it is told.
#[task(name = "pool.sleep")]
fn sleep(seconds: f64) {
    thread::sleep(Duration::from_secs_f64(seconds));
}

/// Uses so much memory.
#[task(name = "pool.eat")]
fn eat(mebibytes: usize) -> u32 {
    let eaten = vec![1_u8; mebibytes << 20];
    assert_ne!(std::hint::black_box(&eaten).len(), 1);
    std::process::id()
}

/// Fails in its first run.
#[task(bind, name = "pool.flaky", max_retries = 3)]
async fn flaky(cx: &TaskContext) -> Result<u32, TaskError> {
    match cx.retries() {
        0 => Err(cx.retry().countdown(10.milliseconds()).into()),
        retries => Ok(retries),
    }
}

/// Fails, and has somebody told.
#[task(name = "pool.fail")]
async fn fail(why: String) -> Result<(), std::io::Error> {
    Err(std::io::Error::other(why))
}

/// Sends that.
#[task(name = "pool.send_fail")]
async fn send_fail(why: String) -> Result<(), TaskError> {
    fail.with().link_error(Signature::by_name("pool.told", args![])).delay(why).await?;
    Ok(())
}

/// An errback that is called: writes down which process it is in, and what it was told.
#[task(name = "pool.told")]
fn told(request: Value, error: Value, traceback: Value) -> Result<(), std::io::Error> {
    drop((request, traceback));
    std::fs::write("told.new", format!("{} {error:?}", std::process::id()))?;
    std::fs::rename("told.new", "told")
}

/// Ends its process if it is told to.
#[task(name = "pool.abort_if")]
fn abort_if(now: bool) -> u32 {
    if now {
        std::process::abort();
    }
    std::process::id()
}

/// Uses state, tells events and progress, and sends other tasks.
#[task(bind, name = "pool.busy")]
async fn busy(cx: &TaskContext, #[state] greeting: &Greeting, name: String) -> Result<String, TaskError> {
    cx.update_state("PROGRESS", 50).await?;
    cx.send_event("task-half", serde_json::json!({"done": 50}))?;
    pid.delay().await?;
    cx.send_with_success(pid.si());
    Ok(format!("{} {name} from {}", greeting.0, cx.hostname()))
}

/// Goes on as a chord of which one task kills its process.
#[task(bind, name = "pool.doomed")]
async fn doomed(cx: &TaskContext) -> Result<u32, TaskError> {
    let header = ["pool.pid", "pool.abort"].map(|task| Signature::by_name(task, args![])).to_vec();
    Err(cx.replace(Signature::chord(header, Signature::by_name("pool.busy", args!["nobody"]))))
}

/// State that is made in every process.
struct Greeting(&'static str);

fn main() -> ExitCode {
    taskq::App::builder()
        .state(Greeting("hello"))
        .camera("states", |shot| println!("{:?}", shot.states()))
        .main()
}
