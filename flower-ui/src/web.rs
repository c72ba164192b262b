//! Asking other servers: providers of identities, RabbitMQ's management API.
//!
//! Kept true here: an answer is waited for a bounded time and read up to a bounded size; no redirect is followed,
//! so that a secret goes only where it was meant to.

use std::time::Duration;

use serde_json::Value;
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

/// Longest time for one answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const BOUND: u64 = 32 << 20;

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct Web(Agent);

impl Web {
    /// A client; nothing is asked yet.
    pub(crate) fn new() -> Self {
        // Another one that is installed does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent =
            Agent::config_builder().timeout_global(Some(DEADLINE)).tls_config(tls).max_redirects(0).build();
        Self(agent.into())
    }

    /// A JSON answer.
    ///
    /// # Errors
    /// What went wrong, without secrets.
    pub(crate) async fn get(&self, url: String, bearer: Option<String>) -> Result<Value, String> {
        let agent = self.0.clone();
        run(move || {
            let call = agent.get(&url).header("Accept", "application/json").header("User-Agent", "taskq");
            let call = match bearer {
                Some(token) => call.header("Authorization", format!("Bearer {token}")),
                None => call,
            };
            call.call()?.body_mut().with_config().limit(BOUND).read_json()
        })
        .await
    }

    /// The JSON answer to a form.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn post(&self, url: String, form: Vec<(&'static str, String)>) -> Result<Value, String> {
        let agent = self.0.clone();
        run(move || {
            let call = agent.post(&url).header("Accept", "application/json").header("User-Agent", "taskq");
            call.send_form(form)?.body_mut().with_config().limit(BOUND).read_json()
        })
        .await
    }

    /// Posts a text of JSON; the status of the answer.
    ///
    /// # Errors
    /// As [`get`](Self::get), and when the status is not one of success.
    pub(crate) async fn post_json(
        &self,
        url: String,
        body: String,
        headers: Vec<(&'static str, String)>,
    ) -> Result<u16, String> {
        let agent = self.0.clone();
        let send = move || {
            let mut call =
                agent.post(&url).header("Content-Type", "application/json").header("User-Agent", "taskq");
            for (name, value) in headers {
                call = call.header(name, value);
            }
            call.send(body).map(|answer| answer.status().as_u16())
        };
        match tokio::task::spawn_blocking(send).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

async fn run(ask: impl FnOnce() -> Result<Value, ureq::Error> + Send + 'static) -> Result<Value, String> {
    match tokio::task::spawn_blocking(ask).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
