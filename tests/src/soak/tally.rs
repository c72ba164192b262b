//! What came of a soak.

use std::{fmt, time::Duration};

/// The books of one broker.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The broker.
    pub broker: &'static str,
    /// Tasks that were confirmed to their sender, bodies of chords and steps of chains included.
    pub sent: usize,
    /// Sends that ended with an error.
    pub failed: usize,
    /// What was confirmed and ended.
    pub done: usize,
    /// What was confirmed and did not end.
    pub lost: Vec<String>,
    /// Ends beyond the first.
    pub doubled: usize,
    /// Those that no fault explains.
    pub unexplained: Vec<String>,
    /// Results that are not there, or no success.
    pub unstored: Vec<String>,
    /// What Python workers were sent, and ended.
    pub python: (usize, usize),
    /// What happened, and how soon something new had ended after it was over.
    pub faults: Vec<(String, Duration)>,
    /// What is still in the queue: ready, delayed, in flight, dead.
    pub left: Option<[u64; 4]>,
    /// How long after the last fault everything had ended.
    pub settled: Duration,
}

impl Tally {
    /// What must not be.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut check = |what: &str, these: &[String]| {
            if !these.is_empty() {
                broken.push(format!("{}: {} {what}: {these:#?}", self.broker, these.len()));
            }
        };
        check("lost", &self.lost);
        check("doubled without a reason", &self.unexplained);
        check("without their result", &self.unstored);
        if self.left != Some([0; 4]) {
            broken.push(format!("{}: left {:?} (ready, delayed, in flight, dead)", self.broker, self.left));
        }
        broken
    }

    /// One line for all brokers: sent, done, lost, doubled, recovered in.
    #[must_use]
    pub fn total(tallies: &[Self]) -> String {
        let sum = |of: fn(&Self) -> usize| tallies.iter().map(of).sum::<usize>();
        let slowest = tallies.iter().map(Self::slowest).max().unwrap_or_default();
        format!(
            "{} sent, {} done, {} lost, {} doubled, recovered in {:.1} s at most, {} faults",
            sum(|tally| tally.sent),
            sum(|tally| tally.done),
            sum(|tally| tally.lost.len()),
            sum(|tally| tally.doubled),
            slowest.as_secs_f32(),
            sum(|tally| tally.faults.len()),
        )
    }

    fn slowest(&self) -> Duration {
        self.faults.iter().map(|(_, recovered)| *recovered).max().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.broker, Self::total(std::slice::from_ref(self)))?;
        write!(f, ", {} sends failed, all settled in {:.1} s", self.failed, self.settled.as_secs_f32())?;
        match self.python {
            (0, _) => Ok(()),
            (sent, done) => write!(f, " (Python: {sent} sent, {done} done)"),
        }
    }
}
