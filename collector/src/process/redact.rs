//! Secrets are replaced before anything is written: by key, by how a text starts, by pattern.
//!
//! Nearly every attribute passes untouched, so the first question is one table look-up on length and last byte of the key,
//! and one on the first byte of the value.

use crate::config::{Action, Redaction};
use regex::Regex;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands in a value's place.
pub const REDACTED: &str = "[redacted]";

/// The compiled rules.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<Compiled>,
    /// By the last byte of the key, lower-case, masked: lengths (bit 63 for longer ones) that some rule may match.
    key_lengths: [u64; 32],
    /// Some rule ends in `*`: every key has to be looked at.
    any_key: bool,
    /// First bytes, lower-case, of the prefixes.
    first_bytes: [bool; 256],
    has_patterns: bool,
    salt: String,
}

#[derive(Debug)]
struct Compiled {
    name: String,
    keys: Vec<Glob>,
    prefixes: Vec<String>,
    patterns: Vec<Regex>,
    action: Action,
    count: AtomicU64,
}

/// A lower-case key with at most one `*`, at the start or the end.
#[derive(Debug)]
enum Glob {
    Whole(String),
    EndsWith(String),
    StartsWith(String),
}

/// What is to be done with one value.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict<'a> {
    Keep,
    /// This text instead, whatever the value was.
    Text(Cow<'a, str>),
    Drop,
}

impl Redactor {
    pub fn new(config: &Redaction) -> Result<Self, String> {
        let mut new = Self {
            rules: Vec::new(),
            key_lengths: [0; 32],
            any_key: false,
            first_bytes: [false; 256],
            has_patterns: false,
            salt: config.salt.clone(),
        };
        for rule in &config.rules {
            let mut keys = Vec::new();
            for key in &rule.keys {
                keys.push(new.glob(&rule.name, &key.to_ascii_lowercase())?);
            }
            let mut patterns = Vec::new();
            for pattern in &rule.patterns {
                let regex = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
                patterns
                    .push(regex.map_err(|error| format!("redaction rule {:?}: pattern {pattern:?} is no regular expression: {error}", rule.name))?);
                new.has_patterns = true;
            }
            let prefixes: Vec<String> = rule.prefixes.iter().map(|prefix| prefix.to_ascii_lowercase()).collect();
            for prefix in &prefixes {
                match prefix.bytes().next() {
                    Some(first) => {
                        new.first_bytes[usize::from(first)] = true;
                        new.first_bytes[usize::from(first.to_ascii_uppercase())] = true;
                    }
                    None => return Err(format!("redaction rule {:?}: an empty prefix would redact everything", rule.name)),
                }
            }
            new.rules.push(Compiled { name: rule.name.clone(), keys, prefixes, patterns, action: rule.action, count: AtomicU64::new(0) });
        }
        Ok(new)
    }

    fn glob(&mut self, rule: &str, key: &str) -> Result<Glob, String> {
        if key.trim_matches('*').contains('*') || key.trim_matches('*').is_empty() || (key.starts_with('*') && key.ends_with('*')) {
            return Err(format!("redaction rule {rule:?}: key {key:?} may have one * at its start or its end, and something else"));
        }
        if let Some(start) = key.strip_suffix('*') {
            self.any_key = true;
            return Ok(Glob::StartsWith(start.to_owned()));
        }
        let rest = key.strip_prefix('*').unwrap_or(key);
        let slot = slot(rest.as_bytes());
        if key.starts_with('*') {
            self.key_lengths[slot] |= u64::MAX << rest.len().min(63);
            return Ok(Glob::EndsWith(rest.to_owned()));
        }
        self.key_lengths[slot] |= 1 << rest.len().min(63);
        Ok(Glob::Whole(rest.to_owned()))
    }

    /// The rule a key alone decides for.
    #[inline]
    pub(crate) fn by_key(&self, key: &str) -> Option<usize> {
        let bytes = key.as_bytes();
        if !self.any_key && (self.key_lengths[slot(bytes)] >> bytes.len().min(63)) & 1 == 0 {
            return None;
        }
        self.by_key_slow(key)
    }

    fn by_key_slow(&self, key: &str) -> Option<usize> {
        let key = key.as_bytes();
        let is = |part: Option<&[u8]>, text: &str| part.is_some_and(|part| part.eq_ignore_ascii_case(text.as_bytes()));
        self.rules.iter().position(|rule| {
            rule.keys.iter().any(|glob| match glob {
                Glob::Whole(whole) => is(Some(key), whole),
                Glob::EndsWith(end) => is(key.len().checked_sub(end.len()).map(|at| &key[at..]), end),
                Glob::StartsWith(start) => is(key.get(..start.len()), start),
            })
        })
    }

    /// What rule `rule`, chosen by key, makes of a value with these bytes.
    pub(crate) fn apply<'a>(&self, rule: usize, value: &[u8]) -> Verdict<'a> {
        let rule = &self.rules[rule];
        rule.count.fetch_add(1, Ordering::Relaxed);
        match rule.action {
            Action::Replace => Verdict::Text(Cow::Borrowed(REDACTED)),
            Action::Hash => Verdict::Text(Cow::Owned(self.hash(value))),
            Action::Drop => Verdict::Drop,
        }
    }

