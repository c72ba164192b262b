//! A stream of the board, read as a browser does.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::board::Board;

/// Longest time that is waited for a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message of a stream.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: String,
}

/// An open stream.
pub(crate) struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Opens it, after the message of this id if there is one.
    pub(crate) fn open(board: &Board, last: Option<&str>) -> Self {
        let address = board.base.trim_start_matches("http://");
        let mut socket = TcpStream::connect(address).expect("the board");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(socket, "GET /api/v1/stream HTTP/1.1\r\nHost: {address}\r\n{last}\r\n").expect("asked");
        Self(BufReader::new(socket))
    }

    pub(crate) fn next(&mut self) -> Message {
        let mut message = Message::default();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).expect("a line"), 0, "the stream ended");
            let line = line.trim_end();
            match line.split_once(": ") {
                Some(("id", id)) => message.id = id.to_owned(),
                Some(("event", event)) => message.event = event.to_owned(),
                Some(("data", data)) => message.data = data.to_owned(),
                _ if line.is_empty() && !message.event.is_empty() => return message,
                _ => {}
            }
        }
    }

    /// Waits for a message of that kind.
    pub(crate) fn until(&mut self, event: &str) -> Message {
        loop {
            let message = self.next();
            if message.event == event {
                return message;
            }
        }
    }
}

impl Stream {
    /// Waits for a tick that is as wanted.
    pub(crate) fn tick(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let tick: Value = serde_json::from_str(&self.until("tick").data).expect("JSON");
            if wanted(&tick) {
                return tick;
            }
            assert!(began.elapsed() < PATIENCE, "no tick said that {what}: {tick}");
        }
    }
}
