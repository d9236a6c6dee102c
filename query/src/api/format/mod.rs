//! Record batches as the bodies of answers: JSON, NDJSON, CSV, Arrow IPC stream, Parquet.
//!
//! | file | what |
//! |---|---|
//! | `json` | rows as JSON objects: what each Arrow type looks like |
//! | `csv` | rows as CSV |
//! | `columnar` | Arrow and Parquet |
//!
//! Every form is written batch by batch; what is held is one batch (Parquet: one row group).

pub mod json;

mod columnar;
mod csv;

use crate::table::SqlError;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};

pub use json::Nulls;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    NdJson,
    Csv,
    Arrow,
    Parquet,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Json, Self::NdJson, Self::Csv, Self::Arrow, Self::Parquet];

    /// What stands in `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::NdJson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The first form of an `Accept` header that can be written; JSON without a header, or where anything will do.
    pub fn from_accept(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Some(Self::Json) };
        let mut wanted: Vec<(f32, &str)> = accept
            .split(',')
            .map(|part| {
                let mut pieces = part.split(';').map(str::trim);
                let kind = pieces.next().unwrap_or_default();
                let quality = pieces.find_map(|piece| piece.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
                (quality, kind)
            })
            .filter(|(quality, _)| *quality > 0.0)
            .collect();
        // Stable: of equal quality the first named.
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
        wanted.into_iter().find_map(|(_, kind)| match kind.to_ascii_lowercase().as_str() {
            "application/json" | "*/*" | "application/*" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::NdJson),
            "text/csv" | "text/*" => Some(Self::Csv),
            "application/vnd.apache.arrow.stream" => Some(Self::Arrow),
            "application/vnd.apache.parquet" => Some(Self::Parquet),
            _ => None,
        })
    }
}

/// Batches on their way to an answer.
pub type Batches = BoxStream<'static, Result<RecordBatch, SqlError>>;

/// The body of an answer, in pieces. JSON is an array of rows, which the caller puts into its object.
pub fn batches_to(format: Format, schema: SchemaRef, batches: Batches, nulls: Nulls) -> BoxStream<'static, Result<Bytes, SqlError>> {
    let encoder: Result<Box<dyn Encode>, SqlError> = match format {
        Format::Json => Ok(Box::new(json::Array::new(nulls))),
        Format::NdJson => Ok(Box::new(json::Lines { nulls })),
        Format::Csv => csv::Csv::new(&schema).map(|csv| Box::new(csv) as _),
        Format::Arrow => columnar::Arrow::new(&schema).map(|arrow| Box::new(arrow) as _),
        Format::Parquet => columnar::Parquet::new(&schema).map(|parquet| Box::new(parquet) as _),
    };
    let encoder = match encoder {
        Ok(encoder) => encoder,
        Err(error) => return futures::stream::iter([Err(error)]).boxed(),
    };
    let state = Some((batches, encoder));
    futures::stream::unfold(state, |state| async move {
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
