//! SQL conditions as what the scan understands: a time range and a predicate.
//!
//! A condition is translated for the rows in which it is *true* (or *false*, under a NOT): SQL knows a third answer, NULL,
//! and the scan does not, so `a <> 'x'` becomes "a is there, and it is not x". A translation holds for every row the condition
//! holds for; it is *exact* when it holds for no other, and only then DataFusion need not test the rows again.

use super::columns::table_schema;
use super::functions::number::{NumberKind, constant_key, may_be_number};
use super::functions::{attribute, match_text, member};
use crate::language::narrowed;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use hopline_model::schema::{column, schema, time_column};
use hopline_model::{Signal, TimeRange, UnixNanos};
use hopline_storage::scan::{Bound, Field, Predicate, Test};

/// What a scan is asked for in place of a SQL condition.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) range: TimeRange,
    pub(crate) predicate: Predicate,
    pub(crate) exact: bool,
}

/// Translates a condition; `None` when the scan cannot help.
pub(crate) fn translate(signal: Signal, expr: &Expr) -> Option<Condition> {
    if let Some(range) = time_range(time_column(signal), expr) {
        return Some(Condition { range, predicate: Predicate::All, exact: true });
    }
    let found = Translator { signal }.holds(expr, true)?;
    Some(Condition { range: TimeRange::ALL, predicate: found.predicate, exact: found.exact })
}

/// All conditions at once.
pub(crate) fn translate_all(signal: Signal, filters: &[Expr]) -> (TimeRange, Predicate) {
    let mut range = TimeRange::ALL;
    let mut parts = Vec::new();
    for condition in filters.iter().filter_map(|filter| translate(signal, filter)) {
        range.start = range.start.max(condition.range.start);
        range.end = range.end.min(condition.range.end);
        if !matches!(condition.predicate, Predicate::All) {
            parts.push(condition.predicate);
        }
    }
    let predicate = match parts.len() {
        0 => Predicate::All,
        1 => parts.remove(0),
        _ => Predicate::And(parts),
    };
    (range, predicate)
}

/// A comparison of a column of times with a moment: exactly this range.
pub(crate) fn time_range(name: &str, expr: &Expr) -> Option<TimeRange> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    let (column, op, moment) = match (uncast_time(left), uncast_time(right)) {
        (Expr::Column(column), other) => (column, *op, other),
        (other, Expr::Column(column)) => (column, op.swap()?, other),
        _ => return None,
    };
    if column.name != name {
        return None;
    }
    let Expr::Literal(ScalarValue::TimestampNanosecond(Some(moment), _), _) = moment else { return None };
    // The last representable moments cannot be told from "no end".
    if *moment >= i64::MAX - 1 {
        return None;
    }
    let (at, next) = (UnixNanos(*moment), UnixNanos(*moment + 1));
    let range = match op {
        Operator::Eq => TimeRange::new(at, next),
        Operator::Lt => TimeRange::new(UnixNanos::MIN, at),
        Operator::LtEq => TimeRange::new(UnixNanos::MIN, next),
        Operator::Gt => TimeRange::since(next),
        Operator::GtEq => TimeRange::since(at),
        _ => return None,
    };
    Some(range)
}

/// A column of hex ids compared with texts: one of these.
pub(crate) fn ids<'a>(name: &str, expr: &'a Expr) -> Option<Vec<&'a str>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == name);
    let text = |expr: &'a Expr| match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_column(left) => Some(vec![text(right)?]),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_column(right) => Some(vec![text(left)?]),
        Expr::InList(InList { expr, list, negated: false }) if is_column(expr) => list.iter().map(text).collect(),
        _ => None,
    }
}

/// Time zones differ in how a moment is shown, not in which it is.
fn uncast_time(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, _)) => match cast.expr.as_ref() {
            column @ Expr::Column(_) => column,
            _ => expr,
        },
        _ => expr,
    }
}

#[derive(Debug)]
struct Found {
    predicate: Predicate,
    exact: bool,
}

fn exactly(predicate: Predicate) -> Option<Found> {
    Some(Found { predicate, exact: true })
}

fn at_least(predicate: Predicate) -> Option<Found> {
    Some(Found { predicate, exact: false })
}

fn not(predicate: Predicate) -> Predicate {
    Predicate::Not(Box::new(predicate))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    /// Any number a text reads as.
    Number(NumberKind),
    Time,
    Boolean,
    /// Compared by nothing but presence.
    Other,
}

/// What a condition is about.
struct Subject {
    field: Field,
    kind: Kind,
}

