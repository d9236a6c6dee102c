//! `AnyValue` and attributes → canonical JSON text (`hopline_model::attributes`), redacted on the way.
//!
//! Lists of one sender have the same keys in the same order again and again: the order of the last one is tried before keys are sorted. Values
//! are written from the request's bytes.

use super::reject::{Reject, Rejected, Warning};
use super::wire::{Field, Fields, Malformed, merge};
use super::{Limits, Rules};
use crate::cardinality::Names;
use crate::process::{Redactor, Verdict};
use hopline_model::UnixNanos;
use hopline_model::attributes::{write_bytes, write_double, write_int, write_key, write_string};
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
    records: Cell<usize>,
}

impl<'c> Context<'c> {
    pub(crate) fn new(Rules { redactor, limits, names }: Rules<'c>, received: UnixNanos) -> Self {
        Self { redactor, limits, received, names, string_indexes: Cell::new(0), records: Cell::new(0) }
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

    pub(crate) fn warn(&self, warnings: &mut Rejected<Warning>) {
        warnings.add(Warning::StringIndex, self.string_indexes.get());
    }
}

/// Attributes of one list: those over the limit are counted and not kept.
#[derive(Debug, Default)]
pub(crate) struct Pairs<'a> {
    pub(crate) pairs: Vec<Pair<'a>>,
    more: bool,
    /// The places of the last list that was not sorted, by key: most likely those of the next one too.
    order: Vec<u32>,
}

impl<'a> Pairs<'a> {
    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
        self.more = false;
    }

    /// Reads a `KeyValue`.
    #[inline]
    pub(crate) fn read(&mut self, message: &'a [u8], context: &Context<'_>) -> Result<(), Malformed> {
        let pair = pair(message, context)?;
        if self.pairs.len() < context.limits.attributes_max {
            self.pairs.push(pair);
        } else {
            self.more = true;
        }
        Ok(())
    }

    /// Whether all of them were kept.
    pub(crate) fn check(&self) -> Result<(), Reject> {
        if self.more { Err(Reject::Attributes) } else { Ok(()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// One attribute: its key, and its `AnyValue` undecoded.
#[derive(Debug, Clone)]
pub(crate) struct Pair<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Cow<'a, [u8]>,
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

/// Reads a `KeyValue`.
#[inline]
fn pair<'a>(message: &'a [u8], context: &Context<'_>) -> Result<Pair<'a>, Malformed> {
    let mut key = "";
    let mut value = None;
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.text()?,
            2 => merge(&mut value, field.bytes()?),
            3 => {
                let used = u64::from(field.varint()? as i32 != 0);
                context.string_indexes.set(context.string_indexes.get() + used);
            }
            _ => {}
        }
    }
    Ok(Pair { key, value: value.unwrap_or_default() })
}

/// Writes pairs as one object: redacted, sorted by key, `$pairs` when a key stands twice.
pub(crate) fn write_pairs(out: &mut String, pairs: &mut Pairs<'_>, context: &Context<'_>) -> Result<(), Trouble> {
    pairs.check()?;
    out.push('{');
    write_members(out, pairs, context, 0, "")?;
    out.push('}');
    Ok(())
}

/// The members of an object without its braces. `first` stands before them: members of our own, without a comma at the end.
pub(crate) fn write_members(out: &mut String, pairs: &mut Pairs<'_>, context: &Context<'_>, depth: usize, first: &str) -> Result<(), Trouble> {
    let Pairs { pairs, order, .. } = pairs;
    // Exporters often send sorted keys already.
    if pairs.is_sorted_by(|a, b| a.key.as_bytes() < b.key.as_bytes()) {
        return write_in_order(out, pairs.iter(), context, depth, first);
    }
    if !sorts(order, pairs) {
        order.clear();
        order.extend(0..pairs.len() as u32);
        order.sort_unstable_by(|a, b| pairs[*a as usize].key.as_bytes().cmp(pairs[*b as usize].key.as_bytes()));
        // Sorted and still not ascending: a key stands twice.
        if !sorts(order, pairs) {
            return write_twice(out, pairs, context, depth, first);
        }
    }
    write_in_order(out, order.iter().map(|at| &pairs[*at as usize]), context, depth, first)
}

/// Whether these places are all of the pairs, each key behind the one before.
fn sorts(order: &[u32], pairs: &[Pair<'_>]) -> bool {
    order.len() == pairs.len() && order.windows(2).all(|pair| pairs[pair[0] as usize].key.as_bytes() < pairs[pair[1] as usize].key.as_bytes())
}

fn write_in_order<'p, 'a: 'p>(
    out: &mut String,
    pairs: impl Iterator<Item = &'p Pair<'a>>,
    context: &Context<'_>,
    depth: usize,
    first: &str,
) -> Result<(), Trouble> {
    out.push_str(first);
    let mut comma = !first.is_empty();
    for pair in pairs {
        let before = out.len();
        if comma {
            out.push(',');
        }
        write_key(out, pair.key);
        out.push(':');
        if redacted_value(out, pair, context, depth)? {
            comma = true;
        } else {
            out.truncate(before);
        }
    }
    Ok(())
}

/// `"$pairs":[[key,value],…]` in the order sent; our own members stand before them as `["$own",{…}]`: no value sent can look like it.
fn write_twice(out: &mut String, pairs: &[Pair<'_>], context: &Context<'_>, depth: usize, first: &str) -> Result<(), Trouble> {
    out.push_str("\"$pairs\":[");
    let mut comma = false;
    if !first.is_empty() {
        out.push_str("[\"$own\",{");
        out.push_str(first);
        out.push_str("}]");
        comma = true;
    }
    for pair in pairs {
        let before = out.len();
        out.push_str(if comma { ",[" } else { "[" });
        write_string(out, pair.key);
        out.push(',');
        if redacted_value(out, pair, context, depth)? {
            out.push(']');
            comma = true;
        } else {
            out.truncate(before);
        }
    }
    out.push(']');
    Ok(())
}

/// False when a rule drops the pair.
#[inline]
fn redacted_value(out: &mut String, pair: &Pair<'_>, context: &Context<'_>, depth: usize) -> Result<bool, Trouble> {
    if let Some(rule) = context.redactor.by_key(pair.key) {
        return Ok(match context.redactor.apply(rule, &pair.value) {
            Verdict::Text(text) => {
                write_string(out, &text);
                true
            }
            Verdict::Keep => true,
            Verdict::Drop => false,
        });
    }
    write_value(out, &pair.value, context, depth)
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
                context.string_indexes.set(context.string_indexes.get() + 1);
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
pub(crate) fn write_value(out: &mut String, message: &[u8], context: &Context<'_>, depth: usize) -> Result<bool, Trouble> {
    match value(message, context)? {
        Value::Empty => out.push_str("null"),
        Value::Text(text) => match context.redactor.by_text(text) {
            Verdict::Keep => write_string(out, text),
            Verdict::Text(text) => write_string(out, &text),
            Verdict::Drop => return Ok(false),
        },
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
