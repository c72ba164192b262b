//! From tokens to an expression.
//!
//! Kept true here: what Flower understands means the same here, and what Flower refuses is refused with its
//! sentence when it asks for no more than Flower knows.

use super::{
    SyntaxError,
    ast::{Expr, Field, Test},
    lex::{self, Kind, Token},
    value,
};
use crate::record::EndReason;

/// Brackets within brackets.
const DEEPEST: usize = 5;
/// Characters of a text that is looked for anywhere, in Flower's grammar.
const SHORTEST: usize = 3;

pub(super) fn parse(query: &str, strict: bool, now: f64) -> Result<Expr, SyntaxError> {
    let mut parser = Parser { tokens: lex::tokens(query, strict)?, at: 0, strict, now };
    if parser.kind() == &Kind::End {
        return Ok(Expr::default());
    }
    let expr = parser.any(0)?;
    match parser.kind() {
        Kind::End => Ok(expr),
        _ => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    strict: bool,
    now: f64,
}

impl Parser {
    fn token(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn kind(&self) -> &Kind {
        &self.token().kind
    }

    fn next(&mut self) -> Token {
        let token = self.token().clone();
        // The last one, the end, stays.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn unexpected(&self) -> SyntaxError {
        SyntaxError::new(format!("Unexpected '{}'", self.token().text), Some(self.token().position))
    }

    fn any(&mut self, depth: usize) -> Result<Expr, SyntaxError> {
        let mut parts = vec![self.all(depth)?];
        while self.kind() == &Kind::Or {
            let or = self.next();
            if matches!(self.kind(), Kind::End | Kind::Close | Kind::And | Kind::Or) {
                return Err(SyntaxError::new("OR must be followed by a search term", Some(or.position)));
            }
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Expr, SyntaxError> {
        let mut parts = vec![self.one(depth)?];
        while !matches!(self.kind(), Kind::End | Kind::Close | Kind::Or) {
            if self.kind() == &Kind::And {
                let and = self.next();
                if matches!(self.kind(), Kind::End | Kind::Close | Kind::And | Kind::Or) {
                    return Err(SyntaxError::new(
                        "AND must be followed by a search term",
                        Some(and.position),
                    ));
                }
            }
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Expr, SyntaxError> {
        let token = self.next();
        match token.kind {
            Kind::Not => {
                if matches!(self.kind(), Kind::End | Kind::Close | Kind::And | Kind::Or | Kind::Not) {
                    let text = format!("{} must be followed by a search term", token.text);
                    return Err(SyntaxError::new(text, Some(token.position)));
                }
                Ok(Expr::Not(Box::new(self.one(depth)?)))
            }
            Kind::Open => {
                if depth >= DEEPEST {
                    return Err(SyntaxError::new(
                        format!("Query nesting exceeds {DEEPEST} levels"),
                        Some(token.position),
                    ));
                }
                if self.kind() == &Kind::Close {
                    return Err(SyntaxError::new("Empty group", Some(token.position)));
                }
                let expr = self.any(depth + 1)?;
                if self.next().kind != Kind::Close {
                    return Err(SyntaxError::new("Missing closing parenthesis", Some(token.position)));
                }
                Ok(expr)
            }
            Kind::Word => self.term(&token),
            _ => Err(SyntaxError::new("Expected a search term", Some(token.position))),
        }
    }

    fn term(&self, token: &Token) -> Result<Expr, SyntaxError> {
        let fail = |message: &str| Err(SyntaxError::new(message, Some(token.position)));
        let (field, text) = match token.text.split_once(':') {
            Some((name, rest)) => match self.field(name) {
                Some(field) => (field, rest),
                None => (Field::Any, token.text.as_str()),
            },
            None => (Field::Any, token.text.as_str()),
        };
        if field == Field::Any && self.strict && text.starts_with('-') {
            return fail("Negation with '-' is not supported");
        }
        if text.is_empty() {
            return fail("Search qualifier requires a value");
        }
        let pair = if field == Field::Kwargs { text.split_once('=') } else { None };
        if self.strict {
            let exact = field == Field::State || pair.is_some();
            if !exact && text.trim().chars().count() < SHORTEST {
                let text = format!("Substring search terms must contain at least {SHORTEST} characters");
                return Err(SyntaxError::new(text, Some(token.position)));
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
