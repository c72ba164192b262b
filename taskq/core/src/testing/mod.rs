//! For the tests of programs that use taskq: an app without a server, a clock that is moved by hand, and
//! questions about what was sent.
//!
//! ```
//! use taskq_core::{args, canvas::Signature, kwargs, testing::TestApp};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), taskq_core::Error> {
//! let app = TestApp::new();
//! app.send("mail.send", args!["me@example.com"], kwargs! {}).await?;
//! app.assert_enqueued(Signature::by_name("mail.send", args!["me@example.com"]));
//! # Ok(())
//! # }
//! ```

mod app;
mod clock;
mod drain;
mod enqueued;

pub use app::TestApp;
pub use clock::ManualClock;
pub use drain::Drained;
pub use enqueued::Enqueued;

#[cfg(test)]
mod tests;
