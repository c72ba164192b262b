//! The board of taskq: what Flower shows and does, for Rust and Python workers on one broker, and more.
//!
//! Kept true here: the board only watches unless somebody who may asks for something; it needs nothing but the
//! broker; whatever is sent to it, it goes on answering.

mod api;
pub mod auth;
pub mod feed;
mod flower;
mod inspect;
mod layout;
pub mod live;
pub mod options;
mod page;
pub mod query;
pub mod record;
pub mod redact;
mod sample;
mod server;
pub mod store;
mod web;

use taskq_core::{Error, app::App};
use tokio_util::sync::CancellationToken;

pub use options::Options;

/// A board that does not run yet.
#[derive(Debug)]
pub struct Board {
    app: App,
    options: Options,
}

impl Board {
    /// The board of the workers on `app`'s broker. Connects nothing.
    ///
    /// # Errors
    /// When the options contradict each other or are not safe.
    pub fn new(app: &App, options: Options) -> Result<Self, Error> {
        options.check()?;
        Ok(Self { app: app.clone(), options })
    }

    /// Serves until `stop`, and until running answers are given then.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        server::serve(self.app, self.options, stop).await
    }
}
