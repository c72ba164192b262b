//! Free ports, and waiting until a server answers.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to answer for the first time.
const STARTING: Duration = Duration::from_secs(20);
/// The same for a server that is slow to start even on an idle machine.
const STARTING_SLOWLY: Duration = Duration::from_secs(120);
/// How often a server that does not answer yet is asked again.
const AGAIN: Duration = Duration::from_millis(25);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// `N` different ports on which nobody listens.
///
/// Another program may take one before the server does; the server then fails to start, and says so.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("could not find a free port")?;
        *port = listener.local_addr().context("could not read the port that was found")?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Waits until the server on `port` answers `request` with something that `accept` likes.
///
/// If the server ends, or never answers, the end of its log is in the error.
pub(crate) fn wait_for_answer(
    server: &mut Child,
    log: &Path,
    port: u16,
    request: &str,
    accept: impl Fn(&str) -> bool,
) -> Result<()> {
    wait(server, log, port, request, accept, STARTING)
}

/// The same for a server that takes its time.
pub(crate) fn wait_for_slow_answer(
    server: &mut Child,
    log: &Path,
    port: u16,
    request: &str,
    accept: impl Fn(&str) -> bool,
) -> Result<()> {
    wait(server, log, port, request, accept, STARTING_SLOWLY)
}

fn wait(
    server: &mut Child,
    log: &Path,
    port: u16,
    request: &str,
    accept: impl Fn(&str) -> bool,
    starting: Duration,
) -> Result<()> {
    let deadline = Instant::now() + starting;
    loop {
        let answer = ask(port, request);
        if answer.as_deref().is_ok_and(&accept) {
            return Ok(());
        }
        if let Some(status) = server.try_wait().context("could not look after a server")? {
            bail!("the server on port {port} ended at once ({status})\n{}", tail(log));
        }
        if Instant::now() > deadline {
            bail!("the server on port {port} did not answer in {starting:?}: {answer:?}\n{}", tail(log));
        }
        thread::sleep(AGAIN);
    }
}

fn ask(port: u16, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("could not connect")?;
    stream.set_read_timeout(Some(ANSWER)).context("could not set a deadline")?;
    stream.write_all(format!("{request}\r\n").as_bytes()).context("could not send")?;
    let mut buffer = [0; 256];
    let read = stream.read(&mut buffer).context("could not read the answer")?;
    Ok(String::from_utf8_lossy(&buffer[..read]).into_owned())
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
