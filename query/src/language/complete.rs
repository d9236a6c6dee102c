//! What may be typed at a place of a query: fields, values of a field, or a joining word; and what the rest of the query allows.
//!
//! Pure functions: the caller knows the data, and asks it for fields by use and for the values of a field within
//! [`Completion::rest`], so that only values are offered with which the query still finds something.

use super::Target;
use super::ast::{Expr, Name, Query, Scope, quote};
use super::fields::{self, Meaning};
use super::lex::{self, Kind, Token};
use super::parse;
use super::severity::SEVERITIES;
use hopline_model::schema::column;
use hopline_storage::scan::Field;

/// What a text offers at a place, and the bytes that what is chosen replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub from: usize,
    pub to: usize,
    pub what: What,
    /// The conditions that stand on the same row as what is typed, as a query of their own: values that cannot match with them need not be offered.
    /// Empty where there are none, or where the rest of the text is no query yet.
    pub rest: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The name of a field, or a word of text. What is inserted brings its colon.
    Field { prefix: String },
    /// A value of `field`, which is written as in the query; `prefix` is without quotes.
    Value { field: String, prefix: String, negated: bool },
    /// `AND`, `OR`, `NOT`.
    Keyword,
    /// Inside a phrase or a regular expression: nobody knows.
    Nothing,
}

/// A field that has a meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldInfo {
    pub name: &'static str,
    pub about: &'static str,
}

/// The fields of a target besides its attributes.
pub fn fields(target: Target) -> impl Iterator<Item = FieldInfo> {
    fields::short_names(target).map(|short| FieldInfo { name: short.name, about: short.about })
}

/// Whether a key is another spelling of a field of the language: `service.name`.
pub fn is_field(key: &str, target: Target) -> bool {
    let name = Name { scope: None, key: key.to_owned(), quoted: false, place: super::Place::default() };
    fields::resolve(&name, target).is_ok_and(|meaning| meaning != Meaning::Any(Field::Any(key.to_owned())))
}

/// Where the values of a field stand, as it is typed; none for numbers that are measured, for ids, for what is no value of a row, and for a name that is no field.
pub fn values_field(field: &str, target: Target) -> Option<Field> {
    match fields::resolve(&name(field)?, target).ok()? {
        Meaning::Any(Field::Event(_) | Field::Link(_)) => None,
        Meaning::Any(field) | Meaning::Names { field, .. } => Some(field),
        Meaning::Severity => Some(Field::Column(column::SEVERITY_NUMBER)),
        _ => None,
    }
}

/// The values a field can have at all, where they are few.
pub fn known_values(field: &str, target: Target) -> &'static [&'static str] {
    match name(field).and_then(|name| fields::resolve(&name, target).ok()) {
        Some(Meaning::Names { names, .. }) => names,
        Some(Meaning::Severity) => &SEVERITIES,
        Some(Meaning::LogStatus) => &["error", "ok"],
        _ => &[],
    }
}

/// A value as it must be typed: in quotes where it would be read as anything but itself.
pub fn value_text(value: &str) -> String {
    let read = lex::tokens(value);
    let plain = matches!(read.as_slice(), [Token { kind: Kind::Bare, text, .. }] if *text == value)
        && !value.starts_with(['>', '<', '~', '(', '{'])
        && !value.contains(['*', '(', ')', '{', '}'])
        && !value.contains("..");
    if plain { value.to_owned() } else { quoted(value, true) }
}

/// An attribute's key as it must be typed for `target`, without its colon.
pub fn field_text(key: &str, target: Target) -> String {
    let field = format!("{key}:");
    let read = lex::tokens(&field);
    let plain = matches!(read.as_slice(), [token] if token.kind == Kind::Field && token.text == field) && !key.contains(['*', '"']);
    let bare = Name { scope: None, key: key.to_owned(), quoted: false, place: super::Place::default() };
    let own = fields::resolve(&bare, target) == Ok(Meaning::Any(Field::Any(key.to_owned())));
    if plain && own { key.to_owned() } else { quoted(key, false) }
}

fn quoted(text: &str, value: bool) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = quote(&mut out, text, value);
    out
}

fn name(field: &str) -> Option<Name> {
    let text = format!("{}:", field.trim_end_matches(':'));
    match lex::tokens(&text).as_slice() {
        [token] if token.kind == Kind::Field => parse::name(*token).ok(),
        _ => None,
    }
}

/// What may be typed at a byte of the text. A place beyond the end or inside a character is moved back to the next one before it.
pub fn context(text: &str, position: usize) -> Completion {
    let mut at = position.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if text.len() > super::TEXT_BYTES_MAX {
        return Completion { from: at, to: at, what: What::Nothing, rest: String::new() };
    }
    let tokens = lex::tokens(text);
    // The token that ends at the place is the one being typed.
    let current = tokens.iter().position(|token| token.start < at && at <= token.end);
    let typed = Typed { text, at, tokens: &tokens };
    match current {
        Some(current) => typed.inside(current),
        None => typed.between(),
    }
}

