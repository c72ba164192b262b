//! `GET /overview`: how it is, in one look.

use serde_json::{Value as Json, json};

use super::workers::WorkerRow;
use crate::server::Shared;

/// The numbers of now.
pub(crate) fn numbers(_shared: &Shared, fleet: &[WorkerRow]) -> Json {
    let active = fleet.iter().filter_map(|worker| worker.busy).reduce(|a, b| a + b);
    let throughput = fleet.iter().filter_map(|worker| worker.rate).reduce(|a, b| a + b);
    json!({"throughput": throughput, "failure_rate": null, "wait_p95": null, "run_p95": null, "active": active})
}
