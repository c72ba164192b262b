//! The worker itself: `stats`, `conf`, `report`, `memsample`, `memdump`, `objgraph`.

use std::sync::Arc;

use nix::sys::resource::{UsageWho, getrusage};
use taskq_core::{
    backend::StoredError,
    codec::{Map, Value, json, repr},
    config::SETTINGS,
    control::ok,
};

use super::{
    args::Args,
    panel::{Done, Panel},
};
use crate::{pool::process::Crew, tasks::Known};

/// A page of `/proc/self/statm`, in bytes.
const PAGE: f64 = 4096.0;

pub(super) fn stats(panel: &Panel) -> Done {
    let node = &panel.node;
    let totals = node.totals.snapshot();
    let started: u64 = totals.values().sum();
    let totals: Value = totals.iter().map(|(name, count)| (name.as_ref(), Value::from(*count))).collect();
    let map = |entries: Vec<(&str, Value)>| -> Value { entries.into_iter().collect() };
    let one = |share: &str| if started == 0 { String::new() } else { share.to_owned() };
    let writes = map(vec![
        ("total", started.into()),
        ("avg", if started == 0 { "0.00" } else { "1.00" }.into()),
        ("all", one("1.00").into()),
        ("raw", one(&started.to_string()).into()),
        ("strategy", "fair".into()),
        ("inqueues", map(vec![("total", 1.into()), ("active", i64::from(node.running() > 0).into())])),
    ]);
    let limit =
        |limit: Option<std::time::Duration>| limit.map_or(Value::Int(0), |limit| number(limit.as_secs_f64()));
    let settings = node.app.settings();
    let crew = node.crew.as_ref();
    let pids = crew.map_or_else(|| vec![std::process::id()], Crew::pids);
    let max_tasks = crew.and_then(|crew| crew.options().max_tasks);
    let pool = map(vec![
        ("implementation", if crew.is_some() { "taskq:processes" } else { "taskq:threads" }.into()),
        ("max-concurrency", panel.pool.slots().into()),
        ("processes", pids.into_iter().map(Value::from).collect()),
        ("max-tasks-per-child", max_tasks.map_or_else(|| "N/A".into(), Value::from)),
        ("put-guarded-by-semaphore", true.into()),
        (
            "timeouts",
            [limit(settings.task_soft_time_limit), limit(settings.task_time_limit)].into_iter().collect(),
        ),
        ("writes", writes),
    ]);
    let mut stats = vec![
        ("total", totals),
        ("pid", std::process::id().into()),
        ("clock", node.app.logical_time().to_string().into()),
        ("uptime", panel.since.elapsed().as_secs().into()),
        ("pool", pool),
        ("broker", broker(panel)),
        ("prefetch_count", node.prefetch.most().into()),
        ("rusage", rusage()),
    ];
    if let Some(autoscale) = &node.autoscale {
        let (max, min) = autoscale.bounds();
        let scaled = [
            ("max", Value::from(max)),
            ("min", Value::from(min)),
            ("current", panel.pool.slots().into()),
            ("qty", node.held.total().into()),
        ];
        stats.push(("autoscaler", scaled.into_iter().collect()));
    }
    if let Some(limits) = at_once(panel) {
        stats.push(("at_once", limits));
    }
    Ok(map(stats))
}

/// How many of a task, or out of a queue, may run at once, where there is a limit.
fn at_once(panel: &Panel) -> Option<Value> {
    let node = &panel.node;
    let of_task = |known: &Arc<Known>| Some((known.name.to_string(), known.share.most()?.into()));
    let tasks: Map = node.tasks.iter().filter_map(of_task).collect();
    let queues: Map = node.shares.limits().into_iter().map(|(name, most)| (name, most.into())).collect();
    if tasks.is_empty() && queues.is_empty() {
        return None;
    }
    let limits = [
        ("tasks", Value::Map(tasks)),
        ("queues", Value::Map(queues)),
        ("waiting", panel.pool.passed().into()),
    ];
    Some(limits.into_iter().collect())
}

