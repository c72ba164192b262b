//! The table of a broker, as `docs/reliability.md` describes it.

use std::{fmt::Write, time::Duration};

use taskq_core::crash::Point;

use crate::{
    broker::Kind,
    rows::{self, Row, Times},
};

/// What the books showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) a: usize,
    pub(crate) b: usize,
    /// Each of the others.
    pub(crate) x: [usize; 3],
    pub(crate) dead: usize,
    /// From the start of the process that takes over until all was done.
    pub(crate) recovered: Duration,
}

/// A row that was played.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) row: Row,
    /// What was found, or what went wrong.
    pub(crate) found: Result<Found, String>,
}

impl Played {
    /// What is not as it must be.
    pub(crate) fn wrong(&self) -> Option<String> {
        let row = &self.row;
        let found = match &self.found {
            Ok(found) => found,
            Err(why) => return Some(format!("{}: {why}", row.title())),
        };
        let mut wrong = Vec::new();
        let mut check = |what: &str, found: usize, allowed: &Times| {
            if !allowed.contains(&found) {
                wrong.push(format!("{what} {found} times, allowed is {}", times(allowed)));
            }
        };
        check("`a` ran", found.a, &row.a);
        check("`b` ran", found.b, &row.b);
        for (name, ran) in crate::scene::OTHERS.iter().zip(found.x) {
            check(&format!("`{name}` ran"), ran, &row.x);
        }
        check("dead letters:", found.dead, &row.dead);
        (!wrong.is_empty()).then(|| format!("{}: {}", row.title(), wrong.join("; ")))
    }

    fn lost(&self) -> usize {
        let Ok(found) = &self.found else { return 0 };
        let row = &self.row;
        let missing = |ran: usize, sent: bool| usize::from(sent && ran == 0);
        missing(found.a, row.scene.has_a())
            + missing(found.b, row.scene.has_b())
            + found.x.iter().map(|ran| missing(*ran, row.scene.has_others())).sum::<usize>()
    }

    fn doubled(&self) -> usize {
        let Ok(found) = &self.found else { return 0 };
        [found.a, found.b, found.dead].iter().chain(&found.x).map(|times| times.saturating_sub(1)).sum()
    }
}

fn times(allowed: &Times) -> String {
    match (allowed.start(), allowed.end()) {
        (from, to) if from == to => from.to_string(),
        (from, to) => format!("{from} to {to}"),
    }
}

/// The table of a broker, in Markdown.
pub(crate) fn render(kind: Kind, played: &[Played]) -> String {
    let mut out = format!(
        "\n{}\n\n| killed at | scene | lost | doubled | allowed: a, b, others | back in | |\n|---|---|---|---|---|---|---|\n",
        kind.name()
    );
    for one in played {
        let row = &one.row;
        let nth = if row.nth > 1 { format!(":{}", row.nth) } else { String::new() };
        let back = one
            .found
            .as_ref()
            .map_or_else(|_| "-".to_owned(), |found| format!("{:.1} s", found.recovered.as_secs_f32()));
        let verdict = if one.wrong().is_none() { "as specified" } else { "WRONG" };
        let _ = writeln!(
            out,
            "| `{}{nth}` | {} | {} | {} | {}, {}, {} | {back} | {verdict} |",
            row.point.name(),
            row.scene.name(),
            one.lost(),
            one.doubled(),
            times(&row.a),
            times(&row.b),
            times(&row.x),
        );
    }
    for row in rows::all() {
        if let Some(why) = row.absent(kind).filter(|_| played.iter().all(|one| one.row.point != row.point)) {
            let _ =
                writeln!(out, "| `{}` | {} | | | | | not here: {why} |", row.point.name(), row.scene.name());
        }
    }
    out
}

#[test]
fn every_point_has_a_row_somewhere() {
    let rows = rows::all();
    for point in Point::ALL {
        let somewhere = [Kind::Redis, Kind::Sqlite, Kind::Classic, Kind::Quorum]
            .iter()
            .any(|kind| rows.iter().any(|row| row.point == *point && row.absent(*kind).is_none()));
        assert!(somewhere, "no broker is killed at `{}`", point.name());
    }
}

#[test]
fn what_is_lost_or_doubled_without_leave_is_wrong() {
    let rows = rows::all();
    let row = rows.iter().find(|row| row.point == Point::Beginning).expect("a row").clone();
    let played = |a, x| Played { row: row.clone(), found: Ok(Found { a, x: [x; 3], ..Found::default() }) };
    assert_eq!(played(1, 1).wrong(), None);
    assert!(played(0, 1).wrong().is_some_and(|wrong| wrong.contains("`a` ran 0 times")));
    assert!(played(2, 1).wrong().is_some_and(|wrong| wrong.contains("`a` ran 2 times, allowed is 1")));
    assert!(played(1, 2).wrong().is_some_and(|wrong| wrong.contains("`x3` ran 2 times")));
    assert_eq!((played(0, 1).lost(), played(2, 1).doubled()), (1, 1));
}
