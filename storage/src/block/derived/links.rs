//! `X.lnk`: target of a link → the span that links, sorted by the target's trace id. A block whose spans link to nothing has none.
//!
//! ```text
//! a row (`pages.rs`; service and name: numbers of texts):
//! ┌─────────────────┬───────────────┬──────────┬─────────┬────────┬─────────┬──────┬───────────────┐
//! │ target trace id │ target span   │ trace id │ span id │ kind   │ service │ name │ start, zigzag │
//! │ 16 B            │ id 8 B        │ 16 B     │ 8 B     │ 1 B    │         │      │               │
//! └─────────────────┴───────────────┴──────────┴─────────┴────────┴─────────┴──────┴───────────────┘
//! ```

use super::pages::{Key, PageIn, PageOut, PagesWriter, Row};
use crate::block::{BlockFile, FileKind};
use crate::error::Result;
use crate::objects::ObjectIo;
use arrow::array::{Array, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use hopline_model::schema::column;
use hopline_model::{SpanId, TraceId, UnixNanos};
use hopline_trace::spans::Kind;
use hopline_trace::{LinkRow, Trace, links};

impl Row for LinkRow {
    const KIND: FileKind = FileKind::Lnk;

    fn key(&self) -> Key {
        self.target_trace_id.0
    }

    fn encode(&self, out: &mut PageOut) {
        out.bytes(&self.target_trace_id.0);
        out.bytes(&self.target_span_id.0);
        out.bytes(&self.trace_id.0);
        out.bytes(&self.span_id.0);
        out.byte(self.kind as u8);
        out.text(&self.service_name);
        out.text(&self.name);
        out.signed(self.start_time.0);
    }

    fn decode(from: &mut PageIn<'_>) -> Option<Self> {
        Some(Self {
            target_trace_id: TraceId(from.array()?),
            target_span_id: SpanId(from.array()?),
            trace_id: TraceId(from.array()?),
            span_id: SpanId(from.array()?),
            kind: *Kind::ALL.get(usize::from(from.byte()?))?,
            service_name: from.text()?.as_ref().to_owned(),
            name: from.text()?.as_ref().to_owned(),
            start_time: UnixNanos(from.signed()?),
        })
    }
}

/// What `links` of `trace/` reads.
const COLUMNS: [&str; 8] =
    [column::SEQ, column::TRACE_ID, column::SPAN_ID, column::START_TIME, column::NAME, column::KIND, column::SERVICE_NAME, column::LINKS];

/// Collects the links of spans while they are written.
#[derive(Debug, Default)]
pub(crate) struct LinksWriter {
    rows: Vec<LinkRow>,
}

impl LinksWriter {
    /// Rows with at least [`COLUMNS`].
    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        let Some(with) = rows.column_by_name(column::LINKS) else { return Ok(()) };
        if with.null_count() == with.len() {
            return Ok(());
        }
        let at: UInt64Array = (0..with.len()).filter(|row| with.is_valid(*row)).map(|row| row as u64).collect();
        let places = COLUMNS.iter().map(|name| rows.schema_ref().index_of(name)).collect::<std::result::Result<Vec<_>, _>>()?;
        let linking = take_record_batch(&rows.project(&places)?, &at)?;
        self.rows.extend(Trace::split(&[linking]).iter().flat_map(links::links));
        Ok(())
    }

    /// `None` without links.
    pub(crate) fn finish(mut self, objects: &dyn ObjectIo, name: &str) -> Result<Option<BlockFile>> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        self.rows.sort_by_key(order);
        let mut writer = PagesWriter::create(objects, name)?;
        self.rows.iter().try_for_each(|row| writer.push(row))?;
        writer.finish().map(Some)
    }
}

/// By target, then as they are told: oldest first.
pub(crate) fn order(row: &LinkRow) -> (TraceId, UnixNanos, TraceId, SpanId, SpanId) {
    (row.target_trace_id, row.start_time, row.trace_id, row.span_id, row.target_span_id)
}
