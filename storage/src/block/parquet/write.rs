//! How each column is written, and what the footer says beside it.

use super::{CHECKSUMS, GROUP_ROWS, MARK, NOTE, Note, PAGE_ROWS, file_schema};
use crate::block::checked::FileWriter;
use crate::block::dense::{DenseKey, Kind};
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Field};
use hopline_model::Signal;
use hopline_model::ids::encode_hex;
use hopline_model::schema::{column, schema, time_column};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// Larger dictionaries are given up for the rest of a row group.
const DICTIONARY_BYTES_MAX: usize = 64 << 10;
const RESOURCES_BYTES_MAX: usize = 1 << 20;

/// How a fixed column is written.
struct Encoded {
    dictionary: bool,
    encoding: Option<Encoding>,
    statistics: bool,
}

fn encoded(signal: Signal, field: &Field) -> Encoded {
    use column::*;
    let of = |dictionary, encoding, statistics| Encoded { dictionary, encoding, statistics };
    match field.name().as_str() {
        START_TIME | DURATION_NANO if signal == Signal::Spans => of(false, Some(Encoding::BYTE_STREAM_SPLIT), true),
        TIME | SEQ => of(false, Some(Encoding::DELTA_BINARY_PACKED), field.name() == TIME),
        // Metrics: the start of a counter repeats.
        START_TIME => of(true, None, false),
        TRACE_ID | SPAN_ID | PARENT_SPAN_ID | BODY | EXTRA | EXEMPLARS => of(false, None, false),
        SEVERITY_NUMBER => of(true, None, true),
        ATTRIBUTES | EVENTS | LINKS => of(false, None, false),
        VALUE | SUM | MIN | MAX => of(false, Some(Encoding::BYTE_STREAM_SPLIT), false),
        _ => match field.data_type() {
            DataType::Boolean => of(false, None, false),
            _ => of(true, None, false),
        },
    }
}

pub(crate) fn properties(signal: Signal, dense: &[DenseKey], by_time: bool) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("hopline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX);
    let time_at = schema(signal).index_of(time_column(signal))?;
    if by_time {
        properties = properties.set_sorting_columns(Some(vec![SortingColumn { column_idx: time_at as i32, descending: false, nulls_first: false }]));
    }
    let fixed = file_schema(signal, &[]);
    for field in fixed.fields() {
        let path = || match field.data_type() {
            DataType::List(_) => ColumnPath::new(vec![field.name().clone(), "list".into(), "item".into()]),
            _ => ColumnPath::from(field.name().as_str()),
        };
        let how = encoded(signal, field);
        properties = properties.set_column_dictionary_enabled(path(), how.dictionary);
        if let Some(encoding) = how.encoding {
            properties = properties.set_column_encoding(path(), encoding);
        }
        if how.statistics {
            properties = properties.set_column_statistics_enabled(path(), EnabledStatistics::Page);
        }
        if matches!(field.name().as_str(), column::RESOURCE | column::SCOPE) {
            properties = properties.set_column_dictionary_page_size_limit(path(), RESOURCES_BYTES_MAX);
        }
    }
    for key in dense {
        let path = || ColumnPath::new(vec![key.column()]);
        properties = properties.set_column_dictionary_enabled(path(), key.repeats && key.kind != Kind::Bool);
        if matches!(key.kind, Kind::Int | Kind::Double) {
            properties = properties.set_column_statistics_enabled(path(), EnabledStatistics::Page);
        }
    }
    Ok(properties.build())
}

/// What is added to the footer once all row groups stand; the writer must have been flushed into `file`.
pub(crate) fn footer(file: &FileWriter, dense: &[DenseKey]) -> Result<[KeyValue; 2]> {
    let note = Note { format: crate::block::meta::FORMAT, dense: dense.to_vec() };
    let note = serde_json::to_string(&note).map_err(|error| Error::Internal(format!("footer: {error}")))?;
    let (sums, crc) = file.checksums();
    let mut bytes = Vec::with_capacity(12 + sums.stripes.len() * 4);
    bytes.extend_from_slice(&sums.len.to_be_bytes());
    bytes.extend_from_slice(&crc.to_be_bytes());
    sums.stripes.iter().for_each(|crc| bytes.extend_from_slice(&crc.to_be_bytes()));
    let text = format!("{MARK}{}", encode_hex(&bytes));
    Ok([KeyValue::new(NOTE.into(), note), KeyValue::new(CHECKSUMS.into(), text)])
}
