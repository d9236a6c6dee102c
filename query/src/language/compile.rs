//! Tree → what storage scans for.

use super::ast::{Expr, Query, Text};
use super::error::SyntaxError;
use super::fields::{self, Meaning};
use super::trace::{self, TraceCondition};
use super::{Target, parse, values};
use hopline_storage::scan::Predicate;
use hopline_storage::text::{TextQuery, words};

/// A query made ready to run.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// One predicate per asked span: `{…} {…}` gives several, and a trace matches when each holds on some span of it.
    /// Otherwise one, [`Predicate::All`] for an empty text.
    pub rows: Vec<Predicate>,
    /// Conditions on the whole trace, of a search for traces only.
    pub trace: Option<TraceCondition>,
    /// What free text was asked and not negated, for highlighting.
    pub texts: Vec<TextQuery>,
}

/// What a text asks of `target`.
pub fn compile(text: &str, target: Target) -> Result<Compiled, SyntaxError> {
    Compiler { target, texts: Vec::new(), trace: Vec::new() }.query(parse(text)?)
}

struct Compiler {
    target: Target,
    texts: Vec<TextQuery>,
    trace: Vec<TraceCondition>,
}

impl Compiler {
    fn query(mut self, query: Query) -> Result<Compiled, SyntaxError> {
        let members = match query.root {
            Some(Expr::And(members)) => members,
            Some(root) => vec![root],
            None => Vec::new(),
        };
        let mut rows = Vec::new();
        let mut spans = Vec::new();
        for member in members {
            match member {
                Expr::Span { inside, place } => {
                    if self.target != Target::Traces {
                        let message = "{…} asks for a span of a trace: expected terms without braces, or a search of traces";
                        return Err(SyntaxError::wrong(place, "terms without braces", message));
                    }
                    let inside = match inside.map(|inside| *inside) {
                        Some(Expr::And(members)) => members,
                        Some(member) => vec![member],
                        None => Vec::new(),
                    };
                    spans.push(self.all(inside)?);
                }
                member => rows.push(member),
            }
        }
        let asked = !rows.is_empty();
        match self.all(rows)? {
            // Only conditions on the trace were asked beside the braces.
            Predicate::All if asked && !spans.is_empty() => {}
            rows if asked || spans.is_empty() => spans.insert(0, rows),
            _ => {}
        }
        let trace = if self.trace.len() > 1 { Some(TraceCondition::And(self.trace)) } else { self.trace.pop() };
        Ok(Compiled { rows: spans, trace, texts: self.texts })
    }

    /// Conditions on the row; those on the trace are set aside.
    fn all(&mut self, members: Vec<Expr>) -> Result<Predicate, SyntaxError> {
        let mut rows = Vec::new();
        for member in &members {
            match self.level(member)? {
                Level::Trace => {
                    let condition = self.condition(member)?;
                    self.trace.push(condition);
                }
                Level::Row => rows.push(self.row(member, false)?),
            }
        }
        Ok(match rows.len() {
            0 => Predicate::All,
            1 => rows.remove(0),
            _ => Predicate::And(rows),
        })
    }

    /// Whether a subtree is asked of rows or of whole traces; it cannot be both.
    fn level(&self, expr: &Expr) -> Result<Level, SyntaxError> {
        match expr {
            Expr::Term(term) if fields::resolve(&term.name, self.target)?.is_trace_level() => Ok(Level::Trace),
            Expr::Term(_) | Expr::Text(_) | Expr::Everything | Expr::Span { .. } => Ok(Level::Row),
            Expr::Not(inner) => self.level(inner),
            Expr::And(parts) | Expr::Or(parts) => {
                let levels = parts.iter().map(|part| self.level(part)).collect::<Result<Vec<_>, _>>()?;
                let first = levels[0];
                if let Some(odd) = levels.iter().position(|level| *level != first) {
                    let at = if first == Level::Trace { 0 } else { odd };
                    let message = "a condition on the whole trace can stand beside conditions on its spans, not with them under OR or a negation";
                    return Err(SyntaxError::wrong(values::place(&parts[at]), "a condition on a span", message));
                }
                Ok(first)
            }
        }
    }

    fn row(&mut self, expr: &Expr, negated: bool) -> Result<Predicate, SyntaxError> {
        let many = |compiler: &mut Self, parts: &[Expr]| parts.iter().map(|part| compiler.row(part, negated)).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::And(parts) => Predicate::And(many(self, parts)?),
            Expr::Or(parts) => Predicate::Or(many(self, parts)?),
            Expr::Not(inner) => Predicate::Not(Box::new(self.row(inner, !negated)?)),
            Expr::Everything | Expr::Span { .. } => Predicate::All,
            Expr::Text(text) => {
                let query = text_query(text);
                if !negated && !self.texts.contains(&query) {
                    self.texts.push(query.clone());
                }
                Predicate::Text(query)
            }
            Expr::Term(term) => {
                let meaning = fields::resolve(&term.name, self.target)?;
                values::predicate(&meaning, &term.name, &term.test)?
            }
        })
    }

    fn condition(&self, expr: &Expr) -> Result<TraceCondition, SyntaxError> {
        let many = |parts: &[Expr]| parts.iter().map(|part| self.condition(part)).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::And(parts) => TraceCondition::And(many(parts)?),
            Expr::Or(parts) => TraceCondition::Or(many(parts)?),
            Expr::Not(inner) => TraceCondition::Not(Box::new(self.condition(inner)?)),
            Expr::Term(term) => match fields::resolve(&term.name, self.target)? {
                Meaning::TraceNumber(fact) => trace::number(fact, &term.name, &term.test)?,
                Meaning::TraceText(fact) => trace::text(fact, &term.name, &term.test)?,
                _ => TraceCondition::And(Vec::new()),
            },
            Expr::Everything | Expr::Text(_) | Expr::Span { .. } => TraceCondition::And(Vec::new()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Row,
    Trace,
}

/// What a bare word holds several words of (`10.0.0.1`, `card-declined`) stands together, as in a phrase.
fn text_query(text: &Text) -> TextQuery {
    TextQuery { text: text.text.clone(), phrase: text.quoted || words(&text.text).nth(1).is_some(), prefix: text.prefix }
}
