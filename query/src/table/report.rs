//! What the scans of one query cost and could not read; and how they are stopped.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::Stream;
use hopline_storage::scan::{Cancel, ScanStats};
use parking_lot::Mutex;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// Shared by all scans of a query and its answer.
#[derive(Debug)]
pub struct Report {
    deadline: Instant,
    /// Of the whole question.
    cancel: Cancel,
    stats: Mutex<ScanStats>,
    warnings: Mutex<Vec<String>>,
}

impl Report {
    pub(crate) fn new(deadline: Instant, cancel: Cancel) -> Self {
        Self { deadline, cancel, stats: Mutex::default(), warnings: Mutex::default() }
    }

    /// For one scan, within the query's deadline.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.within(self.deadline)
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn add(&self, more: ScanStats) {
        let mut stats = self.stats.lock();
        stats.blocks += more.blocks;
        stats.blocks_pruned += more.blocks_pruned;
        stats.rows_scanned += more.rows_scanned;
        stats.rows_matched += more.rows_matched;
        stats.bytes_read += more.bytes_read;
        for damaged in more.damaged {
            if !stats.damaged.contains(&damaged) {
                stats.damaged.push(damaged);
            }
        }
    }

    pub(crate) fn warn(&self, warning: String) {
        self.warnings.lock().push(warning);
    }

    /// The answer ends here, with an error, though rows of it were sent.
    pub(crate) fn broke_off(&self, error: &super::SqlError) {
        self.warn(format!("rows are missing, the query broke off: {error}"));
    }

    /// What the scans that have ended read.
    pub fn stats(&self) -> ScanStats {
        self.stats.lock().clone()
    }

    /// Why rows are missing from the answer; known when its stream has ended.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.lock().clone();
        warnings.extend(self.stats.lock().damaged.iter().cloned());
        warnings
    }

    /// Whether no row is missing; known when the stream has ended.
    pub fn complete(&self) -> bool {
        self.warnings.lock().is_empty() && self.stats.lock().damaged.is_empty()
    }
}

/// A scan's batches; letting go of them stops the scan.
pub(crate) struct CancelOnDrop {
    stream: SendableRecordBatchStream,
    cancel: Cancel,
}

impl CancelOnDrop {
    pub(crate) fn new(stream: SendableRecordBatchStream, cancel: Cancel) -> Self {
        Self { stream, cancel }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Stream for CancelOnDrop {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

impl RecordBatchStream for CancelOnDrop {
    fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}
