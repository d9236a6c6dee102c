//! What was asked, before it is known of which rows; its `Display` is the canonical text, which parses to the same tree.

use super::error::Place;
use std::fmt::{self, Display, Write};

/// A whole query; without root it asks for everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub root: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// At least two, none of them an `And`.
    And(Vec<Expr>),
    /// At least two, none of them an `Or`.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// `{…}`: one span of the trace; only as the whole query or a member of its outermost `And`.
    Span {
        inside: Option<Box<Expr>>,
        place: Place,
    },
    /// `*` alone.
    Everything,
    Text(Text),
    Term(Term),
}

impl Expr {
    /// All of them hold; nested conjunctions are one.
    pub(crate) fn and(parts: Vec<Expr>) -> Option<Expr> {
        let flat = parts.into_iter().flat_map(|part| match part {
            Expr::And(inner) => inner,
            part => vec![part],
        });
        Self::joined(flat.collect(), Expr::And)
    }

    /// One of them holds.
    pub(crate) fn or(parts: Vec<Expr>) -> Option<Expr> {
        let flat = parts.into_iter().flat_map(|part| match part {
            Expr::Or(inner) => inner,
            part => vec![part],
        });
        Self::joined(flat.collect(), Expr::Or)
    }

    fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Option<Expr> {
        if parts.len() > 1 { Some(join(parts)) } else { parts.pop() }
    }
}

/// Free text: a word, or a phrase in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    pub quoted: bool,
    /// `decl*`, `"card decl"*`: the last word may go on.
    pub prefix: bool,
    pub place: Place,
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub name: Name,
    pub test: Test,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Only in front of a quoted key: a bare name's scope is part of `key` until it is known what is asked.
    pub scope: Option<Scope>,
    pub key: String,
    /// A quoted key is always an attribute's, never a short name.
    pub quoted: bool,
    pub place: Place,
}

/// Where an attribute is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Resource,
    Span,
    Attributes,
    Event,
    Link,
    Scope,
    /// A field inside a log's body.
    Body,
}

impl Scope {
    const ALL: [(Scope, &'static str); 7] = [
        (Scope::Resource, "resource"),
        (Scope::Span, "span"),
        (Scope::Attributes, "attributes"),
        (Scope::Event, "event"),
        (Scope::Link, "link"),
        (Scope::Scope, "scope"),
        (Scope::Body, "body"),
    ];

    /// The scope of this name, without its dot.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(scope, _)| *scope)
    }

    /// `resource.x` → resource and `x`.
    pub(crate) fn split(name: &str) -> Option<(Self, &str)> {
        let (scope, key) = name.split_once('.')?;
        let scope = Self::parse(scope)?;
        (!key.is_empty()).then_some((scope, key))
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(scope, _)| *scope == self).map_or("", |(_, name)| name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `*`
    Exists,
    Is(Value),
    Compare(Op, Value),
    /// `a..b`, inclusive; at least one end.
    Range {
        min: Option<String>,
        max: Option<String>,
        place: Place,
    },
    Matches {
        regex: String,
        place: Place,
    },
    /// `(a OR b)`: any of them; at least one, none of them a list.
    List(Vec<Test>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Above,
    AtLeast,
    Below,
    AtMost,
    /// A regular expression follows; never in [`Test::Compare`].
    Matches,
}

impl Op {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Op::Above => ">",
            Op::AtLeast => ">=",
            Op::Below => "<",
            Op::AtMost => "<=",
            Op::Matches => "~",
        }
    }
}

/// A constant: the texts between its stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub pieces: Vec<String>,
    pub quoted: bool,
    pub place: Place,
}

impl Value {
    /// The text, unless it has stars.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    /// With its stars.
    pub(crate) fn text(&self) -> String {
        self.pieces.join("*")
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Some(root) => root.fmt(f),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::And(parts) => joined(f, parts, " ", |part| matches!(part, Expr::Or(_) | Expr::And(_))),
            Expr::Or(parts) => joined(f, parts, " OR ", |part| matches!(part, Expr::Or(_))),
            Expr::Not(inner) => {
                f.write_char('-')?;
                grouped(f, inner, matches!(**inner, Expr::And(_) | Expr::Or(_)))
            }
            Expr::Span { inside, .. } => match inside {
                Some(inside) => write!(f, "{{{inside}}}"),
                None => f.write_str("{}"),
            },
            Expr::Everything => f.write_char('*'),
            Expr::Text(text) => text.fmt(f),
            Expr::Term(term) => write!(f, "{}:{}", term.name, term.test),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str, group: impl Fn(&Expr) -> bool) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        grouped(f, part, group(part))?;
    }
    Ok(())
}

fn grouped(f: &mut fmt::Formatter<'_>, part: &Expr, group: bool) -> fmt::Result {
    if group { write!(f, "({part})") } else { part.fmt(f) }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quoted {
            quote(f, &self.text, false)?;
        } else {
            f.write_str(&self.text)?;
        }
        if self.prefix { f.write_char('*') } else { Ok(()) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scope) = self.scope {
            write!(f, "{}.", scope.name())?;
        }
        if self.quoted { quote(f, &self.key, false) } else { f.write_str(&self.key) }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Exists => f.write_char('*'),
            Test::Is(value) => value.fmt(f),
            Test::Compare(op, value) => write!(f, "{}{value}", op.sign()),
            Test::Range { min, max, .. } => write!(f, "{}..{}", min.as_deref().unwrap_or(""), max.as_deref().unwrap_or("")),
            Test::Matches { regex, .. } => {
                f.write_char('~')?;
                quote(f, regex, false)
            }
            Test::List(tests) => {
                f.write_char('(')?;
                for (i, test) in tests.iter().enumerate() {
                    f.write_str(if i > 0 { " OR " } else { "" })?;
                    test.fmt(f)?;
                }
                f.write_char(')')
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.quoted {
            return f.write_str(&self.text());
        }
        f.write_char('"')?;
        for (i, piece) in self.pieces.iter().enumerate() {
            f.write_str(if i > 0 { "*" } else { "" })?;
            escape(f, piece, true)?;
        }
        f.write_char('"')
    }
}

/// In quotes; a value's own stars are kept from being globs.
pub(crate) fn quote(f: &mut impl Write, text: &str, value: bool) -> fmt::Result {
    f.write_char('"')?;
    escape(f, text, value)?;
    f.write_char('"')
}

fn escape(f: &mut impl Write, text: &str, value: bool) -> fmt::Result {
    for character in text.chars() {
        if matches!(character, '"' | '\\') || (value && character == '*') {
            f.write_char('\\')?;
        }
        f.write_char(character)?;
    }
    Ok(())
}
