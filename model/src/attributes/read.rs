//! Canonical text → values, whole or piece by piece without decoding the rest.

use super::{DEPTH_MAX, ParseError, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// The pairs of a top-level object, in the text's order: decoded key, raw text of the value.
///
/// A `$pairs` object yields its pairs. Ends silently at the first malformed byte: the text is our own.
pub fn entries(text: &str) -> Entries<'_> {
    if let Some(rest) = text.strip_prefix("{\"$pairs\":[") {
        return Entries { reader: Reader { text: rest, at: 0 }, pairs: true };
    }
    Entries { reader: Reader { text: text.strip_prefix('{').unwrap_or(""), at: 0 }, pairs: false }
}

pub struct Entries<'a> {
    reader: Reader<'a>,
    pairs: bool,
}

/// The members of a resource's or scope's object: key, whether it is one of our own (`$name`, …), raw text of the value.
///
/// With a key twice, ours stand together as `["$own",{…}]` before the pairs.
pub fn members(text: &str) -> impl Iterator<Item = (Cow<'_, str>, bool, &str)> {
    let mut entries = entries(text);
    let mut own: Option<Entries<'_>> = None;
    std::iter::from_fn(move || {
        if let Some((key, raw)) = own.as_mut().and_then(Entries::as_written) {
            return Some((key, true, raw));
        }
        let (key, raw) = entries.as_written()?;
        if !entries.pairs {
            let is_own = key.starts_with('$') && !key.starts_with("$$");
            return Some((undouble(key), is_own, raw));
        }
        // A key that was sent would be doubled inside an object.
        if key == "$own"
            && raw.starts_with("{\"$")
            && !raw.starts_with("{\"$$")
            && !["{\"$double\"", "{\"$bytes\"", "{\"$pairs\""].iter().any(|special| raw.starts_with(special))
        {
            let mut inside = self::entries(raw);
            let first = inside.as_written();
            own = Some(inside);
            return first.map(|(key, raw)| (key, true, raw));
        }
        Some((key, false, raw))
    })
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Cow<'a, str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, raw) = self.as_written()?;
        Some((if self.pairs { key } else { undouble(key) }, raw))
    }
}

impl<'a> Entries<'a> {
    /// The next key without undoing a doubled `$`.
    fn as_written(&mut self) -> Option<(Cow<'a, str>, &'a str)> {
        let reader = &mut self.reader;
        if reader.peek() == Some(b',') {
            reader.at += 1;
        }
        if self.pairs {
            if reader.peek() != Some(b'[') {
                return None;
            }
            reader.at += 1;
        }
        if reader.peek() != Some(b'"') {
            return None;
        }
        let key = reader.string().ok()?;
        let separator = if self.pairs { b',' } else { b':' };
        if reader.peek() != Some(separator) {
            return None;
        }
        reader.at += 1;
        let start = reader.at;
        reader.skip().ok()?;
        let raw = &reader.text[start..reader.at];
        if self.pairs {
            reader.at += 1;
        }
        Some((key, raw))
    }
}

/// `$$key` → `$key`; our own `$name` keys stay as they are.
fn undouble(key: Cow<'_, str>) -> Cow<'_, str> {
    if !key.starts_with("$$") {
        return key;
    }
    match key {
        Cow::Borrowed(key) => Cow::Borrowed(&key[1..]),
        Cow::Owned(key) => Cow::Owned(key[1..].to_owned()),
    }
}

/// The raw text of one key's value in a top-level object; the first when it stands twice.
pub fn get<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    // Most rows do not hold the key: a substring search is far cheaper than a walk.
    if !key.contains(['"', '\\', '\n']) && memchr::memmem::find(text.as_bytes(), key.as_bytes()).is_none() {
        return None;
    }
    entries(text).find(|(name, _)| name == key).map(|(_, raw)| raw)
}

/// The raw texts of an array's items, in order. Ends silently at the first malformed byte, like [`entries`].
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut reader = Reader { text: text.strip_prefix('[').unwrap_or(""), at: 0 };
    std::iter::from_fn(move || {
        if reader.peek() == Some(b',') {
            reader.at += 1;
        }
        if reader.peek()? == b']' {
            return None;
        }
        let start = reader.at;
        reader.skip().ok()?;
        Some(&reader.text[start..reader.at])
    })
}

/// A value as a person compares it: strings unquoted, everything else as its text.
pub fn plain_text(raw: &str) -> Cow<'_, str> {
    if raw.starts_with('"') {
        return Reader { text: raw, at: 0 }.string().unwrap_or(Cow::Borrowed(raw));
    }
    Cow::Borrowed(raw)
}