    /// What the content of a text decides.
    #[inline]
    pub(crate) fn by_text<'a>(&self, text: &'a str) -> Verdict<'a> {
        let first = text.as_bytes().first().copied().unwrap_or(0);
        if !self.has_patterns && !self.first_bytes[usize::from(first)] {
            return Verdict::Keep;
        }
        self.text(text, |rule, found| {
            self.rules[rule].count.fetch_add(found, Ordering::Relaxed);
        })
    }

    fn text<'a>(&self, text: &'a str, count: impl Fn(usize, u64)) -> Verdict<'a> {
        let by_prefix = self.rules.iter().position(|rule| {
            rule.prefixes.iter().any(|prefix| text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())))
        });
        if let Some(rule) = by_prefix {
            count(rule, 1);
            return match self.rules[rule].action {
                Action::Replace => Verdict::Text(Cow::Borrowed(REDACTED)),
                Action::Hash => Verdict::Text(Cow::Owned(self.hash(text.as_bytes()))),
                Action::Drop => Verdict::Drop,
            };
        }
        let mut changed: Option<String> = None;
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| !rule.patterns.is_empty()) {
            for pattern in &rule.patterns {
                let current = changed.as_deref().unwrap_or(text);
                if !pattern.is_match(current) {
                    continue;
                }
                if rule.action == Action::Drop {
                    count(at, 1);
                    return Verdict::Drop;
                }
                let mut found = 0;
                let next = pattern
                    .replace_all(current, |captures: &regex::Captures<'_>| {
                        found += 1;
                        match rule.action {
                            Action::Hash => self.hash(captures[0].as_bytes()),
                            _ => REDACTED.to_owned(),
                        }
                    })
                    .into_owned();
                count(at, found);
                changed = Some(next);
            }
        }
        changed.map_or(Verdict::Keep, |text| Verdict::Text(Cow::Owned(text)))
    }

    /// What [`Redactor::apply`] gives, uncounted, for a copy of the value; empty when it is dropped.
    pub(crate) fn preview<'a>(&self, rule: usize, value: &[u8]) -> Cow<'a, str> {
        match self.rules[rule].action {
            Action::Replace => Cow::Borrowed(REDACTED),
            Action::Hash => Cow::Owned(self.hash(value)),
            Action::Drop => Cow::Borrowed(""),
        }
    }

    /// The same by the content of a text.
    pub(crate) fn preview_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.text(text, |_, _| {}) {
            Verdict::Keep => Cow::Borrowed(text),
            Verdict::Text(text) => text,
            Verdict::Drop => Cow::Borrowed(""),
        }
    }

    fn hash(&self, value: &[u8]) -> String {
        let mut salted = Vec::with_capacity(self.salt.len() + value.len());
        salted.extend_from_slice(self.salt.as_bytes());
        salted.extend_from_slice(value);
        format!("[hash:{:016x}]", xxhash_rust::xxh3::xxh3_128(&salted) as u64)
    }

    /// Name, matched keys and count of each rule, for the status.
    pub(crate) fn report(&self) -> impl Iterator<Item = (&str, Action, u64)> {
        self.rules.iter().map(|rule| (rule.name.as_str(), rule.action, rule.count.load(Ordering::Relaxed)))
    }
}

fn slot(key: &[u8]) -> usize {
    usize::from(key.last().copied().unwrap_or(0).to_ascii_lowercase() & 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Rule;

    fn check(redactor: &Redactor, key: &str, text: &str) -> String {
        if let Some(rule) = redactor.by_key(key) {
            return match redactor.apply(rule, text.as_bytes()) {
                Verdict::Keep => text.into(),
                Verdict::Text(text) => text.into_owned(),
                Verdict::Drop => "<dropped>".into(),
            };
        }
        match redactor.by_text(text) {
            Verdict::Keep => text.into(),
            Verdict::Text(text) => text.into_owned(),
            Verdict::Drop => "<dropped>".into(),
        }
    }

    /// The default rules take headers, cookies and tokens in any spelling, and nothing else.
    #[test]
    fn defaults() {
        let redactor = Redactor::new(&Redaction::default()).expect("defaults");
        for (key, text, expect) in [
            ("http.request.header.authorization", "x", REDACTED),
            ("http.request.header.Authorization", "x", REDACTED),
            ("http.response.header.set-cookie", "a=b", REDACTED),
            ("rpc.grpc.request.metadata.authorization", "x", REDACTED),
            ("authorization", "x", REDACTED),
            ("db.password", "x", REDACTED),
            ("note", "Bearer abc.def", REDACTED),
            ("note", "eyJhbGciOiJIUzI1NiJ9.e30.x", REDACTED),
            ("note", "bear with me", "bear with me"),
            ("http.request.header.accept", "x", "x"),
            ("authorizations", "x", "x"),
            ("", "", ""),
        ] {
            assert_eq!(check(&redactor, key, text), expect, "{key}={text}");
        }
        assert_eq!(redactor.report().map(|(_, _, count)| count).sum::<u64>(), 8);
    }

    /// Own rules: patterns replace what matches, hashes are equal for equal values, dropped is gone; mistakes are said.
    #[test]
    fn own_rules() {
        let config = |rules| Redaction { rules, salt: "s".into() };
        let redactor = Redactor::new(&config(vec![
            Rule::of(&["user.*"], &[], Action::Hash),
            Rule::of(&["secret"], &[], Action::Drop),
            Rule::of(&[], &[r"\b\d{16}\b"], Action::Replace),
        ]))
        .expect("rules");
        let hashed = check(&redactor, "user.id", "7");
        assert!(hashed.starts_with("[hash:") && hashed == check(&redactor, "user.name", "7") && hashed != check(&redactor, "user.id", "8"));
        assert_eq!(check(&redactor, "Secret", "x"), "<dropped>");
        assert_eq!(check(&redactor, "note", "card 4111111111111111 ok"), "card [redacted] ok");
        for wrong in [
            Rule::of(&["*"], &[], Action::Drop),
            Rule::of(&["a*b"], &[], Action::Drop),
            Rule::of(&["*a*"], &[], Action::Drop),
            Rule::of(&[], &["("], Action::Drop),
        ] {
            assert!(Redactor::new(&config(vec![wrong])).is_err());
        }
    }
}
