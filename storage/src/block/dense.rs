//! Attribute keys that stand in many rows of a file become typed columns `attributes.<key>`; the rest of a row stays
//! canonical JSON in `attributes`. Splitting and joining give back the text byte for byte.
//!
//! Kept whole in the rest: rows with a key twice (`$pairs`), rows that are not in canonical order, values of another type
//! than their column's, values whose text another writer would have written otherwise.

use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type};
use hopline_model::attributes::{entries, plain_text, write_double, write_int, write_key, write_string};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Dense keys of a file at most: 16 keys take 40.6 B a span, 47 take 41.0, and every column costs each point read 50 µs.
pub(crate) const KEYS_MAX: usize = 16;
/// A key must stand in one of so many rows.
const RARE: usize = 50;
const KEY_BYTES_MAX: usize = 128;
/// Rows looked at to choose.
const SAMPLE_ROWS: usize = 4096;
/// Asked for so often that they are columns wherever they are dense.
const PREFERRED: [&str; 4] = ["http.route", "http.response.status_code", "http.status_code", "error.type"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Int,
    Double,
    Bool,
    Text,
}

/// A key with a column of its own, as it stands in the file's footer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DenseKey {
    pub(crate) key: String,
    pub(crate) kind: Kind,
    /// Values repeat: the column has a dictionary.
    pub(crate) repeats: bool,
    /// No row keeps a value of this key in the rest.
    pub(crate) whole: bool,
    /// JSON it saves per 1,000 rows, by which keys were chosen.
    pub(crate) bytes: u64,
}

impl DenseKey {
    pub(crate) fn column(&self) -> String {
        format!("attributes.{}", self.key)
    }

    /// As written, and as merges read it.
    pub(crate) fn field(&self) -> Field {
        let kind = match self.kind {
            Kind::Int => DataType::Int64,
            Kind::Double => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Text => DataType::Utf8,
        };
        Field::new(self.column(), kind, true)
    }

    /// As the scan reads it: texts that repeat come with their codes.
    pub(crate) fn scan_field(&self) -> Field {
        match (self.kind, self.repeats) {
            (Kind::Text, true) => Field::new(self.column(), hopline_model::schema::dictionary(), true),
            _ => self.field(),
        }
    }

    /// The same column in two files.
    pub(crate) fn same_column(&self, other: &Self) -> bool {
        self.key == other.key && self.kind == other.kind
    }
}

#[derive(Default)]
struct Seen {
    rows: usize,
    bytes: usize,
    kinds: [usize; 4],
    values: HashSet<u64>,
}

/// Chooses keys by the JSON they save, from a sample of the rows.
pub(crate) fn choose<'a>(columns: impl Iterator<Item = &'a StringArray> + Clone) -> Vec<DenseKey> {
    let total: usize = columns.clone().map(Array::len).sum();
    let step = total.div_ceil(SAMPLE_ROWS).max(1);
    let mut seen: HashMap<Cow<'a, str>, Seen> = HashMap::new();
    let mut rows = 0;
    let mut skip = 0;
    for column in columns {
        let mut row = skip;
        while row < column.len() {
            rows += 1;
            for (key, raw) in if column.value(row).starts_with("{\"$pairs\"") { entries("") } else { entries(column.value(row)) } {
                if key.len() > KEY_BYTES_MAX {
                    continue;
                }
                let bytes = key.len() + raw.len() + 4;
                let seen = seen.entry(key).or_default();
                seen.rows += 1;
                seen.bytes += bytes;
                if let Some(kind) = kind_of(raw) {
                    seen.kinds[kind as usize] += 1;
                }
                seen.values.insert(xxhash_rust::xxh3::xxh3_64(raw.as_bytes()));
            }
            row += step;
        }
        skip = row - column.len();
    }
    let mut chosen: Vec<DenseKey> = seen
        .into_iter()
        .filter(|(_, seen)| seen.rows * RARE >= rows && seen.rows >= 2)
        .filter_map(|(key, seen)| {
            let (kind, count) = [Kind::Int, Kind::Double, Kind::Bool, Kind::Text]
                .into_iter()
                .map(|kind| (kind, seen.kinds[kind as usize]))
                .max_by_key(|(_, count)| *count)?;
            let repeats = seen.values.len() * 2 <= seen.rows;
            (count * 2 > seen.rows).then(|| DenseKey { key: key.into_owned(), kind, repeats, whole: true, bytes: (seen.bytes * 1000 / rows) as u64 })
        })
        .collect();
    keep_best(&mut chosen);
    chosen
}

