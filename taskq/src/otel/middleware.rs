//! A span around every publish and every run.
//!
//! Kept true here: what is sent during a run, or follows it, belongs to its trace; a message that came without a
//! trace starts one; a run that is dropped ends its span, too.

use opentelemetry::{
    Context, KeyValue, global,
    trace::{FutureExt, Link, SpanKind, SpanRef, TraceContextExt, Tracer},
};
use taskq_core::{
    BoxFuture, Error,
    app::App,
    codec::Map,
    middleware::{ExecuteNext, Middleware, PublishNext},
    protocol::{Request, TaskId},
    send::Draft,
    task::Outcome,
};

use super::{attributes, carrier, tracer};

/// A span around every publish (`apply_async/<task>`, kind producer) and every run (`run/<task>`, kind consumer),
/// made by the global tracer provider, propagated by the global propagator: the program sets both.
///
/// Added first, it is around all other middleware. Added twice, it counts once.
pub fn middleware() -> Tracing {
    Tracing::default()
}

/// The middleware of [`middleware`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracing {
    links: Option<bool>,
}

impl Tracing {
    /// Whether a run starts a trace of its own, linked to the span of its publish, instead of being that span's
    /// child (`use_span_links` of Python's instrumentation). Default: the setting `otel_span_links`.
    #[must_use]
    pub fn span_links(mut self, links: bool) -> Self {
        self.links = Some(links);
        self
    }

    fn links(self) -> bool {
        self.links.unwrap_or_else(|| App::current().is_ok_and(|app| app.settings().otel_span_links))
    }
}

/// Marks a context as the one of a publish or run, so that a second middleware leaves it alone.
#[derive(PartialEq, Eq)]
enum Traced {
    Publish(TaskId),
    Run(TaskId),
}

impl Traced {
    fn is_current(&self) -> bool {
        Context::map_current(|cx| cx.get::<Self>() == Some(self))
    }
}

/// Ends the span of a context, whatever becomes of the future that it is in.
struct Ending {
    cx: Context,
    told: bool,
}

impl Ending {
    fn of(cx: &Context) -> Self {
        Self { cx: cx.clone(), told: false }
    }

    /// Says how it ended.
    fn tell(&mut self, tell: impl FnOnce(&SpanRef<'_>)) {
        tell(&self.cx.span());
        self.told = true;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.told {
            self.cx.span().set_attribute(KeyValue::new("celery.dropped", true));
        }
        self.cx.span().end();
    }
}

impl Middleware for Tracing {
    fn publish<'a>(
        &'a self,
        draft: &'a mut Draft,
        next: PublishNext<'a>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let mark = Traced::Publish(draft.id().clone());
        if mark.is_current() {
            return next.run(draft);
        }
        let parent = above(&draft.message.headers.extra);
        let tracer = tracer();
        let span = tracer
            .span_builder(format!("apply_async/{}", draft.message.headers.task))
            .with_kind(SpanKind::Producer)
            .with_attributes(attributes::of_publish(draft))
            .start_with_context(&tracer, &parent);
        let cx = parent.with_span(span).with_value(mark);
        inject(&cx, &mut draft.message.headers.extra);
        let mut ending = Ending::of(&cx);
        Box::pin(async move {
            let sent = next.run(draft).with_context(cx).await;
            ending.tell(|span| {
                if let Err(error) = &sent {
                    attributes::not_sent(span, error);
                }
            });
            sent
        })
    }

    fn execute<'a>(&'a self, request: &'a mut Request, next: ExecuteNext<'a>) -> BoxFuture<'a, Outcome> {
        let mark = Traced::Run(request.id().clone());
        if mark.is_current() {
            return next.run(request);
        }
        let came = extract(&Context::current(), &request.headers.extra);
        let tracer = tracer();
        let span = tracer
            .span_builder(format!("run/{}", request.headers.task))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes::of_run(request));
        let sender = came.span().span_context().clone();
        let span = if self.links() && sender.is_valid() {
            span.with_links(vec![Link::with_context(sender)]).start_with_context(&tracer, &Context::new())
        } else {
            span.start_with_context(&tracer, &came)
        };
        // Around what came, for its baggage.
        let cx = came.with_span(span).with_value(mark);
        // What follows the run is made from the request.
        inject(&cx, &mut request.headers.extra);
        let mut ending = Ending::of(&cx);
        let task = request.headers.task.clone();
        Box::pin(async move {
            let outcome = next.run(request).with_context(cx).await;
            ending.tell(|span| attributes::ended(span, &task, &outcome));
            outcome
        })
    }
}

/// The context that a message is published in: the span that is active here, else the trace that its headers
/// have from the task that it follows.
fn above(headers: &Map) -> Context {
    let here = Context::current();
    if here.span().span_context().is_valid() { here } else { extract(&here, headers) }
}

fn extract(here: &Context, headers: &Map) -> Context {
    global::get_text_map_propagator(|all| all.extract_with_context(here, &carrier::Read(headers)))
}

fn inject(cx: &Context, headers: &mut Map) {
    global::get_text_map_propagator(|all| all.inject_context(cx, &mut carrier::Write(headers)));
}
