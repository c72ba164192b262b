//! The HTTP side of the board.
//!
//! Kept true here: a stop lets running answers end, for a bounded time, and takes no new ones.

mod answer;
mod etag;
mod front;
mod guard;
mod listen;
mod log;
mod params;
mod peer;
mod routes;
mod tls;

use std::{sync::Arc, time::Duration};

use taskq_core::{Error, ErrorKind, app::App};
use tokio_util::sync::CancellationToken;

use self::listen::Listening;
pub(crate) use self::{
    answer::{Answer, JSON, Refusal, html, json, message},
    params::{Params, escaped, segment},
    peer::Peer,
};
use crate::{
    Options, api,
    auth::{self, Auth},
    feed,
    inspect::{self, Cache},
    live::Live,
    redact::Redact,
    store::Store,
};

/// How long answers that run when the board is stopped may take.
const LAST: Duration = Duration::from_secs(5);

/// What every answer works with.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) app: App,
    pub(crate) options: Options,
    pub(crate) auth: Auth,
    /// What is taken out of what is shown and written down.
    pub(crate) redact: Arc<Redact>,
    /// What workers say about themselves.
    pub(crate) workers: Cache,
    /// History.
    pub(crate) store: Arc<Store>,
    /// The state of now.
    pub(crate) live: Arc<Live>,
    /// What `/api/v1` remembers.
    pub(crate) v1: api::State,
    /// Cancelled when the board stops: long answers end then.
    pub(crate) stop: CancellationToken,
}

/// Shared by all answers.
pub(crate) type Shared = Arc<Board>;

/// Serves until `stop`.
pub(crate) async fn serve(app: App, options: Options, stop: CancellationToken) -> Result<(), Error> {
    let auth = Auth::new(&options)?;
    let listening = Listening::open(&options).await?;
    let hearing = CancellationToken::new();
    let watch = feed::start(&app, options.watch(), hearing.clone()).await?;
    let shared = Arc::new(Board {
        workers: Cache::new(options.max_workers),
        store: Arc::clone(&watch.store),
        live: Arc::clone(&watch.live),
        v1: api::State::default(),
        redact: Arc::new(options.redact()),
        app,
        options,
        auth,
        stop: stop.clone(),
    });
    tracing::info!(broker = %shared.app.settings().read_url(), "board on {}", listening.shown(&shared.options));
    let ended = stop.clone();
    let late = async {
        ended.cancelled().await;
        tokio::time::sleep(LAST).await;
    };
    let served = listening.serve(front::front(&shared), stop);
    let asking = tokio::spawn(inspect::keep_asking(Arc::clone(&shared)));
    let beside = tokio::spawn(api::run(Arc::clone(&shared)));
    let reading = tokio::spawn(auth::keep_reading(Arc::clone(&shared)));
    let served = tokio::select! {
        served = served => served.map_err(|error| Error::with_source(ErrorKind::Other, "the board has ended", error)),
        () = late => Ok(()),
    };
    asking.abort();
    beside.abort();
    reading.abort();
    hearing.cancel();
    watch.finished().await;
    served
}
