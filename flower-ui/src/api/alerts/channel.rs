//! Where alerts are told: webhooks.
//!
//! Kept true here: a secret is never shown again; a receiver that is slow or away holds up nothing and is told
//! three times at most; no command is run.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    api::{
        body::Body,
        problem::{Problem, now},
    },
    server::Shared,
    web::Web,
};

/// Between two attempts.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(20)];
/// Messages on their way at one time; more are given up.
const ON_THE_WAY: usize = 16;
/// The header with the HMAC-SHA256 of the body.
const SIGNATURE: &str = "X-Taskq-Signature";

/// A channel as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) url: String,
    /// Signs the body.
    pub(super) secret: Option<String>,
    /// `json`, or `slack` for what reads `{"text": …}`.
    pub(super) format: String,
    /// Told of the built-in rules, too.
    pub(super) builtin: bool,
}

impl Channel {
    pub(super) fn read(body: &Body) -> Result<Self, Problem> {
        let address = body.required("url")?.to_owned();
        let parsed = url::Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if parsed.is_none_or(|url| url.host().is_none()) {
            return Err(Problem::argument("`url` has to be an http or https address"));
        }
        let format = body.text("format")?.unwrap_or("json").to_owned();
        if !["json", "slack"].contains(&&*format) {
            return Err(Problem::argument("`format` has to be json or slack"));
        }
        let secret = body.filled("secret")?.map(str::to_owned);
        let builtin = body.value("builtin").and_then(|it| it.as_bool()).unwrap_or(true);
        Ok(Self { name: body.required("name")?.to_owned(), url: address, secret, format, builtin })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Without the secret, and without what an address may carry as one.
    pub(super) fn shown(&self, id: &str, told: Option<&Told>) -> Json {
        let address = url::Url::parse(&self.url).map(|url| {
            let path = if url.path().len() > 1 { "/…" } else { "/" };
            format!("{}{path}", url.origin().ascii_serialization())
        });
        json!({
            "id": id, "name": self.name, "url": address.unwrap_or_default(), "format": self.format,
            "signed": self.secret.is_some(), "builtin": self.builtin,
            "last": told.map(|told| json!({"at": told.at, "error": told.error})),
        })
    }

    /// What is sent.
    pub(super) fn payload(&self, alert: &Json) -> Json {
        match &*self.format {
            "slack" => {
                let word = alert["what"].as_str().unwrap_or_default();
                json!({"text": format!("{word}: {}", alert["text"].as_str().unwrap_or_default())})
            }
            _ => alert.clone(),
        }
    }

    /// Sends once.
    pub(super) async fn send(&self, web: &Web, alert: &Json) -> Result<u16, String> {
        let body = self.payload(alert).to_string();
        let mut headers = Vec::new();
        if let Some(secret) = &self.secret {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let tag = hmac::sign(&key, body.as_bytes());
            let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            headers.push((SIGNATURE, format!("sha256={hex}")));
        }
        web.post_json(self.url.clone(), body, headers).await
    }
}

/// What became of the last message.
#[derive(Clone, Debug)]
pub(super) struct Told {
    at: f64,
    error: Option<String>,
}

/// Messages on their way.
#[derive(Debug, Default)]
pub(super) struct Post {
    told: Mutex<HashMap<String, Told>>,
    on_the_way: std::sync::atomic::AtomicUsize,
}

impl Post {
    pub(super) fn told(&self, channel: &str) -> Option<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).get(channel).cloned()
    }

    fn note(&self, channel: &str, told: Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(channel.to_owned(), told);
    }
}

/// Sends, beside everything else.
pub(super) fn send(shared: &Shared, id: String, channel: Channel, alert: Json) {
    use std::sync::atomic::Ordering;
    let post = &shared.v1.alerts.post;
    if post.on_the_way.fetch_add(1, Ordering::Relaxed) >= ON_THE_WAY {
        post.on_the_way.fetch_sub(1, Ordering::Relaxed);
        post.note(
            &id,
            Told { at: now(shared), error: Some("too many messages were on their way".to_owned()) },
        );
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let web = Web::new();
        let mut result = channel.send(&web, &alert).await;
        for pause in PAUSES {
            if result.is_ok() || shared.stop.is_cancelled() {
                break;
            }
            tokio::time::sleep(pause).await;
            result = channel.send(&web, &alert).await;
        }
        if let Err(error) = &result {
            tracing::warn!(channel = channel.name, error, "could not tell of an alert");
        }
        let post = &shared.v1.alerts.post;
        post.note(&id, Told { at: now(&shared), error: result.err() });
        post.on_the_way.fetch_sub(1, Ordering::Relaxed);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_does_not_show_what_is_secret() {
        let channel = Channel {
            name: "ops".to_owned(),
            url: "https://hooks.example.org/services/T0/B0/verysecret".to_owned(),
            secret: Some("verysecret".to_owned()),
            format: "slack".to_owned(),
            builtin: true,
        };
        let shown = channel.shown("1", None);
        assert!(!shown.to_string().contains("verysecret"), "{shown}");
        assert_eq!(
            (shown["url"].as_str(), shown["signed"].as_bool()),
            (Some("https://hooks.example.org/…"), Some(true))
        );
        let alert = json!({"what": "fired", "text": "it burns"});
        assert_eq!(channel.payload(&alert), json!({"text": "fired: it burns"}));
    }
}
