//! Rows as JSON objects.
//!
//! | Arrow | JSON |
//! |---|---|
//! | text | string; nested JSON as elsewhere in the API (`api::json::plain`) where the field is marked as JSON (`attributes`, `events`, …) |
//! | integers | number; beyond ±2^53, where readers lose digits, string |
//! | doubles | number; `"NaN"`, `"Infinity"`, `"-Infinity"` as in Protobuf's JSON |
//! | timestamps | RFC 3339 in UTC with nine digits |
//! | dates | `2026-11-24` |
//! | bytes | lower-case hex |
//! | lists, structs, maps | array, object, object |
//! | decimals, intervals, durations | string |
//! | null | null, or left out ([`Nulls`]) |

use super::Encode;
use crate::api::json::{int, plain};
use crate::table::SqlError;
use crate::table::columns::is_json;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use hopline_model::UnixNanos;
use hopline_model::attributes::{self, write_string};

/// What becomes of a row's null fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    Kept,
    LeftOut,
}

/// Appends each row as an object, with `between` behind every row but the last.
pub(crate) fn write_rows(out: &mut String, batch: &RecordBatch, nulls: Nulls, between: char) -> Result<(), SqlError> {
    let schema = batch.schema();
    let columns: Vec<(String, &ArrayRef, Cell<'_>)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| {
            let mut name = String::new();
            write_string(&mut name, field.name());
            name.push(':');
            Ok((name, array, cell(field, array)?))
        })
        .collect::<Result<_, SqlError>>()?;
    for row in 0..batch.num_rows() {
        if row > 0 {
            out.push(between);
        }
        out.push('{');
        let mut first = true;
        for (name, array, cell) in &columns {
            let null = array.is_null(row);
            if null && nulls == Nulls::LeftOut {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            out.push_str(name);
            if null { out.push_str("null") } else { cell(row, out) }
        }
        out.push('}');
    }
    Ok(())
}

/// Writes one value of a column that is not null.
pub(super) type Cell<'a> = Box<dyn Fn(usize, &mut String) + 'a>;

pub(super) fn cell<'a>(field: &Field, array: &'a ArrayRef) -> Result<Cell<'a>, SqlError> {
    let json = is_json(field);
    Ok(match array.data_type() {
        DataType::Null => Box::new(|_, out| out.push_str("null")),
        DataType::Boolean => {
            let values = array.as_boolean();
            Box::new(move |row, out| out.push_str(if values.value(row) { "true" } else { "false" }))
        }
        DataType::Int8 => integer::<Int8Type>(array),
        DataType::Int16 => integer::<Int16Type>(array),
        DataType::Int32 => integer::<Int32Type>(array),
        DataType::Int64 => integer::<Int64Type>(array),
        DataType::UInt8 => integer::<UInt8Type>(array),
        DataType::UInt16 => integer::<UInt16Type>(array),
        DataType::UInt32 => integer::<UInt32Type>(array),
        DataType::UInt64 => integer::<UInt64Type>(array),
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            Box::new(move |row, out| {
                let value = values.value(row);
                // By its own shortest text: 0.1f32 is no 0.10000000149011612.
                if value.is_finite() { out.push_str(&value.to_string()) } else { write_double(out, value.into()) }
            })
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Box::new(move |row, out| write_double(out, values.value(row)))
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            Box::new(move |row, out| text_or_json(out, values.value(row), json))
        }
        DataType::LargeUtf8 => {
            let values = array.as_string::<i64>();
            Box::new(move |row, out| text_or_json(out, values.value(row), json))
        }
        DataType::Utf8View => {
            let values = array.as_string_view();
            Box::new(move |row, out| text_or_json(out, values.value(row), json))
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            Box::new(move |row, out| write_string(out, &hopline_model::ids::encode_hex(values.value(row))))
        }
        DataType::FixedSizeBinary(_) => {
            let values = array.as_fixed_size_binary();
            Box::new(move |row, out| write_string(out, &hopline_model::ids::encode_hex(values.value(row))))
        }
        DataType::Timestamp(unit, _) => {
            let scale = match unit {
                TimeUnit::Second => 1_000_000_000,
                TimeUnit::Millisecond => 1_000_000,
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1,
            };
            let values = arrow::compute::cast(array, &DataType::Int64).map_err(failed)?;
            let values: PrimitiveArray<Int64Type> = values.as_primitive::<Int64Type>().clone();
            Box::new(move |row, out| write_string(out, &UnixNanos(values.value(row).saturating_mul(scale)).to_string()))
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>();
            Box::new(move |row, out| match values.value_as_date(row) {
                Some(date) => write_string(out, &date.to_string()),
                None => out.push_str("null"),
            })
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let inner = cell(field, dictionary.values())?;
            let keys = dictionary.normalized_keys();
            Box::new(move |row, out| if dictionary.values().is_null(keys[row]) { out.push_str("null") } else { inner(keys[row], out) })
        }
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let inner = cell(item, list.values())?;
            let (values, offsets) = (list.values(), list.value_offsets());
            Box::new(move |row, out| items(out, values, &inner, offsets[row] as usize..offsets[row + 1] as usize))
        }
        DataType::LargeList(item) => {
            let list = array.as_list::<i64>();
            let inner = cell(item, list.values())?;
            let (values, offsets) = (list.values(), list.value_offsets());
            Box::new(move |row, out| items(out, values, &inner, offsets[row] as usize..offsets[row + 1] as usize))
        }
        DataType::FixedSizeList(item, size) => {
            let list = array.as_fixed_size_list();
            let inner = cell(item, list.values())?;
            let (values, size) = (list.values(), *size as usize);
            Box::new(move |row, out| items(out, values, &inner, row * size..(row + 1) * size))
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            let inner: Vec<(String, &ArrayRef, Cell<'_>)> = fields
                .iter()
                .zip(parts.columns())
                .map(|(field, column)| Ok((field.name().clone(), column, cell(field, column)?)))
                .collect::<Result<_, SqlError>>()?;
            Box::new(move |row, out| {
                out.push('{');
                for (i, (name, column, cell)) in inner.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_string(out, name);
                    out.push(':');
                    if column.is_null(row) { out.push_str("null") } else { cell(row, out) }
                }
                out.push('}');
            })
        }
        _ => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options).map_err(failed)?;
            // The formatter borrows its options for its life: keep texts, made once.
            let texts: Vec<String> =
                (0..array.len()).map(|row| if array.is_null(row) { String::new() } else { formatter.value(row).to_string() }).collect();
            Box::new(move |row, out| write_string(out, &texts[row]))
        }
    })
}

