//! Private Redis servers: one open, one behind TLS and a password.
//!
//! Nothing is written to disk but logs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};

use super::{certificate, probe};
use crate::progress;
use crate::run::Run;

/// The user of the closed server; its password needs escaping in a URL, as real ones do.
const USER: &str = "taskq";
const PASSWORD: &str = "p@ss/word";
const PASSWORD_IN_URL: &str = "p%40ss%2Fword";
/// So many that every test can have one of its own.
const DATABASES: u32 = 1_024;

/// Starts both servers and exports how to reach them.
pub(crate) fn start(run: &mut Run) -> Result<()> {
    open_server(run)?;
    closed_server(run)
}

fn open_server(run: &mut Run) -> Result<()> {
    let dir = run.folder("redis")?;
    let socket = dir.join("redis.sock");
    let port = progress::step("redis, open", || {
        let [port] = probe::free_ports()?;
        let config = format!("port {port}\nunixsocket {}\ndatabases {DATABASES}\n", socket.display());
        spawn(run, &dir, "open", &config, &[], port)?;
        Ok((port, format!("port {port} and a unix socket")))
    })?;
    run.export("TASKQ_TEST_REDIS_URL", format!("redis://127.0.0.1:{port}/0"));
    run.export("TASKQ_TEST_REDIS_SOCKET", socket);
    Ok(())
}

fn closed_server(run: &mut Run) -> Result<()> {
    let dir = run.folder("redis-closed")?;
    let (port, tls, ca) = progress::step("redis, closed", || {
        let files = certificate::make(&dir)?;
        let [port, tls] = probe::free_ports()?;
        let config = format!(
            "port {port}\ntls-port {tls}\ntls-auth-clients no\n\
             tls-ca-cert-file {}\ntls-cert-file {}\ntls-key-file {}\n\
             user default off\nuser {USER} on >{PASSWORD} ~* &* +@all\n",
            files.ca.display(),
            files.cert.display(),
            files.key.display(),
        );
        spawn(run, &dir, "closed", &config, &[], port)?;
        Ok(((port, tls, files.ca), format!("port {port}, TLS on port {tls}")))
    })?;
    run.export("TASKQ_TEST_REDIS_ACL_URL", format!("redis://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{port}/0"));
    run.export("TASKQ_TEST_REDIS_TLS_URL", format!("rediss://{USER}:{PASSWORD_IN_URL}@localhost:{tls}/0"));
    run.export("TASKQ_TEST_REDIS_CA", ca);
    Ok(())
}

/// Starts one server with what all of them share, and waits until it answers on `port`.
///
/// It works inside the run's folder, by which the reaper knows it.
pub(super) fn spawn(
    run: &Run,
    dir: &Path,
    name: &str,
    config: &str,
    args: &[&str],
    port: u16,
) -> Result<Child> {
    let file = dir.join(format!("{name}.conf"));
    let log = dir.join(format!("{name}.log"));
    let common = format!("bind 127.0.0.1\ndir {}\ndaemonize no\n", dir.display());
    let storage = if args.contains(&"--sentinel") { "" } else { "save \"\"\nappendonly no\n" };
    fs::write(&file, format!("{common}{storage}{config}"))
        .with_context(|| format!("could not write `{}`", file.display()))?;
    let output = File::create(&log).with_context(|| format!("could not create `{}`", log.display()))?;
    let mut server = run
        .command("redis-server")
        .arg(&file)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(output.try_clone().context("could not share a log file")?)
        .stdout(output)
        .spawn()
        .context("could not start `redis-server`")?;
    // A server that wants a password answers too.
    let up = |answer: &str| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH");
    probe::wait_for_answer(&mut server, &log, port, "PING", up)?;
    Ok(server)
}
