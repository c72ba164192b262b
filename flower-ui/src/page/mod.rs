//! What people see: pages that a browser draws, and the files it needs for them.
//!
//! Kept true here: a page is the same for everybody, so it tells nothing that the API would not; a file that a
//! browser keeps for ever has a name that changes with its content; what must work when nothing else does (login,
//! status, errors) needs no script.

mod asset;
mod compress;
pub(crate) mod plain;
mod shell;
mod status;

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

use crate::server::{Shared, segment};

/// The pages that the browser draws. `/workers` is beside them, since Flower gives programs rows there.
const DRAWN: [&str; 21] = [
    "/",
    "/tasks",
    "/tasks/{id}",
    "/names",
    "/names/{name}",
    "/workflows",
    "/workflows/{root}",
    "/queues",
    "/queues/{queue}",
    "/workers/{worker}",
    "/schedules",
    "/schedules/{entry}",
    "/dead",
    "/errors",
    "/errors/{fingerprint}",
    "/charts",
    "/alerts",
    "/activity",
    "/settings",
    "/call",
    "/call/{name}",
];

/// The routes of the pages.
pub(crate) fn routes() -> Router<Shared> {
    let drawn = DRAWN.into_iter().fold(Router::new(), |router, path| router.route(path, get(shell)));
    drawn
        .route("/assets/{edition}/{*path}", get(asset::give))
        .route("/status", get(status::page))
        // Where Flower has its pages.
        .route("/dashboard", get(|shared: State<Shared>| async move { moved(&shared, "/", "") }))
        .route("/broker", get(|shared: State<Shared>| async move { moved(&shared, "/queues", "") }))
        .route(
            "/task/{id}",
            get(|shared: State<Shared>, id: Path<String>| async move { moved(&shared, "/tasks/", &id) }),
        )
        .route(
            "/worker/{name}",
            get(
                |shared: State<Shared>, name: Path<String>| async move { moved(&shared, "/workers/", &name) },
            ),
        )
}

/// The page at any of its addresses.
pub(crate) async fn shell(State(shared): State<Shared>) -> Response {
    shell::page(&shared.options.url_prefix)
}

fn moved(shared: &Shared, path: &str, name: &str) -> Response {
    let place = format!("{}{path}{}", shared.options.url_prefix, segment(name));
    Redirect::temporary(&place).into_response()
}
