//! Tokens → tree: `OR` binds loosest, then `AND` (which is also what stands between two terms), then `-`.

use super::ast::{Expr, Name, Op, Query, Scope, Term, Test, Text, Value};
use super::error::{Place, SyntaxError};
use super::lex::{self, Kind, Token};
use super::{DEPTH_MAX, REGEXES_MAX, TERMS_MAX, TEXT_BYTES_MAX, fields, units};

/// The tree of a query.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    if text.len() > TEXT_BYTES_MAX {
        let expected = format!("at most {TEXT_BYTES_MAX} bytes");
        let message = format!("the query has {} bytes: expected {expected}", text.len());
        return Err(SyntaxError::wrong(Place::new(TEXT_BYTES_MAX, text.len()), expected, message));
    }
    let mut parser = Parser { tokens: lex::tokens(text), at: 0, end: text.len(), depth: 0, terms: 0, regexes: 0 };
    let root = if parser.tokens.is_empty() { None } else { Some(parser.any()?) };
    match parser.peek() {
        None => Ok(Query { root }),
        Some(token) => Err(parser.unopened(token)),
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    end: usize,
    depth: usize,
    terms: usize,
    regexes: usize,
}

fn place(token: Token<'_>) -> Place {
    Place::new(token.start, token.end)
}

