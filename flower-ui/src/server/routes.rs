//! Every route of the board: the one place where routers are put together.
//!
//! A part gives a `routes() -> Router<Shared>` and is merged here, with paths as they are without `url_prefix`.
//! Before a handler runs, [`front`](super::front) has checked that the caller may be here at all (session or
//! password, origin, token, host) and has put a [`Caller`](crate::auth::Caller) beside the request; handlers that
//! change something require a [`Permission`](crate::auth::Permission) of it.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};

use super::{Answer, Params, Shared, answer};
use crate::{api, auth::login, flower, page};

/// Marks the answer to a path that is not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unknown;

/// The routes, without the prefix.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .merge(flower::routes())
        .merge(login::routes())
        .merge(api::routes())
        .merge(page::routes())
        .route("/healthcheck", get(healthcheck))
        .route("/workers", get(workers))
        .fallback(unknown)
}

/// The process works. Whether the broker does is another question.
async fn healthcheck() -> Response {
    answer::html("OK")
}

/// A page, or rows for programs.
async fn workers(shared: State<Shared>, params: Params) -> Answer {
    if params.bool("json").unwrap_or_default() {
        flower::fleet::rows(shared, params).await
    } else {
        Ok(page::shell(shared).await)
    }
}

async fn unknown() -> Response {
    let mut response = StatusCode::NOT_FOUND.into_response();
    response.extensions_mut().insert(Unknown);
    response
}
