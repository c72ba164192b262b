//! `--http ADDR`: what orchestrators and monitors ask a worker or a beat.
//!
//! | path | answers |
//! |---|---|
//! | `/live` | 200 while the process works, also while its broker is away; 503 with the reason otherwise |
//! | `/ready` | 200 while it consumes (a beat: reaches its store); 503 with the reason otherwise |
//! | `/metrics` | numbers in Prometheus' text format |
//!
//! Kept true here: asking never disturbs the work, and no answer waits longer than a bounded time for a broker.

mod metrics;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use taskq_beat::Report;
use taskq_core::{Timestamp, app::App};
use taskq_worker::Monitor;
use tokio::{net::TcpListener, task::JoinHandle};

use self::metrics::Metrics;

/// A beat whose last look at its store is older than this is not ready.
const STALE: Duration = Duration::from_secs(15);

/// What is watched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) worker: Option<Monitor>,
    pub(crate) beat: Option<Report>,
    /// Queues whose depth is told.
    pub(crate) queues: Vec<String>,
}

#[derive(Clone)]
struct Shared {
    watched: Arc<Watched>,
    metrics: Arc<Metrics>,
}

/// A server. Dropping it ends it.
pub(crate) struct Server(JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts to answer.
///
/// # Errors
/// When the address is taken, or another recorder of metrics is installed.
pub(crate) async fn serve(address: SocketAddr, app: &App, watched: Watched) -> Result<Server, String> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("could not listen on `{address}`: {error}"))?;
    let shown = listener.local_addr().unwrap_or(address);
    let shared = Shared { metrics: Arc::new(Metrics::install(app)?), watched: Arc::new(watched) };
    let router = Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(numbers))
        .with_state(shared);
    tracing::info!("answering on http://{shown}/live, /ready and /metrics");
    Ok(Server(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the health server has ended");
        }
    })))
}

type Answer = (StatusCode, String);

fn answer(state: Result<(), String>, fine: &str) -> Answer {
    match state {
        Ok(()) => (StatusCode::OK, format!("{fine}\n")),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn live(State(shared): State<Shared>) -> Answer {
    let worker = shared.watched.worker.as_ref().map_or(Ok(()), Monitor::live);
    answer(worker, "live")
}

async fn ready(State(shared): State<Shared>) -> Answer {
    let Watched { worker, beat, .. } = &*shared.watched;
    let worker = worker.as_ref().map_or(Ok(()), Monitor::ready);
    let state = worker.and_then(|()| beat.as_ref().map_or(Ok(()), beat_is_ready));
    let slots = shared.watched.worker.as_ref().map(Monitor::slots);
    answer(state, &slots.map_or_else(|| "ready".to_owned(), |slots| format!("ready, {slots} slots")))
}

fn beat_is_ready(beat: &Report) -> Result<(), String> {
    let Some(looked) = beat.looked() else {
        return Err("the beat has not reached its schedule yet".to_owned());
    };
    let age = Duration::try_from(Timestamp::now().duration_since(looked)).unwrap_or_default();
    if age > STALE {
        return Err(format!("the beat has not reached its schedule for {age:.0?}"));
    }
    Ok(())
}

async fn numbers(State(shared): State<Shared>) -> Answer {
    (StatusCode::OK, shared.metrics.render(&shared.watched).await)
}
