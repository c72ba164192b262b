//! Keyword arguments as events show them: the text of a Python dictionary, cut at some length.
//!
//! Kept true here: only what can be read for certain is read; what is cut off in the middle is not guessed.

/// The values of a text such as `{'a': 1, 'b': {'c': 'x'}}`, each with its path (`b.c`), without the quotes of
/// texts.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    Reader { text, at: 0 }.map("", &mut found);
    found
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Maps within maps that are looked into.
const DEEPEST: usize = 8;

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        self.space();
        (self.peek()? == wanted).then(|| self.next()).flatten().map(|_| ())
    }

    fn map(&mut self, path: &str, found: &mut Vec<(String, String)>) -> Option<()> {
        self.take('{')?;
        loop {
            if self.take('}').is_some() {
                return Some(());
            }
            let key = self.value()?;
            self.take(':')?;
            self.space();
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            let start = self.at;
            let value = self.value()?;
            if self.text[start..].starts_with('{') && path.split('.').count() < DEEPEST {
                Reader { text: &self.text[..self.at], at: start }.map(&path, found);
            }
            self.space();
            // Without an end, the value itself may be cut.
            let end = self.next()?;
            found.push((path, value));
            match end {
                ',' => {}
                '}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// A value up to the comma, colon or bracket after it.
    fn value(&mut self) -> Option<String> {
        self.space();
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            return self.quoted(quote);
        }
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                quote @ ('\'' | '"') => {
                    self.quoted(quote)?;
                    continue;
                }
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth > 0 => depth -= 1,
                ',' | ':' | '}' | ']' | ')' if depth == 0 => {
                    return Some(self.text[start..self.at].trim_end().to_owned());
                }
                _ => {}
            }
            self.next();
        }
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        self.next();
        let mut value = String::new();
        loop {
            match self.next()? {
                '\\' => match self.next()? {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    other => value.push(other),
                },
                char if char == quote => return Some(value),
                char => value.push(char),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_paths_and_what_is_cut_is_not_guessed() {
        let read = |text| {
            let pairs = pairs(text);
            pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(read("{'subject': 'Order 3', 'n': 1}"), ["subject=Order 3", "n=1"]);
        assert_eq!(
            read("{'a': {'b': \"it's\"}, 'c': [1, 2]}"),
            ["a.b=it's", "a={'b': \"it's\"}", "c=[1, 2]"]
        );
        assert_eq!(read("{'a': 1, 'b': 'cut of"), ["a=1"]);
        assert_eq!(read("{}"), [""; 0]);
        assert_eq!(read("nonsense"), [""; 0]);
    }
}
