//! A private RabbitMQ node with the management plugin, open on loopback and behind TLS.
//!
//! Everything that two nodes on one machine could share is its own: node name, ports, the port mapper (`epmd`),
//! cookie, data, logs, configuration and the list of plugins. Both processes are started here and carry the
//! run's mark, so that they end with it. `rabbitmqctl` for this node is a script in the node's folder.
//!
//! The node takes some seconds to start, so it is started early and waited for last.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::certificate::Certificate;
use super::{certificate, probe};
use crate::progress;
use crate::run::Run;

const CONFIG: &str = "\
disk_free_limit.absolute = 16MB
raft.wal_max_size_bytes = 16777216
collect_statistics_interval = 1000
log.console = false
log.file.level = warning
";

/// How much memory a node may use. From half of it on, classic queues move messages to disk and confirm nothing for
/// seconds.
#[derive(Clone, Copy)]
pub(crate) enum Memory {
    /// The node stays small; tests that want an alarm start a node of their own.
    Small,
    /// What a node takes by default.
    Default,
}

/// A node that may not answer yet.
pub(crate) struct Starting {
    node: Child,
    log: PathBuf,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    amqp: u16,
    tls: u16,
    management: u16,
    distribution: u16,
    mapper: u16,
}

/// Starts the node and exports how to reach it.
pub(crate) fn start(run: &mut Run, memory: Memory) -> Result<Starting> {
    let dir = run.folder("rabbitmq")?;
    let scripts = run.variable("TASKQ_TEST_RABBITMQ_SCRIPTS").context("no folder of scripts was found")?;
    let scripts = PathBuf::from(scripts);
    let files = certificate::make(&dir)?;
    let [amqp, tls, management, distribution, mapper] = probe::free_ports()?;
    let ports = Ports { amqp, tls, management, distribution, mapper };
    write_files(&dir, &files, ports, memory)?;
    let env = environment(&dir, ports);
    let ctl = write_ctl(&dir, &scripts, &env)?;

    spawn(run.command("epmd").args(["-port", &mapper.to_string(), "-address", "127.0.0.1"]), &dir, "epmd")?;
    let mut server = run.command(scripts.join("rabbitmq-server"));
    // With input allowed the script becomes the node instead of watching over it; `-noinput` forbids it again.
    server.envs(env).env("RABBITMQ_ALLOW_INPUT", "1").arg("-noinput");
    let node = spawn(&mut server, &dir, "node")?;

    run.export("TASKQ_TEST_AMQP_URL", format!("amqp://guest:guest@127.0.0.1:{amqp}//"));
    run.export("TASKQ_TEST_AMQPS_URL", format!("amqps://guest:guest@localhost:{tls}//"));
    run.export("TASKQ_TEST_AMQP_MANAGEMENT_URL", format!("http://guest:guest@127.0.0.1:{management}/api/"));
    run.export("TASKQ_TEST_AMQPS_CA", files.ca);
    run.export("TASKQ_TEST_AMQPS_CLIENT_CERT", files.client_cert);
    run.export("TASKQ_TEST_AMQPS_CLIENT_KEY", files.client_key);
    run.export("TASKQ_TEST_RABBITMQCTL", ctl);
    Ok(Starting { node, log: dir.join("node.log"), ports })
}

impl Starting {
    /// Waits until the node answers on both protocols.
    pub(crate) fn wait(mut self) -> Result<()> {
        progress::step("rabbitmq", || {
            let Ports { amqp, tls, management, .. } = self.ports;
            // The management API answers last; without a login it says that one is needed.
            let request = "GET /api/overview HTTP/1.0\r\n";
            let up = |answer: &str| answer.starts_with("HTTP/1.1 401");
            probe::wait_for_slow_answer(&mut self.node, &self.log, management, request, up)?;
            let up = |answer: &str| answer.starts_with("AMQP");
            probe::wait_for_slow_answer(&mut self.node, &self.log, amqp, "what?!", up)?;
            Ok(((), format!("port {amqp}, TLS on port {tls}, management on port {management}")))
        })
    }
}

fn write_files(dir: &Path, tls: &Certificate, ports: Ports, memory: Memory) -> Result<()> {
    let memory = match memory {
        Memory::Small => "vm_memory_high_watermark.absolute = 1GB\n",
        Memory::Default => "",
    };
    let config = format!(
        "{CONFIG}{memory}listeners.tcp.1 = 127.0.0.1:{}\nlisteners.ssl.1 = 127.0.0.1:{}\n\
         management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {}\n\
         ssl_options.cacertfile = {}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
         ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = false\n",
        ports.amqp,
        ports.tls,
        ports.management,
        tls.ca.display(),
        tls.cert.display(),
        tls.key.display(),
    );
    // An empty `env.conf` stands in for the service's own.
    for (name, text) in [
        ("rabbitmq.conf", config.as_str()),
        ("enabled_plugins", "[rabbitmq_management].\n"),
        ("env.conf", ""),
        (".erlang.cookie", "taskq-test"),
    ] {
        let file = dir.join(name);
        fs::write(&file, text).with_context(|| format!("could not write `{}`", file.display()))?;
    }
    fs::set_permissions(dir.join(".erlang.cookie"), Permissions::from_mode(0o400))
        .context("could not protect the cookie")
}

/// What the scripts are told, the node and `rabbitmqctl` alike.
fn environment(dir: &Path, ports: Ports) -> Vec<(&'static str, String)> {
    let path = |name: &str| dir.join(name).display().to_string();
    vec![
        ("HOME", dir.display().to_string()),
        ("RABBITMQ_NODENAME", format!("taskq-{}@localhost", ports.amqp)),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("ERL_EPMD_PORT", ports.mapper.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_CONF_ENV_FILE", path("env.conf")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_PID_FILE", path("pid")),
        // Two schedulers, no spinning, and no listening beyond loopback.
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "+S 2:2 +A 16 -kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        ),
    ]
}

fn write_ctl(dir: &Path, scripts: &Path, env: &[(&str, String)]) -> Result<PathBuf> {
    let mut text = String::from("#!/bin/sh\n");
    for (name, value) in env {
        text.push_str(&format!("export {name}='{value}'\n"));
    }
    text.push_str(&format!("exec '{}' \"$@\"\n", scripts.join("rabbitmqctl").display()));
    let file = dir.join("rabbitmqctl");
    fs::write(&file, text).context("could not write the script that calls `rabbitmqctl`")?;
    fs::set_permissions(&file, Permissions::from_mode(0o755)).context("could not make it executable")?;
    Ok(file)
}

fn spawn(command: &mut Command, dir: &Path, name: &str) -> Result<Child> {
    let log = dir.join(format!("{name}.log"));
    let output = File::create(&log).with_context(|| format!("could not create `{}`", log.display()))?;
    command
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(output.try_clone().context("could not share a log file")?)
        .stdout(output)
        .spawn()
        .with_context(|| format!("could not start {:?}", command.get_program()))
}