const TERM: &str = "a word, a phrase or field:value";

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn peek_kind(&self) -> Option<Kind> {
        self.peek().map(|token| token.kind)
    }

    /// The next token, when nothing stands between.
    fn adjacent(&self, end: usize) -> Option<Token<'a>> {
        self.peek().filter(|token| token.start == end)
    }

    fn unopened(&self, token: Token<'_>) -> SyntaxError {
        let message = match token.kind {
            Kind::Close | Kind::ListEnd => "this \")\" closes nothing: expected \"(\" before it",
            _ => "this \"}\" closes nothing: expected \"{\" before it",
        };
        SyntaxError::wrong(place(token), TERM, message)
    }

    fn deeper<T>(&mut self, token: Token<'_>, inside: impl FnOnce(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        if self.depth == DEPTH_MAX {
            let expected = format!("at most {DEPTH_MAX} parentheses and negations inside each other");
            return Err(SyntaxError::expected(place(token), expected));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    /// `a b OR c`
    fn any(&mut self) -> Result<Expr, SyntaxError> {
        let mut parts = vec![self.all()?];
        while self.peek_kind() == Some(Kind::Or) {
            self.at += 1;
            parts.push(self.all()?);
        }
        if parts.len() > 1 {
            let span = parts.iter().find_map(|part| match part {
                Expr::Span { place, .. } => Some(*place),
                Expr::And(inner) => inner.iter().find_map(|part| if let Expr::Span { place, .. } = part { Some(*place) } else { None }),
                _ => None,
            });
            if let Some(place) = span {
                return Err(outermost(place));
            }
        }
        Ok(Expr::or(parts).expect("one part at least"))
    }

    /// `a AND b c`
    fn all(&mut self) -> Result<Expr, SyntaxError> {
        let mut parts = vec![self.one()?];
        loop {
            match self.peek_kind() {
                Some(Kind::And) => self.at += 1,
                None | Some(Kind::Or | Kind::Close | Kind::CloseSpan | Kind::ListEnd) => break,
                _ => {}
            }
            parts.push(self.one()?);
        }
        Ok(Expr::and(parts).expect("one part at least"))
    }

    fn one(&mut self) -> Result<Expr, SyntaxError> {
        let Some(token) = self.peek() else {
            return Err(match self.at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
                Some(before) => SyntaxError::expected(Place::new(self.end, self.end), format!("{TERM} after \"{}\"", before.text)),
                None => SyntaxError::expected(Place::new(self.end, self.end), TERM),
            });
        };
        self.at += 1;
        match token.kind {
            Kind::Not => {
                let inner = self.deeper(token, |parser| match parser.peek() {
                    // A dash with a space behind it is no negation that anyone meant.
                    Some(next) if token.text != "NOT" && next.start > token.end => {
                        let expected = format!("{TERM} right after \"{}\" (in quotes, it is text)", token.text);
                        Err(SyntaxError::expected(Place::new(token.end, token.end), expected))
                    }
                    _ => parser.one(),
                })?;
                Ok(Expr::Not(Box::new(inner)))
            }
            Kind::Open => {
                let inner = self.deeper(token, Self::any)?;
                self.close(token, Kind::Close, ")")?;
                Ok(inner)
            }
            Kind::OpenSpan => self.span(token),
            Kind::Field => self.term(token),
            Kind::Bare => self.word(token),
            Kind::Quoted { closed } => self.phrase(token, closed),
            Kind::Close | Kind::CloseSpan | Kind::ListEnd if self.depth == 0 => Err(self.unopened(token)),
            _ => Err(SyntaxError::wrong(place(token), TERM, format!("expected {TERM} before \"{}\"", token.text))),
        }
    }

    fn close(&mut self, open: Token<'_>, kind: Kind, text: &str) -> Result<usize, SyntaxError> {
        match self.peek() {
            Some(token) if token.kind == kind => {
                self.at += 1;
                Ok(token.end)
            }
            found => {
                let at = found.map_or(Place::new(self.end, self.end), place);
                Err(SyntaxError::expected(at, format!("\"{text}\" for the \"{}\" at {}", open.text, open.start)))
            }
        }
    }

    fn span(&mut self, open: Token<'_>) -> Result<Expr, SyntaxError> {
        if self.depth > 0 {
            return Err(outermost(place(open)));
        }
        let inside = match self.peek_kind() {
            Some(Kind::CloseSpan) => None,
            _ => Some(Box::new(self.deeper(open, Self::any)?)),
        };
        let end = self.close(open, Kind::CloseSpan, "}")?;
        Ok(Expr::Span { inside, place: Place::new(open.start, end) })
    }

    fn count_term(&mut self, at: Place) -> Result<(), SyntaxError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(SyntaxError::expected(at, format!("at most {TERMS_MAX} words and values in a query")));
        }
        Ok(())
    }

    /// Two tokens without a space between them were meant to be one.
    fn end_of(&self, end: usize) -> Result<(), SyntaxError> {
        match self.adjacent(end) {
            Some(token) if matches!(token.kind, Kind::Bare | Kind::Quoted { .. } | Kind::Field | Kind::Op(_) | Kind::Not) => {
                let expected = "a space (put the whole value in quotes, with \\\" for a quote inside)";
                Err(SyntaxError::expected(Place::new(end, end), expected))
            }
            _ => Ok(()),
        }
    }

    fn word(&mut self, token: Token<'_>) -> Result<Expr, SyntaxError> {
        let at = place(token);
        self.count_term(at)?;
        balanced(token)?;
        self.end_of(token.end)?;
        if token.text == "*" {
            return Ok(Expr::Everything);
        }
        let (text, prefix) = match token.text.strip_suffix('*') {
            Some(text) => (text, true),
            None => (token.text, false),
        };
        if let Some(star) = text.find('*') {
            let place = Place::new(token.start + star, token.start + star + 1);
            return Err(SyntaxError::expected(place, "\"*\" only at the end of a word (with a field it may stand anywhere: name:\"*card*\")"));
        }
        if let Some(sign) = text.find(['<', '>', '=']).filter(|sign| fields::is_short_name(&text[..*sign])) {
            let place = Place::new(token.start + sign, token.start + sign + 1);
            let (name, rest) = text.split_at(sign);
            let rest = rest.trim_start_matches('=');
            let message = format!("expected \":\" after \"{name}\": did you mean {name}:{rest}? (in quotes, it is text)");
            return Err(SyntaxError::wrong(place, "\":\"", message));
        }
        Ok(Expr::Text(Text { text: text.to_owned(), quoted: false, prefix, place: at }))
    }

    fn phrase(&mut self, token: Token<'_>, closed: bool) -> Result<Expr, SyntaxError> {
        let at = place(token);
        self.count_term(at)?;
        self.closed(token, closed)?;
        self.end_of(token.end)?;
        let text = lex::unquote(token.text);
        if text.trim().is_empty() {
            return Err(SyntaxError::expected(at, "a text between the quotes"));
        }
        Ok(Expr::Text(Text { text, quoted: true, prefix: token.text.ends_with('*'), place: at }))
    }

    fn closed(&self, token: Token<'_>, closed: bool) -> Result<(), SyntaxError> {
        if closed {
            return Ok(());
        }
        Err(SyntaxError::expected(Place::new(self.end, self.end), format!("a closing quote for the one at {}", token.start)))
    }

    fn term(&mut self, field: Token<'a>) -> Result<Expr, SyntaxError> {
        let name = name(field)?;
        let test = match self.adjacent(field.end) {
            Some(Token { kind: Kind::List, .. }) => self.list(field)?,
            _ => self.test(field)?,
        };
        let end = self.tokens[self.at - 1].end;
        self.end_of(end)?;
        Ok(Expr::Term(Term { name, test, place: Place::new(field.start, end) }))
    }

    fn list(&mut self, field: Token<'a>) -> Result<Test, SyntaxError> {
        let open = self.tokens[self.at];
        self.at += 1;
        let mut tests = vec![self.listed(field, open)?];
        loop {
            match self.peek() {
                Some(Token { kind: Kind::ListEnd, .. }) => {
                    self.at += 1;
                    return Ok(Test::List(tests));
                }
                Some(token) if token.kind == Kind::Or => {
                    self.at += 1;
                    tests.push(self.listed(field, token)?);
                }
                found => {
                    let at = found.map_or(Place::new(self.end, self.end), place);
                    return Err(SyntaxError::expected(at, format!("OR or \")\" in the list of values of {}", field.text.trim_end_matches(':'))));
                }
            }
        }
    }

    /// One value of a list.
    fn listed(&mut self, field: Token<'a>, before: Token<'a>) -> Result<Test, SyntaxError> {
        match self.peek() {
            Some(token) if matches!(token.kind, Kind::Bare | Kind::Quoted { .. } | Kind::Op(_)) => {
                let start = Token { end: token.start, ..field };
                let test = self.test(start)?;
                self.end_of(self.tokens[self.at - 1].end)?;
                Ok(test)
            }
            found => {
                let at = found.map_or(Place::new(self.end, self.end), |token| Place::new(token.start, token.start));
                Err(SyntaxError::expected(at, format!("a value after \"{}\"", before.text)))
            }
        }
    }

    /// A value with what stands before it.
    fn test(&mut self, before: Token<'a>) -> Result<Test, SyntaxError> {
        let Some(token) = self.adjacent(before.end).filter(|token| matches!(token.kind, Kind::Bare | Kind::Quoted { .. } | Kind::Op(_))) else {
            return Err(SyntaxError::expected(Place::new(before.end, before.end), format!("a value after \"{}\"", before.text)));
        };
        self.at += 1;
        if let Kind::Op(op) = token.kind {
            return self.compared(op, token);
        }
        self.count_term(place(token))?;
        let value = self.value(token)?;
        if token.kind != Kind::Bare {
            return Ok(Test::Is(value));
        }
        if value.pieces.iter().all(String::is_empty) {
            return Ok(Test::Exists);
        }
        if let Some((min, max)) = units::range(token.text) {
            let end = |end: &str| (!end.is_empty()).then(|| end.to_owned());
            return Ok(Test::Range { min: end(min), max: end(max), place: place(token) });
        }
        Ok(Test::Is(value))
    }

    fn compared(&mut self, op: Op, sign: Token<'a>) -> Result<Test, SyntaxError> {
        let what = if op == Op::Matches { "a regular expression" } else { "a number" };
        let Some(token) = self.adjacent(sign.end).filter(|token| matches!(token.kind, Kind::Bare | Kind::Quoted { .. })) else {
            return Err(SyntaxError::expected(Place::new(sign.end, sign.end), format!("{what} after \"{}\"", sign.text)));
        };
        self.at += 1;
        self.count_term(place(token))?;
        if op != Op::Matches {
            return Ok(Test::Compare(op, self.value(token)?));
        }
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            return Err(SyntaxError::expected(place(token), format!("at most {REGEXES_MAX} regular expressions in a query")));
        }
        let regex = match token.kind {
            Kind::Quoted { closed } => {
                self.closed(token, closed)?;
                lex::unquote(token.text)
            }
            _ => {
                balanced(token)?;
                token.text.to_owned()
            }
        };
        Ok(Test::Matches { regex, place: place(token) })
    }

    fn value(&self, token: Token<'_>) -> Result<Value, SyntaxError> {
        match token.kind {
            Kind::Quoted { closed } => {
                self.closed(token, closed)?;
                Ok(Value { pieces: lex::unquote_pieces(token.text), quoted: true, place: place(token) })
            }
            _ => balanced(token).map(|()| Value { pieces: token.text.split('*').map(str::to_owned).collect(), quoted: false, place: place(token) }),
        }
    }
}

