//! One tokenizer for the index, the live scan and highlighting, and the words a query asks for.
//!
//! A *word* is a longest run of alphanumeric characters (Unicode), lower-cased; of a lower-case form that expands
//! (`İ` → `i̇`) only the alphanumeric part stays. Words longer than [`WORD_BYTES_MAX`] are cut there, in texts and queries alike.
//! [`TOKENIZER`] is the version of these rules: an index written by another version is rebuilt.

use std::borrow::Cow;
use std::ops::Range;

/// Version of the rules above; stands in the header of every text index.
pub const TOKENIZER: u16 = 1;

/// A longer word is cut: nobody types it, and it would only fill the index.
pub const WORD_BYTES_MAX: usize = 255;

/// Words of a text query. All must be present; a phrase must also stand as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextQuery {
    /// As typed, for messages.
    pub text: String,
    /// `true` for `"quoted text"`: words in this order, verified on the text.
    pub phrase: bool,
    /// The last word is a prefix (`word*`).
    pub prefix: bool,
}

impl TextQuery {
    /// The words asked for, as they stand in the index.
    pub fn words(&self) -> Vec<String> {
        words(&self.text).map(|(_, word)| word.into_owned()).collect()
    }

    /// Where the query's words stand in a text, for highlighting; a phrase's words only where the whole phrase stands.
    pub fn highlights(&self, text: &str) -> Vec<Range<usize>> {
        let wanted = self.words();
        let found: Vec<(Range<usize>, Cow<'_, str>)> = words(text).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let last = wanted.len() - 1;
        let holds = |i: usize, word: &str| word == wanted[i] || (self.prefix && i == last && word.starts_with(wanted[i].as_str()));
        if self.phrase {
            return found
                .windows(wanted.len())
                .filter(|window| window.iter().enumerate().all(|(i, (_, word))| holds(i, word)))
                .map(|window| window[0].0.start..window[last].0.end)
                .collect();
        }
        found.into_iter().filter(|(_, word)| (0..wanted.len()).any(|i| holds(i, word))).map(|(range, _)| range).collect()
    }
}

/// The words of a text with their places in it.
pub fn words(text: &str) -> impl Iterator<Item = (Range<usize>, Cow<'_, str>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let range = next_word(text, at)?;
        at = range.end;
        Some((range.clone(), lower(&text[range])))
    })
}

fn next_word(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = None;
    let mut at = from;
    while at < bytes.len() {
        let byte = bytes[at];
        let (alphanumeric, len) = if byte < 0x80 {
            (byte.is_ascii_alphanumeric(), 1)
        } else {
            let character = text[at..].chars().next()?;
            (character.is_alphanumeric(), character.len_utf8())
        };
        match (alphanumeric, start) {
            (true, None) => start = Some(at),
            (false, Some(start)) => return Some(start..at),
            _ => {}
        }
        at += len;
    }
    start.map(|start| start..at)
}

fn lower(word: &str) -> Cow<'_, str> {
    if word.len() <= WORD_BYTES_MAX && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(word);
    }
    let mut out = String::with_capacity(word.len().min(WORD_BYTES_MAX));
    for character in word.chars().flat_map(char::to_lowercase).filter(|character| character.is_alphanumeric()) {
        if out.len() + character.len_utf8() > WORD_BYTES_MAX {
            break;
        }
        out.push(character);
    }
    Cow::Owned(out)
}

/// A text query made ready to test rows. A row may have several texts: words may stand in different ones, a phrase in one.
#[derive(Debug, Clone)]
pub struct TextMatcher {
    pub(crate) query: TextQuery,
    pub(crate) words: Vec<String>,
    /// Finds every place where the longest word could stand, in any bytes that hold it unescaped; `None`: no cheap test.
    prefilter: Option<regex::bytes::Regex>,
}

impl TextMatcher {
    pub fn new(query: &TextQuery) -> Self {
        let words = query.words();
        let prefilter = words.iter().max_by_key(|word| word.len()).and_then(|word| prefilter(word));
        Self { query: query.clone(), words, prefilter }
    }

    /// A query without a single word (`"->"`) is looked for as it stands.
    pub(crate) fn is_literal(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether [`Self::place`] tells anything; without, every row may match.
    pub(crate) fn has_prefilter(&self) -> bool {
        self.prefilter.is_some()
    }

    /// The first place at or behind `from` where the longest word may stand; a text without any cannot match.
    pub(crate) fn place(&self, bytes: &[u8], from: usize) -> Option<usize> {
        Some(self.prefilter.as_ref()?.find_at(bytes, from)?.start())
    }

    pub(crate) fn row(&self) -> TextRow<'_> {
        TextRow { matcher: self, found: vec![false; self.words.len()], left: self.words.len(), hit: false }
    }

