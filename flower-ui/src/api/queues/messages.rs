//! `GET /queues/{q}/messages`: what waits, without taking it.

use axum::extract::{Path, State};
use serde_json::{Value as Json, json};
use taskq_core::{
    broker::{BrokerAdmin, PeekedMessage},
    codec::{Map, json as dialect},
    protocol::Message,
};
use uuid::Uuid;

use super::known;
use crate::{
    api::{
        plain,
        problem::{Problem, Reply, reply},
        tasks::request,
    },
    auth::{Caller, Sight, Target},
    server::{Params, Shared},
};

/// Messages when nothing is said, and at most.
const LIMIT: usize = 100;
const MOST: usize = 1_000;
/// Bytes of a message that cannot be read that are shown.
const SHOWN: usize = 2_000;

pub(super) async fn messages(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    params: Params,
) -> Reply {
    known(&shared, &queue)?;
    let limit = params.int("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(LIMIT).clamp(1, MOST);
    let unsupported =
        |note: &str| Ok(reply(&shared, json!({"messages": [], "supported": false, "note": note})));
    let failed = |error: &dyn std::error::Error| Problem::unavailable("the queue cannot be read", error);
    let broker = shared.app.broker().await.map_err(|error| failed(&error))?;
    if !broker.capabilities().in_place && !params.bool("force")? {
        return unsupported(
            "to look at messages here is a delivery of them, which workers see; ask with `force`",
        );
    }
    let Some(admin) = broker.admin() else { return unsupported("this broker cannot be looked into") };
    let peeked = admin.peek(&queue, limit).await.map_err(|error| failed(&error))?;
    let sight = caller.sight(&shared, Target::queue(&queue));
    let messages: Vec<Json> = peeked.iter().map(|peeked| shown(&shared, peeked, &sight)).collect();
    Ok(reply(&shared, json!({"messages": messages, "supported": true, "note": null})))
}

fn shown(shared: &Shared, peeked: &PeekedMessage, sight: &Sight) -> Json {
    let mut body = describe(shared, peeked.message.as_ref(), &peeked.original, SHOWN, sight);
    body["not_before"] = json!(peeked.not_before.map(plain::seconds));
    body["key"] = key(peeked).into();
    body
}

/// Names a message by all its bytes: where the broker holds headers apart, its correlation id tells it from another
/// with the same body.
pub(super) fn key(peeked: &PeekedMessage) -> String {
    let correlation = peeked.message.as_ref().and_then(|it| it.properties.correlation_id.as_deref());
    let bytes = [&peeked.original[..], &[0], correlation.unwrap_or_default().as_bytes()].concat();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes).simple().to_string()
}

/// A message as far as it can be read; of one that cannot, the first `most` bytes.
pub(crate) fn describe(
    shared: &Shared,
    message: Option<&Message>,
    original: &[u8],
    most: usize,
    sight: &Sight,
) -> Json {
    let mut body = match message {
        Some(message) => read(shared, message, sight),
        None => json!({"readable": false, "note": "this is no message that kombu or taskq wrote"}),
    };
    body["bytes"] = original.len().into();
    if body["readable"] == false {
        let start = &original[..original.len().min(most)];
        if let Some(text) = sight.text("", &String::from_utf8_lossy(start)) {
            body["original"] = text.into();
        }
    }
    body
}

fn read(shared: &Shared, message: &Message, sight: &Sight) -> Json {
    let headers = dialect::from_slice::<Map>(&message.headers.0).ok().filter(|_| sight.any());
    let headers_shown = headers.map(|headers| headers_seen(&headers, sight));
    match request(shared, message.clone()) {
        Ok(request) => {
            let values = request.arguments.to_values().ok();
            let values = values.map(|(args, kwargs)| {
                let args: Vec<Json> = args.iter().map(plain::plain).collect();
                json!({"args": args, "kwargs": plain::object(&kwargs)})
            });
            let mut seen = sight.of(values.unwrap_or_default());
            let mut part = |name: &str| seen.get_mut(name).map(Json::take);
            json!({
                "id": request.headers.id.as_str(),
                "name": request.headers.task,
                "args": part("args"),
                "kwargs": part("kwargs"),
                "headers": headers_shown,
                "eta": request.headers.eta,
                "expires": request.headers.expires,
                "retries": request.headers.retries,
                "priority": request.properties.priority,
                "root_id": request.headers.root_id.as_ref().map(|id| id.as_str()),
                "parent_id": request.headers.parent_id.as_ref().map(|id| id.as_str()),
                "content_type": request.content_type,
                "readable": true,
            })
        }
        Err(why) => json!({"headers": headers_shown, "readable": false, "note": why}),
    }
}

/// Headers, of which two show the arguments as Python does.
fn headers_seen(headers: &Map, sight: &Sight) -> Json {
    let mut shown = sight.of(plain::object(headers));
    for (name, root) in [("argsrepr", "args"), ("kwargsrepr", "kwargs")] {
        if let Some(text) = headers.get(name).and_then(|text| text.as_str()) {
            shown[name] = sight.text(root, text).into();
        }
    }
    shown
}

/// How much waits in a queue, for the audit log; nothing where that is not known.
pub(super) async fn depth(shared: &Shared, queue: &str) -> Json {
    let Ok(admin) = admin(shared).await else { return Json::Null };
    let stats = admin.stats(&[queue.to_owned()]).await.ok().and_then(|stats| stats.into_iter().next());
    stats.map_or(Json::Null, |it| json!({"ready": it.ready, "delayed": it.delayed}))
}

/// Looking into queues, or why not.
pub(crate) async fn admin(shared: &Shared) -> Result<std::sync::Arc<dyn BrokerAdmin>, Problem> {
    let broker = shared.app.broker().await;
    let broker = broker.map_err(|error| Problem::unavailable("the broker cannot be reached", &error))?;
    broker.admin().ok_or_else(|| Problem::conflict("this broker cannot be looked into"))
}