/// As kombu's `Connection.info`; nothing secret is in it.
fn broker(panel: &Panel) -> Value {
    let settings = panel.node.app.settings();
    let shown = settings.read_url().to_string();
    let url = url::Url::parse(&shown).ok();
    let url = url.as_ref();
    let path = url.map(|url| url.path().trim_start_matches('/').to_owned()).unwrap_or_default();
    let seconds =
        |time: Option<std::time::Duration>| time.map_or(Value::Null, |time| time.as_secs_f64().into());
    [
        ("hostname", Value::from(url.and_then(url::Url::host_str).map(str::to_owned))),
        (
            "userid",
            Value::from(url.map(url::Url::username).filter(|user| !user.is_empty()).map(str::to_owned)),
        ),
        ("virtual_host", Value::from(if path.is_empty() { "/" } else { path.as_str() })),
        ("port", Value::from(url.and_then(url::Url::port_or_known_default))),
        ("insist", false.into()),
        ("ssl", Value::Bool(settings.read_url().scheme().ends_with('s'))),
        ("transport", settings.read_url().scheme().as_ref().into()),
        ("connect_timeout", seconds(Some(settings.broker_connection_timeout))),
        ("transport_options", settings.shown("broker_transport_options").unwrap_or_default()),
        ("login_method", settings.broker_login_method.clone().into()),
        ("uri_prefix", Value::Null),
        ("heartbeat", seconds(settings.broker_heartbeat)),
        ("failover_strategy", "round-robin".into()),
        ("alternates", Value::List(Vec::new())),
        ("credential_provider", Value::Null),
    ]
    .into_iter()
    .collect()
}

fn rusage() -> Value {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Value::Null };
    let seconds =
        |time: nix::sys::time::TimeVal| Value::Float(time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
    let nothing = Value::Int(0);
    [
        ("utime", seconds(usage.user_time())),
        ("stime", seconds(usage.system_time())),
        ("maxrss", usage.max_rss().into()),
        ("ixrss", nothing.clone()),
        ("idrss", nothing.clone()),
        ("isrss", nothing.clone()),
        ("minflt", usage.minor_page_faults().into()),
        ("majflt", usage.major_page_faults().into()),
        ("nswap", nothing.clone()),
        ("inblock", usage.block_reads().into()),
        ("oublock", usage.block_writes().into()),
        ("msgsnd", nothing.clone()),
        ("msgrcv", nothing.clone()),
        ("nsignals", nothing),
        ("nvcsw", usage.voluntary_context_switches().into()),
        ("nivcsw", usage.involuntary_context_switches().into()),
    ]
    .into_iter()
    .collect()
}

/// Settings that differ from their defaults, or all of them; secrets masked.
pub(super) fn conf(panel: &Panel, args: &Args<'_>) -> Done {
    let settings = panel.node.app.settings();
    let shown: Map = if args.truth("with_defaults") {
        let pair = |name: &str| Some((name.to_owned(), settings.shown(name)?));
        SETTINGS.iter().filter_map(|setting| pair(setting.name)).collect()
    } else {
        settings.changed().into_iter().map(|(setting, value)| (setting.name.to_owned(), value)).collect()
    };
    Ok(Value::Map(shown))
}

pub(super) fn report(panel: &Panel, args: &Args<'_>) -> Done {
    args.only(&[])?;
    let settings = panel.node.app.settings();
    let mut text = format!(
        "\nsoftware -> taskq:{}\nplatform -> system:{} arch:{}\nsettings -> transport:{} results:{}\n\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        settings.read_url().scheme(),
        settings.backend_url(),
    );
    for (setting, value) in settings.changed() {
        let shown = json::to_string(&value).unwrap_or_else(|_| repr::value(&value));
        text.push_str(&format!("{}: {shown}\n", setting.name));
    }
    Ok(ok(text))
}

pub(super) fn memsample() -> Done {
    Ok(resident().map_or(Value::Null, Value::from))
}

pub(super) fn memdump() -> Done {
    let now = resident().unwrap_or_else(|| "unknown".to_owned());
    Ok(Value::from(format!("- rss (end): {now}.\n")))
}

pub(super) fn objgraph() -> Done {
    Err(StoredError::builtin("ImportError", "Requires the objgraph library"))
}

/// Memory in use, as Celery shows it: `65.102MB`.
fn resident() -> Option<String> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{:.3}MB", pages * PAGE / 1024.0 / 1024.0))
}

/// Whole numbers of seconds as Python shows them.
fn number(seconds: f64) -> Value {
    if seconds.fract() == 0.0 { Value::Int(seconds as i64) } else { Value::Float(seconds) }
}
