//! Canonical typed JSON: how attributes, bodies, events and links are kept as text without losing a type.
//!
//! ```text
//! OTLP value        text                      OTLP value        text
//! string  "a"       "a"                       bytes             {"$bytes":"aGk="}   (standard base64, padded)
//! int     1         1                         array             [v,…]
//! double  1.0       1.0                       key-value list    {"k":v,…} keys sorted by bytes
//! double  NaN, ±∞   {"$double":"NaN"}         list with a key twice  {"$pairs":[["k",v],…]} in the order sent
//!   "Infinity" "-Infinity"; another NaN payload: its bits as 16 hex digits
//! bool    true      true                      empty value       null
//! ```
//!
//! A key that starts with `$` is written with one `$` more, so user keys never meet ours. A resource or a scope
//! uses that room: `$schema_url`, `$name`, `$version`, `$dropped_attributes_count`, `$entity_refs` stand beside
//! its attributes in one object.
//!
//! The text of equal maps is equal, so it can be a dictionary key; plain JSON readers can read it.

mod read;
mod write;

use read::Reader;
pub use read::{Entries, entries, get, items, members, plain_text};
pub use write::{write_bytes, write_double, write_int, write_key, write_map, write_string};

/// How deep values nest when read back. OTLP over protobuf ends near 47 levels.
pub const DEPTH_MAX: usize = 128;

/// One OTLP value, owned. For slow paths; hot paths write and walk the text.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    /// In the order sent, keys as sent (not doubled).
    Map(Vec<(String, Value)>),
}

/// Maps are equal as multisets of pairs; doubles by their bits.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        let (mut a, mut b) = (String::new(), String::new());
        self.write(&mut a);
        other.write(&mut b);
        a == b
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not canonical JSON at byte {at}: expected {expected}")]
pub struct ParseError {
    pub at: usize,
    pub expected: &'static str,
}

impl Value {
    /// Appends the canonical text.
    pub fn write(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => write_int(out, *value),
            Value::Double(value) => write_double(out, *value),
            Value::String(value) => write_string(out, value),
            Value::Bytes(value) => write_bytes(out, value),
            Value::Array(values) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Value::Map(pairs) => write_map(out, pairs.iter().map(|(key, value)| (key.as_str(), value)), |out, value| value.write(out)),
        }
    }

    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Reads canonical text (any JSON object order is accepted).
    pub fn parse(text: &str) -> Result<Value, ParseError> {
        let mut reader = Reader::new(text);
        let value = reader.value(0)?;
        reader.end()?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