impl Subject {
    fn test(&self, test: Test) -> Predicate {
        Predicate::Compare { field: self.field.clone(), test }
    }

    fn exists(&self) -> Predicate {
        self.test(Test::Exists)
    }

    /// Exactly this text. The scan's equality also takes `1.0` for `1`, a pattern without a star does not.
    fn is_text(&self, text: &str) -> Predicate {
        let equals = self.test(Test::Equals(text.to_owned()));
        if may_be_number(text) { Predicate::And(vec![equals, self.test(Test::Like(text.to_owned()))]) } else { equals }
    }

    fn is_any_text(&self, texts: Vec<String>) -> Predicate {
        let likes: Vec<Predicate> = if texts.iter().any(|text| may_be_number(text)) {
            vec![Predicate::Or(texts.iter().map(|text| self.is_text(text)).collect())]
        } else {
            Vec::new()
        };
        let within = self.test(Test::In(texts));
        if likes.is_empty() { within } else { Predicate::And(std::iter::once(within).chain(likes).collect()) }
    }
}

struct Translator {
    signal: Signal,
}

impl Translator {
    /// Rows in which the condition is true (`wanted`) or false.
    fn holds(&self, expr: &Expr, wanted: bool) -> Option<Found> {
        match expr {
            Expr::Literal(ScalarValue::Boolean(Some(value)), _) => exactly(if *value == wanted { Predicate::All } else { Predicate::Nothing }),
            Expr::Alias(alias) => self.holds(&alias.expr, wanted),
            Expr::Not(inner) => self.holds(inner, !wanted),
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let (left, right) = (self.holds(left, wanted), self.holds(right, wanted));
                if (*op == Operator::And) == wanted { both(left, right) } else { either(left?, right?) }
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if wanted && (body_path(left).is_some() || body_path(right).is_some()) => {
                let (path, value) = body_path(left).map(|path| (path, right)).or_else(|| Some((body_path(right)?, left)))?;
                self.body_field(path, std::slice::from_ref(value.as_ref()))
            }
            Expr::InList(InList { expr, list, negated: false }) if wanted && body_path(expr).is_some() => self.body_field(body_path(expr)?, list),
            Expr::IsNotNull(inner) if wanted && body_path(inner).is_some() => self.body_field(body_path(inner)?, &[]),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let (Some(subject), Expr::Literal(value, _)) = (self.subject(left), right.as_ref()) {
                    self.compare(&subject, *op, value, wanted)
                } else if let (Expr::Literal(value, _), Some(subject)) = (left.as_ref(), self.subject(right)) {
                    self.compare(&subject, op.swap()?, value, wanted)
                } else {
                    None
                }
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                let exists = self.subject(inner)?;
                if matches!(exists.kind, Kind::Number(_)) {
                    return None;
                }
                let exists = exists.exists();
                exactly(if matches!(expr, Expr::IsNotNull(_)) == wanted { exists } else { not(exists) })
            }
            Expr::InList(InList { expr, list, negated }) => self.in_list(expr, list, *negated != wanted),
            Expr::Like(Like { negated, expr, pattern, escape_char: None, case_insensitive: false }) => self.like(expr, pattern, *negated != wanted),
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == match_text::NAME => self.matches(args, wanted),
            Expr::Column(_) => {
                let subject = self.subject(expr)?;
                (subject.kind == Kind::Boolean).then(|| Found { predicate: subject.test(Test::Equals(wanted.to_string())), exact: true })
            }
            _ => None,
        }
    }

    /// A column, an attribute, or one of them cast from text to text.
    fn subject(&self, expr: &Expr) -> Option<Subject> {
        match expr {
            Expr::Alias(alias) => self.subject(&alias.expr),
            Expr::Cast(cast) if is_text(cast.field.data_type()) => self.subject(&cast.expr).filter(|subject| subject.kind == Kind::Text),
            Expr::Column(found) => {
                let index = table_schema(self.signal).index_of(&found.name).ok()?;
                let field = schema(self.signal).field(index);
                let kind = match field.data_type() {
                    DataType::Utf8 | DataType::Dictionary(_, _) | DataType::FixedSizeBinary(_) => Kind::Text,
                    DataType::Int64 | DataType::Int32 | DataType::UInt64 | DataType::UInt32 => Kind::Integer,
                    DataType::Timestamp(_, _) => Kind::Time,
                    DataType::Boolean => Kind::Boolean,
                    _ => Kind::Other,
                };
                Some(Subject { field: Field::Column(field.name()), kind })
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => {
                let kind = match func.name() {
                    attribute::NAME => Kind::Text,
                    name => Kind::Number(NumberKind::of_function(name)?),
                };
                let key = constant_key(args)?.to_owned();
                let Expr::Column(of) = args.first()? else { return None };
                let field = match of.name.as_str() {
                    column::ATTRIBUTES => Field::Attribute(key),
                    column::RESOURCE => Field::Resource(key),
                    column::SCOPE => Field::Scope(key),
                    _ => return None,
                };
                Some(Subject { field, kind })
            }
            _ => None,
        }
    }

    /// A field inside a body that is one of these texts; none: that it is there. The scan looks at every value of the field, SQL at the first.
    fn body_field(&self, path: &str, values: &[Expr]) -> Option<Found> {
        if self.signal != Signal::Logs {
            return None;
        }
        let field = || Field::Body(path.to_owned());
        if values.is_empty() {
            return at_least(narrowed(path, None, Predicate::Compare { field: field(), test: Test::Exists }));
        }
        let one = |value: &Expr| {
            let Expr::Literal(value, _) = value else { return None };
            let text = text_of(value)?;
            let equals = Predicate::Compare { field: field(), test: Test::Equals(text.clone()) };
            Some(narrowed(path, Some(&text), equals))
        };
        let mut any = values.iter().map(one).collect::<Option<Vec<_>>>()?;
        at_least(if any.len() == 1 { any.remove(0) } else { Predicate::Or(any) })
    }

    fn compare(&self, subject: &Subject, op: Operator, value: &ScalarValue, wanted: bool) -> Option<Found> {
        if matches!(op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom) {
            return None;
        }
        // A comparison with NULL is neither true nor false.
        if value.is_null() {
            return exactly(Predicate::Nothing);
        }
        match subject.kind {
            Kind::Text => {
                let text = text_of(value)?;
                if unmatched_id(subject, &text) {
                    return None;
                }
                let (found, equal) = match op {
                    Operator::Eq | Operator::NotEq => (subject.is_text(&text), op == Operator::Eq),
                    Operator::RegexMatch | Operator::RegexNotMatch => {
                        (subject.test(Test::Matches(regex::Regex::new(&text).ok()?)), op == Operator::RegexMatch)
                    }
                    _ => return None,
                };
                exactly(if equal == wanted { found } else { Predicate::And(vec![subject.exists(), not(found)]) })
            }
            Kind::Integer | Kind::Time | Kind::Number(_) => {
                let value = number_of(value, subject.kind)?;
                let op = if wanted { op } else { op.negate()? };
                numeric(subject, op, value)
            }
            Kind::Boolean => {
                let ScalarValue::Boolean(Some(value)) = value else { return None };
                let equal = match op {
                    Operator::Eq => wanted,
                    Operator::NotEq => !wanted,
                    _ => return None,
                };
                exactly(subject.test(Test::Equals((*value == equal).to_string())))
            }
            Kind::Other => None,
        }
    }

    fn in_list(&self, expr: &Expr, list: &[Expr], wanted: bool) -> Option<Found> {
        let subject = self.subject(expr)?;
        let mut texts = Vec::with_capacity(list.len());
        for item in list {
            // NULL in a list makes "not in" unknown.
            let Expr::Literal(value, _) = item else { return None };
            if value.is_null() {
                return None;
            }
            texts.push(match subject.kind {
                Kind::Text => text_of(value).filter(|text| !unmatched_id(&subject, text))?,
                Kind::Integer => match number_of(value, subject.kind)? {
                    Number::Integer(value) => value.to_string(),
                    Number::Double(_) => return None,
                },
                _ => return None,
            });
        }
        let found = if subject.kind == Kind::Text { subject.is_any_text(texts) } else { subject.test(Test::In(texts)) };
        exactly(if wanted { found } else { Predicate::And(vec![subject.exists(), not(found)]) })
    }

    /// `%` alone is a wildcard the scan has.
    fn like(&self, expr: &Expr, pattern: &Expr, wanted: bool) -> Option<Found> {
        let subject = self.subject(expr).filter(|subject| subject.kind == Kind::Text)?;
        let Expr::Literal(pattern, _) = pattern else { return None };
        let pattern = text_of(pattern)?;
        if pattern.contains(['_', '\\', '*']) {
            return None;
        }
        let found = subject.test(Test::Like(pattern.replace('%', "*")));
        exactly(if wanted { found } else { Predicate::And(vec![subject.exists(), not(found)]) })
    }

    /// `match(body, '…')` of logs, through the index.
    fn matches(&self, args: &[Expr], wanted: bool) -> Option<Found> {
        let subject = self.subject(args.first()?)?;
        if self.signal != Signal::Logs || subject.field != Field::Column(column::BODY) {
            return None;
        }
        let Expr::Literal(words, _) = args.get(1)? else { return None };
        let queries = match_text::queries(&text_of(words)?)?;
        let found = Predicate::And(queries.into_iter().map(Predicate::Text).collect());
        exactly(if wanted { found } else { Predicate::And(vec![subject.exists(), not(found)]) })
    }
}

