//! `X.trc`: what a block holds of each trace, in the order of its rows: parts that with the parts of other blocks, and of live spans, add up to
//! the summary of the whole trace.
//!
//! ```text
//! a row (`pages.rs`; b: behind the row before, zigzag; t: number of a text):
//! ┌───────────┬──────┬─────────┬─────────────┬────────┬──────────────────────────────────────────────┬──────────┬─────────────────────────────┐
//! │ first     │ rows │ start b │ end − start │ errors │ root: 0, or status + 1, row − first row,     │ services │ (name t, spans, errors if   │
//! │ row b     │      │         │             │        │ start − start, service t, name t             │          │ the part has any) × services│
//! └───────────┴──────┴─────────┴─────────────┴────────┴──────────────────────────────────────────────┴──────────┴─────────────────────────────┘
//! ```
//! First rows are behind the end of the row before: 0. Ids are not kept twice: they stand on the rows themselves, where whoever asks reads them. A trace
//! whose rows lie apart, in several windows, has several parts.

use super::pages::{Key, PageIn, PageOut, PagesWriter, Row};
use crate::block::{BlockFile, FileKind};
use crate::error::Result;
use crate::objects::ObjectIo;
use arrow::array::RecordBatch;
use hopline_model::UnixNanos;
use hopline_trace::parts::PartRoot;
use hopline_trace::spans::Status;
use hopline_trace::summary::Counts;
use hopline_trace::{Part, Parts};

/// Rows `[row, row + part.rows)` of a block, which are of one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceRow {
    pub(crate) row: u32,
    pub(crate) part: Part,
}

/// Places of what a page notes.
const ROW: usize = 0;
const START: usize = 1;

impl Row for TraceRow {
    const KIND: FileKind = FileKind::Trc;
    const PAGE_BYTES: usize = 16 << 10;

    fn key(&self) -> Key {
        key(self.row)
    }

    fn encode(&self, out: &mut PageOut) {
        let Part { rows, start, end, error_count, root, services } = &self.part;
        out.behind(ROW, self.row.into(), i64::from(self.row) + i64::from(*rows));
        out.number(u64::from(*rows));
        out.behind(START, start.0, start.0);
        out.number(end.0.abs_diff(start.0));
        out.number(*error_count);
        match root {
            None => out.byte(0),
            Some(root) => {
                out.byte(1 + root.status as u8);
                out.number(root.at.into());
                out.number(root.start.0.abs_diff(start.0));
                out.text(&root.service);
                out.text(&root.name);
            }
        }
        out.number(services.len() as u64);
        for (name, counts) in services {
            out.text(name);
            out.number(counts.spans);
            if *error_count > 0 {
                out.number(counts.errors);
            }
        }
    }

    fn decode(from: &mut PageIn<'_>) -> Option<Self> {
        let row = u32::try_from(from.behind(ROW)?).ok()?;
        let rows = u32::try_from(from.number()?).ok().filter(|rows| *rows > 0)?;
        from.note(ROW, i64::from(row.checked_add(rows)?));
        let start = UnixNanos(from.behind(START)?);
        from.note(START, start.0);
        let later = |nano: u64| start.0.checked_add_unsigned(nano).map(UnixNanos);
        let end = later(from.number()?)?;
        let error_count = from.number()?;
        let root = match from.byte()? {
            0 => None,
            status => {
                let status = *Status::ALL.get(usize::from(status) - 1)?;
                let at = u32::try_from(from.number()?).ok().filter(|at| *at < rows)?;
                Some(PartRoot { at, start: later(from.number()?)?, service: from.text()?, name: from.text()?, status })
            }
        };
        let services = (0..from.number()?).map(|_| {
            let name = from.text()?;
            let spans = from.number()?;
            Some((name, Counts { spans, errors: if error_count > 0 { from.number()? } else { 0 } }))
        });
        let services = services.collect::<Option<_>>()?;
        Some(Self { row, part: Part { rows, start, end, error_count, root, services } })
    }
}

/// Rows compare as their keys do.
pub(crate) fn key(row: u32) -> Key {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&row.to_be_bytes());
    key
}

/// Writes the parts of rows while they are written.
pub(crate) struct TracesWriter {
    parts: Parts,
    row: u32,
    writer: PagesWriter<TraceRow>,
}

impl TracesWriter {
    pub(crate) fn create(objects: &dyn ObjectIo, name: &str) -> Result<Self> {
        Ok(Self { parts: Parts::default(), row: 0, writer: PagesWriter::create(objects, name)? })
    }

    /// Rows in the order of the block, with at least the columns of a summary.
    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        let Self { parts, row, writer } = self;
        parts.add(rows, &mut |part| push(writer, row, part))
    }

    pub(crate) fn finish(self) -> Result<BlockFile> {
        let Self { parts, mut row, mut writer } = self;
        if let Some(part) = parts.finish() {
            push(&mut writer, &mut row, part)?;
        }
        writer.finish()
    }
}

fn push(writer: &mut PagesWriter<TraceRow>, row: &mut u32, part: Part) -> Result<()> {
    let at = *row;
    *row += part.rows;
    writer.push(&TraceRow { row: at, part })
}
