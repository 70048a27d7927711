//! Values as files of histories have them.

use std::fmt;

/// A value in a recorded history, as EDN and JSON have them. Names (`:read`, symbols) and numbers that are not
/// whole are kept as they are written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Datum {
    /// `nil` or `null`.
    #[default]
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text in quotes.
    Text(String),
    /// A name: what EDN writes as `:name` or as a symbol.
    Name(String),
    /// A vector, a list or a set, in the order in which it is written.
    List(Vec<Datum>),
    /// Keys and values, in the order in which they are written.
    Map(Vec<(Datum, Datum)>),
}

impl Datum {
    /// What is stored under a key of this name, if it is a map.
    pub fn get(&self, name: &str) -> Option<&Datum> {
        let Datum::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| key.name() == Some(name)).map(|(_, value)| value)
    }

    /// The name, or the text: JSON writes one for the other.
    pub fn name(&self) -> Option<&str> {
        match self {
            Datum::Name(name) | Datum::Text(name) => Some(name),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Datum::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements, if it is a list.
    pub fn list(&self) -> Option<&[Datum]> {
        match self {
            Datum::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// Reads one value, as EDN or as JSON.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Datum, String> {
        let mut reader = super::notation::Reader::new(text);
        let datum = reader.value().map_err(|wrong| wrong.what)?;
        match reader.peek() {
            None => Ok(datum),
            Some(c) => Err(format!("`{c}` behind the value")),
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        match self {
            Datum::Nil => "null".to_string(),
            Datum::Bool(_) | Datum::Int(_) => self.to_string(),
            Datum::Text(text) | Datum::Name(text) => quoted(text),
            Datum::List(list) => {
                format!("[{}]", list.iter().map(Datum::json).collect::<Vec<_>>().join(", "))
            }
            Datum::Map(pairs) => {
                let key = |key: &Datum| key.name().map_or_else(|| quoted(&key.to_string()), quoted);
                let pairs: Vec<String> =
                    pairs.iter().map(|(k, value)| format!("{}: {}", key(k), value.json())).collect();
                format!("{{{}}}", pairs.join(", "))
            }
        }
    }
}

impl From<i64> for Datum {
    fn from(number: i64) -> Self {
        Datum::Int(number)
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Datum::Text(text.to_string())
    }
}

/// As EDN.
impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Nil => write!(f, "nil"),
            Datum::Bool(truth) => write!(f, "{truth}"),
            Datum::Int(number) => write!(f, "{number}"),
            Datum::Text(text) => write!(f, "{}", quoted(text)),
            Datum::Name(name) => write!(f, ":{name}"),
            Datum::List(list) => {
                let list: Vec<String> = list.iter().map(Datum::to_string).collect();
                write!(f, "[{}]", list.join(" "))
            }
            Datum::Map(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} {value}")).collect();
                write!(f, "{{{}}}", pairs.join(", "))
            }
        }
    }
}

/// As it is written: sentences name values.
impl fmt::Debug for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// In quotes, with the escapes that EDN and JSON share.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_string();
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if (c as u32) < 0x20 => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