/// The path of `body_field(body, 'path')`.
fn body_path(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Alias(alias) => body_path(&alias.expr),
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == member::BODY_FIELD => {
            let Expr::Column(of) = args.first()? else { return None };
            constant_key(args).filter(|_| of.name == column::BODY)
        }
        _ => None,
    }
}

fn both(left: Option<Found>, right: Option<Found>) -> Option<Found> {
    match (left, right) {
        (Some(left), Some(right)) => {
            Some(Found { predicate: Predicate::And(vec![left.predicate, right.predicate]), exact: left.exact && right.exact })
        }
        (Some(one), None) | (None, Some(one)) => at_least(one.predicate),
        (None, None) => None,
    }
}

fn either(left: Found, right: Found) -> Option<Found> {
    Some(Found { predicate: Predicate::Or(vec![left.predicate, right.predicate]), exact: left.exact && right.exact })
}

/// The scan takes an all-zero id, and one in another spelling, for no id at all; as text it may stand in a row.
fn unmatched_id(subject: &Subject, text: &str) -> bool {
    matches!(subject.field, Field::Column(column::TRACE_ID | column::SPAN_ID)) && !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
}

fn text_of(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Dictionary(_, inner) => text_of(inner),
        _ => value.try_as_str()?.map(str::to_owned),
    }
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(i128),
    Double(f64),
}

