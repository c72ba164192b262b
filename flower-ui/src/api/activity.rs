//! `GET /activity`: what was done through the board, and `GET /health`: how the board is.

use axum::{Router, extract::State, routing::get};
use serde_json::{Value as Json, json};

use super::{
    audit,
    problem::{Reply, reply},
};
use crate::{
    auth::{Caller, Permission},
    record::{BrokerHealth, Coverage, StoreHealth},
    server::{Params, Shared},
};

/// Entries when nothing is said, and at most.
const LIMIT: u32 = 200;
const MOST: u32 = 2_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/activity", get(activity)).route("/api/v1/health", get(health))
}

async fn activity(State(shared): State<Shared>, caller: Caller, params: Params) -> Reply {
    caller.require(Permission::AuditView)?;
    let limit = params.int("limit")?.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(LIMIT);
    let entries = audit::entries(&shared, params.filled("target"), limit.clamp(1, MOST)).await?;
    let broken = shared.store.audit_break().await.ok().flatten();
    Ok(reply(&shared, json!({"entries": entries, "broken_at": broken})))
}

async fn health(State(shared): State<Shared>) -> Reply {
    let options = &shared.options;
    Ok(reply(
        &shared,
        json!({
            "board": {"version": env!("CARGO_PKG_VERSION"), "pid": std::process::id()},
            "store": store(&shared.store.health()),
            "coverage": coverage(&shared.live.coverage()),
            "broker": broker(&shared.live.broker()),
            "limits": {"max_workers": options.max_workers, "max_tasks": options.max_tasks},
        }),
    ))
}

/// How much of what was told was heard.
pub(crate) fn coverage(it: &Coverage) -> Json {
    json!({
        "share": it.share, "expected": it.expected, "seen": it.seen, "gaps": it.gaps, "events": it.events,
        "garbage": it.garbage, "future": it.future, "folded": it.folded, "lag": it.lag,
        "last_event": it.last_event, "outages": it.outages, "backfilled": it.backfilled,
    })
}

/// Whether the broker is heard.
pub(crate) fn broker(it: &BrokerHealth) -> Json {
    json!({
        "connected": it.connected, "since": Some(it.since).filter(|since| *since > 0.0), "error": it.error,
        "losses": it.losses, "probe": it.probe,
    })
}

/// How the store does.
pub(crate) fn store(it: &StoreHealth) -> Json {
    json!({
        "path": it.path, "error": it.error, "set_aside": it.set_aside, "bytes": it.bytes, "tasks": it.tasks,
        "waiting": it.waiting, "flush": it.flush, "deleted": it.deleted, "dropped": it.dropped,
        "oldest": it.oldest,
    })
}