struct Typed<'a> {
    text: &'a str,
    at: usize,
    tokens: &'a [Token<'a>],
}

/// Stands for the term being typed while the rest is read.
const PLACEHOLDER: &str = "\u{e000}";

impl Typed<'_> {
    fn inside(&self, current: usize) -> Completion {
        let token = self.tokens[current];
        let before = &token.text[..self.at - token.start];
        match token.kind {
            // Just behind the colon (or the operator) a value follows.
            Kind::Field if self.at == token.end => self.value(current, self.at, self.at, ""),
            Kind::Op(super::ast::Op::Matches) => self.nothing(),
            Kind::Op(_) if self.at == token.end => self.value(current, self.at, self.at, ""),
            Kind::Field => self.field(token.start, token.end, before, current),
            Kind::Bare | Kind::Quoted { .. } if self.field_of(current).is_some() => self.value(current, token.start, token.end, before),
            Kind::Bare if self.unfinished_keyword(current) => self.answer(token.start, token.end, What::Keyword, (token.start, token.end)),
            Kind::Bare => self.field(token.start, token.end, before, current),
            Kind::Quoted { .. } => self.nothing(),
            Kind::And | Kind::Or => self.answer(token.start, token.end, What::Keyword, (token.start, token.end)),
            Kind::Not if token.text == "NOT" => self.answer(token.start, token.end, What::Keyword, (token.start, token.end)),
            Kind::Open | Kind::OpenSpan | Kind::Not => self.field(self.at, self.at, "", current),
            Kind::List => self.value(current, self.at, self.at, ""),
            Kind::Close | Kind::CloseSpan | Kind::ListEnd => self.answer(self.at, self.at, What::Keyword, (self.at, self.at)),
            Kind::Op(_) => self.nothing(),
        }
    }

    /// With white space, or nothing, before the place.
    fn between(&self) -> Completion {
        let before = self.tokens.iter().rposition(|token| token.end <= self.at);
        match before.filter(|before| self.list_of(*before).is_some()) {
            // In a list a value follows `(` and `OR`; `OR` follows a value.
            Some(before) => match self.tokens[before].kind {
                Kind::List | Kind::Or => self.value(before, self.at, self.at, ""),
                _ => self.answer(self.at, self.at, What::Keyword, (self.at, self.at)),
            },
            None => self.answer(self.at, self.at, What::Field { prefix: String::new() }, (self.at, self.at)),
        }
    }

    fn nothing(&self) -> Completion {
        Completion { from: self.at, to: self.at, what: What::Nothing, rest: String::new() }
    }

    fn field(&self, from: usize, to: usize, prefix: &str, current: usize) -> Completion {
        let mut end = to;
        // The value behind a name belongs to what is typed.
        if self.tokens[current].kind == Kind::Field {
            end = self.term_end(current);
        }
        let prefix = prefix.trim_start_matches('"').to_owned();
        self.answer(from, to, What::Field { prefix }, (from, end))
    }

    fn value(&self, current: usize, from: usize, to: usize, prefix: &str) -> Completion {
        let Some(field) = self.field_of(current) else { return self.nothing() };
        // A regular expression's text is no value.
        if matches!(
            self.tokens[..=current].iter().rev().find(|token| !matches!(token.kind, Kind::Bare | Kind::Quoted { .. })),
            Some(Token { kind: Kind::Op(super::ast::Op::Matches), .. })
        ) {
            return self.nothing();
        }
        let name = self.tokens[field].text.trim_end_matches(':').to_owned();
        let negated = self.tokens[..field].iter().rev().take_while(|token| token.kind == Kind::Not).count() % 2 == 1;
        let prefix = match prefix.strip_prefix('"') {
            // Up to the cursor the closing quote may be missing.
            Some(inside) if inside.ends_with('"') && !inside.ends_with("\\\"") => lex::unquote(prefix),
            Some(inside) => lex::unquote(&format!("\"{inside}\"")),
            None => prefix.to_owned(),
        };
        let term = (self.tokens[field].start, self.term_end(field).max(to));
        self.answer(from, to, What::Value { field: name, prefix, negated }, term)
    }

    /// The field whose value, operator or list a token is part of.
    fn field_of(&self, current: usize) -> Option<usize> {
        if let Some(list) = self.list_of(current) {
            return list.checked_sub(1);
        }
        let mut at = current;
        while self.tokens[at].kind != Kind::Field {
            let before = at.checked_sub(1)?;
            if self.tokens[before].end != self.tokens[at].start || !matches!(self.tokens[before].kind, Kind::Field | Kind::Op(_)) {
                return None;
            }
            at = before;
        }
        Some(at)
    }

    /// The opening parenthesis of the list that a token stands in.
    fn list_of(&self, current: usize) -> Option<usize> {
        let at = self.tokens[..=current].iter().rposition(|token| matches!(token.kind, Kind::List | Kind::ListEnd))?;
        (self.tokens[at].kind == Kind::List).then_some(at)
    }

    /// Where the term of a field ends, with its value or list.
    fn term_end(&self, field: usize) -> usize {
        let mut end = self.tokens[field].end;
        let mut list = false;
        for token in &self.tokens[field + 1..] {
            match token.kind {
                Kind::List if token.start == end => list = true,
                Kind::ListEnd => return token.end,
                _ if list => {}
                Kind::Op(_) if token.start == end => {}
                Kind::Bare | Kind::Quoted { .. } if token.start == end => return token.end,
                _ => return end,
            }
            end = token.end;
        }
        end
    }

    /// A word in capitals that starts a joining word, behind something that can be joined.
    fn unfinished_keyword(&self, current: usize) -> bool {
        let text = self.tokens[current].text;
        let joining = ["AND", "OR", "NOT"].iter().any(|word| word.starts_with(text));
        joining
            && current
                .checked_sub(1)
                .is_some_and(|before| !matches!(self.tokens[before].kind, Kind::Not | Kind::And | Kind::Or | Kind::Open | Kind::OpenSpan))
    }

    fn answer(&self, from: usize, to: usize, what: What, term: (usize, usize)) -> Completion {
        Completion { from, to, what, rest: self.rest(term) }
    }

    /// What else must hold of the row that the term is asked of.
    fn rest(&self, (start, end): (usize, usize)) -> String {
        let before = &self.text[..start];
        let with = |after: &str| {
            let text = format!("{before} {PLACEHOLDER} {after}");
            // A dash stands right before what it negates.
            let text = match before.ends_with(['-', '!']) {
                true => format!("{before}{PLACEHOLDER} {after}"),
                false => text,
            };
            parse::parse(&closed(&text)).ok()
        };
        let query = with(&self.text[end..]).or_else(|| with(""));
        let kept = query.and_then(|query| query.root).and_then(|root| beside(root).flatten());
        Query { root: kept }.to_string()
    }
}

