//! Record batches as the bodies of answers: JSON, NDJSON, CSV, Arrow IPC stream, Parquet.
//!
//! | file | what |
//! |---|---|
//! | `rows` | rows as JSON objects: what each Arrow type looks like |
//! | `csv` | rows as CSV |
//! | `columnar` | Arrow and Parquet |
//!
//! Every form is written batch by batch; what is held is one batch (Parquet: one row group).

pub(crate) mod rows;

mod columnar;
mod csv;

use super::reply::Format;
use crate::table::SqlError;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};

pub(crate) use rows::Nulls;

/// Batches on their way to an answer.
pub(crate) type Batches = BoxStream<'static, Result<RecordBatch, SqlError>>;

/// The body of an answer, in pieces. JSON is an array of rows, which the caller puts into its object.
pub(crate) fn batches_to(format: Format, schema: &SchemaRef, batches: Batches, nulls: Nulls) -> BoxStream<'static, Result<Bytes, SqlError>> {
    let encoder: Result<Box<dyn Encode>, SqlError> = match format {
        Format::Json => Ok(Box::new(rows::Rows::new(nulls))),
        Format::Ndjson => Ok(Box::new(rows::Lines { nulls })),
        Format::Csv => Ok(Box::new(csv::Csv::new(schema))),
        Format::ArrowStream => columnar::Arrow::new(schema).map(|arrow| Box::new(arrow) as _),
        Format::Parquet => columnar::Parquet::new(schema).map(|parquet| Box::new(parquet) as _),
        Format::Protobuf => Err(SqlError::invalid("rows of a query have no Protobuf form: ask for JSON, NDJSON, CSV, Arrow or Parquet")),
    };
    let encoder = match encoder {
        Ok(encoder) => encoder,
        Err(error) => return futures::stream::iter([Err(error)]).boxed(),
    };
    futures::stream::unfold(Some((batches, encoder)), |state| async move {
        let (mut batches, mut encoder) = state?;
        let (piece, ended) = match batches.next().await {
            Some(batch) => (batch.and_then(|batch| encoder.batch(&batch)), false),
            None => (encoder.end(), true),
        };
        let ended = ended || piece.is_err();
        Some((piece.map(Bytes::from), (!ended).then_some((batches, encoder))))
    })
    .filter(|piece| std::future::ready(!matches!(piece, Ok(piece) if piece.is_empty())))
    .boxed()
}

/// One form of body.
trait Encode: Send {
    /// The bytes that are ready once this batch is written.
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, SqlError>;
    /// The last bytes.
    fn end(&mut self) -> Result<Vec<u8>, SqlError>;
}

#[cfg(test)]
mod tests;
