//! Workers: the fleet, one of them, and what can be done to it.

mod control;
mod detail;
mod row;

use axum::{
    Router,
    routing::{get, post},
};
use serde_json::json;

pub(crate) use self::{
    control::{Drains, answers},
    row::{WorkerRow, fleet},
};
use super::problem::{Reply, now, reply};
use crate::server::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/workers", get(list))
        .route("/api/v1/workers/{worker}", get(detail::detail))
        .route("/api/v1/workers/{worker}/{action}", post(control::act))
}

async fn list(axum::extract::State(shared): axum::extract::State<Shared>) -> Reply {
    shared.v1.samples.watch(now(&shared));
    Ok(reply(&shared, json!({"workers": fleet(&shared)})))
}
