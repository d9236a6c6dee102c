//! Cells of scanned batches, by column.

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use hopline_model::schema::column;
use hopline_model::{SpanId, TraceId, UnixNanos};

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

/// Rows of one trace that lie together: its id, the earliest start, how many.
pub(crate) fn runs_of_traces(batch: &RecordBatch) -> impl Iterator<Item = (TraceId, UnixNanos, u64)> + '_ {
    let ids = batch.column_by_name(column::TRACE_ID).and_then(|array| array.as_fixed_size_binary_opt());
    let starts = times(batch, column::START_TIME);
    let rows = ids.map_or(0, |ids| ids.len().min(starts.len()));
    let mut at = 0;
    std::iter::from_fn(move || {
        let ids = ids?;
        while at < rows {
            let (id, from) = (ids.value(at), at);
            while at < rows && ids.value(at) == id && ids.is_valid(at) == ids.is_valid(from) {
                at += 1;
            }
            let first = starts[from..at].iter().copied().min().unwrap_or(0);
            if let Some(id) = TraceId::from_bytes(id).filter(|_| ids.is_valid(from)) {
                return Some((id, UnixNanos(first), (at - from) as u64));
            }
        }
        None
    })
}

pub(crate) fn trace_id(batch: &RecordBatch, name: &str, row: usize) -> Option<TraceId> {
    bytes(batch, name, row).and_then(TraceId::from_bytes)
}

pub(crate) fn span_id(batch: &RecordBatch, name: &str, row: usize) -> Option<SpanId> {
    bytes(batch, name, row).and_then(SpanId::from_bytes)
}
