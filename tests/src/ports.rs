//! Ports for private servers.
//!
//! Kept true here: a server that is down gets its port again. The system gives ports of its own range to whoever opens a
//! connection, so none is taken from there.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

/// Below the range of the system's own, which begins at 32,768 (`net.ipv4.ip_local_port_range`).
const RANGE: Range<u16> = 12_000..32_000;
/// Ports that are tried for each that is found.
const TRIES: usize = 1_000;

/// Different ports on which nobody listens.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn free_ports<const N: usize>() -> [u16; N] {
    // All of them held at once, so that they differ.
    let held: [TcpListener; N] = std::array::from_fn(|_| {
        (0..TRIES)
            .find_map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, fastrand::u16(RANGE))).ok())
            .unwrap_or_else(|| panic!("could not find a free port among {RANGE:?}"))
    });
    held.map(|listener| {
        listener
            .local_addr()
            .unwrap_or_else(|error| panic!("could not read the port that was found: {error}"))
            .port()
    })
}

/// A port on which nobody listens.
///
/// # Panics
/// As [`free_ports`].
#[must_use]
pub fn free_port() -> u16 {
    let [port] = free_ports();
    port
}