/// A parenthesis that opens in a word closes in it: else nobody could tell where the word ends once a group closes behind it.
fn balanced(token: Token<'_>) -> Result<(), SyntaxError> {
    let mut open = Vec::new();
    for (at, character) in token.text.char_indices() {
        match character {
            '(' | '{' => open.push((at, character)),
            ')' | '}' => {
                open.pop();
            }
            _ => {}
        }
    }
    match open.last() {
        Some((at, character)) => {
            let close = if *character == '(' { ")" } else { "}" };
            let place = Place::new(token.start + at, token.start + at + 1);
            Err(SyntaxError::expected(place, format!("\"{close}\" in the same word (in quotes, it may stand alone)")))
        }
        None => Ok(()),
    }
}

fn outermost(place: Place) -> SyntaxError {
    let expected = "\"{…}\" only at the outermost level, beside other terms: not negated, not in parentheses, not with OR";
    SyntaxError::expected(place, expected)
}

/// The name of a field token.
pub(crate) fn name(field: Token<'_>) -> Result<Name, SyntaxError> {
    let text = field.text.strip_suffix(':').unwrap_or(field.text);
    let place = Place::new(field.start, field.start + text.len());
    if let Some(quote) = text.find('"') {
        let scope = Scope::parse(text[..quote].trim_end_matches('.'));
        return Ok(Name { scope, key: lex::unquote(&text[quote..]), quoted: true, place });
    }
    if let Some(star) = text.find('*') {
        let place = Place::new(field.start + star, field.start + star + 1);
        return Err(SyntaxError::expected(place, "a field's whole name (\"*\" stands for values only; in quotes it is part of the name)"));
    }
    Ok(Name { scope: None, key: text.to_owned(), quoted: false, place })
}
