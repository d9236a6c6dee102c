//! A predicate made ready to run: constants parsed, ids sorted, cheap conditions first.

use super::predicate::{Field, Predicate, Test};
use super::value::Compiled;
use crate::text::TextMatcher;
use hopline_model::schema::column;
use hopline_model::{SpanId, TraceId};

#[derive(Debug, Clone)]
pub(crate) enum Filter {
    All,
    Nothing,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        field: Field,
        test: Compiled,
    },
    Text(TextMatcher),
    /// Sorted.
    TraceIds(Vec<[u8; 16]>),
    /// Sorted.
    SpanIds(Vec<[u8; 8]>),
}

impl Filter {
    pub(crate) fn new(predicate: &Predicate) -> Self {
        match predicate {
            Predicate::All => Self::All,
            Predicate::Nothing => Self::Nothing,
            Predicate::And(parts) => {
                let mut filters = Vec::new();
                for part in parts {
                    match Self::new(part) {
                        Self::All => {}
                        Self::Nothing => return Self::Nothing,
                        Self::And(inner) => filters.extend(inner),
                        filter => filters.push(filter),
                    }
                }
                filters.sort_by_key(Self::cost);
                match filters.len() {
                    0 => Self::All,
                    1 => filters.remove(0),
                    _ => Self::And(filters),
                }
            }
            Predicate::Or(parts) => {
                let mut filters = Vec::new();
                for part in parts {
                    match Self::new(part) {
                        Self::Nothing => {}
                        Self::All => return Self::All,
                        Self::Or(inner) => filters.extend(inner),
                        filter => filters.push(filter),
                    }
                }
                filters.sort_by_key(Self::cost);
                match filters.len() {
                    0 => Self::Nothing,
                    1 => filters.remove(0),
                    _ => Self::Or(filters),
                }
            }
            Predicate::Not(part) => match Self::new(part) {
                Self::All => Self::Nothing,
                Self::Nothing => Self::All,
                Self::Not(inner) => *inner,
                filter => Self::Not(Box::new(filter)),
            },
            Predicate::Compare { field, test } => compare(field, test),
            Predicate::Text(query) => {
                let matcher = TextMatcher::new(query);
                if matcher.is_literal() && query.text.trim().is_empty() {
                    return Self::All;
                }
                Self::Text(matcher)
            }
            Predicate::TraceIds(ids) => Self::trace_ids(ids.iter().copied()),
            Predicate::SpanIds(ids) => Self::span_ids(ids.iter().copied()),
        }
    }

    fn trace_ids(ids: impl Iterator<Item = TraceId>) -> Self {
        let mut ids: Vec<_> = ids.map(|id| id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() { Self::Nothing } else { Self::TraceIds(ids) }
    }

    fn span_ids(ids: impl Iterator<Item = SpanId>) -> Self {
        let mut ids: Vec<_> = ids.map(|id| id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() { Self::Nothing } else { Self::SpanIds(ids) }
    }

    /// What evaluating it on many rows costs, roughly: AND and OR go by it.
    fn cost(&self) -> u32 {
        match self {
            Self::All | Self::Nothing => 0,
            Self::TraceIds(_) => 1,
            Self::SpanIds(_) => 4,
            Self::Not(inner) => inner.cost() + 1,
            Self::And(inner) | Self::Or(inner) => inner.iter().map(Self::cost).sum(),
            Self::Text(_) => 20,
            Self::Compare { field, .. } => match field {
                Field::Column(_) => 2,
                Field::Resource(_) | Field::Scope(_) => 3,
                Field::Attribute(_) => 10,
                Field::Any(_) => 12,
                Field::Event(_) | Field::Link(_) => 15,
                // Behind the words that a query puts before it.
                Field::Body(_) => 50,
            },
        }
    }
}

fn compare(field: &Field, test: &Test) -> Filter {
    // Ids are compared as bytes, and through the trace index.
    if let (Field::Column(name), Test::Equals(_) | Test::In(_)) = (field, test) {
        let texts = match test {
            Test::Equals(text) => std::slice::from_ref(text),
            Test::In(texts) => texts.as_slice(),
            _ => &[],
        };
        let lower = |text: &&String| !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match *name {
            column::TRACE_ID => {
                return Filter::trace_ids(texts.iter().filter(lower).filter(|text| text.len() == 32).filter_map(|text| text.parse().ok()));
            }
            column::SPAN_ID => {
                return Filter::span_ids(texts.iter().filter(lower).filter(|text| text.len() == 16).filter_map(|text| text.parse().ok()));
            }
            _ => {}
        }
    }
    Filter::Compare { field: field.clone(), test: Compiled::new(test) }
}
