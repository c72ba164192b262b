//! Events: what workers and clients tell about tasks while they go on (Celery's `celeryev`).
//!
//! Kept true here: events are told, never asked for; nothing waits for them and nothing depends on them. What
//! cannot be sent is dropped and counted, what cannot be read is skipped and counted.

mod bus;
mod camera;
mod clock;
mod cluster;
mod feed;
mod wire;

pub use bus::{EventBus, EventSource};
pub use camera::{Cameras, Film, Shutter, Snapshot};
pub use clock::Lamport;
pub use cluster::{Cluster, TaskView, WorkerView};
pub use feed::EventFeed;
pub use wire::{Event, exception, routing_key};
