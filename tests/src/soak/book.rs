//! What the tasks wrote when they ended, and what it says.

use std::{
    collections::{BTreeMap, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use super::fault::Spell;

/// A run that ended. Times are in seconds since 1970, by the machine's clock.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// What ran: the number of the send and the part of it, `number.part`.
    pub(super) id: String,
    pub(super) began: f64,
    pub(super) ended: f64,
}

/// A send that was tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub(super) began: f64,
    pub(super) ended: f64,
}

/// What ended more than once.
#[derive(Debug, Default)]
pub(super) struct Doubles {
    /// Ends beyond the first that a fault explains.
    pub(super) explained: usize,
    /// What none explains: the id and its runs.
    pub(super) unexplained: Vec<String>,
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

impl Run {
    /// From a line `id hostname start end`.
    pub(super) fn read(line: &str) -> Self {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap_or_else(|| panic!("not an entry of the book: `{line}`"));
        let (id, _, began, ended) = (next().to_owned(), next(), next(), next());
        let seconds = |text: &str| text.parse().unwrap_or_else(|_| panic!("no time: `{text}` in `{line}`"));
        Self { id, began: seconds(began), ended: seconds(ended) }
    }

    /// The number of its send.
    pub(super) fn number(&self) -> usize {
        self.id
            .split('.')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("not an id: `{}`", self.id))
    }
}

/// Looks for the reason of every second end: a fault while it was sent, or while something of the same send ran for
/// the first time.
pub(super) fn doubles(runs: &[Run], sendings: &HashMap<usize, Sending>, spells: &[Spell]) -> Doubles {
    let mut by_id: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    let mut by_number: HashMap<usize, Vec<&Run>> = HashMap::new();
    for run in runs {
        by_id.entry(&run.id).or_default().push(run);
        by_number.entry(run.number()).or_default().push(run);
    }
    let mut doubles = Doubles::default();
    for (id, mut runs) in by_id {
        runs.sort_by(|a, b| a.began.total_cmp(&b.began));
        let [.., last] = runs.as_slice() else { continue };
        let number = last.number();
        let sent = sendings.get(&number).map(|sending| (sending.began, sending.ended));
        let related = by_number[&number].iter().filter(|run| !std::ptr::eq(**run, *last));
        let mut moments = related.map(|run| (run.began, run.ended)).chain(sent);
        let again = runs.len() - 1;
        if again == 0 {
            continue;
        }
        if moments.any(|(began, ended)| spells.iter().any(|spell| spell.explains(began, ended))) {
            doubles.explained += again;
        } else {
            doubles.unexplained.push(format!("{id}: {runs:?}, sent {sent:?}"));
        }
    }
    doubles
}
