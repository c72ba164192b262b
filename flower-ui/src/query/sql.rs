//! An expression as a condition on rows of `task`.
//!
//! Kept true here: the condition lets every task pass that fits, and says whether others may pass too; then the
//! whole record is looked at. Texts that somebody typed are bound, never part of the SQL.

use rusqlite::types::Value;

use super::{
    ast::{Expr, Field, Range, Test},
    matches::fits,
};
use crate::store::{Kind, Words, id_value};

/// Words in one condition; more are looked at in the record.
const MOST: usize = 400;
/// Words of which each is looked for by itself.
const MOST_ARMS: usize = 8;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
    /// Whether only tasks pass that fit.
    pub(crate) exact: bool,
    /// A part that all have to fit, which is one of several words.
    choice: Option<Choice>,
}

#[derive(Clone, Debug, PartialEq)]
struct Choice {
    /// As it stands in the SQL.
    text: String,
    column: String,
    ids: Vec<i64>,
}

impl Condition {
    pub(crate) fn new(sql: impl Into<String>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values, exact: true, choice: None }
    }

    /// Conditions of which each row fits one at most, and that fits this one. An index has the rows of each by time,
    /// where those of one of several words would have to be sorted first.
    pub(crate) fn arms(&self) -> Vec<String> {
        let Some(Choice { text, column, ids }) = &self.choice else { return vec![self.sql.clone()] };
        ids.iter().map(|id| self.sql.replacen(text, &format!("{column} = {id}"), 1)).collect()
    }

    /// The column of a word is one of these.
    pub(crate) fn one_of(column: &str, ids: &[i64]) -> Self {
        let sql = match ids {
            [] => "0".to_owned(),
            [id] => format!("{column} = {id}"),
            ids => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                format!("{column} IN ({})", ids.join(","))
            }
        };
        let choice = (2..=MOST_ARMS).contains(&ids.len()).then(|| Choice {
            text: sql.clone(),
            column: column.to_owned(),
            ids: ids.to_vec(),
        });
        Self { choice, ..Self::new(sql, Vec::new()) }
    }

    fn unknown() -> Self {
        Self { exact: false, ..Self::new("1", Vec::new()) }
    }

    pub(crate) fn is_all(&self) -> bool {
        self.sql == "1"
    }

    pub(crate) fn join(parts: Vec<Self>, with: &str, of_none: &str) -> Self {
        let mut joined = Self::new("", Vec::new());
        let is_choice = with == " AND " || parts.len() == 1;
        for part in parts {
            joined.exact &= part.exact;
            if part.is_all() && with == " AND " {
                continue;
            }
            if !joined.sql.is_empty() {
                joined.sql.push_str(with);
            }
            joined.sql.push_str(&part.sql);
            joined.values.extend(part.values);
            joined.choice = joined.choice.or(part.choice).filter(|_| is_choice);
        }
        if joined.sql.is_empty() {
            joined.sql.push_str(of_none);
        } else {
            joined.sql = format!("({})", joined.sql);
        }
        joined
    }
}

impl Expr {
    /// As a condition.
    pub(crate) fn condition(&self, words: &Words) -> Condition {
        match self {
            Self::And(parts) => {
                Condition::join(parts.iter().map(|part| part.condition(words)).collect(), " AND ", "1")
            }
            Self::Or(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.condition(words)).collect();
                if parts.iter().any(Condition::is_all) {
                    return Condition { exact: parts.iter().all(|part| part.exact), ..Condition::unknown() };
                }
                Condition::join(parts, " OR ", "0")
            }
            Self::Not(part) => {
                let part = part.condition(words);
                if !part.exact {
                    return Condition::unknown();
                }
                // What is not known does not fit, and so its contrary does.
                Condition::new(format!("(({}) IS NOT TRUE)", part.sql), part.values)
            }
            Self::Term(field, test) => term(field, test, words),
        }
    }
}

fn term(field: &Field, test: &Test, words: &Words) -> Condition {
    let of = |column: &str, kind: Kind| word(column, kind, test, words);
    match field {
        Field::Name => of("t.name", Kind::Name),
        Field::State => of("t.state", Kind::State),
        Field::Worker => of("t.worker", Kind::Worker),
        Field::Queue => of("t.queue", Kind::Queue),
        Field::Fingerprint => of("t.error", Kind::Error),
        Field::Reason => of("t.reason", Kind::Reason),
        Field::Id => match test {
            Test::Is(ids) => among("t.id", ids),
            _ => Condition::unknown(),
        },
        Field::Root => match test {
            Test::Is(ids) => Condition::join(vec![among("t.root", ids), among("t.id", ids)], " OR ", "0"),
            _ => Condition::unknown(),
        },
        Field::Parent => match test {
            Test::Is(ids) => among("t.parent", ids),
            _ => Condition::unknown(),
        },
        Field::Sent => range("t.sent", test),
        Field::Received => range("t.received", test),
        Field::Started => range("t.started", test),
        Field::Ended => range("t.ended", test),
        Field::Seen => range("t.timestamp", test),
        Field::Wait => range("t.wait", test),
        Field::Run => range("t.runtime", test),
        Field::Attempts => range("t.attempts", test),
        Field::Retries => range("t.retries", test),
        _ => Condition::unknown(),
    }
}

fn word(column: &str, kind: Kind, test: &Test, words: &Words) -> Condition {
    let ids = words.find(kind, |text| fits(test, text));
    // A row without a word may be one that there was no room for.
    if ids.len() > MOST || words.is_full(kind) {
        return Condition::unknown();
    }
    Condition::one_of(column, &ids)
}

fn among(column: &str, ids: &[String]) -> Condition {
    let marks = vec!["?"; ids.len()].join(",");
    // Ids are stored as they are; what was typed is in lower case.
    let exact = ids.iter().all(|id| matches!(id_value(id), Value::Blob(_)));
    if !exact {
        return Condition::unknown();
    }
    Condition::new(format!("{column} IN ({marks})"), ids.iter().map(|id| id_value(id)).collect())
}

fn range(column: &str, test: &Test) -> Condition {
    let Test::Range(Range { min, max, open_min, open_max }) = *test else { return Condition::unknown() };
    let mut parts = Vec::new();
    if let Some(min) = min {
        let sign = if open_min { ">" } else { ">=" };
        parts.push(Condition::new(format!("{column} {sign} ?"), vec![Value::Real(min)]));
    }
    if let Some(max) = max {
        let sign = if open_max { "<" } else { "<=" };
        parts.push(Condition::new(format!("{column} {sign} ?"), vec![Value::Real(max)]));
    }
    Condition::join(parts, " AND ", "1")
}
