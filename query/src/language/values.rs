//! One test of one field → predicate, and what may be asked of each kind of field.

use super::ast::{Expr, Name, Op, Test, Value};
use super::error::{Place, SyntaxError};
use super::fields::Meaning;

use super::units::{self, DURATION_UNITS, Quantity};
use super::{REGEX_BYTES_MAX, ids, severity};
use hopline_model::body;
use hopline_storage::scan::{self, Bound, Field, Predicate};
use hopline_storage::text::TextQuery;

pub(crate) type Result<T> = std::result::Result<T, SyntaxError>;

/// The predicate of a term that is asked of rows.
pub(crate) fn predicate(meaning: &Meaning, name: &Name, test: &Test) -> Result<Predicate> {
    if let Test::List(tests) = test {
        let parts = tests.iter().map(|test| predicate(meaning, name, test)).collect::<Result<Vec<_>>>()?;
        return Ok(any_of(parts));
    }
    match meaning {
        Meaning::Any(field) => any(field, name, test),
        Meaning::Number(field) => match test {
            Test::Exists => Ok(compare(field, scan::Test::Exists)),
            test => Ok(numbers(field, interval(test, &mut |text, place| plain_number(text, place, name))?)),
        },
        Meaning::Duration(field) => match test {
            Test::Exists => Ok(compare(field, scan::Test::Exists)),
            test => Ok(numbers(field, interval(test, &mut |text, place| duration(text, place, name))?)),
        },
        Meaning::Names { field, names, long } => named(field, names, long, name, test),
        Meaning::Severity => severity::predicate(test),
        Meaning::LogStatus => severity::log_status(test),
        Meaning::TraceId => ids::trace(name, test),
        Meaning::SpanId => ids::span(name, test),
        Meaning::Hex { field, digits } => ids::hex(field, *digits, name, test),
        // Set aside before rows are asked.
        Meaning::TraceNumber(_) | Meaning::TraceText(_) => Ok(Predicate::All),
    }
}

pub(crate) fn compare(field: &Field, test: scan::Test) -> Predicate {
    Predicate::Compare { field: field.clone(), test }
}

/// Equal tests of one field become one list, ids one set.
pub(crate) fn any_of(mut parts: Vec<Predicate>) -> Predicate {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let (mut fields, mut texts, mut traces, mut spans, mut rest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Predicate::Compare { field, test: scan::Test::Equals(text) } => {
                fields.push(field);
                texts.push(text);
            }
            Predicate::TraceIds(ids) => traces.extend(ids),
            Predicate::SpanIds(ids) => spans.extend(ids),
            part => rest.push(part),
        }
    }
    // All values of a list are asked of one field.
    if let Some(field) = fields.pop() {
        let test = if texts.len() == 1 { scan::Test::Equals(texts.remove(0)) } else { scan::Test::In(texts) };
        rest.insert(0, Predicate::Compare { field, test });
    }
    if !traces.is_empty() {
        rest.insert(0, Predicate::TraceIds(traces));
    }
    if !spans.is_empty() {
        rest.insert(0, Predicate::SpanIds(spans));
    }
    if rest.len() == 1 { rest.remove(0) } else { Predicate::Or(rest) }
}

fn any(field: &Field, name: &Name, test: &Test) -> Result<Predicate> {
    let predicate = text_or_number(field, name, test)?;
    let Field::Body(path) = field else { return Ok(predicate) };
    let constant = match test {
        Test::Is(value) => value.plain(),
        _ => None,
    };
    Ok(narrowed(path, constant, predicate))
}

/// A condition on a field of a body, with the words that a body must have for it to hold. `constant`: what the field is then.
pub(crate) fn narrowed(path: &str, constant: Option<&str>, predicate: Predicate) -> Predicate {
    match body_words(path, constant) {
        Some(words) => Predicate::And(vec![words, predicate]),
        None => predicate,
    }
}

/// What the words of a body must be for a field of it to hold, so that the text index leaves out the others. Only letters that JSON may have
/// escaped (`\u0041`) are not in the index as they are read: such a body has a word that starts with `u00`.
fn body_words(path: &str, constant: Option<&str>) -> Option<Predicate> {
    let plain = |text: &str| text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control());
    let mut text = if plain(path) { path.to_owned() } else { String::new() };
    let value = constant.filter(|constant| plain(constant)).and_then(|constant| {
        if body::decimal(constant) {
            return constant.split('.').next();
        }
        // Another spelling of a number is equal to numbers of other digits.
        constant.parse::<f64>().is_err().then_some(constant)
    });
    if let Some(value) = value {
        text.push(' ');
        text.push_str(value);
    }
    let words = |text: &str, prefix| TextQuery { text: text.to_owned(), phrase: false, prefix };
    let query = words(text.trim(), false);
    if query.words().is_empty() {
        return None;
    }
    Some(Predicate::Or(vec![Predicate::Text(query), Predicate::Text(words("u00", true))]))
}

