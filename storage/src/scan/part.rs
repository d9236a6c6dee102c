//! A part: rows that are evaluated together. A chunk of live rows is one; so is a row group of a block.

use super::predicate::Field;
use super::request::Column;
use crate::error::Result;
use crate::snapshot::Chunk;
use crate::text::TextMatcher;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringBuilder, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use hopline_model::schema::{column, schema};
use hopline_model::{Signal, attributes};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Of so few rows the values are decoded alone, not with all others of their pages.
pub(crate) const FEW_ROWS: usize = 256;

/// Values of one column for some rows of a part.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) array: ArrayRef,
    /// The rows the values belong to, ascending; `None`: all rows of the part, in order.
    pub(crate) rows: Option<Arc<Vec<u32>>>,
}

impl Loaded {
    /// Finds the places of ascending rows.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor { rows: self.rows.as_deref().map(Vec::as_slice), at: 0 }
    }
}

pub(crate) struct Cursor<'a> {
    rows: Option<&'a [u32]>,
    at: usize,
}

impl Cursor<'_> {
    /// Where a row's value is; the row must have been loaded, and rows must ascend from call to call.
    pub(crate) fn seek(&mut self, row: usize) -> usize {
        let Some(rows) = self.rows else { return row };
        while rows[self.at] < row as u32 {
            self.at += 1;
        }
        self.at
    }
}

/// An attribute key that has a column of its own in this part.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    /// The column's name.
    pub(crate) column: String,
    /// No row keeps a value of this key in the rest.
    pub(crate) whole: bool,
}

pub(crate) trait Part: fmt::Debug {
    fn rows(&self) -> usize;

    /// A fixed column for at least the rows of the mask. `attributes` is what is not in dense columns.
    fn column(&self, name: &str, mask: &BooleanBuffer) -> Result<Loaded>;

    /// Reads fixed columns together that are likely to be asked for, for the rows of the mask.
    fn ahead(&self, _names: &[&str], _mask: &BooleanBuffer) {}

    /// The column of an attribute key, if it has one here.
    fn dense(&self, _key: &str) -> Option<Dense> {
        None
    }

    /// Every dense key.
    fn dense_keys(&self) -> Vec<String> {
        Vec::new()
    }

    /// Rows that hold every word, where an index knows; a phrase is still to be verified on the text.
    fn text_rows(&self, _text: &TextMatcher) -> Result<Option<BooleanBuffer>> {
        Ok(None)
    }

    /// `attributes` with every dense key put back.
    fn attributes(&self, mask: &BooleanBuffer) -> Result<Loaded> {
        self.column(column::ATTRIBUTES, mask)
    }

    /// Rows in ascending order, in the columns asked.
    fn take(&self, columns: &[Column], rows: &[u32]) -> Result<RecordBatch>;

    /// Rows worth looking at, as far as indexes know.
    fn candidates(&self) -> BooleanBuffer {
        BooleanBuffer::new_set(self.rows())
    }

    /// Smallest and largest time inside.
    fn time(&self) -> (i64, i64);

    /// The same of each of its pages, with their rows, where they are known.
    fn page_times(&self) -> Option<Vec<(Range<usize>, (i64, i64))>> {
        None
    }

    fn bytes_read(&self) -> u64 {
        0
    }

    /// Lets go of columns read so far.
    fn forget(&self) {}
}

/// The schema of an answer.
pub(crate) fn output_schema(signal: Signal, columns: &[Column]) -> Result<Arc<Schema>> {
    let fields = columns
        .iter()
        .map(|column| match column {
            Column::Fixed(name) => match schema(signal).field_with_name(name) {
                Ok(field) => Ok(field.clone()),
                Err(_) => Err(crate::Error::Invalid(format!("{signal} have no column {name}"))),
            },
            Column::AttributesOf(_) => Ok(schema(signal).field_with_name(column::ATTRIBUTES)?.clone()),
            Column::Attribute(key) => Ok(ArrowField::new(format!("attributes.{key}"), DataType::Utf8, true)),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// A batch that knows its length without columns.
pub(crate) fn batch(schema: Arc<Schema>, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    Ok(RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(rows)))?)
}

/// One attribute of each row as plain text.
pub(crate) fn attribute_texts(json: &ArrayRef, key: &str) -> ArrayRef {
    let mut out = StringBuilder::new();
    let texts = json.as_string::<i32>();
    for row in 0..texts.len() {
        let raw = if texts.is_null(row) { None } else { attributes::get(texts.value(row), key) };
        out.append_option(raw.map(attributes::plain_text));
    }
    Arc::new(out.finish())
}

/// Live rows.
#[derive(Debug)]
pub(crate) struct ChunkPart<'a> {
    pub(crate) signal: Signal,
    pub(crate) chunk: &'a Chunk,
}

impl Part for ChunkPart<'_> {
    fn rows(&self) -> usize {
        self.chunk.rows.num_rows()
    }

    fn time(&self) -> (i64, i64) {
        (self.chunk.time_min.0, self.chunk.time_max.0)
    }

    fn column(&self, name: &str, _mask: &BooleanBuffer) -> Result<Loaded> {
        match self.chunk.rows.column_by_name(name) {
            Some(array) => Ok(Loaded { array: array.clone(), rows: None }),
            None => Err(crate::Error::Invalid(format!("{} have no column {name}", self.signal))),
        }
    }

    fn take(&self, columns: &[Column], rows: &[u32]) -> Result<RecordBatch> {
        let indices = UInt32Array::from(rows.to_vec());
        let all = BooleanBuffer::new_set(0);
        let arrays = columns
            .iter()
            .map(|column| {
                let name = match column {
                    Column::Fixed(name) => name,
                    Column::Attribute(_) | Column::AttributesOf(_) => column::ATTRIBUTES,
                };
                let taken = arrow::compute::take(&self.column(name, &all)?.array, &indices, None)?;
                Ok(match column {
                    Column::Fixed(_) | Column::AttributesOf(_) => taken,
                    Column::Attribute(key) => attribute_texts(&taken, key),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        batch(output_schema(self.signal, columns)?, arrays, rows.len())
    }
}

/// Where a field's values are looked for in the rows of a signal.
pub(crate) fn known_column(signal: Signal, field: &Field) -> bool {
    match field {
        Field::Column(name) => schema(signal).field_with_name(name).is_ok(),
        _ => true,
    }
}