    /// Whether one text alone matches.
    pub fn matches(&self, text: &str) -> bool {
        let mut row = self.row();
        row.add(text);
        row.matched()
    }
}

/// What was found so far in the texts of one row.
pub(crate) struct TextRow<'a> {
    matcher: &'a TextMatcher,
    found: Vec<bool>,
    left: usize,
    /// A phrase or a literal was found.
    hit: bool,
}

impl TextRow<'_> {
    pub(crate) fn matched(&self) -> bool {
        if self.matcher.is_literal() || self.matcher.query.phrase { self.hit } else { self.left == 0 }
    }

    pub(crate) fn add(&mut self, text: &str) {
        if self.matched() {
            return;
        }
        let wanted = &self.matcher.words;
        if wanted.is_empty() {
            self.hit = text.contains(self.matcher.query.text.trim());
            return;
        }
        let last = wanted.len() - 1;
        let prefix = self.matcher.query.prefix;
        let holds = |i: usize, word: &str| word == wanted[i] || (prefix && i == last && word.starts_with(wanted[i].as_str()));
        if self.matcher.query.phrase {
            let found: Vec<Cow<'_, str>> = words(text).map(|(_, word)| word).collect();
            self.hit = found.windows(wanted.len()).any(|window| window.iter().enumerate().all(|(i, word)| holds(i, word)));
            return;
        }
        for (_, word) in words(text) {
            for i in 0..wanted.len() {
                if !self.found[i] && holds(i, &word) {
                    self.found[i] = true;
                    self.left -= 1;
                }
            }
            if self.left == 0 {
                return;
            }
        }
    }
}

/// Matches wherever the word may stand in any case. Only two characters beyond ASCII lower to ASCII: `K` (Kelvin) and `İ`.
fn prefilter(word: &str) -> Option<regex::bytes::Regex> {
    if !word.is_ascii() {
        return None;
    }
    // Up to 16 characters find as well as the whole word and keep the automaton small.
    let pattern: String = word
        .chars()
        .take(16)
        .map(|c| match c {
            'i' => "(?:[iI]|\u{130})".to_owned(),
            'k' => "(?:[kK]|\u{212a})".to_owned(),
            c if c.is_ascii_alphabetic() => format!("[{c}{}]", c.to_ascii_uppercase()),
            c => c.to_string(),
        })
        .collect();
    regex::bytes::Regex::new(&pattern).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> Vec<String> {
        words(text).map(|(_, word)| word.into_owned()).collect()
    }

    fn query(text: &str, phrase: bool, prefix: bool) -> TextQuery {
        TextQuery { text: text.into(), phrase, prefix }
    }

    #[test]
    fn splits_and_lowers() {
        assert_eq!(list("Card-declined: user=42, ÄRGER İstanbul"), ["card", "declined", "user", "42", "ärger", "istanbul"]);
        assert_eq!(list("日本 wörld_x"), ["日本", "wörld", "x"]);
        assert!(list("-> !!").is_empty());
        assert_eq!(list(&"é".repeat(300))[0].len(), 254);
    }

    #[test]
    fn matches_words_phrases_prefixes() {
        let cases = [
            ("card declined", false, false, "declined: the CARD", true),
            ("card declined", true, false, "declined: the CARD", false),
            ("card declined", true, false, "the card_declined!", true),
            ("card decl", true, true, "the card declined", true),
            ("card decl", true, false, "the card declined", false),
            ("decl", false, true, "x declined", true),
            ("decl", false, false, "x declined", false),
            ("->", true, false, "a -> b", true),
            ("->", true, false, "a b", false),
            ("kelvin", false, false, "\u{212a}elvin", true),
            ("istanbul", false, false, "İSTANBUL", true),
        ];
        for (text, phrase, prefix, row, expect) in cases {
            let query = query(text, phrase, prefix);
            let matcher = TextMatcher::new(&query);
            assert_eq!(matcher.matches(row), expect, "{query:?} on {row:?}");
            let prefiltered = !matcher.has_prefilter() || matcher.place(row.as_bytes(), 0).is_some();
            assert!(prefiltered || !expect, "prefilter misses {row:?}");
        }
    }

    #[test]
    fn highlights() {
        assert_eq!(query("card", false, false).highlights("a Card, card"), [2..6, 8..12]);
        assert_eq!(query("card x", true, false).highlights("card card-x"), std::iter::once(5..11).collect::<Vec<_>>());
    }

    proptest! {
        /// Each word of a text is found in it, and the prefilter never misses it.
        #[test]
        fn own_words_match(text in "[a-zA-Z0-9İKß日 \\-_]{0,40}") {
            for word in list(&text) {
                let matcher = TextMatcher::new(&query(&word, false, false));
                prop_assert!(matcher.matches(&text));
                prop_assert!(!matcher.has_prefilter() || matcher.place(text.as_bytes(), 0).is_some());
            }
        }
    }
}
