//! Sending tasks: options of a call, the message made of it, and the batcher that stores it.
//!
//! Kept true here: `Ok` means that the broker has confirmed the message; every send ends within its deadline
//! (`publish_timeout`, 2 s), whatever the broker does; messages of one caller to one queue keep their order.

mod builder;
mod call;
mod deliver;
mod draft;
mod flush;
mod options;
mod publisher;
mod retry;
mod sent;
mod with;

pub use call::Call;
pub(crate) use call::known;
pub use draft::Draft;
pub use options::{Expiry, Flow, SendOptions};
pub use retry::RetryPolicy;
pub use with::{Prepared, Typed, With};

pub(crate) use draft::Invocation;
pub(crate) use publisher::Publisher;

#[cfg(test)]
mod tests;