fn failed(error: arrow::error::ArrowError) -> SqlError {
    SqlError::internal(format!("cannot write the answer: {error}"))
}

fn items(out: &mut String, values: &ArrayRef, cell: &Cell<'_>, range: std::ops::Range<usize>) {
    out.push('[');
    let start = range.start;
    for at in range {
        if at > start {
            out.push(',');
        }
        if values.is_null(at) { out.push_str("null") } else { cell(at, out) }
    }
    out.push(']');
}

fn integer<T: ArrowPrimitiveType>(array: &ArrayRef) -> Cell<'_>
where
    T::Native: Into<i128>,
{
    let values = array.as_primitive::<T>();
    Box::new(move |row, out| {
        let value: i128 = values.value(row).into();
        match i64::try_from(value) {
            Ok(value) => int(out, value),
            Err(_) => write_string(out, &value.to_string()),
        }
    })
}

fn write_double(out: &mut String, value: f64) {
    if value.is_finite() {
        attributes::write_double(out, value);
    } else {
        write_string(
            out,
            if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            },
        );
    }
}

fn text_or_json(out: &mut String, text: &str, json: bool) {
    // A function may have made something else of the text.
    if json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() { plain(out, text) } else { write_string(out, text) }
}

/// `[row,row,…]`.
pub(super) struct Rows {
    nulls: Nulls,
    rows: bool,
    open: bool,
}

impl Rows {
    pub(super) fn new(nulls: Nulls) -> Self {
        Self { nulls, rows: false, open: false }
    }

    fn opened(&mut self) -> String {
        if std::mem::replace(&mut self.open, true) { String::new() } else { "[".into() }
    }
}

impl Encode for Rows {
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError> {
        let mut out = self.opened();
        if batch.num_rows() > 0 {
            if std::mem::replace(&mut self.rows, true) {
                out.push(',');
            }
            write_rows(&mut out, batch, self.nulls, ',')?;
        }
        Ok(out.into_bytes())
    }

    fn end(&mut self) -> Result<Vec<u8>, SqlError> {
        let mut out = self.opened();
        out.push(']');
        Ok(out.into_bytes())
    }
}

/// A row a line.
pub(super) struct Lines {
    pub(super) nulls: Nulls,
}

impl Encode for Lines {
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError> {
        let mut out = String::new();
        write_rows(&mut out, batch, self.nulls, '\n')?;
        if batch.num_rows() > 0 {
            out.push('\n');
        }
        Ok(out.into_bytes())
    }

    fn end(&mut self) -> Result<Vec<u8>, SqlError> {
        Ok(Vec::new())
    }
}

/// A column's type as SQL names it, for `columns` of an answer.
pub(crate) fn type_name(field: &Field) -> String {
    if is_json(field) {
        return "json".to_owned();
    }
    match field.data_type() {
        DataType::Null => "null".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 | DataType::Int16 => "smallint".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "bigint".into(),
        DataType::UInt8 | DataType::UInt16 => "smallint unsigned".into(),
        DataType::UInt32 => "integer unsigned".into(),
        DataType::UInt64 => "bigint unsigned".into(),
        DataType::Float16 | DataType::Float32 => "real".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytes".into(),
        DataType::Timestamp(_, _) => "timestamp".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Time32(_) | DataType::Time64(_) => "time".into(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".into(),
        DataType::Dictionary(_, value) => type_name(&Field::new("", value.as_ref().clone(), true)),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => format!("{}[]", type_name(item)),
        DataType::Struct(_) => "struct".into(),
        other => other.to_string(),
    }
}
