//! How the board does, in plain words: for a browser without script, and for when the API does not answer.

use axum::{extract::State, http::StatusCode, response::Response};

use super::plain;
use crate::server::Shared;

/// The page.
pub(super) async fn page(State(shared): State<Shared>) -> Response {
    let broker = shared.live.broker();
    let coverage = shared.live.coverage();
    let workers = shared.live.workers();
    let online = workers.iter().filter(|worker| worker.alive).count();
    let broker = match (broker.connected, broker.error) {
        (true, _) => "The broker is connected.".to_owned(),
        (false, Some(error)) => format!("The broker is not connected: {error}."),
        (false, None) => "The broker is not connected.".to_owned(),
    };
    let heard = coverage.share.map_or_else(
        || "How many of the events were seen is not known yet.".to_owned(),
        |share| format!("Of the tasks that workers say they started, {:.1} % were seen.", share * 100.0),
    );
    let workers = format!("Workers: {online} alive of {} known.", workers.len());
    plain::page(
        &shared.options.url_prefix,
        StatusCode::OK,
        "Status of the board",
        &[&broker, &workers, &heard, &format!("Events taken in: {}.", coverage.events)],
        &[("/", "The board"), ("/metrics", "Metrics"), ("/healthcheck", "Health check")],
    )
}
