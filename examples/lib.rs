//! What the examples share: an app in memory, and a worker for it in the same process.
//!
//! Programs with a broker need none of this; see `quickstart.rs`.

use taskq::{
    AppBuilder, Error,
    worker::{Worker, WorkerHandle, WorkerOptions},
};

/// Builds the app on a broker in memory, makes it the one that `.delay()` uses, and starts a worker for it.
///
/// # Errors
/// When the worker cannot start.
pub async fn start(builder: AppBuilder) -> Result<WorkerHandle, Error> {
    let app = builder.set("broker_url", "memory://").build()?;
    app.install();
    let mut worker = Worker::new(&app, &WorkerOptions::new())?.start();
    worker.ready().await?;
    Ok(worker)
}
