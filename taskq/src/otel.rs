//! OpenTelemetry: every publish and every run is a span, and the context travels in the headers of messages where
//! Python's `opentelemetry-instrumentation-celery` puts and reads it. One trace goes through workers of both.
//!
//! `taskq::main()` does all of it by itself when `OTEL_EXPORTER_OTLP_ENDPOINT`, or another variable that names a
//! receiver, is set. A program with a pipeline of its own adds the middleware and keeps its pipeline:
//!
//! ```
//! use taskq::{App, otel};
//!
//! let app = App::builder().middleware(otel::middleware());
//! ```

mod attributes;
mod carrier;
mod client;
mod export;
mod middleware;

pub use export::Export;
pub use middleware::{Tracing, middleware};

/// What the spans say they come from.
const SCOPE: &str = "taskq";

/// The tracer of the program's provider.
fn tracer() -> opentelemetry::global::BoxedTracer {
    let scope = opentelemetry::InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION"));
    opentelemetry::global::tracer_with_scope(scope.build())
}
