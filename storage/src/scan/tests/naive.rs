//! Row by row over plain structs and parsed values: slow and obvious.

use crate::scan::{Field, Predicate, Test};
use crate::text::{TextQuery, words};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_model::{Seq, Signal, TimeRange, UnixNanos, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(crate) enum Rows {
    Spans(Vec<Span>),
    Logs(Vec<Log>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Row {
    Span(Box<Span>),
    Log(Box<Log>),
}

impl Rows {
    pub(crate) fn signal(&self) -> Signal {
        match self {
            Self::Spans(_) => Signal::Spans,
            Self::Logs(_) => Signal::Logs,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Spans(spans) => spans.len(),
            Self::Logs(logs) => logs.len(),
        }
    }

    pub(crate) fn row(&self, at: usize) -> Row {
        match self {
            Self::Spans(spans) => Row::Span(Box::new(spans[at].clone())),
            Self::Logs(logs) => Row::Log(Box::new(logs[at].clone())),
        }
    }

    /// By seq, which is the index.
    pub(crate) fn matching(&self, predicate: &Predicate, range: TimeRange) -> Vec<usize> {
        (0..self.len())
            .filter(|at| {
                let row = self.row(*at);
                range.contains(row.time()) && row.matches(predicate)
            })
            .collect()
    }

    pub(crate) fn histogram(&self, matching: &[usize], bucket: i64) -> Vec<(UnixNanos, String, u64)> {
        let mut cells: BTreeMap<(UnixNanos, String), u64> = BTreeMap::new();
        for at in matching {
            let row = self.row(*at);
            let time = UnixNanos(row.time().0.div_euclid(bucket) * bucket);
            *cells.entry((time, row.service().to_owned())).or_default() += 1;
        }
        cells.into_iter().map(|((time, group), rows)| (time, group, rows)).collect()
    }

    pub(crate) fn services(&self, matching: &[usize], limit: usize) -> Vec<(String, u64)> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        matching.iter().for_each(|at| *counts.entry(self.row(*at).service().to_owned()).or_default() += 1);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        counts.truncate(limit);
        counts
    }
}

pub(crate) fn rows_of(signal: Signal, batch: &RecordBatch) -> Vec<Row> {
    match signal {
        Signal::Spans => Span::from_rows(batch).into_iter().map(|span| Row::Span(Box::new(span))).collect(),
        _ => Log::from_rows(batch).into_iter().map(|log| Row::Log(Box::new(log))).collect(),
    }
}

pub(crate) fn times(batch: &RecordBatch, time: &str) -> Vec<(UnixNanos, Seq)> {
    let times = batch.column_by_name(time).unwrap().as_primitive::<TimestampNanosecondType>().clone();
    let seqs = batch.column_by_name("seq").unwrap().as_primitive::<UInt64Type>().clone();
    (0..batch.num_rows()).map(|row| (UnixNanos(times.value(row)), Seq(seqs.value(row)))).collect()
}

/// The attribute column says the same as `attributes` beside it.
pub(crate) fn check_attribute(batch: &RecordBatch, key: &str) -> Result<(), TestCaseError> {
    let column = batch.column_by_name(&format!("attributes.{key}")).unwrap().as_string::<i32>();
    let all = batch.column_by_name("attributes").unwrap().as_string::<i32>();
    for row in 0..batch.num_rows() {
        let expect = first(all.value(row), key).map(|value| plain(&value));
        let got = (!column.is_null(row)).then(|| column.value(row).to_owned());
        prop_assert_eq!(got, expect);
    }
    Ok(())
}

fn first(json: &str, key: &str) -> Option<Value> {
    let Value::Map(pairs) = Value::parse(json).unwrap() else { return None };
    pairs.into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_text(),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Double(value) => value.is_finite().then_some(*value),
        Value::String(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
        _ => None,
    }
}

fn holds(test: &Test, value: &Value) -> bool {
    let equals = |constant: &String| {
        *constant == plain(value) || matches!((number(&Value::String(constant.clone())), number(value)), (Some(a), Some(b)) if a == b)
    };
    match test {
        Test::Exists => true,
        Test::Equals(constant) => equals(constant),
        Test::In(constants) => constants.iter().any(equals),
        Test::Like(glob) => {
            let pattern: Vec<String> = glob.split('*').map(regex::escape).collect();
            regex::Regex::new(&format!("^(?s:{})$", pattern.join(".*"))).unwrap().is_match(&plain(value))
        }
        Test::Matches(regex) => regex.is_match(&plain(value)),
        Test::Range { min, max } => number(value).is_some_and(|number| {
            min.is_none_or(|min| number > min.value || (min.inclusive && number == min.value))
                && max.is_none_or(|max| number < max.value || (max.inclusive && number == max.value))
        }),
    }
}

impl Row {
    pub(crate) fn seq(&self) -> Seq {
        match self {
            Self::Span(span) => span.seq,
            Self::Log(log) => log.seq,
        }
    }

    pub(crate) fn time(&self) -> UnixNanos {
        match self {
            Self::Span(span) => span.start_time,
            Self::Log(log) => log.time,
        }
    }

    fn service(&self) -> &str {
        match self {
            Self::Span(span) => &span.service_name,
            Self::Log(log) => &log.service_name,
        }
    }

    fn attributes(&self) -> &str {
        match self {
            Self::Span(span) => &span.attributes,
            Self::Log(log) => &log.attributes,
        }
    }

    fn column(&self, name: &str) -> Option<Value> {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        match (self, name) {
            (_, "service_name") => text(self.service()),
            (_, "attributes") => text(self.attributes()),
            (Self::Span(span), "name") => text(&span.name),
            (Self::Span(span), "status_code") => text(&span.status_code),
            (Self::Span(span), "duration_nano") => Some(Value::Int(span.duration_nano)),
            (Self::Span(span), "service_version") => text(span.service_version.as_ref()?),
            (Self::Span(span), "trace_id") => text(&span.trace_id.to_string()),
            (Self::Log(log), "trace_id") => text(&log.trace_id?.to_string()),
            (Self::Log(log), "severity_number") => Some(Value::Int(log.severity_number.into())),
            (Self::Log(log), "body") => text(log.body.as_ref()?),
            _ => None,
        }
    }

    /// Times compare as numbers in ranges and as RFC 3339 otherwise.
    fn time_column(&self, name: &str, test: &Test) -> Option<Value> {
        let time = match (self, name) {
            (Self::Span(span), "start_time") => span.start_time,
            (Self::Log(log), "observed_time") => log.observed_time?,
            _ => return None,
        };
        Some(if matches!(test, Test::Range { .. }) { Value::Int(time.0) } else { Value::String(time.to_string()) })
    }

    fn origin(&self) -> (&str, &str) {
        match self {
            Self::Span(span) => (&span.resource, &span.scope),
            Self::Log(log) => (&log.resource, &log.scope),
        }
    }

    fn nested(&self, links: bool) -> Vec<Value> {
        let Self::Span(span) = self else { return Vec::new() };
        let json = if links { &span.links } else { &span.events };
        match json.as_deref().map(|json| Value::parse(json).unwrap()) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    fn found(&self, field: &Field, test: &Test) -> Vec<Value> {
        let nested = |links: bool, key: &str, own: bool| {
            let pick = |item: Value| {
                let item = item.to_text();
                if own { first(&item, key) } else { first(&first(&item, "attributes")?.to_text(), key) }
            };
            self.nested(links).into_iter().filter_map(pick).collect()
        };
        let (resource, scope) = self.origin();
        match field {
            Field::Column(name) => self.column(name).or_else(|| self.time_column(name, test)).into_iter().collect(),
            Field::Attribute(key) => first(self.attributes(), key).into_iter().collect(),
            Field::Resource(key) => first(resource, key).into_iter().collect(),
            Field::Scope(key) => first(scope, key).into_iter().collect(),
            Field::Any(key) => first(self.attributes(), key).or_else(|| first(resource, key)).or_else(|| first(scope, key)).into_iter().collect(),
            Field::Event(key) => nested(false, key, key == "name"),
            Field::Link(key) => nested(true, key, key == "trace_id" || key == "span_id"),
            Field::Body(path) => {
                let Self::Log(log) = self else { return Vec::new() };
                let Some(body) = &log.body else { return Vec::new() };
                let mut found = Vec::new();
                hopline_model::body::matches(body, path, &mut |value| {
                    found.push(value.text().to_owned());
                    false
                });
                // Numbers that are not written out are equal as text alone: shown here as what no number is equal to.
                let plain = |text: &String| {
                    matches!(test, Test::Range { .. }) || hopline_model::body::decimal(text) || number(&Value::String(text.clone())).is_none()
                };
                let (numbers, texts): (Vec<String>, Vec<String>) = found.into_iter().partition(plain);
                let as_text = |text: String| match test {
                    Test::Equals(constant) if *constant != text => None,
                    Test::In(constants) if !constants.contains(&text) => None,
                    _ => Some(Value::String(text)),
                };
                numbers.into_iter().map(Value::String).chain(texts.into_iter().filter_map(as_text)).collect()
            }
        }
    }

    fn texts(&self) -> Vec<String> {
        let values = |json: &str| match Value::parse(json).unwrap() {
            Value::Map(pairs) => pairs.iter().map(|(_, value)| plain(value)).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        match self {
            Self::Log(log) => log.body.clone().into_iter().collect(),
            Self::Span(span) => {
                let mut texts = values(&span.attributes);
                texts.push(span.name.clone());
                texts.extend(span.status_message.clone());
                for event in self.nested(false) {
                    let event = event.to_text();
                    texts.extend(first(&event, "name").map(|name| plain(&name)));
                    texts.extend(values(&first(&event, "attributes").unwrap().to_text()));
                }
                texts
            }
        }
    }

    fn text(&self, query: &TextQuery) -> bool {
        let wanted = query.words();
        let texts: Vec<Vec<String>> = self.texts().iter().map(|text| words(text).map(|(_, word)| word.into_owned()).collect()).collect();
        if wanted.is_empty() {
            return self.texts().iter().any(|text| text.contains(query.text.trim()));
        }
        let is = |i: usize, word: &String| *word == wanted[i] || (query.prefix && i + 1 == wanted.len() && word.starts_with(&wanted[i]));
        if query.phrase {
            return texts.iter().any(|text| (0..text.len()).any(|at| (0..wanted.len()).all(|i| text.get(at + i).is_some_and(|word| is(i, word)))));
        }
        (0..wanted.len()).all(|i| texts.iter().flatten().any(|word| is(i, word)))
    }

    fn matches(&self, predicate: &Predicate) -> bool {
        match predicate {
            Predicate::All => true,
            Predicate::Nothing => false,
            Predicate::And(parts) => parts.iter().all(|part| self.matches(part)),
            Predicate::Or(parts) => parts.iter().any(|part| self.matches(part)),
            Predicate::Not(part) => !self.matches(part),
            Predicate::Compare { field, test } => self.found(field, test).iter().any(|value| holds(test, value)),
            Predicate::Text(query) => self.text(query),
            Predicate::TraceIds(ids) => match self {
                Self::Span(span) => ids.contains(&span.trace_id),
                Self::Log(log) => log.trace_id.is_some_and(|id| ids.contains(&id)),
            },
            Predicate::SpanIds(ids) => match self {
                Self::Span(span) => ids.contains(&span.span_id),
                Self::Log(log) => log.span_id.is_some_and(|id| ids.contains(&id)),
            },
        }
    }
}
