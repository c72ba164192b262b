//! `GET /session`: who asks, and what they may do.

use axum::{extract::State, http::HeaderMap};
use serde_json::json;

use super::problem::{Reply, reply};
use crate::{
    auth::{self, Caller, Permission},
    flower::result::has_backend,
    server::Shared,
};

pub(super) async fn session(State(shared): State<Shared>, caller: Caller, headers: HeaderMap) -> Reply {
    // Those that somebody may use for something; `limits` says for what.
    let permissions: Vec<&str> = Permission::ALL
        .iter()
        .filter(|permission| caller.may_some(**permission))
        .map(|permission| permission.name())
        .collect();
    let settings = shared.app.settings();
    let backend = has_backend(&shared).then(|| settings.backend_url().to_string());
    Ok(reply(
        &shared,
        json!({
            "user": caller.name,
            "role": caller.rights.name(),
            "permissions": permissions,
            "limits": caller.rights.limits(),
            "csrf": auth::page_token(&headers),
            "read_only": caller.read_only,
            "version": env!("CARGO_PKG_VERSION"),
            "environment": {
                "name": settings.read_url().scheme(),
                "broker": settings.read_url().to_string(),
                "backend": backend,
            },
        }),
    ))
}
