//! Settings: one typed schema under Celery's lower-case names.
//!
//! Kept true here: every setting has one name, one type and one default, written once in `settings`; a
//! value that cannot work is refused when it is loaded, with the place it came from; nothing unknown is
//! silently ignored; a password is never printed.
//!
//! Sources in rising precedence: defaults, a TOML file, the environment, code, the command line (see
//! [`Sources`]).

mod check;
mod file;
mod kind;
mod load;
mod names;
mod pool;
mod prefetch;
mod priority;
mod queues;
mod routes;
mod schema;
mod settings;
mod url;

pub use kind::Concurrency;
pub(crate) use kind::Kind;
pub use load::{Source, Sources};
pub use names::environment_name;
pub use pool::PoolKind;
pub use prefetch::PrefetchKind;
pub use priority::RedisPriority;
pub use queues::{QueueSpec, Queues};
pub use routes::{RouteOptions, RouteRule, Routes};
pub use schema::{SETTINGS, Setting};
pub use settings::Settings;
pub use url::{ServiceUrl, Urls, redact};
