//! A typed query as words, brackets and signs.

use super::SyntaxError;

/// Characters of a query.
const LONGEST: usize = 2_048;
/// Words, brackets and signs of a query.
const MOST: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    And,
    Or,
    Not,
    Word,
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Without quotes.
    pub(super) text: String,
    pub(super) position: usize,
    /// Whether part of it was between quotes.
    pub(super) quoted: bool,
}

/// The tokens of a query. `strict` refuses what Flower does not know.
pub(super) fn tokens(query: &str, strict: bool) -> Result<Vec<Token>, SyntaxError> {
    let chars: Vec<char> = query.trim().chars().collect();
    if chars.len() > LONGEST {
        return Err(SyntaxError::new(format!("Query exceeds {LONGEST} characters"), None));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        if char.is_whitespace() {
            at += 1;
            continue;
        }
        let token = match char {
            '(' | ')' => {
                let kind = if char == '(' { Kind::Open } else { Kind::Close };
                at += 1;
                Token { kind, text: char.to_string(), position: at - 1, quoted: false }
            }
            // A sign before a word or a bracket.
            '-' if !strict && chars.get(at + 1).is_some_and(|next| !next.is_whitespace() && *next != ')') => {
                at += 1;
                Token { kind: Kind::Not, text: "-".to_owned(), position: at - 1, quoted: false }
            }
            _ => word(&chars, &mut at, strict)?,
        };
        tokens.push(token);
        if tokens.len() > MOST {
            return Err(SyntaxError::new(format!("Query exceeds {MOST} tokens"), None));
        }
    }
    tokens.push(Token { kind: Kind::End, text: String::new(), position: chars.len(), quoted: false });
    Ok(tokens)
}

fn word(chars: &[char], at: &mut usize, strict: bool) -> Result<Token, SyntaxError> {
    let position = *at;
    let (mut text, mut quoted, mut inside) = (String::new(), false, false);
    while let Some(&char) = chars.get(*at) {
        match char {
            '\\' if matches!(chars.get(*at + 1), Some('"' | '\\')) => {
                text.push(chars[*at + 1]);
                *at += 1;
            }
            '"' => {
                quoted = true;
                inside = !inside;
            }
            _ if !inside && (char.is_whitespace() || char == '(' || char == ')') => break,
            _ => text.push(char),
        }
        *at += 1;
    }
    if inside {
        return Err(SyntaxError::new("Unterminated quoted phrase", Some(position)));
    }
    if text.is_empty() {
        return Err(SyntaxError::new("Empty search term", Some(position)));
    }
    let kind = match text.as_str() {
        _ if quoted => Kind::Word,
        "AND" => Kind::And,
        "OR" => Kind::Or,
        "NOT" if strict => return Err(SyntaxError::new("NOT is not supported", Some(position))),
        "NOT" => Kind::Not,
        _ => Kind::Word,
    };
    Ok(Token { kind, text, position, quoted })
}
