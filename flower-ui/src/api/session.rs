//! `GET /session`: who asks, and what they may do.

use axum::{extract::State, http::HeaderMap};
use serde_json::json;

use super::problem::{Reply, reply};
use crate::{
    auth::{self, Caller, Permission, Role},
    flower::result::has_backend,
    server::Shared,
};

pub(super) async fn session(State(shared): State<Shared>, caller: Caller, headers: HeaderMap) -> Reply {
    let permissions: Vec<&str> = Permission::ALL
        .into_iter()
        .filter(|permission| caller.may(*permission))
        .map(Permission::name)
        .collect();
    let role = match caller.role {
        Role::Viewer => "viewer",
        Role::Admin => "admin",
    };
    let settings = shared.app.settings();
    let backend = has_backend(&shared).then(|| settings.backend_url().to_string());
    Ok(reply(
        &shared,
        json!({
            "user": caller.name,
            "role": role,
            "permissions": permissions,
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
