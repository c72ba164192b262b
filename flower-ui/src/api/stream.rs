//! `GET /stream`: what changes, as server-sent events.
//!
//! Kept true here: a reader that is slow, or comes back, is told what it missed or that it has to read anew; no
//! reader makes the board hold more than a bounded number of messages; while nobody listens nothing is made.

mod hub;
mod tick;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::error::RecvError;

pub(crate) use self::hub::Hub;
use self::hub::{Message, Start};
use super::{
    alerts, overview,
    problem::{Problem, now},
};
use crate::{sample, server::Shared};

/// Streams at one time.
const STREAMS: usize = 500;
/// A comment is sent after so long without anything else.
const ALIVE: Duration = Duration::from_secs(15);

/// Everything that goes on beside answers: samples, and what streams are told. Until the board stops.
pub(crate) async fn run(shared: Shared) {
    tokio::join!(
        sample::keep_looking(shared.clone()),
        tick::keep_ticking(shared.clone()),
        tick::keep_telling(shared.clone()),
        overview::keep_judging(shared.clone()),
        alerts::keep_watching(shared)
    );
}

pub(super) async fn stream(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let hub = &shared.v1.hub;
    if hub.listeners() >= STREAMS {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{STREAMS} streams are open already"),
        )
        .fix("close some pages"));
    }
    shared.v1.samples.watch(now(&shared));
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let start = hub.listen(last.as_deref());
    let events = events(shared, start);
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE));
    let mut response = sse.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The missed ones, then what comes, until the board stops.
fn events(shared: Shared, start: Start) -> impl Stream<Item = Result<Event, Infallible>> {
    let Start { hello, missed, receiver } = start;
    let before = std::iter::once(hello).chain(missed).map(|message| Ok(event(&message)));
    let live = stream::unfold((shared, receiver), async |(shared, mut receiver)| {
        tokio::select! {
            next = receiver.recv() => match next {
                Ok(message) => Some((Ok(event(&message)), (shared, receiver))),
                Err(RecvError::Lagged(missed)) => {
                    let lagged = Event::default().event("lagged").data(format!("{{\"missed\":{missed}}}"));
                    Some((Ok(lagged), (shared, receiver)))
                }
                Err(RecvError::Closed) => None,
            },
            () = shared.stop.cancelled() => None,
        }
    });
    futures_util::StreamExt::chain(stream::iter(before), live)
}

fn event(message: &Arc<Message>) -> Event {
    Event::default().id(&message.id).event(message.event).data(&message.data)
}