fn number_of(value: &ScalarValue, kind: Kind) -> Option<Number> {
    Some(match (value, kind) {
        (ScalarValue::TimestampNanosecond(Some(value), _), Kind::Time) => Number::Integer((*value).into()),
        (_, Kind::Time) => return None,
        (ScalarValue::Int64(Some(value)), _) => Number::Integer((*value).into()),
        (ScalarValue::Int32(Some(value)), _) => Number::Integer((*value).into()),
        (ScalarValue::UInt64(Some(value)), _) => Number::Integer((*value).into()),
        (ScalarValue::UInt32(Some(value)), _) => Number::Integer((*value).into()),
        (ScalarValue::Float64(Some(value)), Kind::Number(_)) if value.is_finite() => Number::Double(*value),
        _ => return None,
    })
}

/// Doubles hold integers up to here one by one.
const EXACT_MAX: i128 = 1 << 53;

fn numeric(subject: &Subject, op: Operator, value: Number) -> Option<Found> {
    let (low, high, precise) = match value {
        Number::Integer(value) if value.abs() < EXACT_MAX => (value as f64, value as f64, true),
        Number::Integer(value) => ((value as f64).next_down(), (value as f64).next_up(), false),
        // A sum of doubles is not compared to the last bit.
        Number::Double(value) => (value.next_down(), value.next_up(), false),
    };
    // An attribute is compared as the number its text reads as, which the function rounds.
    let exact = precise && !matches!(subject.kind, Kind::Number(_));
    let closed = |value: f64| Some(Bound { value, inclusive: true });
    let open = |value: f64| Some(Bound { value, inclusive: !exact });
    let range = |min, max| subject.test(Test::Range { min, max });
    let predicate = match op {
        Operator::Eq => match value {
            Number::Integer(value) if subject.kind == Kind::Integer => return exactly(subject.test(Test::Equals(value.to_string()))),
            _ => range(closed(low), closed(high)),
        },
        Operator::NotEq => match value {
            Number::Integer(value) if subject.kind == Kind::Integer => {
                return exactly(Predicate::And(vec![subject.exists(), not(subject.test(Test::Equals(value.to_string())))]));
            }
            _ => return at_least(subject.exists()),
        },
        Operator::Lt => range(None, open(high)),
        Operator::LtEq => range(None, closed(high)),
        Operator::Gt => range(open(low), None),
        Operator::GtEq => range(closed(low), None),
        _ => return None,
    };
    Some(Found { predicate, exact })
}
