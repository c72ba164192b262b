//! Where spans go: OTLP over HTTP, set up by OpenTelemetry's own variables.

use std::{env, time::Duration};

use opentelemetry::{global, propagation::TextMapCompositePropagator, trace::TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::{BaggagePropagator, TraceContextPropagator},
    trace::SdkTracerProvider,
};
use taskq_core::{Error, ErrorKind};
use tracing::{Subscriber, warn};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, filter::LevelFilter, registry::LookupSpan};

use super::{SCOPE, client::Client};

/// How long the end of the program waits for its last spans.
const FLUSH: Duration = Duration::from_secs(5);

/// A pipeline that sends spans by OTLP over HTTP (`http/protobuf`). Dropping it does not end it; [`finish`] does.
///
/// [`finish`]: Self::finish
#[derive(Clone, Debug)]
pub struct Export(SdkTracerProvider);

impl Export {
    /// As OpenTelemetry's variables say: `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`), `…_HEADERS`,
    /// `…_TIMEOUT`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`.
    /// `None` when none of them names a receiver, or `OTEL_SDK_DISABLED` or `OTEL_TRACES_EXPORTER=none` is set.
    ///
    /// `program` is the service's name unless a variable names one.
    ///
    /// # Errors
    /// When a variable is wrong.
    pub fn from_env(program: &str) -> Result<Option<Self>, Error> {
        if !is_wanted(|name| env::var(name).ok()) {
            return Ok(None);
        }
        let exporter =
            SpanExporter::builder().with_http().with_http_client(Client::new()).build().map_err(|error| {
                Error::with_source(ErrorKind::Config, "could not read the settings of OpenTelemetry", error)
            })?;
        let named = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"]
            .iter()
            .any(|name| env::var(name).is_ok_and(|value| !value.is_empty()));
        let resource = Resource::builder();
        let resource = if named { resource } else { resource.with_service_name(program.to_owned()) };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Self(provider)))
    }

    /// Makes it the pipeline of the process, with W3C's propagators for trace context and baggage.
    pub fn install(&self) {
        global::set_tracer_provider(self.0.clone());
        global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]));
    }

    /// Makes the program's own `tracing` spans, from `INFO` up, spans of the trace that they happen in.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        OpenTelemetryLayer::new(self.0.tracer(SCOPE)).with_filter(LevelFilter::INFO)
    }

    /// Sends what is not sent yet, for 5 s at most. Blocks.
    pub fn finish(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH) {
            warn!(%error, "could not send the last spans");
        }
    }
}

fn is_wanted(get: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| get(name).filter(|value| !value.trim().is_empty());
    let is = |name: &str, expected: &str| {
        set(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(expected))
    };
    let named = set("OTEL_EXPORTER_OTLP_ENDPOINT").is_some()
        || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").is_some()
        || is("OTEL_TRACES_EXPORTER", "otlp");
    named && !is("OTEL_SDK_DISABLED", "true") && !is("OTEL_TRACES_EXPORTER", "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_sent_only_where_a_receiver_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        for (variables, wanted) in [
            (vec![], false),
            (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], false),
            (vec![("OTEL_SERVICE_NAME", "shop")], false),
            (vec![endpoint], true),
            (vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318/v1/traces")], true),
            (vec![("OTEL_TRACES_EXPORTER", "OTLP")], true),
            (vec![endpoint, ("OTEL_TRACES_EXPORTER", "none")], false),
            (vec![endpoint, ("OTEL_SDK_DISABLED", "TRUE")], false),
        ] {
            let get = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(is_wanted(get), wanted, "{variables:?}");
        }
    }
}
