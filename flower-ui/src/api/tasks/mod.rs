//! Tasks: the list, one of them, and what can be done to it.

mod act;
mod arguments;
mod code;
mod detail;
mod export;
mod list;
mod literal;
mod row;
mod stored;

use axum::{
    Router,
    routing::{get, post},
};

pub(crate) use self::{
    act::{again, put_back},
    arguments::request,
    list::search,
    row::{TaskRow, rows},
};
use crate::server::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/tasks", get(list::list))
        .route("/api/v1/export", get(export::export))
        .route("/api/v1/tasks/{id}", get(detail::detail))
        .route("/api/v1/tasks/{id}/retry", post(act::retry))
        .route("/api/v1/tasks/{id}/revoke", post(act::revoke))
        .route("/api/v1/tasks/{id}/terminate", post(act::terminate))
        .route("/api/v1/tasks/{id}/forget", post(act::forget))
}
