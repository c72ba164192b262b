//! A typed query as words, brackets and signs.
//!
//! Kept true here: each character is looked at once; what is between quotes is never a bracket, a sign or a word
//! that joins.

use super::SyntaxError;

/// Characters of a query.
const LONGEST: usize = 2_048;
/// Words, brackets and signs of a query.
const MOST: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The tokens of a query, the last of which is its end. `strict` refuses what Flower does not know.
pub(super) fn tokens(query: &str, strict: bool) -> Result<Vec<Token>, SyntaxError> {
    let query = query.trim();
    let length = query.chars().count();
    if length > LONGEST {
        return Err(SyntaxError::new(format!("Query exceeds {LONGEST} characters"), None));
    }
    let mut lexer = Lexer { tokens: Vec::new(), word: None, strict };
    // Whether the character is between quotes.
    let mut inside = false;
    let mut chars = query.chars().enumerate().peekable();
    while let Some((at, char)) = chars.next() {
        let after = chars.peek().map(|(_, after)| *after);
        match (char, after) {
            ('\\', Some(escaped @ ('"' | '\\'))) => {
                chars.next();
                lexer.word(at).text.push(escaped);
            }
            ('"', _) => {
                inside = !inside;
                lexer.word(at).quoted = true;
            }
            _ if inside => lexer.word(at).text.push(char),
            ('(', _) => lexer.sign(Kind::Open, char, at)?,
            (')', _) => lexer.sign(Kind::Close, char, at)?,
            (blank, _) if blank.is_whitespace() => lexer.end_word()?,
            // Before a word or a bracket, of which it says the contrary.
            ('-', Some(of)) if !strict && lexer.word.is_none() && of != ')' && !of.is_whitespace() => {
                lexer.sign(Kind::Not, char, at)?;
            }
            _ => lexer.word(at).text.push(char),
        }
    }
    if let Some(word) = lexer.word.as_ref().filter(|_| inside) {
        return Err(SyntaxError::new("Unterminated quoted phrase", Some(word.position)));
    }
    lexer.end_word()?;
    let end = Token { kind: Kind::End, text: String::new(), position: length, quoted: false };
    lexer.tokens.push(end);
    Ok(lexer.tokens)
}

struct Lexer {
    tokens: Vec<Token>,
    /// The word that is being read.
    word: Option<Token>,
    strict: bool,
}

impl Lexer {
    /// The word that is being read, or one that begins here.
    fn word(&mut self, position: usize) -> &mut Token {
        self.word.get_or_insert_with(|| Token {
            kind: Kind::Word,
            text: String::new(),
            position,
            quoted: false,
        })
    }

    fn sign(&mut self, kind: Kind, char: char, position: usize) -> Result<(), SyntaxError> {
        self.end_word()?;
        self.push(Token { kind, text: char.to_string(), position, quoted: false })
    }

    fn end_word(&mut self) -> Result<(), SyntaxError> {
        let Some(mut word) = self.word.take() else { return Ok(()) };
        if word.text.is_empty() {
            return Err(SyntaxError::new("Empty search term", Some(word.position)));
        }
        if !word.quoted {
            word.kind = match word.text.as_str() {
                "AND" => Kind::And,
                "OR" => Kind::Or,
                "NOT" => Kind::Not,
                _ => Kind::Word,
            };
        }
        if self.strict && word.kind == Kind::Not {
            return Err(SyntaxError::new("NOT is not supported", Some(word.position)));
        }
        self.push(word)
    }

    fn push(&mut self, token: Token) -> Result<(), SyntaxError> {
        self.tokens.push(token);
        match self.tokens.len() {
            count if count > MOST => Err(SyntaxError::new(format!("Query exceeds {MOST} tokens"), None)),
            _ => Ok(()),
        }
    }
}
