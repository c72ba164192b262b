//! Connections: addresses with fail-over, and one link each that mends itself.
//!
//! Kept true here: no command waits longer than its deadline, so a half-open connection is noticed; after a
//! failure the next command connects anew, to the next address if need be.

mod address;
mod link;
mod pulse;

pub(crate) use address::Addresses;
pub(crate) use link::{Line, Link};
pub(crate) use pulse::{PULSE, answers};

/// What a deadline of ours looks like to whoever reads errors of the client.
pub(crate) fn timed_out() -> redis::RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
