//! Tests of a trace's or span's id.

use super::ast::{Name, Test, Value};
use super::error::{Place, SyntaxError};
use super::values::{Result, compare, compiled};
use hopline_model::schema::column;
use hopline_model::{SpanId, TraceId};
use hopline_storage::scan::{self, Field, Predicate};

/// `trace:ID`
pub(crate) fn trace(name: &Name, test: &Test) -> Result<Predicate> {
    match test {
        Test::Is(value) if value.plain().is_some() => Ok(Predicate::TraceIds(vec![TraceId(id(&value.text(), value.place, "trace", 32)?)])),
        test => hex(&Field::Column(column::TRACE_ID), 32, name, test),
    }
}

/// `span:ID`
pub(crate) fn span(name: &Name, test: &Test) -> Result<Predicate> {
    match test {
        Test::Is(value) if value.plain().is_some() => Ok(Predicate::SpanIds(vec![SpanId(id(&value.text(), value.place, "span", 16)?)])),
        test => hex(&Field::Column(column::SPAN_ID), 16, name, test),
    }
}

/// An id in any case, with dashes wherever; a trace's may have 16 digits.
fn id<const N: usize>(text: &str, place: Place, what: &str, digits: usize) -> Result<[u8; N]> {
    let plain: String = text.chars().filter(|c| *c != '-').collect();
    let lengths = if digits == 32 { "32 (or 16)" } else { "16" };
    let wrong = || {
        SyntaxError::wrong(
            place,
            format!("{lengths} hexadecimal digits"),
            format!("expected {lengths} hexadecimal digits of a {what} id, not \"{text}\""),
        )
    };
    let padded = if plain.len() == 16 && digits == 32 { format!("{}{plain}", "0".repeat(16)) } else { plain };
    let mut id = [0; N];
    hopline_model::ids::decode_hex(&padded, &mut id).ok_or_else(wrong)?;
    Ok(id)
}

/// Ids that are kept or compared as text.
pub(crate) fn hex(field: &Field, digits: usize, name: &Name, test: &Test) -> Result<Predicate> {
    let place = match test {
        Test::Exists => return Ok(compare(field, scan::Test::Exists)),
        Test::Is(value) => match value.plain() {
            None => return hex_part(field, value, digits),
            Some(text) if digits == 32 => {
                let id = TraceId(id(text, value.place, "trace", digits)?);
                return Ok(compare(field, scan::Test::Equals(id.to_string())));
            }
            Some(text) => {
                let id = SpanId(id(text, value.place, "span", digits)?);
                return Ok(compare(field, scan::Test::Equals(id.to_string())));
            }
        },
        Test::Matches { regex, place } => return Ok(compare(field, scan::Test::Matches(compiled(regex, *place)?))),
        Test::Compare(_, value) => value.place,
        Test::Range { place, .. } => *place,
        Test::List(_) => return Ok(Predicate::Nothing),
    };
    Err(SyntaxError::expected(place, format!("an id: a {name} is not larger or smaller")))
}

/// Part of an id with `*` for the rest.
fn hex_part(field: &Field, value: &Value, digits: usize) -> Result<Predicate> {
    let text: String = value.text().chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    if !text.chars().all(|c| c == '*' || c.is_ascii_hexdigit()) {
        return Err(SyntaxError::expected(value.place, format!("hexadecimal digits and \"*\", of an id of {digits} digits")));
    }
    Ok(compare(field, scan::Test::Like(text)))
}
