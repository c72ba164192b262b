//! What taskq is measured with.
//!
//! A [`row`](rows) of the table measures one thing, with several [contestants](measure): taskq, a *ceiling* that
//! only issues the broker's commands which such work cannot do without, and Celery where its Python is there.
//! They take turns within one run, because a shared machine drifts: the figures do, their ratios hardly.

pub mod ceiling;
pub mod measure;
pub mod options;
pub mod process;
pub mod rig;
pub mod rows;
pub mod table;
pub mod tasks;

/// What [performance](../../../docs/performance.md) advises for a worker. The ceilings have it, too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
