//! Fields inside a log's body: JSON, JSON behind a text, or logfmt (`level=info msg="a b"`).
//!
//! ```text
//! {"user":{"id":42},"tags":["a"]}        user.id, tags
//! web-1 | INFO done {"status":200}       status
//! at=12 level=error msg="no \"x\""       at, level, msg
//! ```
//!
//! The body is text as it was sent, so nothing here expects it to be well-formed: what stands before a break is found. A path goes
//! through objects by dots (a key may have dots itself) and through lists to each of their items. A body that is no string
//! stands in its column as canonical JSON ([`crate::attributes`]) and is read the same way.

use crate::attributes;
use std::borrow::Cow;

/// Objects and lists inside each other that a path is followed into.
const DEPTH_MAX: usize = 32;

/// What stands at a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// A string of JSON, or a value of logfmt: its characters.
    Text(Cow<'a, str>),
    /// A number, `true`, `false`, `null`, a list or an object, as it is written.
    Raw(&'a str),
}

impl Found<'_> {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Raw(raw) => raw,
        }
    }
}

/// Whether a text is a number written out: `-12.50`, not `1e3` or `007`. Such numbers are equal whenever their whole parts are the same
/// digits, so an index of words finds them.
pub fn decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').map_or((digits, "0"), |(whole, part)| (whole, part));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && all(part) && (whole == "0" || !whole.starts_with('0'))
}

