//! A RabbitMQ of one's own for a test that stops, restarts or breaks it.

use std::env;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_ports;
use crate::process::{Running, eventually};

/// How long a node may take until it answers; it needs some seconds on an idle machine.
const STARTING: Duration = Duration::from_secs(120);
/// How long one look for an open port may take.
const LOOK: Duration = Duration::from_millis(200);
/// What a frame begins with that carries a method: `connection.start` is the first.
const METHOD: u8 = 1;

/// Small, and quick to notice what changes.
const CONFIG: &str = "\
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 16MB
raft.wal_max_size_bytes = 8388608
collect_statistics_interval = 1000
log.console = false
";

/// A RabbitMQ node with guest login that ends with the test. What is durable survives [`restart`](Self::restart).
#[derive(Debug)]
pub struct RabbitServer {
    // Ended before their folder goes; the node before the port mapper that it speaks to.
    node: Running,
    _mapper: Running,
    dir: TempDir,
    ports: Ports,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    amqp: u16,
    management: u16,
    distribution: u16,
    mapper: u16,
}

impl RabbitServer {
    /// Starts a node without plugins on free ports, from the scripts in `TASKQ_TEST_RABBITMQ_SCRIPTS`, else
    /// where Debian keeps them.
    ///
    /// # Panics
    /// If there are none, or the node does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("", "")
    }

    /// The same with the management API, see [`management_url`](Self::management_url).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_management() -> Self {
        Self::start_with("rabbitmq_management", "")
    }

    /// The same with `plugins` (names with commas) and more lines for its `rabbitmq.conf`.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(plugins: &str, config: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("rabbitmq-")
            .tempdir()
            .unwrap_or_else(|error| panic!("could not create a folder for rabbitmq: {error}"));
        let [amqp, management, distribution, mapper] = free_ports();
        let ports = Ports { amqp, management, distribution, mapper };
        write_files(dir.path(), ports, plugins, config);
        let mut command = Command::new("epmd");
        command.args(["-port", &mapper.to_string(), "-address", "127.0.0.1"]).current_dir(dir.path());
        let mapper = Running::start(&mut command, dir.path().join("epmd.log"));
        let node = spawn(dir.path(), ports);
        let mut server = Self { node, _mapper: mapper, dir, ports };
        server.wait();
        if plugins.contains("management") {
            server.wait_for(management, |_| true);
        }
        server
    }

    /// Its URL, virtual host `/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}//", self.ports.amqp)
    }

    /// Its management API, if it was started with it.
    #[must_use]
    pub fn management_url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}/api/", self.ports.management)
    }

    /// Its AMQP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Runs `rabbitmqctl` and answers what it printed, without its headings.
    ///
    /// # Panics
    /// If it fails.
    pub fn ctl(&self, args: &[&str]) -> String {
        let output = script(self.dir.path(), self.ports, "rabbitmqctl")
            .args(args)
            .arg("--quiet")
            .output()
            .unwrap_or_else(|error| panic!("could not run rabbitmqctl: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "rabbitmqctl {args:?} failed ({})\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Stops its process: connections stay open, nothing is answered.
    ///
    /// # Panics
    /// If it cannot be stopped.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// If it cannot be told.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill").args(["-s", signal, "--", &self.node.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "could not send {signal} to rabbitmq");
    }

    /// Kills it, as a power cut does.
    pub fn kill(&mut self) {
        self.node.kill();
    }

    /// Starts it again on the same ports, with what it had stored.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.node.kill();
        self.node = spawn(self.dir.path(), self.ports);
        self.wait();
    }

    fn wait(&mut self) {
        // A node listens a moment before it serves: then it drops whoever comes.
        self.wait_for(self.ports.amqp, |mut stream| {
            let mut first = [0];
            let asked =
                stream.set_read_timeout(Some(LOOK)).and_then(|()| stream.write_all(b"AMQP\x00\x00\x09\x01"));
            asked.and_then(|()| stream.read_exact(&mut first)).is_ok_and(|()| first == [METHOD])
        });
    }

    fn wait_for(&mut self, port: u16, serves: impl Fn(TcpStream) -> bool) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        eventually("rabbitmq answers", STARTING, || {
            if let Some(status) = self.node.exited() {
                panic!("rabbitmq ended ({status}):\n{}", self.node.output());
            }
            TcpStream::connect_timeout(&address, LOOK).is_ok_and(&serves)
        });
    }
}

/// What a failed test shows of the node's own log, in lines.
const SHOWN_LINES: usize = 60;

impl Drop for RabbitServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for file in fs::read_dir(self.dir.path().join("log")).into_iter().flatten().flatten() {
            let text = fs::read(file.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("---- end of {} ----\n{}", file.path().display(), last.join("\n"));
        }
    }
}

fn write_files(dir: &Path, ports: Ports, plugins: &str, config: &str) {
    let mut text = format!("{CONFIG}listeners.tcp.1 = 127.0.0.1:{}\n", ports.amqp);
    if plugins.contains("management") {
        text += &format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {}\n", ports.management);
    }
    text += config;
    // The empty `env.conf` stands in for the one of the machine's service.
    for (name, text) in [
        ("rabbitmq.conf", text.as_str()),
        ("enabled_plugins", &format!("[{plugins}].\n")),
        ("env.conf", ""),
        (".erlang.cookie", "taskq-test"),
    ] {
        fs::write(dir.join(name), text).unwrap_or_else(|error| panic!("could not write `{name}`: {error}"));
    }
    fs::set_permissions(dir.join(".erlang.cookie"), Permissions::from_mode(0o400))
        .unwrap_or_else(|error| panic!("could not protect the cookie: {error}"));
}

fn spawn(dir: &Path, ports: Ports) -> Running {
    let mut command = script(dir, ports, "rabbitmq-server");
    // With input allowed the script becomes the node instead of watching over it; `-noinput` forbids it again.
    command.env("RABBITMQ_ALLOW_INPUT", "1").arg("-noinput");
    Running::start(&mut command, dir.join("node.log"))
}

/// One of RabbitMQ's scripts, told to work on this node.
fn script(dir: &Path, ports: Ports, name: &str) -> Command {
    let scripts = env::var_os("TASKQ_TEST_RABBITMQ_SCRIPTS")
        .map_or_else(|| PathBuf::from("/usr/lib/rabbitmq/bin"), PathBuf::from);
    let mut command = Command::new(scripts.join(name));
    command
        .current_dir(dir)
        .env("HOME", dir)
        .env("RABBITMQ_NODENAME", format!("taskq-{}@localhost", ports.amqp))
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("ERL_EPMD_PORT", ports.mapper.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_CONF_ENV_FILE", dir.join("env.conf"))
        .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", dir.join("data"))
        .env("RABBITMQ_LOG_BASE", dir.join("log"))
        .env("RABBITMQ_PID_FILE", dir.join("pid"))
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            // What was about to leave a delay queue when the node died is tried again after that, not after minutes.
            "+S 1:1 +A 8 -kernel inet_dist_use_interface {127,0,0,1} \
             -rabbit dead_letter_worker_publisher_confirm_timeout 5000",
        );
    command
}
