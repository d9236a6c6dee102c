//! `AnyValue` → canonical JSON text (`hopline_model::attributes`), redacted on the way, written from the request's bytes.

use super::pairs::{Pair, Pairs, write_members};
use super::reject::{Reject, Rejected, Warning};
use super::wire::{Field, Fields, Malformed, utf8};
use super::{Limits, Rules};
use crate::cardinality::Names;
use crate::process::{Redactor, Verdict};
use hopline_model::UnixNanos;
use hopline_model::attributes::{write_bytes, write_double, write_int, write_string};
use std::borrow::Cow;
use std::cell::Cell;

/// Arrays and maps may nest this deep; protobuf's own limit of 100 messages ends near 47.
pub(crate) const DEPTH_MAX: usize = 48;

/// What decoding of one request needs and counts.
pub(crate) struct Context<'c> {
    pub(crate) redactor: &'c Redactor,
    pub(crate) limits: Limits,
    pub(crate) received: UnixNanos,
    names: Option<&'c Names>,
    string_indexes: Cell<u64>,
    /// Values that a rule took.
    redacted: Cell<u64>,
    records: Cell<usize>,
}

impl<'c> Context<'c> {
    pub(crate) fn new(Rules { redactor, limits, names }: Rules<'c>, received: UnixNanos) -> Self {
        Self { redactor, limits, received, names, string_indexes: Cell::new(0), redacted: Cell::new(0), records: Cell::new(0) }
    }

    /// Counts one more record of the request.
    #[inline]
    pub(crate) fn record(&self) -> Result<(), Reject> {
        if self.records.get() >= self.limits.records_max {
            return Err(Reject::Records);
        }
        self.records.set(self.records.get() + 1);
        Ok(())
    }

    pub(crate) fn service(&self, name: &str) -> Result<(), Reject> {
        match self.names {
            Some(names) if !names.service(hash(name, 0), self.received) => Err(Reject::Services),
            _ => Ok(()),
        }
    }

    /// The series of a point: what its metric and resource are, and its attributes as written.
    pub(crate) fn series(&self, of: u64, attributes: &str) -> Result<(), Reject> {
        match self.names {
            Some(names) if !names.series(hash(attributes, of), self.received) => Err(Reject::Series),
            _ => Ok(()),
        }
    }

    /// A text that is no attribute: a name, a message. A rule that drops it leaves it empty.
    #[inline]
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redactor.by_text(text) {
            Verdict::Keep => Cow::Borrowed(text),
            Verdict::Text(text) => text,
            Verdict::Drop => Cow::Borrowed(""),
        }
    }

    /// A text attribute, as [`write_pairs`] would write it.
    pub(crate) fn attribute<'a>(&self, pair: &Pair<'_>, text: &'a str) -> Cow<'a, str> {
        match self.redactor.by_key(pair.key) {
            Some(rule) => self.redactor.preview(rule, &pair.value),
            None => self.redactor.preview_text(text),
        }
    }

    /// How often something was counted: text that came about without is the same each time.
    pub(crate) fn counted(&self) -> u64 {
        self.string_indexes.get() + self.redacted.get()
    }

    pub(crate) fn count_redacted(&self) {
        self.redacted.set(self.redacted.get() + 1);
    }

    pub(crate) fn count_string_index(&self) {
        self.string_indexes.set(self.string_indexes.get() + 1);
    }

    pub(crate) fn warn(&self, warnings: &mut Rejected<Warning>) {
        warnings.add(Warning::StringIndex, self.string_indexes.get());
    }
}

/// Why a record's values could not be written.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The whole request is refused.
    Malformed(Malformed),
    /// This record is.
    Reject(Reject),
}

impl From<Malformed> for Trouble {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Reject> for Trouble {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

/// The value of an `AnyValue`, as far as it has to be told apart.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Empty,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    Array(Cow<'a, [u8]>),
    Map(Cow<'a, [u8]>),
}

/// Reads an `AnyValue`: the last alternative wins, the same message alternative twice is merged.
#[inline]
pub(crate) fn value<'a>(message: &'a [u8], context: &Context<'_>) -> Result<Value<'a>, Malformed> {
    let mut value = Value::Empty;
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        value = match number {
            1 => Value::Text(field.text()?),
            2 => Value::Bool(field.varint()? != 0),
            3 => Value::Int(field.varint()? as i64),
            4 => Value::Double(field.double()?),
            5 => Value::Array(join(value, field, true)?),
            6 => Value::Map(join(value, field, false)?),
            7 => Value::Bytes(field.bytes()?),
            8 => {
                field.varint()?;
                context.count_string_index();
                Value::Empty
            }
            _ => value,
        };
    }
    Ok(value)
}

fn join<'a>(before: Value<'a>, field: Field<'a>, array: bool) -> Result<Cow<'a, [u8]>, Malformed> {
    let bytes = field.bytes()?;
    match (before, array) {
        (Value::Array(mut before), true) | (Value::Map(mut before), false) => {
            before.to_mut().extend_from_slice(bytes);
            Ok(before)
        }
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// Appends the canonical text of an `AnyValue`. False, and nothing appended, when a rule drops it.
#[inline]
pub(crate) fn write_value(out: &mut String, message: &[u8], context: &Context<'_>, depth: usize) -> Result<bool, Trouble> {
    match message {
        // Most values are one short text.
        [0x0a, length @ ..0x80, text @ ..] if text.len() == usize::from(*length) => Ok(write_text(out, utf8(text)?, context)),
        _ => write_any(out, message, context, depth),
    }
}

#[inline]
fn write_text(out: &mut String, text: &str, context: &Context<'_>) -> bool {
    match context.redactor.by_text(text) {
        Verdict::Keep => write_string(out, text),
        Verdict::Text(text) => {
            context.count_redacted();
            write_string(out, &text);
        }
        Verdict::Drop => {
            context.count_redacted();
            return false;
        }
    }
    true
}

fn write_any(out: &mut String, message: &[u8], context: &Context<'_>, depth: usize) -> Result<bool, Trouble> {
    match value(message, context)? {
        Value::Empty => out.push_str("null"),
        Value::Text(text) => return Ok(write_text(out, text, context)),
        Value::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        Value::Int(value) => write_int(out, value),
        Value::Double(value) => write_double(out, value),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::Array(_) | Value::Map(_) if depth >= DEPTH_MAX => return Err(Reject::Depth.into()),
        Value::Array(items) => {
            out.push('[');
            let mut comma = false;
            let mut fields = Fields::new(&items);
            while let Some((number, field)) = fields.next()? {
                if number != 1 {
                    continue;
                }
                let before = out.len();
                if comma {
                    out.push(',');
                }
                if write_value(out, field.bytes()?, context, depth + 1)? {
                    comma = true;
                } else {
                    out.truncate(before);
                }
            }
            out.push(']');
        }
        Value::Map(items) => {
            let mut pairs = Pairs::default();
            let mut fields = Fields::new(&items);
            while let Some((number, field)) = fields.next()? {
                if number == 1 {
                    pairs.read(field.bytes()?, context)?;
                }
            }
            pairs.check()?;
            out.push('{');
            write_members(out, &mut pairs, context, depth + 1, "")?;
            out.push('}');
        }
    }
    Ok(true)
}

fn hash(text: &str, of: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), super::columns::seed() ^ of)
}

/// One number for several texts, for [`Context::series`].
pub(crate) fn hash_all(texts: &[&str]) -> u64 {
    texts.iter().fold(0, |of, text| hash(text, of.rotate_left(1)))
}