/// The keys of a merge: those that save most over all inputs. Empty lists count as files without dense keys.
pub(crate) fn choose_merged(inputs: &[(&[DenseKey], u64)]) -> Vec<DenseKey> {
    let mut seen: HashMap<&str, (DenseKey, u128, u64)> = HashMap::new();
    for (keys, rows) in inputs {
        for key in *keys {
            let entry = seen.entry(&key.key).or_insert_with(|| (key.clone(), 0, 0));
            entry.1 += u128::from(key.bytes) * u128::from(*rows);
            if *rows > entry.2 {
                entry.0 = key.clone();
                entry.2 = *rows;
            }
        }
    }
    let rows: u64 = inputs.iter().map(|(_, rows)| *rows).sum::<u64>().max(1);
    let mut chosen: Vec<DenseKey> =
        seen.into_values().map(|(key, bytes, _)| DenseKey { whole: true, bytes: (bytes / u128::from(rows)) as u64, ..key }).collect();
    keep_best(&mut chosen);
    chosen
}

/// Sorted by key, so that equal choices are equal lists.
fn keep_best(keys: &mut Vec<DenseKey>) {
    keys.sort_by(|a, b| {
        let preferred = |key: &DenseKey| PREFERRED.contains(&key.key.as_str());
        preferred(b).cmp(&preferred(a)).then(b.bytes.cmp(&a.bytes)).then_with(|| a.key.cmp(&b.key))
    });
    keys.truncate(KEYS_MAX);
    keys.sort_by(|a, b| a.key.cmp(&b.key));
}

fn kind_of(raw: &str) -> Option<Kind> {
    match raw.as_bytes().first()? {
        b'"' => Some(Kind::Text),
        b't' | b'f' => Some(Kind::Bool),
        b'-' | b'0'..=b'9' => Some(if raw.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) { Kind::Int } else { Kind::Double }),
        _ => None,
    }
}

