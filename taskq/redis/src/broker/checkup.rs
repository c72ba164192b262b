//! Whether a Redis server is set up for a queue: nothing evicted, nothing lost with it, no connection cut.

use std::collections::HashMap;

use redis::Pipeline;
use taskq_core::{
    Timestamp,
    broker::{BrokerError, Finding, Severity},
};

use super::Shared;

/// The first version with all commands that are used (`BLMOVE`).
const OLDEST: (u32, u32) = (6, 2);
/// Idle connections that are cut sooner than this are made again all the time, in seconds.
const SHORT_TIMEOUT: u64 = 60;
/// A server clock that differs by more is told of, in seconds.
const SKEW: f64 = 1.0;
/// How full the memory may be.
const FULL: f64 = 0.8;

/// Looks at the server's settings and state.
pub(super) async fn look(shared: &Shared) -> Result<Vec<Finding>, BrokerError> {
    let mut info = redis::cmd("INFO");
    info.arg("everything");
    let text: String = shared.link.run("read the state of the server", &info).await?;
    let info: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
    let mut findings = vec![version(&info), role(&info), clock(shared).await?];
    match settings(shared).await {
        Ok(settings) => findings.extend(policy(&settings, &info)),
        Err(error) => findings.push(Finding::new(
            "redis.config",
            Severity::Notice,
            format!("the server does not show its settings: {error}"),
            "look by hand: `maxmemory-policy` must be `noeviction`, persistence on, `timeout` 0",
        )),
    }
    findings.extend(saved(&info));
    Ok(findings)
}

async fn settings(shared: &Shared) -> Result<HashMap<String, String>, BrokerError> {
    let mut pipeline = Pipeline::new();
    let names = ["maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save", "timeout"];
    for name in names {
        pipeline.cmd("CONFIG").arg("GET").arg(name);
    }
    let answers: Vec<HashMap<String, String>> =
        shared.link.pipe("read the settings of the server", &pipeline).await?;
    Ok(answers.into_iter().flatten().collect())
}

fn version(info: &HashMap<&str, &str>) -> Finding {
    const CHECK: &str = "redis.version";
    let version = info.get("redis_version").copied().unwrap_or("unknown");
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let number = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if number < OLDEST {
        let (major, minor) = OLDEST;
        return Finding::new(
            CHECK,
            Severity::Problem,
            format!("the server is version {version}"),
            format!("use Redis {major}.{minor} or newer, or Valkey"),
        );
    }
    Finding::good(CHECK, format!("version {version}"))
}

fn role(info: &HashMap<&str, &str>) -> Finding {
    const CHECK: &str = "redis.role";
    match info.get("role").copied() {
        Some("slave") => Finding::new(
            CHECK,
            Severity::Problem,
            "the server is a replica: what is written to it is refused or lost",
            "connect to the primary, or through Sentinel with a `sentinel://` URL",
        ),
        role => Finding::good(CHECK, format!("role {}", role.unwrap_or("unknown"))),
    }
}

async fn clock(shared: &Shared) -> Result<Finding, BrokerError> {
    let before = Timestamp::now().as_microsecond();
    let (seconds, micros): (i64, i64) = shared.link.run("read the clock", &redis::cmd("TIME")).await?;
    let here = (before + Timestamp::now().as_microsecond()) / 2;
    let skew = (seconds * 1_000_000 + micros - here) as f64 / 1e6;
    const CHECK: &str = "redis.clock";
    Ok(if skew.abs() > SKEW {
        Finding::new(
            CHECK,
            Severity::Warning,
            format!("the server's clock is {skew:+.1} s from this machine's"),
            "let NTP set both: delayed tasks come at the time of the worker that looks",
        )
    } else {
        Finding::good(CHECK, format!("the clocks agree ({skew:+.3} s)"))
    })
}

fn policy(settings: &HashMap<String, String>, info: &HashMap<&str, &str>) -> Vec<Finding> {
    let setting = |name: &str| settings.get(name).map_or("", String::as_str);
    let memory: u64 = setting("maxmemory").parse().unwrap_or(0);
    let mut findings = Vec::new();
    findings.push(match setting("maxmemory-policy") {
        "noeviction" => {
            Finding::good("redis.maxmemory-policy", "`noeviction`: nothing is removed for want of memory")
        }
        policy => Finding::new(
            "redis.maxmemory-policy",
            match (memory, policy.starts_with("allkeys")) {
                (0, _) => Severity::Notice,
                (_, true) => Severity::Problem,
                (_, false) => Severity::Warning,
            },
            match policy.starts_with("allkeys") {
                true => format!("`{policy}`: when memory is full, Redis removes whole queues"),
                false => {
                    format!("`{policy}`: when memory is full, Redis removes results, leases and counters")
                }
            },
            "`CONFIG SET maxmemory-policy noeviction`, and in redis.conf; a cache belongs on another server",
        ),
    });
    let used: u64 = info.get("used_memory").and_then(|used| used.trim().parse().ok()).unwrap_or(0);
    if memory > 0 && used as f64 > memory as f64 * FULL {
        findings.push(Finding::new(
            "redis.memory",
            Severity::Warning,
            format!("{} % of `maxmemory` are used; when it is full nothing can be sent", used * 100 / memory),
            "consume faster, shorten `result_expires`, or give it more memory",
        ));
    }
    let (log, snapshots) = (setting("appendonly") == "yes", !setting("save").is_empty());
    findings.push(match (log, setting("appendfsync"), snapshots) {
        (true, "no", _) => Finding::new(
            "redis.persistence",
            Severity::Warning,
            "the append-only file is written when the system likes: a power cut loses what came last",
            "`CONFIG SET appendfsync everysec`",
        ),
        (true, how, _) => Finding::good("redis.persistence", format!("append-only file, fsync `{how}`")),
        (false, _, true) => Finding::new(
            "redis.persistence",
            Severity::Warning,
            format!(
                "only snapshots (`save {}`): a crash loses every task since the last one",
                setting("save")
            ),
            "`CONFIG SET appendonly yes`, and in redis.conf",
        ),
        (false, _, false) => Finding::new(
            "redis.persistence",
            Severity::Warning,
            "nothing is written to disk: a restart of the server loses every task",
            "`CONFIG SET appendonly yes`, and in redis.conf",
        ),
    });
    let timeout: u64 = setting("timeout").parse().unwrap_or(0);
    findings.push(match timeout {
        0 => Finding::good("redis.timeout", "idle connections are left alone"),
        seconds => Finding::new(
            "redis.timeout",
            if seconds < SHORT_TIMEOUT { Severity::Warning } else { Severity::Notice },
            format!("the server cuts connections that are idle for {seconds} s"),
            "`CONFIG SET timeout 0`; `tcp-keepalive` finds those that are dead",
        ),
    });
    findings
}

/// Whether the last attempts to save have worked: after a failed one Redis refuses writes.
fn saved(info: &HashMap<&str, &str>) -> Option<Finding> {
    let failed: Vec<&str> = ["rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status"]
        .into_iter()
        .filter(|name| info.get(name).is_some_and(|status| status.trim() != "ok"))
        .collect();
    (!failed.is_empty()).then(|| {
        Finding::new(
            "redis.disk",
            Severity::Problem,
            format!(
                "the server could not write to its disk ({}): it may refuse every task",
                failed.join(", ")
            ),
            "look for a full disk or missing rights in the server's log",
        )
    })
}
