//! A reader of EDN and JSON, as far as histories are written in them.
//!
//! One reader for both: commas are white space and lists may be in brackets or parentheses, as in EDN; a colon
//! after a key is skipped, and `null` is `nil`, as in JSON. It is written by hand because the histories need a
//! few dozen lines of it and each value with its line; the crates for EDN keep neither lines nor few dependencies.

use super::Datum;

/// What is wrong with a text, and on which line, counted from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub line: usize,
    pub what: String,
}

/// How deep values may be nested.
const DEPTH: usize = 100;

pub(super) struct Reader<'a> {
    rest: &'a str,
    pub line: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Reader { rest: text, line: 1, depth: 0 }
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong { line: self.line, what: what.into() })
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    /// The next character that means something, which is not taken.
    pub fn peek(&mut self) -> Option<char> {
        loop {
            let c = self.rest.chars().next()?;
            if c == ';' {
                while self.rest.chars().next().is_some_and(|c| c != '\n') {
                    self.next();
                }
            } else if c.is_whitespace() || c == ',' || c == '\u{feff}' {
                self.next();
            } else {
                return Some(c);
            }
        }
    }

    /// Takes the next character that means something.
    pub fn take(&mut self) {
        self.peek();
        self.next();
    }

    /// One value.
    pub fn value(&mut self) -> Result<Datum, Wrong> {
        let Some(c) = self.peek() else { return self.wrong("the file is truncated: expected a value") };
        self.depth += 1;
        if self.depth > DEPTH {
            return self.wrong(format!("values are nested deeper than {DEPTH}"));
        }
        let value = match c {
            '[' | '(' => {
                self.next();
                self.list(if c == '[' { ']' } else { ')' })
            }
            '{' => {
                self.next();
                self.map()
            }
            '"' => {
                self.next();
                self.text()
            }
            '#' => self.tagged(),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self, end: char) -> Result<Datum, Wrong> {
        let mut list = Vec::new();
        loop {
            match self.peek() {
                None => return self.wrong(format!("the file is truncated: expected `{end}`")),
                Some(c) if c == end => {
                    self.next();
                    return Ok(Datum::List(list));
                }
                Some(_) => list.push(self.value()?),
            }
        }
    }

    fn map(&mut self) -> Result<Datum, Wrong> {
        let mut pairs = Vec::new();
        loop {
            match self.peek() {
                None => return self.wrong("the file is truncated: expected `}`"),
                Some('}') => {
                    self.next();
                    return Ok(Datum::Map(pairs));
                }
                Some(_) => {}
            }
            let key = self.value()?;
            // JSON's colon: one with white space after it, or behind a key in quotes.
            self.peek();
            if self.rest.starts_with(':') && matches!(key, Datum::Text(_)) {
                self.next();
            }
            match self.peek() {
                None => return self.wrong("the file is truncated: expected a value"),
                Some('}') => return self.wrong(format!("{key} has no value")),
                Some(_) => pairs.push((key, self.value()?)),
            }
        }
    }

    fn text(&mut self) -> Result<Datum, Wrong> {
        let mut text = String::new();
        loop {
            match self.next() {
                None => return self.wrong("the file is truncated: expected `\"`"),
                Some('"') => return Ok(Datum::Text(text)),
                Some('\\') => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{c}'),
                    Some('u') => text.push(self.unicode()?),
                    Some(c @ ('"' | '\\' | '/')) => text.push(c),
                    Some(c) => return self.wrong(format!("`\\{c}` is no escape")),
                    None => return self.wrong("the file is truncated: expected `\"`"),
                },
                Some(c) => text.push(c),
            }
        }
    }

    fn unicode(&mut self) -> Result<char, Wrong> {
        let first = self.four_digits()?;
        let code = match first {
            0xd800..=0xdbff if self.rest.starts_with("\\u") => {
                self.rest = &self.rest[2..];
                0x10000 + ((first - 0xd800) << 10) + (self.four_digits()?.wrapping_sub(0xdc00) & 0x3ff)
            }
            _ => first,
        };
        Ok(char::from_u32(code).unwrap_or('\u{fffd}'))
    }

    fn four_digits(&mut self) -> Result<u32, Wrong> {
        let digits = self.rest.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(code) = digits else { return self.wrong("expected four hexadecimal digits after `\\u`") };
        self.rest = &self.rest[4..];
        Ok(code)
    }

    /// `#{a set}`, `#tag value` and `#_ what is to be left out`.
    fn tagged(&mut self) -> Result<Datum, Wrong> {
        self.next();
        match self.rest.chars().next() {
            Some('{') => {
                self.next();
                self.list('}')
            }
            Some('_') => {
                self.next();
                self.value()?;
                self.value()
            }
            _ => {
                self.word()?;
                self.value()
            }
        }
    }

    fn word(&mut self) -> Result<Datum, Wrong> {
        let ends = |c: char| c.is_whitespace() || ",[](){}\";".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        if word.is_empty() {
            let found = self.rest.chars().next().map_or("the end".to_string(), |c| format!("`{c}`"));
            return self.wrong(format!("{found} stands where a value is expected"));
        }
        self.rest = &self.rest[end..];
        Ok(match word {
            "nil" | "null" => Datum::Nil,
            "true" => Datum::Bool(true),
            "false" => Datum::Bool(false),
            ":" => return self.wrong("`:` stands where a value is expected"),
            _ => match word.strip_suffix('N').unwrap_or(word).parse() {
                Ok(number) => Datum::Int(number),
                Err(_) => Datum::Name(word.strip_prefix(':').unwrap_or(word).to_string()),
            },
        })
    }
}
