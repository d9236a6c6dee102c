//! Cells of scanned batches, by column.

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use hopline_model::{SpanId, TraceId};

/// A text column, plain or dictionary.
pub(crate) enum Texts<'a> {
    Plain(&'a StringArray),
    Dictionary(&'a DictionaryArray<Int32Type>, &'a StringArray),
    /// The column was not asked for.
    Absent,
}

impl<'a> Texts<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        match batch.column_by_name(name) {
            Some(array) => Self::array(array),
            None => Self::Absent,
        }
    }

    pub(crate) fn array(array: &'a ArrayRef) -> Self {
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            return Self::Dictionary(dictionary, dictionary.values().as_string());
        }
        array.as_string_opt().map_or(Self::Absent, Self::Plain)
    }

    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(array) => (!array.is_null(row)).then(|| array.value(row)),
            Self::Dictionary(array, values) => {
                if array.keys().is_null(row) {
                    return None;
                }
                let code = array.keys().value(row) as usize;
                (!values.is_null(code)).then(|| values.value(code))
            }
            Self::Absent => None,
        }
    }
}

pub(crate) fn times<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<TimestampNanosecondType>()).map_or(&[], |array| array.values())
}

pub(crate) fn ints<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Int64Type>()).map_or(&[], |array| array.values())
}

pub(crate) fn int32s<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i32] {
    batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Int32Type>()).map_or(&[], |array| array.values())
}

pub(crate) fn uints<'a>(batch: &'a RecordBatch, name: &str) -> &'a [u64] {
    batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<UInt64Type>()).map_or(&[], |array| array.values())
}

/// The bytes of a fixed-size column; `None` where null.
pub(crate) fn bytes<'a>(batch: &'a RecordBatch, name: &str, row: usize) -> Option<&'a [u8]> {
    let array = batch.column_by_name(name)?.as_fixed_size_binary_opt()?;
    (!array.is_null(row)).then(|| array.value(row))
}

pub(crate) fn trace_id(batch: &RecordBatch, name: &str, row: usize) -> Option<TraceId> {
    bytes(batch, name, row).and_then(TraceId::from_bytes)
}

pub(crate) fn span_id(batch: &RecordBatch, name: &str, row: usize) -> Option<SpanId> {
    bytes(batch, name, row).and_then(SpanId::from_bytes)
}