fn text_or_number(field: &Field, name: &Name, test: &Test) -> Result<Predicate> {
    match test {
        Test::Exists => Ok(compare(field, scan::Test::Exists)),
        Test::Is(value) => Ok(compare(field, equals(value)?)),
        Test::Matches { regex, place } => Ok(compare(field, scan::Test::Matches(compiled(regex, *place)?))),
        // Words with dots between them are a text like any other.
        Test::Range { min: Some(min), max: Some(max), .. } if Quantity::parse(min).is_none() && Quantity::parse(max).is_none() => {
            Ok(compare(field, scan::Test::Equals(format!("{min}..{max}"))))
        }
        test => Ok(compare(field, range(interval(test, &mut |text, place| attribute_number(text, place, name))?))),
    }
}

/// The whole value: exact, or with `*` for any characters.
fn equals(value: &Value) -> Result<scan::Test> {
    Ok(match value.plain() {
        Some(text) => scan::Test::Equals(text.to_owned()),
        // A glob cannot say that a star is meant as such.
        None if value.pieces.iter().any(|piece| piece.contains('*')) => scan::Test::Matches(glob(value)?),
        None => scan::Test::Like(value.text()),
    })
}

pub(crate) fn glob(value: &Value) -> Result<regex::Regex> {
    let pieces: Vec<String> = value.pieces.iter().map(|piece| regex::escape(piece)).collect();
    compiled(&format!("(?s)^{}$", pieces.join(".*")), value.place)
}

pub(crate) fn compiled(pattern: &str, place: Place) -> Result<regex::Regex> {
    regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build().map_err(|error| {
        let expected = "a regular expression";
        match error {
            regex::Error::CompiledTooBig(_) => {
                SyntaxError::wrong(place, "a smaller regular expression", "the regular expression is too large: expected a smaller one")
            }
            error => {
                // The last line of the library's picture is the reason.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                SyntaxError::wrong(place, expected, format!("expected {expected}: {reason}"))
            }
        }
    })
}

/// The numbers a test allows; `read` says what a constant means.
pub(crate) struct Interval {
    pub(crate) min: Option<Bound>,
    pub(crate) max: Option<Bound>,
}

pub(crate) fn interval(test: &Test, read: &mut dyn FnMut(&str, Place) -> Result<f64>) -> Result<Interval> {
    let bound = |value, inclusive| Some(Bound { value, inclusive });
    Ok(match test {
        Test::Is(value) => {
            let value = read(&value.text(), value.place)?;
            Interval { min: bound(value, true), max: bound(value, true) }
        }
        Test::Compare(op, constant) => {
            let value = read(&constant.text(), constant.place)?;
            match op {
                Op::Above => Interval { min: bound(value, false), max: None },
                Op::AtLeast => Interval { min: bound(value, true), max: None },
                Op::Below => Interval { min: None, max: bound(value, false) },
                Op::AtMost | Op::Matches => Interval { min: None, max: bound(value, true) },
            }
        }
        Test::Range { min, max, place } => {
            let min = min.as_deref().map(|text| read(text, *place)).transpose()?;
            let max = max.as_deref().map(|text| read(text, *place)).transpose()?;
            if let (Some(low), Some(high)) = (min, max)
                && low > high
            {
                return Err(SyntaxError::expected(*place, "the smaller end of the range first"));
            }
            Interval { min: min.and_then(|value| bound(value, true)), max: max.and_then(|value| bound(value, true)) }
        }
        Test::Matches { place, .. } => return Err(SyntaxError::expected(*place, "a number: a regular expression is for texts")),
        Test::Exists | Test::List(_) => Interval { min: None, max: None },
    })
}

fn range(interval: Interval) -> scan::Test {
    scan::Test::Range { min: interval.min, max: interval.max }
}

fn numbers(field: &Field, interval: Interval) -> Predicate {
    compare(field, range(interval))
}