/// Walks the text; every place it stands at is a byte offset.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), ParseError> {
        if self.at == self.text.len() { Ok(()) } else { Err(self.expected("the end")) }
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        ParseError { at: self.at, expected }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), ParseError> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, ParseError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected(word));
        }
        self.at += word.len();
        Ok(value)
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Value, ParseError> {
        if depth > DEPTH_MAX {
            return Err(self.expected("less nesting"));
        }
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?.into_owned())),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.object(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.expected("a value")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, ParseError> {
        self.take(b'[', "[")?;
        let mut values = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(values));
                }
                _ => return Err(self.expected(", or ]")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, ParseError> {
        self.take(b'{', "{")?;
        let mut pairs = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(pairs));
        }
        loop {
            let key = self.string()?;
            self.take(b':', ":")?;
            let special = key.starts_with('$') && !key.starts_with("$$");
            if special && pairs.is_empty() && matches!(&*key, "$double" | "$bytes" | "$pairs") {
                let value = self.special(&key, depth)?;
                self.take(b'}', "}")?;
                return Ok(value);
            }
            let value = self.value(depth + 1)?;
            pairs.push((undouble(key).into_owned(), value));
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(pairs));
                }
                _ => return Err(self.expected(", or }")),
            }
        }
    }

    fn special(&mut self, key: &str, depth: usize) -> Result<Value, ParseError> {
        match key {
            "$double" => {
                let text = self.string()?;
                let value = match &*text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    bits => {
                        let mut bytes = [0; 8];
                        crate::ids::decode_hex(bits, &mut bytes).ok_or_else(|| self.expected("NaN, Infinity, -Infinity or 16 hex digits"))?;
                        f64::from_bits(u64::from_be_bytes(bytes))
                    }
                };
                Ok(Value::Double(value))
            }
            "$bytes" => {
                let text = self.string()?;
                let bytes = STANDARD.decode(&*text).map_err(|_| self.expected("base64"))?;
                Ok(Value::Bytes(bytes))
            }
            _ => {
                let Value::Array(items) = self.array(depth + 1)? else {
                    return Err(self.expected("an array of pairs"));
                };
                let mut pairs = Vec::with_capacity(items.len());
                for item in items {
                    match item {
                        Value::Array(pair) if pair.len() == 2 => {
                            let mut pair = pair.into_iter();
                            match (pair.next(), pair.next()) {
                                (Some(Value::String(key)), Some(value)) => pairs.push((key, value)),
                                _ => return Err(self.expected("a pair of key and value")),
                            }
                        }
                        _ => return Err(self.expected("a pair of key and value")),
                    }
                }
                Ok(Value::Map(pairs))
            }
        }
    }

    fn number(&mut self) -> Result<Value, ParseError> {
        let start = self.at;
        let mut double = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'0'..=b'9' | b'-' | b'+' => {}
                b'.' | b'e' | b'E' => double = true,
                _ => break,
            }
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        let error = ParseError { at: start, expected: "a number" };
        if double {
            return text.parse().map(Value::Double).map_err(|_| error);
        }
        // An unsigned 64-bit time beyond i64 is kept as its double: only our own raw fields are that large.
        text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Double)).map_err(|_| error)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, ParseError> {
        self.take(b'"', "a string")?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let Some(offset) = memchr::memchr2(b'"', b'\\', &bytes[start..]) else {
            return Err(self.expected("a closing quote"));
        };
        self.at = start + offset;
        if bytes[self.at] == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            let rest = self.at;
            let Some(offset) = memchr::memchr2(b'"', b'\\', &bytes[rest..]) else {
                return Err(self.expected("a closing quote"));
            };
            out.push_str(&self.text[rest..rest + offset]);
            self.at = rest + offset + 1;
            if bytes[rest + offset] == b'"' {
                return Ok(Cow::Owned(out));
            }
            self.escape(&mut out)?;
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), ParseError> {
        let byte = self.peek().ok_or_else(|| self.expected("an escape"))?;
        self.at += 1;
        out.push(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let first = self.hex4()?;
                let code = if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let second = self.hex4()?;
                    0x10000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.expected("a Unicode character"))?
            }
            _ => return Err(self.expected("an escape")),
        });
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, ParseError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.expected("4 hex digits"))?;
        let code = u32::from_str_radix(digits, 16).map_err(|_| self.expected("4 hex digits"))?;
        self.at += 4;
        Ok(code)
    }

    /// Steps over one value without reading it. Iterative: depth costs nothing.
    fn skip(&mut self) -> Result<(), ParseError> {
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        loop {
            match self.peek().ok_or_else(|| self.expected("a value"))? {
                b'"' => {
                    self.at += 1;
                    loop {
                        let offset =
                            memchr::memchr2(b'"', b'\\', &bytes[self.at.min(bytes.len())..]).ok_or_else(|| self.expected("a closing quote"))?;
                        self.at += offset;
                        if bytes[self.at] == b'"' {
                            self.at += 1;
                            break;
                        }
                        self.at += 2;
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    if depth == 0 {
                        return Err(self.expected("a value"));
                    }
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    while let Some(byte) = self.peek() {
                        if matches!(byte, b',' | b'}' | b']' | b':') {
                            break;
                        }
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}