enum Builder {
    Int(Int64Builder),
    Double(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// `false`: the value does not come back the same from this column.
    fn append(&mut self, raw: &str, scratch: &mut String) -> bool {
        scratch.clear();
        match self {
            Self::Int(builder) => {
                let Ok(value) = raw.parse::<i64>() else { return false };
                write_int(scratch, value);
                if scratch != raw {
                    return false;
                }
                builder.append_value(value);
            }
            Self::Double(builder) => {
                if kind_of(raw) != Some(Kind::Double) {
                    return false;
                }
                let Ok(value) = raw.parse::<f64>() else { return false };
                write_double(scratch, value);
                if scratch != raw {
                    return false;
                }
                builder.append_value(value);
            }
            Self::Bool(builder) => match raw {
                "true" => builder.append_value(true),
                "false" => builder.append_value(false),
                _ => return false,
            },
            Self::Text(builder) => {
                if !raw.starts_with('"') || raw.len() < 2 {
                    return false;
                }
                let inner = &raw[1..raw.len() - 1];
                if inner.bytes().all(|byte| byte != b'\\' && byte != b'"' && byte >= 0x20) {
                    builder.append_value(inner);
                    return true;
                }
                let text = plain_text(raw);
                write_string(scratch, &text);
                if scratch != raw {
                    return false;
                }
                builder.append_value(&text);
            }
        }
        true
    }

    fn append_null(&mut self) {
        match self {
            Self::Int(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Bool(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Takes rows' attributes apart.
pub(crate) struct Splitter {
    pub(crate) keys: Vec<DenseKey>,
    places: HashMap<String, usize>,
    /// The keys of the row before, by place: rows of one kind have the same keys in the same order.
    before: Vec<(String, Option<usize>)>,
}

impl Splitter {
    pub(crate) fn new(keys: Vec<DenseKey>) -> Self {
        let places = keys.iter().enumerate().map(|(i, key)| (key.key.clone(), i)).collect();
        Self { keys, places, before: Vec::new() }
    }

    /// The rest, and a column for each key.
    pub(crate) fn split(&mut self, texts: &StringArray) -> (ArrayRef, Vec<ArrayRef>) {
        let mut builders: Vec<Builder> = self.keys.iter().map(|key| Builder::new(key.kind)).collect();
        let mut rest = StringBuilder::new();
        let (mut out, mut scratch) = (String::new(), String::new());
        let mut pairs: Vec<(Cow<'_, str>, &str, Option<usize>)> = Vec::new();
        let mut filled = vec![usize::MAX; builders.len()];
        for row in 0..texts.len() {
            let text = texts.value(row);
            pairs.clear();
            let mut canonical = !text.starts_with("{\"$pairs\"") && text.ends_with('}');
            let mut bytes = 1;
            for (key, raw) in entries(text) {
                let place = self.place(pairs.len(), &key);
                canonical &= pairs.last().is_none_or(|(before, ..)| before.as_bytes() < key.as_bytes());
                // A key with escapes is rare enough to leave its row alone.
                canonical &= matches!(key, Cow::Borrowed(_));
                bytes += key.len() + usize::from(key.starts_with('$')) + raw.len() + 4;
                pairs.push((key, raw, place));
            }
            canonical &= if pairs.is_empty() { text == "{}" } else { bytes == text.len() };
            if canonical {
                out.clear();
                out.push('{');
                for (key, raw, place) in &pairs {
                    if let Some(place) = place {
                        if builders[*place].append(raw, &mut scratch) {
                            filled[*place] = row;
                            continue;
                        }
                        self.keys[*place].whole = false;
                    }
                    if out.len() > 1 {
                        out.push(',');
                    }
                    write_key(&mut out, key);
                    out.push(':');
                    out.push_str(raw);
                }
                out.push('}');
                rest.append_value(&out);
            } else {
                pairs.iter().filter_map(|(.., place)| *place).for_each(|place| self.keys[place].whole = false);
                rest.append_value(text);
            }
            for (builder, filled) in builders.iter_mut().zip(&filled) {
                if *filled != row {
                    builder.append_null();
                }
            }
        }
        (Arc::new(rest.finish()), builders.iter_mut().map(Builder::finish).collect())
    }

    fn place(&mut self, at: usize, key: &str) -> Option<usize> {
        if let Some((before, place)) = self.before.get(at)
            && before == key
        {
            return *place;
        }
        let place = self.places.get(key).copied();
        if at == self.before.len() {
            self.before.push((key.to_owned(), place));
        } else if let Some(before) = self.before.get_mut(at) {
            *before = (key.to_owned(), place);
        }
        place
    }
}

/// Puts dense values back between the pairs of the rest. `dense`: by key, sorted.
pub(crate) fn join(rest: &StringArray, dense: &[(&str, ArrayRef)]) -> ArrayRef {
    let mut joined = StringBuilder::with_capacity(rest.len(), rest.value_data().len());
    let mut out = String::new();
    for row in 0..rest.len() {
        let text = rest.value(row);
        let mut own = dense.iter().filter(|(_, column)| column.is_valid(row)).peekable();
        if own.peek().is_none() {
            joined.append_value(text);
            continue;
        }
        out.clear();
        out.push('{');
        for (key, raw) in entries(text) {
            while let Some((name, column)) = own.next_if(|(name, _)| name.as_bytes() < key.as_bytes()) {
                write_pair(&mut out, name, column, row);
            }
            begin(&mut out, &key);
            out.push_str(raw);
        }
        own.for_each(|(name, column)| write_pair(&mut out, name, column, row));
        out.push('}');
        joined.append_value(&out);
    }
    Arc::new(joined.finish())
}

fn begin(out: &mut String, key: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    write_key(out, key);
    out.push(':');
}

fn write_pair(out: &mut String, key: &str, column: &ArrayRef, row: usize) {
    begin(out, key);
    match column.data_type() {
        DataType::Int64 => write_int(out, column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => write_double(out, column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => out.push_str(if column.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Utf8 => write_string(out, column.as_string::<i32>().value(row)),
        _ => {
            let dictionary = column.as_dictionary::<Int32Type>();
            write_string(out, dictionary.values().as_string::<i32>().value(dictionary.keys().value(row) as usize));
        }
    }
}

/// Raw JSON of one attribute of each row of a batch as it was split.
pub(crate) fn dense_texts(column: &ArrayRef) -> ArrayRef {
    let mut out = StringBuilder::new();
    for row in 0..column.len() {
        out.append_option(crate::scan::value::cell_text(column, row));
    }
    Arc::new(out.finish())
}

/// A batch as read from a file (`attributes` is the rest, dense columns behind the fixed ones) → rows of the signal's schema.
pub(crate) fn joined(batch: &RecordBatch, keys: &[DenseKey], signal: hopline_model::Signal) -> Result<RecordBatch> {
    let schema = hopline_model::schema::schema(signal);
    let fixed = schema.fields().len();
    let mut columns = batch.columns()[..fixed].to_vec();
    if !keys.is_empty() {
        let at = schema.index_of(hopline_model::schema::column::ATTRIBUTES)?;
        let dense: Vec<(&str, ArrayRef)> =
            keys.iter().zip(&batch.columns()[fixed..]).map(|(key, column)| (key.key.as_str(), column.clone())).collect();
        columns[at] = join(columns[at].as_string::<i32>(), &dense);
    }
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}
