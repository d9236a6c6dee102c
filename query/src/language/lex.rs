//! Text → tokens. Every text is made of tokens: what makes no sense is found by `parse`, so that completion can read unfinished text.
//!
//! A *field* token reaches through its colon and is followed at once by operators and a value, or by a list:
//!
//! ```text
//!  duration:  >=  500ms      service:  (    cart  OR   "my shop"  )
//!  Field      Op  Bare       Field     List Bare  Or   Quoted     ListEnd
//! ```

use super::ast::{Op, Scope};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Close,
    OpenSpan,
    CloseSpan,
    And,
    Or,
    Not,
    /// A name with its colon.
    Field,
    Op(Op),
    List,
    ListEnd,
    /// A word, or a value as it stands.
    Bare,
    /// `"…"`, of words with a `*` behind where one stands.
    Quoted {
        closed: bool,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: &'a str,
}

/// All tokens of a text.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, value: false, list: false };
    std::iter::from_fn(|| lexer.next()).collect()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// What follows at once is a value.
    value: bool,
    /// Between the parentheses of a list of values.
    list: bool,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let spaces = self.rest().len() - self.rest().trim_start().len();
        if spaces > 0 {
            self.at += spaces;
            self.value = false;
        }
        let start = self.at;
        let first = self.rest().chars().next()?;
        let value = std::mem::replace(&mut self.value, false);
        let (kind, length) = if self.list && !value {
            self.listed(first)
        } else if value {
            self.valued(first)
        } else {
            self.worded(first)
        };
        self.at += length;
        Some(Token { kind, start, end: self.at, text: &self.text[start..self.at] })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Behind a field or an operator.
    fn valued(&mut self, first: char) -> (Kind, usize) {
        let rest = self.rest();
        match first {
            ')' if self.list => {
                self.list = false;
                (Kind::ListEnd, 1)
            }
            ')' => (Kind::Close, 1),
            '}' => (Kind::CloseSpan, 1),
            '(' if !self.list => {
                self.list = true;
                (Kind::List, 1)
            }
            '"' => quoted(rest, false),
            _ => {
                if let Some((op, length)) = operator(rest) {
                    self.value = true;
                    return (Kind::Op(op), length);
                }
                (Kind::Bare, bare(rest))
            }
        }
    }

    /// Between the values of a list.
    fn listed(&mut self, first: char) -> (Kind, usize) {
        match (first, joined(self.rest())) {
            (_, Some((kind @ (Kind::Or | Kind::And), length))) => (kind, length),
            _ => self.valued(first),
        }
    }

    /// Where a term may start.
    fn worded(&mut self, first: char) -> (Kind, usize) {
        let rest = self.rest();
        match first {
            '(' => return (Kind::Open, 1),
            ')' => return (Kind::Close, 1),
            '{' => return (Kind::OpenSpan, 1),
            '}' => return (Kind::CloseSpan, 1),
            '-' | '!' => return (Kind::Not, 1),
            _ => {}
        }
        if let Some(joined) = joined(rest) {
            return joined;
        }
        if let Some(length) = field(rest) {
            self.value = true;
            return (Kind::Field, length);
        }
        if first == '"' { quoted(rest, true) } else { (Kind::Bare, bare(rest)) }
    }
}

/// `AND`, `OR` and `NOT` in capitals as a word of their own; `&&` and `||`.
fn joined(rest: &str) -> Option<(Kind, usize)> {
    if rest.starts_with("&&") {
        return Some((Kind::And, 2));
    }
    if rest.starts_with("||") {
        return Some((Kind::Or, 2));
    }
    let (kind, length) = match rest.as_bytes() {
        [b'A', b'N', b'D', ..] => (Kind::And, 3),
        [b'N', b'O', b'T', ..] => (Kind::Not, 3),
        [b'O', b'R', ..] => (Kind::Or, 2),
        _ => return None,
    };
    let alone = rest[length..].chars().next().is_none_or(|next| next.is_whitespace() || "(){}\"".contains(next));
    alone.then_some((kind, length))
}

fn operator(rest: &str) -> Option<(Op, usize)> {
    Some(match rest.as_bytes() {
        [b'>', b'=', ..] => (Op::AtLeast, 2),
        [b'<', b'=', ..] => (Op::AtMost, 2),
        [b'>', ..] => (Op::Above, 1),
        [b'<', ..] => (Op::Below, 1),
        [b'~', ..] => (Op::Matches, 1),
        _ => return None,
    })
}

/// The length of a field's name with its colon. URLs, times and `a::b` are words.
fn field(rest: &str) -> Option<usize> {
    let mut name = 0;
    if !rest.starts_with('"') {
        let end = rest.find(|c: char| c.is_whitespace() || ":\"(){}<>=".contains(c))?;
        if rest[end..].starts_with(':') {
            let first = rest.chars().next()?;
            let named = first.is_alphabetic() || "_$@/.*".contains(first);
            let text = rest[end..].starts_with("://") || rest[end..].starts_with("::");
            return (named && !text).then_some(end + 1);
        }
        // A scope may be followed by a quoted key.
        Scope::parse(rest[..end].strip_suffix('.')?)?;
        name = end;
    }
    let (Kind::Quoted { closed: true }, length) = quoted(&rest[name..], false) else { return None };
    rest[name + length..].starts_with(':').then_some(name + length + 1)
}

/// The length of `"…"`: a backslash keeps the next character from ending it.
fn quoted(rest: &str, star: bool) -> (Kind, usize) {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let star = star && rest[at + 1..].starts_with('*');
                return (Kind::Quoted { closed: true }, at + 1 + usize::from(star));
            }
            _ => {}
        }
    }
    (Kind::Quoted { closed: false }, rest.len())
}

/// The length of a word: up to white space, a quote, or a closing parenthesis or brace that was not opened in it (`/users/{id}`).
fn bare(rest: &str) -> usize {
    let mut open = 0usize;
    for (at, character) in rest.char_indices() {
        match character {
            '(' | '{' => open += 1,
            ')' | '}' if open == 0 => return at,
            ')' | '}' => open -= 1,
            '"' => return at,
            character if character.is_whitespace() => return at,
            _ => {}
        }
    }
    rest.len()
}

/// What a quoted text says. `\"` is a quote and `\\` a backslash; any other backslash stands for itself.
pub(crate) fn unquote(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    let mut characters = inside(quoted).chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(next @ ('"' | '\\'))) => {
                out.push(*next);
                characters.next();
            }
            _ => out.push(character),
        }
    }
    out
}

/// The texts between the stars of a quoted value; `\*` is a star itself.
pub(crate) fn unquote_pieces(quoted: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut characters = inside(quoted).chars().peekable();
    while let Some(character) = characters.next() {
        if character == '*' {
            pieces.push(String::new());
            continue;
        }
        let character = match (character, characters.peek()) {
            ('\\', Some(next @ ('"' | '\\' | '*'))) => {
                let next = *next;
                characters.next();
                next
            }
            _ => character,
        };
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

fn inside(quoted: &str) -> &str {
    let quoted = quoted.strip_suffix('*').filter(|text| text.len() > 1 && text.ends_with('"')).unwrap_or(quoted);
    let quoted = quoted.strip_prefix('"').unwrap_or(quoted);
    quoted.strip_suffix('"').unwrap_or(quoted)
}
