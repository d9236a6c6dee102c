//! Rows as CSV: a header, then each value as JSON shows it, strings without their quotes, null as nothing.

use super::Encode;
use super::json::{Nulls, write_rows};
use crate::table::SqlError;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;

pub(super) struct Csv {
    names: Vec<String>,
    header: bool,
}

impl Csv {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, SqlError> {
        Ok(Self { names: schema.fields().iter().map(|field| field.name().clone()).collect(), header: false })
    }

    fn write(&mut self, rows: &[Value]) -> Result<Vec<u8>, SqlError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| SqlError::internal(format!("cannot write CSV: {error}"));
        if !std::mem::replace(&mut self.header, true) {
            writer.write_record(&self.names).map_err(failed)?;
        }
        for row in rows {
            writer.write_record(self.names.iter().map(|name| plain(row.get(name)))).map_err(failed)?;
        }
        writer.into_inner().map_err(|error| SqlError::internal(format!("cannot write CSV: {error}")))
    }
}
