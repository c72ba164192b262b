//! What a word of a query looks at, and what it wants there.
//!
//! Kept true here: a word that names no field is looked for everywhere; in Flower's grammar there are its six fields
//! and whole words, in the board's lists, ranges and `*` besides.

use super::{
    SyntaxError,
    ast::{Expr, Field, Test},
    lex::Token,
    value,
};
use crate::record::EndReason;

/// Characters of a text that is looked for anywhere, in Flower's grammar.
const SHORTEST: usize = 3;

/// How words are understood.
pub(super) struct Terms {
    /// Nothing but Flower's grammar.
    pub(super) strict: bool,
    /// What `-2h` and `today` mean, in seconds since 1970.
    pub(super) now: f64,
}

impl Terms {
    /// The test that a word stands for.
    pub(super) fn term(&self, token: &Token) -> Result<Expr, SyntaxError> {
        let fail = |message: &str| Err(SyntaxError::new(message, Some(token.position)));
        let qualified = token.text.split_once(':').and_then(|(name, text)| Some((self.field(name)?, text)));
        let (field, text) = qualified.unwrap_or((Field::Any, &token.text));
        let pair = text.split_once('=').filter(|_| field == Field::Kwargs);
        if text.is_empty() {
            return fail("Search qualifier requires a value");
        }
        if self.strict {
            // States and pairs are compared whole, all else is looked for in texts.
            let is_whole = field == Field::State || pair.is_some();
            if field == Field::Any && text.starts_with('-') {
                return fail("Negation with '-' is not supported");
            }
            if !is_whole && text.trim().chars().count() < SHORTEST {
                return fail(&format!("Substring search terms must contain at least {SHORTEST} characters"));
            }
        }
        if let Some((key, value)) = pair {
            let test = Test::Pair(key.trim().to_lowercase(), value.trim().to_lowercase());
            return Ok(Expr::Term(field, test));
        }
        let text = text.to_lowercase();
        let literal = self.strict || token.quoted;
        let test = match &field {
            Field::State => {
                Test::Is(list(&text, literal).into_iter().map(|name| state(&name, self.strict)).collect())
            }
            Field::Fingerprint => Test::Is(vec![text]),
            Field::Root | Field::Parent => Test::Is(list(&text, literal)),
            Field::Reason | Field::Has => {
                let words = list(&text, literal);
                let known: &[&str] = if field == Field::Has { &HAS } else { &EndReason::WORDS };
                if let Some(odd) = words.iter().find(|word| !known.contains(&word.as_str())) {
                    return fail(&format!("Unknown value '{odd}', expected one of {}", known.join(", ")));
                }
                Test::Is(words)
            }
            Field::Wait | Field::Run => match value::durations(&text) {
                Some(range) => Test::Range(range),
                None => return fail("Expected a duration such as >5s or 1s..2m"),
            },
            Field::Attempts | Field::Retries => match value::numbers(&text) {
                Some(range) => Test::Range(range),
                None => return fail("Expected a number such as 3, >=3 or 2..5"),
            },
            Field::Sent | Field::Received | Field::Started | Field::Ended | Field::Seen | Field::Eta => {
                match value::times(&text, self.now) {
                    Some(range) => Test::Range(range),
                    None => return fail("Expected a time such as >-2h, today or 2026-11-21..2026-11-22"),
                }
            }
            Field::Kwarg(_) if !text.contains('*') || literal => Test::Is(list(&text, literal)),
            _ if literal => Test::Contains(text),
            _ if text.contains(',') && field != Field::Any => {
                let tests =
                    list(&text, false).into_iter().map(|text| Expr::Term(field.clone(), contains(text)));
                return Ok(Expr::Or(tests.collect()));
            }
            _ => contains(text),
        };
        Ok(Expr::Term(field, test))
    }

    fn field(&self, name: &str) -> Option<Field> {
        let name = name.to_lowercase();
        Some(match name.as_str() {
            "name" => Field::Name,
            "state" => Field::State,
            "worker" => Field::Worker,
            "args" => Field::Args,
            "kwargs" => Field::Kwargs,
            "result" => Field::Result,
            _ if self.strict => return None,
            "id" | "uuid" => Field::Id,
            "queue" => Field::Queue,
            "client" => Field::Client,
            "error" | "exception" => Field::Error,
            "fingerprint" => Field::Fingerprint,
            "reason" => Field::Reason,
            "root" => Field::Root,
            "parent" => Field::Parent,
            "sent" => Field::Sent,
            "received" => Field::Received,
            "started" => Field::Started,
            "ended" => Field::Ended,
            "seen" => Field::Seen,
            "eta" => Field::Eta,
            "wait" => Field::Wait,
            "run" | "runtime" => Field::Run,
            "attempts" => Field::Attempts,
            "retries" => Field::Retries,
            "has" => Field::Has,
            _ => Field::Kwarg(name.strip_prefix("kwargs.").filter(|path| !path.is_empty())?.to_owned()),
        })
    }
}

/// What a task can have.
const HAS: [&str; 8] = ["result", "error", "eta", "parent", "queue", "args", "traceback", "retries"];

fn contains(text: String) -> Test {
    if text.contains('*') { Test::Like(text) } else { Test::Contains(text) }
}

fn list(text: &str, literal: bool) -> Vec<String> {
    if literal {
        return vec![text.to_owned()];
    }
    text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The name of a state, by what people call it.
fn state(word: &str, strict: bool) -> String {
    let name = match word {
        _ if strict => word,
        "failed" => "failure",
        "succeeded" | "ok" => "success",
        "retrying" | "retried" => "retry",
        "running" => "started",
        "queued" | "waiting" | "sent" => "pending",
        other => other,
    };
    name.to_owned()
}
