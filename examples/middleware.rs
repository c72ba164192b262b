//! Code around every publish and every run: here a tenant that travels in a header, and hooks that count.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use taskq::{
    App, Middleware, Value,
    core::{
        BoxFuture,
        middleware::{Hooks, PublishNext, hooks},
        protocol::Request,
        send::Draft,
    },
    prelude::*,
    task,
};

/// Puts the tenant into the headers of everything that is sent.
struct Tenant(&'static str);

impl Middleware for Tenant {
    fn publish<'a>(
        &'a self,
        draft: &'a mut Draft,
        next: PublishNext<'a>,
    ) -> BoxFuture<'a, Result<(), taskq::Error>> {
        draft.message.headers.extra.insert("tenant".into(), Value::Str(self.0.into()));
        next.run(draft)
    }
}

/// Counts the runs that succeeded. `Hooks` are Celery's handlers: before_start, on_success, on_failure, …
struct Count(Arc<AtomicU32>);

impl Hooks for Count {
    fn on_success(&self, _: &Request, _: &bytes::Bytes) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[task(bind)]
async fn whose(cx: &TaskContext) -> String {
    let tenant = cx.request().headers.get("tenant").and_then(Value::as_str);
    tenant.unwrap_or("nobody's").to_owned()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let successes = Arc::new(AtomicU32::new(0));
    let app = App::builder().middleware(Tenant("acme")).middleware(hooks(Count(Arc::clone(&successes))));
    let worker = taskq_examples::start(app).await?;
    println!("{}", whose.delay().await?.get().await?);
    worker.stop().await?;
    println!("{} succeeded", successes.load(Ordering::Relaxed));
    Ok(())
}
