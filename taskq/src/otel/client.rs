//! What carries spans to their receiver: HTTP by the client that the rest of the program uses, too.
//!
//! Kept true here: it is called on the exporter's own thread and may block there; a receiver that cannot be
//! reached is reported once, and once more when it is back.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tracing::{info, warn};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

/// How long one request may take; the exporter has a deadline over all attempts.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct Client {
    agent: Agent,
    /// The last request failed.
    away: AtomicBool,
}

impl Client {
    pub(super) fn new() -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .http_status_as_error(false)
            .tls_config(tls)
            .build();
        Self { agent: agent.into(), away: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(head, &*body))?;
        let (head, mut body) = answer.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }

    fn tell(&self, problem: Option<&str>) {
        match (problem, self.away.swap(problem.is_some(), Ordering::Relaxed)) {
            (Some(problem), false) => warn!("could not send spans; those of this time are lost: {problem}"),
            (None, true) => info!("spans are sent again"),
            _ => {}
        }
    }
}

impl HttpClient for Client {
    fn send_bytes<'own, 'future>(
        &'own self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'future>>
    where
        'own: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            let answer = self.send(request);
            match &answer {
                Ok(answer) if answer.status().is_success() => self.tell(None),
                Ok(answer) => self.tell(Some(&format!("the receiver answers {}", answer.status()))),
                Err(error) => self.tell(Some(&error.to_string())),
            }
            Ok(answer?)
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("away", &self.away).finish_non_exhaustive()
    }
}
