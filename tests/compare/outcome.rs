//! What came of a fault: a row of the table.

use std::{fmt, time::Duration};

/// Counted in the books of the tasks and in the broker, never in what a worker says of itself.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What the broker confirmed to the sender.
    pub(crate) sent: usize,
    /// What ended of that.
    pub(crate) done: usize,
    /// What did not end and is nowhere any more.
    pub(crate) lost: usize,
    /// What did not end and is still with the broker.
    pub(crate) held: usize,
    /// Ends beyond the first.
    pub(crate) doubled: usize,
    /// How long it took until the fault was over for everybody; `None`: longer than anybody waited.
    pub(crate) recovered: Option<Duration>,
    /// How long that was.
    pub(crate) waited: Duration,
    pub(crate) remark: String,
}

impl Outcome {
    /// The columns, behind those of [`fmt::Display`] that say what happened to whom.
    pub(crate) const HEAD: &str = "sent | done | lost | held back | doubled | recovered in | ";

    pub(crate) const COLUMNS: usize = 7;
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, done, lost, held, doubled, recovered, waited, remark } = self;
        write!(f, "{sent} | {done} | {lost} | {held} | {doubled} | ")?;
        match recovered {
            Some(recovered) => write!(f, "{:.1} s", recovered.as_secs_f32())?,
            None => write!(f, "not in {} s", waited.as_secs())?,
        }
        write!(f, " | {remark}")
    }
}
