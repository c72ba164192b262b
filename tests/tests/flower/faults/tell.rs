//! Events that a test sends itself.

use serde_json::{Value, json};
use taskq::{
    App,
    core::{Timestamp, protocol::Message},
};

use super::Place;

/// Somebody who sends what he likes.
pub(super) struct Teller {
    runtime: tokio::runtime::Runtime,
    app: App,
}

impl Teller {
    pub(super) fn new(place: &Place) -> Self {
        let app = App::builder().set("broker_url", place.broker.url()).build().expect("an app");
        Self { runtime: tokio::runtime::Runtime::new().expect("a runtime"), app }
    }

    pub(super) fn send(&self, body: &[u8]) {
        let message = Message {
            content_type: Some("application/json".to_owned()),
            content_encoding: Some("utf-8".to_owned()),
            body: body.to_vec().into(),
            ..Message::default()
        };
        self.runtime.block_on(async {
            let broadcast = self.app.broadcast().await.expect("a broker");
            let exchange = &self.app.settings().event_exchange;
            broadcast.publish(exchange, "task.received", &message).await.expect("sent");
        });
    }

    pub(super) fn tell(&self, event: &Value) {
        self.send(event.to_string().as_bytes());
    }
}

pub(super) fn now() -> f64 {
    Timestamp::now().as_microsecond() as f64 / 1e6
}

pub(super) fn event(kind: &str, id: &str, at: f64, more: &Value) -> Value {
    let mut event = json!({
        "type": kind, "uuid": id, "hostname": "odd@test", "timestamp": at, "clock": 1, "pid": 1, "utcoffset": 0,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event
}
