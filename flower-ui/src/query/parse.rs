//! From tokens to an expression: one pass, with a stack of the brackets that are open.
//!
//! Kept true here: no query makes it call itself; a word that joins has a term on either side, and a bracket holds
//! at least one; what is refused is refused with Flower's sentence and place.

use super::{
    SyntaxError,
    ast::Expr,
    lex::{self, Kind, Token},
    term::Terms,
};

/// Brackets within brackets.
const DEEPEST: usize = 5;

pub(super) fn parse(query: &str, strict: bool, now: f64) -> Result<Expr, SyntaxError> {
    let terms = Terms { strict, now };
    let tokens = lex::tokens(query, strict)?;
    if tokens.len() == 1 {
        return Ok(Expr::default());
    }
    let mut level = Level::default();
    // The levels around it.
    let mut outer = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Word => level.put(terms.term(&token)?),
            Kind::And | Kind::Or | Kind::Not => level.join(token)?,
            Kind::Open if outer.len() >= DEEPEST => {
                return Err(at(&token, format!("Query nesting exceeds {DEEPEST} levels")));
            }
            Kind::Open => {
                let inner = Level { open: Some(token), ..Level::default() };
                outer.push(std::mem::replace(&mut level, inner));
            }
            Kind::Close => {
                level.needs_nothing()?;
                match (&level.open, level.is_empty()) {
                    (Some(open), true) => return Err(at(open, "Empty group")),
                    (None, true) => return Err(at(&token, "Expected a search term")),
                    (None, false) => return Err(at(&token, format!("Unexpected '{}'", token.text))),
                    (Some(_), false) => {}
                }
                let around = outer.pop().unwrap_or_default();
                let group = std::mem::replace(&mut level, around);
                level.put(group.finish());
            }
            Kind::End => {
                level.needs_nothing()?;
                match &level.open {
                    _ if level.is_empty() => return Err(at(&token, "Expected a search term")),
                    Some(open) => return Err(at(open, "Missing closing parenthesis")),
                    None => {}
                }
            }
        }
    }
    Ok(level.finish())
}

/// What stands between two brackets, or in no bracket, as far as it was read.
#[derive(Default)]
struct Level {
    open: Option<Token>,
    /// The alternatives before the last `OR`.
    any: Vec<Expr>,
    /// What has to be true together since then.
    all: Vec<Expr>,
    /// The word or sign that a term has to follow.
    needs: Option<Token>,
    /// Whether that term is to be the contrary.
    contrary: bool,
}

impl Level {
    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.all.is_empty()
    }

    fn put(&mut self, expr: Expr) {
        self.needs = None;
        let contrary = std::mem::take(&mut self.contrary);
        self.all.push(if contrary { Expr::Not(Box::new(expr)) } else { expr });
    }

    fn join(&mut self, token: Token) -> Result<(), SyntaxError> {
        if token.kind == Kind::Not {
            // It may follow a word that joins, but not itself.
            if self.contrary {
                self.needs_nothing()?;
            }
            self.contrary = true;
        } else {
            self.needs_nothing()?;
            if self.all.is_empty() {
                return Err(at(&token, "Expected a search term"));
            }
            if token.kind == Kind::Or {
                self.any.push(one_or(std::mem::take(&mut self.all), Expr::And));
            }
        }
        self.needs = Some(token);
        Ok(())
    }

    fn needs_nothing(&self) -> Result<(), SyntaxError> {
        match &self.needs {
            Some(token) => Err(at(token, format!("{} must be followed by a search term", token.text))),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Expr {
        self.any.push(one_or(self.all, Expr::And));
        one_or(self.any, Expr::Or)
    }
}

/// The only one, or all of them together.
fn one_or(mut exprs: Vec<Expr>, together: fn(Vec<Expr>) -> Expr) -> Expr {
    match exprs.pop() {
        Some(only) if exprs.is_empty() => only,
        last => {
            exprs.extend(last);
            together(exprs)
        }
    }
}

fn at(token: &Token, message: impl Into<String>) -> SyntaxError {
    SyntaxError::new(message, Some(token.position))
}
