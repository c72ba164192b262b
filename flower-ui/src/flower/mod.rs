//! Flower's routes: the same paths, parameters, codes and texts.
//!
//! Kept true here: what a script got from Flower it gets from us, also where it is refused; what is broken in
//! Flower is broken here in strict mode only.

mod body;
mod control;
mod datatable;
pub(crate) mod fleet;
mod metrics;
mod pool;
pub(crate) mod queues;
pub(crate) mod result;
mod run;
mod task;
mod tasks;
mod workers;

use axum::{
    Router,
    routing::{get, post},
};

use crate::server::Shared;

/// The routes, without the prefix.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/workers", get(workers::list))
        .route("/api/worker/shutdown/{*worker}", post(pool::shut_down))
        .route("/api/worker/pool/restart/{*worker}", post(pool::restart))
        .route("/api/worker/pool/grow/{*worker}", post(pool::grow))
        .route("/api/worker/pool/shrink/{*worker}", post(pool::shrink))
        .route("/api/worker/pool/autoscale/{*worker}", post(pool::autoscale))
        .route("/api/worker/queue/add-consumer/{*worker}", post(pool::add_consumer))
        .route("/api/worker/queue/cancel-consumer/{*worker}", post(pool::cancel_consumer))
        .route("/api/task/apply/{*name}", post(run::apply))
        .route("/api/task/async-apply/{*name}", post(run::async_apply))
        .route("/api/task/send-task/{*name}", post(run::send_task))
        .route("/api/task/result/{*id}", get(result::result))
        .route("/api/task/revoke/{*id}", post(control::revoke))
        .route("/api/task/abort/{*id}", post(control::abort))
        .route("/api/task/timeout/{*name}", post(control::timeout))
        .route("/api/task/rate-limit/{*name}", post(control::rate_limit))
        .route("/api/queues/length", get(queues::length))
        .route("/api/tasks", get(tasks::list))
        .route("/api/task/types", get(tasks::types))
        .route("/api/task/info/", get(tasks::no_id))
        .route("/api/task/info/{*id}", get(tasks::info))
        .route("/tasks/datatable", get(datatable::datatable).post(datatable::datatable))
        .route("/metrics", get(metrics::metrics))
}

/// Whether a task may be asked for: one of this program, and unless mistakes are wanted one of a worker.
fn knows_task(shared: &Shared, name: &str) -> bool {
    shared.app.registry().get(name).is_some() || (!shared.options.strict() && shared.workers.can_run(name))
}
