//! Who ran what: the books of a crash test.
//!
//! Each task appends its id to one list when it is done, so the order of the list is the order of the ends. One
//! worker runs at a time, and the length of the list is noted at each kill: that splits it into what each
//! worker did.

use std::collections::HashMap;

/// The most runs of a worker that have ended and are not settled, beside those in its slots: what the specification of
/// delivery promises.
pub(crate) const UNSETTLED: usize = 512;

/// The ends of tasks, in order, and where each worker's part begins.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    ends: Vec<String>,
    kills: Vec<usize>,
}

/// What the books say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Tasks that never ended.
    pub(crate) lost: Vec<String>,
    /// Tasks that ended twice although no kill explains it.
    pub(crate) doubled: Vec<String>,
    /// Ends that a kill explains: the task had just ended and was not settled.
    pub(crate) repeated: usize,
}

impl Ledger {
    /// Books from the list and its lengths at each kill.
    pub(crate) fn new(ends: Vec<String>, kills: Vec<usize>) -> Self {
        Self { ends, kills }
    }

    /// Compares with what was sent. A second end is explained if the first one was among the last `unsettled`
    /// before a kill: as many as a worker may have run, or ended and not settled, at any moment.
    pub(crate) fn audit(&self, sent: &[String], unsettled: usize) -> Verdict {
        let mut ends: HashMap<&str, Vec<usize>> = HashMap::with_capacity(sent.len());
        for (position, id) in self.ends.iter().enumerate() {
            ends.entry(id).or_default().push(position);
        }
        let lost = sent.iter().filter(|id| !ends.contains_key(id.as_str())).cloned().collect();
        let mut verdict = Verdict { lost, doubled: Vec::new(), repeated: 0 };
        for (id, positions) in ends {
            for first in &positions[..positions.len() - 1] {
                if self.kills.iter().any(|kill| (kill.saturating_sub(unsettled)..*kill).contains(first)) {
                    verdict.repeated += 1;
                } else {
                    verdict.doubled.push(id.to_owned());
                }
            }
        }
        verdict.doubled.sort();
        verdict
    }
}

#[test]
fn the_books_find_what_is_lost_and_what_is_doubled() {
    let ids = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let sent = ids("a b c d e f");
    // `c` ended right before the kill and again after it; `a` ended again without a reason; `f` never did.
    let books = Ledger::new(ids("a b c c d e a"), vec![3]);
    let verdict = books.audit(&sent, 1);
    assert_eq!(verdict, Verdict { lost: ids("f"), doubled: ids("a"), repeated: 1 });
}
