//! The HTTP side of the board.
//!
//! Kept true here: a stop lets running answers end, and takes no new ones.

use axum::{Router, response::Html, routing::get};
use taskq_core::{Error, ErrorKind, app::App};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Options;

/// Serves until `stop`.
pub(crate) async fn serve(app: App, options: Options, stop: CancellationToken) -> Result<(), Error> {
    let address = format!("{}:{}", options.address, options.port);
    let failed =
        |error| Error::with_source(ErrorKind::Connection, format!("could not listen on `{address}`"), error);
    let listener = TcpListener::bind(&address).await.map_err(failed)?;
    let shown = listener.local_addr().map_err(failed)?;
    tracing::info!(broker = %app.settings().read_url(), "board on http://{shown}/");
    let served = axum::serve(listener, router()).with_graceful_shutdown(stop.cancelled_owned());
    served.await.map_err(|error| Error::with_source(ErrorKind::Other, "the board has ended", error))
}

/// The routes.
fn router() -> Router {
    Router::new().route("/healthcheck", get(|| async { Html("OK") }))
}
