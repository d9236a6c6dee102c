//! The columns of a file: those of the signal, then the dense ones. Files that have the same share what is known of them.

use super::OBSERVED_DELAY;
use crate::block::dense::DenseKey;
use crate::error::Result;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use hopline_model::Signal;
use hopline_model::schema::{column, schema};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{FileMetaData, ParquetMetaData};
use parquet::schema::types::SchemaDescriptor;
use std::sync::{Arc, Weak};

/// As a file is written.
pub(crate) fn file_schema(signal: Signal, dense: &[DenseKey]) -> SchemaRef {
    with_dense(signal, dense.iter().map(DenseKey::field), true)
}

/// The same with `observed_time` as it is: batches between files.
pub(crate) fn split_schema(signal: Signal, dense: &[DenseKey]) -> SchemaRef {
    with_dense(signal, dense.iter().map(DenseKey::field), false)
}

fn with_dense(signal: Signal, dense: impl Iterator<Item = Field>, delay: bool) -> SchemaRef {
    let fixed = schema(signal).fields().iter().map(|field| match field.name().as_str() {
        column::OBSERVED_TIME if delay => Field::new(OBSERVED_DELAY, DataType::Int64, true),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fixed.chain(dense).collect::<Vec<_>>()))
}

/// The columns of opened files that have the same ones.
#[derive(Debug)]
pub(super) struct Columns {
    /// Repeating dense texts as dictionaries.
    pub(super) scan: SchemaRef,
    /// As the files were written.
    pub(super) plain: SchemaRef,
    /// A footer without row groups.
    pub(super) bare: Arc<ParquetMetaData>,
    /// The first leaf of each column.
    leaves: Box<[u32]>,
}

impl Columns {
    /// Those of a file, which must be what its signal and its dense keys say.
    pub(super) fn of(signal: Signal, dense: &[DenseKey], footer: &FileMetaData) -> Result<Arc<Self>> {
        static KNOWN: Mutex<Vec<Weak<Columns>>> = Mutex::new(Vec::new());
        let plain = file_schema(signal, dense);
        let scan = with_dense(signal, dense.iter().map(DenseKey::scan_field), true);
        let mut known = KNOWN.lock();
        let mut same = known.iter().filter_map(Weak::upgrade);
        if let Some(columns) = same.find(|columns| columns.plain == plain && columns.scan == scan && columns.parquet() == footer.schema_descr()) {
            return Ok(columns);
        }
        let file = FileMetaData::new(footer.version(), 0, None, None, footer.schema_descr_ptr(), None);
        let bare = Arc::new(ParquetMetaData::new(file, Vec::new()));
        // An error where the file's types are not these.
        for schema in [&plain, &scan] {
            ArrowReaderMetadata::try_new(bare.clone(), ArrowReaderOptions::new().with_schema(schema.clone()))?;
        }
        let mut leaves = Vec::with_capacity(plain.fields().len());
        for leaf in 0..footer.schema_descr().num_columns() {
            if footer.schema_descr().get_column_root_idx(leaf) == leaves.len() {
                leaves.push(leaf as u32);
            }
        }
        let columns = Arc::new(Self { scan, plain, bare, leaves: leaves.into() });
        known.retain(|known| known.strong_count() > 0);
        known.push(Arc::downgrade(&columns));
        Ok(columns)
    }

    pub(super) fn parquet(&self) -> &SchemaDescriptor {
        self.bare.file_metadata().schema_descr()
    }

    /// The first leaf of a column.
    pub(super) fn leaf(&self, column: usize) -> Option<usize> {
        self.leaves.get(column).map(|leaf| *leaf as usize)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bare.memory_size() + self.scan.fields().size() + self.plain.fields().size() + self.leaves.len() * 4 + size_of::<Self>()
    }
}
