//! Rows of the table, with what was aimed at.

use std::fmt;

use crate::measure::Samples;

/// What a row's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Tasks, or operations, a second: more is better.
    PerSecond,
    /// Milliseconds: less is better.
    Millis,
    /// Megabytes (1,000,000 bytes): less is better.
    Megabytes,
    /// Percent of one core: less is better.
    Percent,
    /// A count: less is better.
    Count,
    /// A share of 1: more is better.
    Share,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", thousands(value)),
            Self::Millis => format!("{value:.2} ms"),
            Self::Megabytes => format!("{value:.1} MB"),
            Self::Percent => format!("{value:.2} %"),
            Self::Count => format!("{value:.1}"),
            Self::Share => format!("{value:.2}"),
        }
    }
}

/// What a row aims at.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// At least so many times the contestant of this name.
    Times(&'static str, f64),
    /// Not less than this.
    AtLeast(f64),
    /// Less than this.
    Under(f64),
}

/// One thing that was measured.
#[derive(Debug)]
pub struct Row {
    /// What was done.
    pub work: String,
    /// In what it is measured.
    pub unit: Unit,
    /// taskq first.
    pub samples: Vec<Samples>,
    /// What it aims at.
    pub goals: Vec<Goal>,
    /// What no noise explains: the smoke run fails under it.
    pub floor: Option<Goal>,
}

impl Row {
    /// Whether `goal` is reached, and by what number.
    fn judge(&self, goal: Goal) -> Option<(bool, f64)> {
        let own = self.samples.first()?.median();
        match goal {
            Goal::Times(name, least) => {
                let other = self.samples.iter().find(|samples| samples.name == name)?;
                let ratio = own / other.median();
                Some((ratio >= least, ratio))
            }
            Goal::AtLeast(least) => Some((own >= least, own)),
            Goal::Under(most) => Some((own < most, own)),
        }
    }

    /// Why the row is under its floor, if it is.
    #[must_use]
    pub fn sunk(&self) -> Option<String> {
        let floor = self.floor?;
        let (holds, value) = self.judge(floor)?;
        (!holds).then(|| format!("{}: {value:.3}, where the floor is {floor:?}", self.work))
    }

    fn goal(&self, goal: Goal) -> String {
        let Some((reached, value)) = self.judge(goal) else {
            return "not measured".to_owned();
        };
        let mark = if reached { "yes" } else { "**no**" };
        match goal {
            Goal::Times(name, least) => format!("{value:.2} × {name} (goal {least}): {mark}"),
            Goal::AtLeast(least) => format!("≥ {}: {mark}", self.unit.show(least)),
            Goal::Under(most) => format!("< {}: {mark}", self.unit.show(most)),
        }
    }
}

/// A line of a markdown table; [`HEADER`] stands above.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |samples: &Samples| {
            let [median, min, max] =
                [samples.median(), samples.min(), samples.max()].map(|value| self.unit.show(value));
            format!("{median} ({min} to {max})")
        };
        let own = self.samples.first().map(show).unwrap_or_default();
        let others: Vec<_> = self
            .samples
            .iter()
            .skip(1)
            .map(|samples| format!("{} {}", samples.name, show(samples)))
            .collect();
        let goals: Vec<_> = self.goals.iter().map(|goal| self.goal(*goal)).collect();
        write!(f, "| {} | {own} | {} | {} |", self.work, others.join("<br>"), goals.join("<br>"))
    }
}

/// What stands above the rows.
pub const HEADER: &str =
    "| work | taskq: median (least to most) | beside it | goals |\n| --- | --- | --- | --- |";

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(999.4), "999");
        assert_eq!(thousands(1_000.0), "1,000");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }
}
