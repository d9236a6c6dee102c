//! The SQL shape of each signal's columns, and scanned batches turned into it.
//!
//! | in storage | in SQL |
//! |---|---|
//! | ids, fixed-size binary | hex text |
//! | dictionary of text | text (views into the dictionary: nothing is copied) |
//! | canonical JSON | text with the extension name `arrow.json`, by which answers show it as nested JSON |
//! | everything else | as it is |

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringBuilder, StringViewArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Schema, SchemaRef};
use datafusion::error::Result;
use hopline_model::schema::{column, schema};
use hopline_model::{Signal, attributes};
use hopline_storage::scan::Column;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::functions::number::{self, NumberKind};

/// Arrow's canonical mark of a text column that holds JSON.
pub const EXTENSION_NAME: &str = "ARROW:extension:name";
pub const EXTENSION_JSON: &str = "arrow.json";

/// Columns that hold canonical JSON.
const JSON_COLUMNS: [&str; 10] = [
    column::ATTRIBUTES,
    column::RESOURCE,
    column::SCOPE,
    column::EVENTS,
    column::LINKS,
    column::EXPONENTIAL,
    column::QUANTILES,
    column::EXEMPLARS,
    column::METADATA,
    column::EXTRA,
];

/// Marks a text field as JSON.
pub fn json_field(field: Field) -> Field {
    field.with_metadata(HashMap::from([(EXTENSION_NAME.to_owned(), EXTENSION_JSON.to_owned())]))
}

/// Whether a field's texts are JSON.
pub fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == EXTENSION_JSON)
}

/// A signal as a SQL table.
pub fn table_schema(signal: Signal) -> &'static SchemaRef {
    static SCHEMAS: LazyLock<[SchemaRef; 3]> = LazyLock::new(|| [Signal::Spans, Signal::Logs, Signal::Metrics].map(table_schema_of));
    match signal {
        Signal::Spans => &SCHEMAS[0],
        Signal::Logs => &SCHEMAS[1],
        Signal::Metrics => &SCHEMAS[2],
    }
}

fn table_schema_of(signal: Signal) -> SchemaRef {
    let fields = schema(signal).fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::FixedSizeBinary(_) => DataType::Utf8,
            DataType::Dictionary(_, _) => DataType::Utf8View,
            other => other.clone(),
        };
        let out = Field::new(field.name(), kind, field.is_nullable());
        if JSON_COLUMNS.contains(&field.name().as_str()) { json_field(out) } else { out }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A column a SQL scan gives out.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) source: Source,
    pub(crate) field: FieldRef,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A column of the signal.
    Fixed(&'static str),
    /// One key of `attributes`, `resource` or `scope`; as text, or as the number it reads as.
    Key { column: &'static str, key: String, number: Option<NumberKind> },
}

impl Output {
    pub(crate) fn fixed(signal: Signal, index: usize) -> Self {
        // Schemas are statics, so their names live as long as the program.
        let name: &'static str = schema(signal).field(index).name();
        Self { source: Source::Fixed(name), field: table_schema(signal).fields()[index].clone() }
    }

    /// What the scan is asked for.
    fn scanned(&self) -> Column {
        match &self.source {
            Source::Key { column: column::ATTRIBUTES, key, .. } => Column::Attribute(key.clone()),
            Source::Fixed(name) | Source::Key { column: name, .. } => Column::Fixed(name),
        }
    }
}

pub(crate) fn output_schema(outputs: &[Output]) -> SchemaRef {
    Arc::new(Schema::new(outputs.iter().map(|output| output.field.clone()).collect::<Vec<_>>()))
}

/// The scan's columns for some outputs, each once, and where each output finds its own.
pub(crate) fn scan_columns(outputs: &[Output]) -> (Vec<Column>, Vec<usize>) {
    let mut columns: Vec<Column> = Vec::new();
    let places = outputs
        .iter()
        .map(|output| {
            let wanted = output.scanned();
            columns.iter().position(|column| *column == wanted).unwrap_or_else(|| {
                columns.push(wanted);
                columns.len() - 1
            })
        })
        .collect();
    (columns, places)
}

/// A scanned batch in the shape of the outputs.
pub(crate) fn convert(batch: &RecordBatch, outputs: &[Output], places: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
    let mut arrays = Vec::with_capacity(outputs.len());
    for (output, &place) in outputs.iter().zip(places) {
        arrays.push(convert_array(batch.column(place), &output.source)?);
    }
    Ok(RecordBatch::try_new_with_options(schema.clone(), arrays, &RecordBatchOptions::new().with_row_count(Some(batch.num_rows())))?)
}

fn convert_array(array: &ArrayRef, source: &Source) -> Result<ArrayRef> {
    match source {
        Source::Fixed(_) => match array.data_type() {
            DataType::FixedSizeBinary(_) => Ok(hex(array)),
            DataType::Dictionary(_, _) => Ok(arrow::compute::cast(array, &DataType::Utf8View)?),
            _ => Ok(array.clone()),
        },
        Source::Key { key, number, .. } => {
            let texts = match array.data_type() {
                DataType::Dictionary(_, _) => key_by_code(array, key),
                // The scan gave the attribute's text.
                _ => array.clone(),
            };
            Ok(match number {
                Some(kind) => number::read(&texts, *kind),
                None => texts,
            })
        }
    }
}

fn hex(array: &ArrayRef) -> ArrayRef {
    let ids = array.as_fixed_size_binary();
    let mut out = StringBuilder::with_capacity(ids.len(), ids.len() * 2 * ids.value_length() as usize);
    for row in 0..ids.len() {
        if ids.is_null(row) {
            out.append_null();
        } else {
            out.append_value(hopline_model::ids::encode_hex(ids.value(row)));
        }
    }
    Arc::new(out.finish())
}

/// One key of a dictionary of JSON: read once per value.
fn key_by_code(array: &ArrayRef, key: &str) -> ArrayRef {
    let dictionary = array.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    let found: StringViewArray = values.iter().map(|text| attributes::get(text?, key).map(attributes::plain_text)).collect();
    let mut texts = StringBuilder::with_capacity(dictionary.len(), dictionary.len() * 8);
    for code in dictionary.keys() {
        let code = code.map(|code| code as usize).filter(|&code| found.is_valid(code));
        texts.append_option(code.map(|code| found.value(code)));
    }
    Arc::new(texts.finish())
}
