//! A Redis master with one replica, watched by three Sentinels.
//!
//! Sentinels find each other by messages that they send every two seconds, so they are started first and
//! waited for last.

use std::path::PathBuf;
use std::process::Child;

use anyhow::Result;

use super::{probe, redis};
use crate::progress;
use crate::run::Run;

/// The name under which the Sentinels know the master.
const MASTER: &str = "taskq-master";

/// Sentinels that may not have found each other yet.
pub(crate) struct Starting {
    sentinels: Vec<(Child, PathBuf, u16)>,
}

/// Starts all five and exports how to reach them.
pub(crate) fn start(run: &mut Run) -> Result<Starting> {
    let dir = run.folder("sentinel")?;
    let [master, replica, ports @ ..] = probe::free_ports::<5>()?;
    redis::spawn(run, &dir, "master", &format!("port {master}\n"), &[], master)?;
    redis::spawn(
        run,
        &dir,
        "replica",
        &format!("port {replica}\nreplicaof 127.0.0.1 {master}\n"),
        &[],
        replica,
    )?;
    let mut sentinels = Vec::with_capacity(ports.len());
    for port in ports {
        let config = format!(
            "port {port}\nsentinel monitor {MASTER} 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 5000\n"
        );
        let name = format!("sentinel-{port}");
        let child = redis::spawn(run, &dir, &name, &config, &["--sentinel"], port)?;
        sentinels.push((child, dir.join(format!("{name}.log")), port));
    }
    let all: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    run.export("TASKQ_TEST_REDIS_SENTINELS", all.join(","));
    run.export("TASKQ_TEST_REDIS_SENTINEL_MASTER", MASTER);
    Ok(Starting { sentinels })
}

impl Starting {
    /// Waits until all three agree that they could replace the master.
    pub(crate) fn wait(self) -> Result<()> {
        progress::step("redis, sentinels", || {
            let ports: Vec<u16> = self.sentinels.iter().map(|(_, _, port)| *port).collect();
            for (mut child, log, port) in self.sentinels {
                let question = format!("SENTINEL CKQUORUM {MASTER}");
                let ready = |answer: &str| answer.starts_with("+OK 3 usable");
                probe::wait_for_answer(&mut child, &log, port, &question, ready)?;
            }
            Ok(((), format!("ports {ports:?}, with one replica")))
        })
    }
}
