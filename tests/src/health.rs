//! What a process says of itself with `--http`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::process::Running;

/// How long a process may take until it answers.
const STARTING: Duration = Duration::from_secs(60);

/// Where a process says that it answers.
///
/// # Panics
/// If it does not.
pub fn address(process: &mut Running) -> String {
    process.wait_for_output("/live, /ready", STARTING);
    let output = process.output();
    let (_, rest) = output.split_once("http://").expect("an address");
    rest.split('/').next().expect("an address").to_owned()
}

/// The code and the body of an answer.
///
/// # Panics
/// If there is none.
pub fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a server");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a code");
    (code, body.to_owned())
}

/// The value of a metric, written as in the text format, labels included; 0 before it is there.
///
/// # Panics
/// If it is no number.
pub fn metric(address: &str, name: &str) -> f64 {
    let (_, text) = get(address, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}
