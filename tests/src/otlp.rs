//! A receiver of OpenTelemetry's spans: what an exporter sends by OTLP over HTTP is kept, to be looked at.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use prost::Message;

use crate::process::eventually;

/// How long spans may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A span as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// `service.name` of who sent it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `producer`, `consumer`, `internal`, …
    pub kind: String,
    /// Trace id, hexadecimal.
    pub trace: String,
    /// Its id, hexadecimal.
    pub id: String,
    /// The id of its parent; empty: none.
    pub parent: String,
    /// The ids of the spans that it is linked to.
    pub links: Vec<String>,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Names of its events.
    pub events: Vec<String>,
    /// Whether it ended as an error.
    pub failed: bool,
}

/// A receiver that ends with the test.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap_or_else(|error| panic!("could not listen for spans: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let kept = Arc::clone(&spans);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || while answer(&stream, &kept).is_some() {});
            }
        });
        Self { address, spans }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` has to be.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has arrived of one trace, after at least so many spans of it have.
    ///
    /// # Panics
    /// If that takes too long.
    #[must_use]
    pub fn trace(&self, id: &str, at_least: usize) -> Vec<Span> {
        let of_it = || self.spans().into_iter().filter(|span| span.trace == id).collect::<Vec<_>>();
        eventually(&format!("{at_least} spans of the trace {id}"), PATIENCE, || of_it().len() >= at_least);
        of_it()
    }

    /// The first span for which this holds, when it has arrived.
    ///
    /// # Panics
    /// If that takes too long.
    #[must_use]
    pub fn span(&self, what: &str, is: impl Fn(&Span) -> bool) -> Span {
        let find = || self.spans().into_iter().find(&is);
        eventually(what, PATIENCE, || find().is_some());
        find().unwrap_or_else(|| panic!("{what}: gone"))
    }
}

/// One request of a connection that may carry more.
fn answer(stream: &TcpStream, kept: &Mutex<Vec<Span>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let sent = ExportTraceServiceRequest::decode(&*body).unwrap_or_else(|error| panic!("no spans: {error}"));
    kept.lock().unwrap_or_else(PoisonError::into_inner).extend(opened(sent));
    let mut stream = stream;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(head.as_bytes()).ok()
}

fn opened(sent: ExportTraceServiceRequest) -> Vec<Span> {
    let mut all = Vec::new();
    for resource in sent.resource_spans {
        let about = attributes(resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        let service = about.get("service.name").cloned().unwrap_or_default();
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            all.push(one(&service, span));
        }
    }
    all
}

fn one(service: &str, span: Sent) -> Span {
    Span {
        service: service.to_owned(),
        kind: span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_ascii_lowercase(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
        events: span.events.into_iter().map(|event| event.name).collect(),
        failed: span.status.is_some_and(|status| status.code == 2),
        attributes: attributes(span.attributes),
        name: span.name,
    }
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    };
    all.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
