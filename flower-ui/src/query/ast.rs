//! A query, understood.

/// Which tasks fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// All of these. Of none: everything.
    And(Vec<Expr>),
    /// Any of these.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Term(Field, Test),
}

impl Default for Expr {
    fn default() -> Self {
        Self::And(Vec::new())
    }
}

impl Expr {
    /// Without arguments, results and errors; `None` if one of them is named.
    pub(super) fn without_payloads(self) -> Option<Self> {
        let all = |exprs: Vec<Self>| exprs.into_iter().map(Self::without_payloads).collect::<Option<_>>();
        Some(match self {
            Self::And(exprs) => Self::And(all(exprs)?),
            Self::Or(exprs) => Self::Or(all(exprs)?),
            Self::Not(expr) => Self::Not(Box::new(expr.without_payloads()?)),
            Self::Term(Field::Any, test) => {
                let fields = [Field::Id, Field::Name, Field::State, Field::Worker];
                Self::Or(fields.map(|field| Self::Term(field, test.clone())).into())
            }
            Self::Term(Field::Args | Field::Kwargs | Field::Kwarg(_) | Field::Result | Field::Error, _) => {
                return None;
            }
            term @ Self::Term(..) => term,
        })
    }
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// Id, name, state, worker, args, kwargs and result together.
    Any,
    Id,
    Name,
    State,
    Worker,
    Queue,
    Client,
    Args,
    Kwargs,
    /// A keyword argument, or a value in one: `kwargs.tenant`, `kwargs.order.id`.
    Kwarg(String),
    Result,
    Error,
    /// What errors have in common, whole.
    Fingerprint,
    Reason,
    Root,
    Parent,
    /// In seconds since 1970.
    Sent,
    Received,
    Started,
    Ended,
    /// The newest event.
    Seen,
    Eta,
    /// In seconds.
    Wait,
    Run,
    Attempts,
    Retries,
    Has,
}

/// What it has to be. Texts are in lower case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Contains(String),
    /// One of these, whole.
    Is(Vec<String>),
    /// With `*` for any text.
    Like(String),
    /// A keyword argument and its value.
    Pair(String, String),
    Range(Range),
}

/// A range of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Range {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    /// Whether the bounds themselves are out.
    pub(crate) open_min: bool,
    pub(crate) open_max: bool,
}

impl Range {
    pub(crate) fn has(&self, number: f64) -> bool {
        let above = self.min.is_none_or(|min| if self.open_min { number > min } else { number >= min });
        above && self.max.is_none_or(|max| if self.open_max { number < max } else { number <= max })
    }
}

/// Whether a text fits a pattern; `*` stands for any text. Both in lower case.
pub(crate) fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}
