//! Arrow IPC streams and Parquet files.
//!
//! Text goes out as plain `Utf8`: readers older than a year do not know Arrow's view types.

use super::Encode;
use crate::table::SqlError;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

/// Rows of a row group, and the bytes at which it ends before that.
const GROUP_ROWS: usize = 32 * 1024;
const GROUP_BYTES: usize = 8 << 20;

pub(super) struct Arrow {
    writer: StreamWriter<Vec<u8>>,
    schema: SchemaRef,
}

impl Arrow {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, SqlError> {
        let schema = plain_schema(schema);
        Ok(Self { writer: StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?, schema })
    }
}

impl Encode for Arrow {
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError> {
        self.writer.write(&plain(batch, &self.schema)?).map_err(failed)?;
        Ok(std::mem::take(self.writer.get_mut()))
    }

    fn end(&mut self) -> Result<Vec<u8>, SqlError> {
        self.writer.finish().map_err(failed)?;
        Ok(std::mem::take(self.writer.get_mut()))
    }
}

pub(super) struct Parquet {
    /// Taken at the end.
    writer: Option<ArrowWriter<Vec<u8>>>,
    schema: SchemaRef,
}

impl Parquet {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, SqlError> {
        let schema = plain_schema(schema);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).map_err(|error| {
            SqlError::invalid(format!("this answer cannot be written as Parquet, cast the column or choose another format: {error}"))
        })?;
        Ok(Self { writer: Some(writer), schema })
    }
}

impl Encode for Parquet {
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError> {
        let Some(writer) = &mut self.writer else { return Ok(Vec::new()) };
        writer.write(&plain(batch, &self.schema)?).map_err(failed)?;
        if writer.in_progress_size() >= GROUP_BYTES {
            writer.flush().map_err(failed)?;
        }
        Ok(std::mem::take(writer.inner_mut()))
    }

    fn end(&mut self) -> Result<Vec<u8>, SqlError> {
        match self.writer.take() {
            Some(writer) => writer.into_inner().map_err(failed),
            None => Ok(Vec::new()),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> SqlError {
    SqlError::internal(format!("cannot write the answer: {error}"))
}

fn plain_schema(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new_with_metadata(schema.fields().iter().map(plain_field).collect::<Vec<_>>(), schema.metadata().clone()))
}

fn plain_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::clone(field).with_data_type(plain_type(field.data_type())))
}

fn plain_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}

fn plain(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SqlError> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(array, field)| if array.data_type() == field.data_type() { Ok(array.clone()) } else { arrow::compute::cast(array, field.data_type()) })
        .collect::<Result<Vec<ArrayRef>, _>>()
        .map_err(failed)?;
    RecordBatch::try_new_with_options(schema.clone(), columns, &RecordBatchOptions::new().with_row_count(Some(batch.num_rows()))).map_err(failed)
}