/// Whether `holds` is true of any value at `path`; it is asked until it says so.
pub fn matches(body: &str, path: &str, holds: &mut dyn FnMut(&Found<'_>) -> bool) -> bool {
    if path.is_empty() {
        return false;
    }
    match json(body) {
        Some((true, json)) => walk(json, path, 0, holds),
        Some((false, json)) => logfmt(body, path, holds) || walk(json, path, 0, holds),
        None => logfmt(body, path, holds),
    }
}

/// The first value at `path`, as text.
pub fn get(body: &str, path: &str) -> Option<String> {
    let mut first = None;
    matches(body, path, &mut |found| {
        first = Some(found.text().to_owned());
        true
    });
    first
}

/// The JSON that a body is (`true`), or that its first line goes over into.
fn json(body: &str) -> Option<(bool, &str)> {
    let text = body.trim_start();
    if opens_json(text) {
        return Some((true, text));
    }
    let line = text.lines().next().unwrap_or_default();
    let at = memchr::memchr_iter(b'{', line.as_bytes()).find(|at| opens_json(&text[*at..]))?;
    Some((false, &text[at..]))
}

/// `{` or `[{`, and a quote behind it.
fn opens_json(text: &str) -> bool {
    let inside = text.strip_prefix('[').map_or(text, str::trim_start);
    inside.strip_prefix('{').is_some_and(|inside| inside.trim_start().starts_with('"'))
}

fn walk(json: &str, path: &str, depth: usize, holds: &mut dyn FnMut(&Found<'_>) -> bool) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    let mut reader = Reader { text: json, at: 0 };
    match reader.byte() {
        Some(b'[') => {
            reader.at += 1;
            while let Some(item) = reader.item() {
                if walk(item, path, depth + 1, holds) {
                    return true;
                }
            }
            false
        }
        Some(b'{') if json.starts_with("{\"$pairs\":[") => attributes::entries(json).any(|(key, raw)| member(&key, raw, path, depth, holds)),
        Some(b'{') => {
            reader.at += 1;
            while let Some((key, raw)) = reader.member() {
                // In canonical JSON a leading `$` is doubled.
                let plain = if path.starts_with('$') { key.strip_prefix('$').filter(|key| key.starts_with('$')) } else { None };
                if member(plain.unwrap_or(&key), raw, path, depth, holds) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}

fn member(key: &str, raw: &str, path: &str, depth: usize, holds: &mut dyn FnMut(&Found<'_>) -> bool) -> bool {
    match path.strip_prefix(key) {
        Some("") => value(raw, holds),
        Some(rest) => rest.strip_prefix('.').is_some_and(|rest| !rest.is_empty() && walk(raw, rest, depth + 1, holds)),
        None => false,
    }
}

/// A value, and what a list holds.
fn value(raw: &str, holds: &mut dyn FnMut(&Found<'_>) -> bool) -> bool {
    if raw.starts_with('"') {
        return holds(&Found::Text(attributes::plain_text(raw)));
    }
    if holds(&Found::Raw(raw)) {
        return true;
    }
    if raw.starts_with('[') {
        let mut reader = Reader { text: raw, at: 1 };
        while let Some(item) = reader.item() {
            let found = if item.starts_with('"') { Found::Text(attributes::plain_text(item)) } else { Found::Raw(item) };
            if holds(&found) {
                return true;
            }
        }
    }
    false
}

/// Calls `each` with the paths of the fields of a body, those of lists left out. Keys with signs in them, which a query would have to quote, are left out too.
pub fn paths(body: &str, each: &mut dyn FnMut(&str)) {
    match json(body) {
        Some((_, json)) => inside(json, "", 0, each),
        None => {
            for (at, _) in body.match_indices('=') {
                let start = body[..at].rfind(|c: char| !plain_key(c)).map_or(0, |before| before + 1);
                if let Some(key) = body.get(start..at).filter(|key| key.starts_with(|c: char| c.is_ascii_alphabetic())) {
                    each(key);
                }
            }
        }
    }
}

/// Objects inside each other whose fields are listed.
const LISTED_DEPTH_MAX: usize = 3;

fn inside(json: &str, above: &str, depth: usize, each: &mut dyn FnMut(&str)) {
    let mut reader = Reader { text: json, at: 0 };
    if reader.byte() != Some(b'{') {
        return;
    }
    reader.at += 1;
    while let Some((key, raw)) = reader.member() {
        if key.is_empty() || !key.chars().all(plain_key) {
            continue;
        }
        let path = if above.is_empty() { key.into_owned() } else { format!("{above}.{key}") };
        if raw.starts_with('{') && depth < LISTED_DEPTH_MAX { inside(raw, &path, depth + 1, each) } else { each(&path) }
    }
}

fn plain_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// JSON with whatever white space; stops at the first thing it cannot read.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no white space.
    fn byte(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn member(&mut self) -> Option<(Cow<'a, str>, &'a str)> {
        if self.byte()? == b',' {
            self.at += 1;
        }
        if self.byte()? != b'"' {
            return None;
        }
        let key = self.raw()?;
        if self.byte()? != b':' {
            return None;
        }
        self.at += 1;
        self.byte()?;
        Some((attributes::plain_text(key), self.raw()?))
    }

    fn item(&mut self) -> Option<&'a str> {
        if self.byte()? == b',' {
            self.at += 1;
        }
        if self.byte()? == b']' {
            return None;
        }
        self.raw()
    }

    /// One value as written. Iterative: depth costs nothing.
    fn raw(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    loop {
                        self.at += memchr::memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
                        if bytes[self.at] == b'"' {
                            break;
                        }
                        self.at += 2;
                    }
                    self.at += 1;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                byte if depth > 0 && (matches!(byte, b',' | b':') || byte.is_ascii_whitespace()) => self.at += 1,
                _ => {
                    let from = self.at;
                    while bytes.get(self.at).is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | b':' | b'"') && !byte.is_ascii_whitespace()) {
                        self.at += 1;
                    }
                    if from == self.at {
                        return None;
                    }
                }
            }
            if depth == 0 {
                return self.text.get(start..self.at);
            }
        }
    }
}

/// Values behind `key=`, where the key stands by itself.
fn logfmt(body: &str, key: &str, holds: &mut dyn FnMut(&Found<'_>) -> bool) -> bool {
    let bytes = body.as_bytes();
    let starts = memchr::memmem::find_iter(bytes, key.as_bytes());
    let opens = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b'(' | b'{' | b',' | b';' | b'|' | b'<');
    starts
        .filter(|at| *at == 0 || opens(bytes[at - 1]))
        .filter_map(|at| body.get(at + key.len()..)?.strip_prefix('='))
        .any(|rest| holds(&Found::Text(logfmt_value(rest))))
}

fn logfmt_value(rest: &str) -> Cow<'_, str> {
    if let Some(inside) = rest.strip_prefix('"') {
        let bytes = inside.as_bytes();
        let mut at = 0;
        while let Some(offset) = bytes.get(at..).and_then(|bytes| memchr::memchr2(b'"', b'\\', bytes)) {
            at += offset;
            if bytes[at] == b'"' {
                let whole = &rest[..at + 2];
                return attributes::plain_text(whole);
            }
            at += 2;
        }
        return Cow::Borrowed(inside);
    }
    let text = rest.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    // In `[a=1]` and `(a=1, b=2)` the signs behind a value are not its own.
    let mut text = text;
    loop {
        let shorter = match text.as_bytes().last() {
            Some(b',' | b';') => &text[..text.len() - 1],
            Some(b']') if !text.contains('[') => &text[..text.len() - 1],
            Some(b')') if !text.contains('(') => &text[..text.len() - 1],
            Some(b'}') if !text.contains('{') => &text[..text.len() - 1],
            _ => return Cow::Borrowed(text),
        };
        text = shorter;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn all(body: &str, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        matches(body, path, &mut |value| {
            found.push(value.text().to_owned());
            false
        });
        found
    }

    #[test]
    fn paths_lead_to_values() {
        let cases: &[(&str, &str, &[&str])] = &[
            (r#"{"user":{"id":42}}"#, "user.id", &["42"]),
            (r#"{ "user" : { "id" : "a\"b" } }"#, "user.id", &["a\"b"]),
            (r#"{"user.id":7,"user":{"id":42}}"#, "user.id", &["7", "42"]),
            (r#"{"a.b":{"c.d":1}}"#, "a.b.c.d", &["1"]),
            (r#"{"tags":["a","b"]}"#, "tags", &[r#"["a","b"]"#, "a", "b"]),
            (r#"{"items":[{"n":1},{"n":2}]}"#, "items.n", &["1", "2"]),
            (r#"{"a":null,"b":true,"c":{"d":1}}"#, "b", &["true"]),
            (r#"{"a":{"b":{"c":1}}}"#, "a.b", &[r#"{"c":1}"#]),
            (r#"{"a":1}"#, "b", &[]),
            (r#"{"a":1,"b":"cut o"#, "a", &["1"]),
            (r#"{"$$key":1}"#, "$key", &["1"]),
            (r#"{"$pairs":[["a",1],["a",2]]}"#, "a", &["1", "2"]),
            (r#"caddy  | {"level":"warn","ts":1.5}"#, "level", &["warn"]),
            (r#"INFO {x} done {"status":200}"#, "status", &["200"]),
            (r#"level=error msg="no \"x\" here" n=5"#, "msg", &["no \"x\" here"]),
            ("level=error n=5", "n", &["5"]),
            ("sublevel=1 level=2", "level", &["2"]),
            ("[trace=1, span=2]", "span", &["2"]),
            ("url=http://x/?a=(1)", "url", &["http://x/?a=(1)"]),
            ("a=", "a", &[""]),
            ("a= b=1", "a", &[""]),
            ("nothing here", "here", &[]),
            (r#"msg="never closed"#, "msg", &["never closed"]),
            ("{}", "a", &[]),
            ("", "a", &[]),
        ];
        for (body, path, expect) in cases {
            assert_eq!(all(body, path), *expect, "{path} of {body}");
        }
    }

    #[test]
    fn paths_of_bodies() {
        let list = |body: &str| {
            let mut found = Vec::new();
            paths(body, &mut |path| found.push(path.to_owned()));
            found.join(" ")
        };
        assert_eq!(list(r#"{"a":1,"b":{"c":2,"d e":3,"f":{}},"g":[{"h":1}]}"#), "a b.c g");
        assert_eq!(list("ts=1 level=info url=http://x/?q=1 =y"), "ts level url q");
        assert_eq!(list("nothing"), "");
    }

    #[test]
    fn decimals() {
        for (text, expect) in
            [("0", true), ("-12.50", true), ("10", true), ("007", false), ("1e3", false), ("1.", false), ("", false), ("-", false), ("+1", false)]
        {
            assert_eq!(decimal(text), expect, "{text}");
        }
    }

    proptest! {
        /// Whatever the text, it is read without a panic; and what serde_json reads is found.
        #[test]
        fn any_text(body in "[{}\\[\\]\":,a-c=\\\\ 1é\n]{0,40}", path in "[a-c.$]{0,5}") {
            let _ = all(&body, &path);
        }

        #[test]
        fn members_are_found(key in "[a-z$\"\\\\é]{1,5}", text in "\\PC{0,12}", number in any::<i64>()) {
            let json = serde_json::json!({ "first": [{"x": 1}], (key.clone()): text, "n": {"m": number} });
            for body in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
                if key != "n" {
                    prop_assert_eq!(all(&body, "n.m"), [number.to_string()]);
                }
                if !["n", "first"].contains(&key.as_str()) && !key.starts_with("$$") {
                    prop_assert_eq!(get(&body, &key).unwrap(), text.clone());
                }
            }
        }
    }
}
