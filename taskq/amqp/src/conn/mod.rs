//! Connections: addresses with fail-over, and links that mend themselves.
//!
//! Kept true here: no attempt to connect outlives its deadline, and none leaves a thread or a socket behind;
//! wrong credentials are an error at once; a connection that is silent for twice the heartbeat is given up.
//!
//! # For the other modules
//!
//! A [`Link`] is one connection. RabbitMQ stops reading from a connection that published while an alarm is on,
//! acknowledgements included: so what publishes and what consumes have links of their own
//! ([`Link::sibling`]).
//!
//! * [`Link::channel`] gives a new channel of the current connection and its *epoch*, a number that no other
//!   channel of the link has. One round of attempts, then an error.
//! * [`Link::steady`] is the same for loops that must not give up: it tries until it succeeds, until an error
//!   comes that no retry mends, or until the token it is given is cancelled.
//! * A channel that fails is dropped, and another one asked for. Nobody recovers channels or topology but who
//!   made them; the client's own recovery is off.
//! * [`Link::blocked`] tells whether the broker accepts publications.

mod address;
mod dial;
mod link;

pub(crate) use address::Addresses;
pub(crate) use link::Link;