/// The text with what it left open closed.
fn closed(text: &str) -> String {
    let mut out = text.to_owned();
    let mut open = Vec::new();
    for token in lex::tokens(text) {
        match token.kind {
            Kind::Open | Kind::List => open.push(')'),
            Kind::OpenSpan => open.push('}'),
            Kind::Close | Kind::CloseSpan | Kind::ListEnd => {
                open.pop();
            }
            _ => {}
        }
    }
    out.push(' ');
    out.extend(open.into_iter().rev());
    out
}

/// What holds beside the placeholder; the outer `None` when it is not inside. Alternatives to it are dropped: with them a value need not match.
fn beside(expr: Expr) -> Option<Option<Expr>> {
    match expr {
        Expr::Text(text) => (text.text == PLACEHOLDER).then_some(None),
        Expr::And(parts) => {
            let at = parts.iter().position(holds)?;
            let mut kept = Vec::new();
            for (i, part) in parts.into_iter().enumerate() {
                if i == at {
                    // Of another span nothing follows.
                    if let Expr::Span { inside, .. } = part {
                        return Some(inside.and_then(|inside| beside(*inside).flatten()));
                    }
                    kept.extend(beside(part).flatten());
                } else if !matches!(part, Expr::Span { .. }) {
                    kept.push(part);
                }
            }
            Some(Expr::and(kept))
        }
        Expr::Or(parts) => beside(parts.into_iter().find(holds)?),
        // What stands under a negation with it says nothing of the rows that are found.
        Expr::Not(inner) => holds(&inner).then_some(None),
        Expr::Span { inside, .. } => beside(*inside?),
        Expr::Everything | Expr::Term(_) => None,
    }
}

/// Whether the placeholder is inside.
fn holds(expr: &Expr) -> bool {
    match expr {
        Expr::Text(text) => text.text == PLACEHOLDER,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(holds),
        Expr::Not(inner) => holds(inner),
        Expr::Span { inside, .. } => inside.as_deref().is_some_and(holds),
        Expr::Everything | Expr::Term(_) => false,
    }
}

/// The scopes that may stand before an attribute's key, with their dot.
pub fn scopes(target: Target) -> impl Iterator<Item = String> {
    let spans = matches!(target, Target::Traces | Target::Spans);
    let all = [Scope::Resource, Scope::Attributes, Scope::Scope, Scope::Event, Scope::Link, Scope::Body];
    let stands = move |scope: &Scope| match scope {
        Scope::Event | Scope::Link => spans,
        Scope::Body => target == Target::Logs,
        _ => true,
    };
    all.into_iter().filter(stands).map(|scope| format!("{}.", scope.name()))
}
