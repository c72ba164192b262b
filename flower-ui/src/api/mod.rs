//! `/api/v1`: what the board's own pages call, and whoever writes programs against it.
//!
//! Kept true here: every answer says when it was read; a number that nobody knows is `null`; whatever is refused
//! says why and how to go on; every change is asked for with a permission and written into the audit log.

mod activity;
mod alerts;
mod audit;
mod body;
mod calls;
mod dead;
mod jobs;
mod names;
mod openapi;
mod overview;
mod plain;
mod problem;
mod queues;
mod repeat;
mod schedules;
mod series;
mod session;
mod state;
mod stream;
mod tasks;
mod views;
mod workers;
mod workflows;

use axum::{Router, routing::get};

pub(crate) use self::{
    audit::Act,
    problem::{Detail, Problem, now},
    repeat::Turn,
    state::State,
    stream::run,
    workers::fleet,
};
use crate::server::Shared;

/// The path all of it is below, without `url_prefix`.
pub(crate) const PATH: &str = "/api/v1/";

/// The routes, without the prefix.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/stream", get(stream::stream))
        .route("/api/v1/openapi.json", get(openapi::openapi))
        .route("/api/v1/overview", get(overview::overview))
        .route("/api/v1/series", get(series::series))
        .merge(session::routes())
        .merge(tasks::routes())
        .merge(calls::routes())
        .merge(dead::routes())
        .merge(schedules::routes())
        .merge(activity::routes())
        .merge(alerts::routes())
        .merge(views::routes())
        .merge(names::routes())
        .merge(jobs::routes())
        .merge(workflows::routes())
        .merge(workers::routes())
        .merge(queues::routes())
}
