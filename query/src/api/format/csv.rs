//! Rows as CSV: a header, then each value as JSON shows it, texts without their quotes, null as nothing.

use super::Encode;
use super::rows::{Cell, cell};
use crate::table::SqlError;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;

pub(super) struct Csv {
    /// Taken when it is written.
    header: Option<Vec<String>>,
}

impl Csv {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        Self { header: Some(schema.fields().iter().map(|field| field.name().clone()).collect()) }
    }

    fn start(&mut self) -> Result<csv::Writer<Vec<u8>>, SqlError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if let Some(header) = self.header.take() {
            writer.write_record(header).map_err(failed)?;
        }
        Ok(writer)
    }
}

fn failed(error: impl std::fmt::Display) -> SqlError {
    SqlError::internal(format!("cannot write CSV: {error}"))
}

impl Encode for Csv {
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError> {
        let mut writer = self.start()?;
        let schema = batch.schema();
        let cells = schema.fields().iter().zip(batch.columns()).map(|(field, array)| cell(field, array)).collect::<Result<Vec<Cell<'_>>, _>>()?;
        let mut record: Vec<String> = vec![String::new(); cells.len()];
        for row in 0..batch.num_rows() {
            for ((text, cell), array) in record.iter_mut().zip(&cells).zip(batch.columns()) {
                text.clear();
                if array.is_valid(row) {
                    cell(row, text);
                    if text.starts_with('"')
                        && let Ok(plain) = serde_json::from_str::<String>(text)
                    {
                        *text = plain;
                    }
                }
            }
            writer.write_record(&record).map_err(failed)?;
        }
        writer.into_inner().map_err(failed)
    }

    fn end(&mut self) -> Result<Vec<u8>, SqlError> {
        self.start()?.into_inner().map_err(failed)
    }
}