pub(crate) fn plain_number(text: &str, place: Place, name: &Name) -> Result<f64> {
    match Quantity::parse(text) {
        Some(Quantity::Plain(value)) => Ok(value),
        _ => Err(SyntaxError::wrong(place, "a number", format!("expected a number for {name}, not \"{text}\""))),
    }
}

pub(crate) fn duration(text: &str, place: Place, name: &Name) -> Result<f64> {
    match Quantity::parse(text) {
        Some(Quantity::Duration(value)) => Ok(value),
        Some(Quantity::Plain(0.0)) => Ok(0.0),
        Some(Quantity::Plain(_)) => {
            let message = format!("expected a unit after \"{text}\" for {name}: {DURATION_UNITS}, such as {text}ms");
            Err(SyntaxError::wrong(place, DURATION_UNITS, message))
        }
        _ => {
            let message = format!("expected a duration such as 500ms for {name}, not \"{text}\"; units are {DURATION_UNITS}");
            Err(SyntaxError::wrong(place, "a duration such as 500ms", message))
        }
    }
}

/// An attribute's numbers have no declared unit, unless its key ends with one.
fn attribute_number(text: &str, place: Place, name: &Name) -> Result<f64> {
    match Quantity::parse(text) {
        Some(Quantity::Plain(value) | Quantity::Bytes(value)) => Ok(value),
        Some(Quantity::Duration(value)) => match units::unit_of_key(&name.key) {
            Some(unit) => Ok(value / unit as f64),
            None => {
                let message =
                    format!("expected a plain number, not \"{text}\": the unit of {name} is not known, so compare with the number as it is stored");
                Err(SyntaxError::wrong(place, "a plain number", message))
            }
        },
        None => Err(SyntaxError::wrong(place, "a number", format!("expected a number, not \"{text}\": only numbers are larger or smaller"))),
    }
}

fn named(field: &Field, names: &'static [&'static str], long: &str, name: &Name, test: &Test) -> Result<Predicate> {
    let list = listed(names);
    match test {
        Test::Exists => Ok(compare(field, scan::Test::Exists)),
        Test::Matches { regex, place } => Ok(compare(field, scan::Test::Matches(compiled(regex, *place)?))),
        Test::Is(value) => {
            let Some(text) = value.plain() else {
                let regex = glob(value)?;
                if !names.iter().any(|name| regex.is_match(name)) {
                    return Err(SyntaxError::wrong(value.place, &list, format!("no {name} is like \"{}\": expected {list}", value.text())));
                }
                return Ok(compare(field, scan::Test::Like(value.text())));
            };
            let found = names
                .iter()
                .find(|name| name.eq_ignore_ascii_case(text) || text.strip_prefix(long).is_some_and(|short| name.eq_ignore_ascii_case(short)));
            match found {
                Some(found) => Ok(compare(field, scan::Test::Equals((*found).to_owned()))),
                None => match text.parse::<i32>() {
                    // A number that OpenTelemetry has not named yet is kept as such.
                    Ok(number) => {
                        let known = usize::try_from(number).ok().and_then(|number| names.get(number));
                        Ok(compare(field, scan::Test::Equals(known.map_or_else(|| number.to_string(), |known| (*known).to_owned()))))
                    }
                    Err(_) => Err(unknown(text, value.place, name, names, &list)),
                },
            }
        }
        Test::Compare(_, value) => Err(SyntaxError::expected(value.place, format!("{list}: a {name} is not larger or smaller"))),
        Test::Range { place, .. } => Err(SyntaxError::expected(*place, format!("{list}: a {name} has no range"))),
        Test::List(_) => Ok(Predicate::Nothing),
    }
}

fn listed(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

pub(crate) fn unknown(text: &str, place: Place, name: &Name, names: &[&str], expected: &str) -> SyntaxError {
    let lower = text.to_lowercase();
    let near = names.iter().map(|known| (strsim::damerau_levenshtein(known, &lower), *known)).min().filter(|(distance, _)| *distance <= 2);
    let hint = near.map(|(_, known)| format!("; did you mean {known}?")).unwrap_or_default();
    SyntaxError::wrong(place, expected, format!("there is no {name} \"{text}\": expected {expected}{hint}"))
}

/// Where an expression stands, by its first term.
pub(crate) fn place(expr: &Expr) -> Place {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.first().map_or_else(Place::default, place),
        Expr::Not(inner) => place(inner),
        Expr::Span { place, .. } => *place,
        Expr::Everything => Place::default(),
        Expr::Text(text) => text.place,
        Expr::Term(term) => term.place,
    }
}
