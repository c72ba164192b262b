//! What every store that counts chords must do. `chord_conformance!` makes one test of each case; it takes the
//! factory of [`backend`](super::backend).

mod cases;

pub mod bench;
pub mod claiming;
pub mod copies;
pub mod counting;
pub mod failing;
pub mod groups;

pub use self::bench::Bench;
