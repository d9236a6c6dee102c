//! What a scan is asked for, and what it cost.

use super::predicate::Predicate;
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{Seq, Signal, TimeRange, UnixNanos};
use hopline_trace::spans::{ATTRIBUTES_READ, COLUMNS_READ};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Column {
    /// A column of `model::schema`, in its type. `attributes` comes as the whole canonical JSON, dense keys put back.
    Fixed(&'static str),
    /// One attribute of the row as plain text (`model::attributes::plain_text`), null when absent: nullable Utf8 named `attributes.<key>`.
    Attribute(String),
    /// `attributes` with these keys as far as a row has them, and perhaps others: what is cheapest. The keys are sorted.
    AttributesOf(&'static [&'static str]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Whatever is cheapest.
    Any,
    /// By (time column, seq), newest first; with a limit the scan stops as soon as no older part can matter.
    NewestFirst,
    /// By (time column, seq), oldest first.
    OldestFirst,
}

/// Stops a scan from outside: cancelled by the caller, or past its deadline. What the scan has done so far can be seen beside it.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    stopped: Arc<AtomicBool>,
    /// Of the whole question that this is a part of.
    above: Option<Arc<AtomicBool>>,
    deadline: Option<Instant>,
    progress: Arc<Progress>,
}

impl Cancel {
    pub fn with_deadline(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..Self::default() }
    }

    /// For a part of a question: it ends with the whole too, and the whole goes on without it.
    pub fn within(&self, deadline: Instant) -> Self {
        Self { above: Some(self.stopped.clone()), deadline: Some(deadline), stopped: Arc::default(), progress: self.progress.clone() }
    }

    pub fn cancel(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// `Err(Cancelled)` or `Err(Limit)` when the scan should end; asked every few thousand rows.
    pub fn check(&self) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) || self.above.as_ref().is_some_and(|above| above.load(Ordering::Relaxed)) {
            return Err(crate::Error::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(crate::Error::Limit("the query ran into its deadline: narrow the time range or raise query.timeout_ms".into()));
        }
        Ok(())
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Does a step of a question and notes how long it took.
    pub fn step<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.progress.step(name, began.elapsed());
        done
    }
}

/// What the scans of a question have done so far, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    parts: AtomicU64,
    parts_done: AtomicU64,
    rows: AtomicU64,
    steps: Mutex<Vec<(&'static str, Duration)>>,
}

impl Progress {
    /// Chunks of live rows, blocks and row groups that scans want to look at, as far as is known; and those that were.
    pub fn parts(&self) -> (u64, u64) {
        (self.parts.load(Ordering::Relaxed), self.parts_done.load(Ordering::Relaxed))
    }

    /// Rows looked at.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Steps that have ended, in the order they first did, with how long they took together.
    pub fn steps(&self) -> Vec<(&'static str, Duration)> {
        self.steps.lock().clone()
    }

    pub fn step(&self, name: &'static str, took: Duration) {
        let mut steps = self.steps.lock();
        match steps.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += took,
            None => steps.push((name, took)),
        }
    }

    pub(crate) fn wants(&self, parts: u64) {
        self.parts.fetch_add(parts, Ordering::Relaxed);
    }

    pub(crate) fn looked_at(&self, rows: u64) {
        self.parts_done.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone)]
pub struct ScanRequest {
    pub signal: Signal,
    /// On the signal's time column.
    pub range: TimeRange,
    pub predicate: Predicate,
    /// In the order of the answer; may be empty (rows are then only counted).
    pub columns: Vec<Column>,
    pub order: Order,
    /// Rows at most.
    pub limit: Option<usize>,
    /// With an order: only rows strictly behind this one.
    pub after: Option<(UnixNanos, Seq)>,
    pub cancel: Cancel,
}

impl ScanRequest {
    /// Every row of a signal, all fixed columns of its schema, in any order.
    pub fn all(signal: Signal) -> Self {
        Self {
            signal,
            range: TimeRange::ALL,
            predicate: Predicate::All,
            columns: fixed_columns(signal),
            order: Order::Any,
            limit: None,
            after: None,
            cancel: Cancel::default(),
        }
    }
}

/// What a trace is made of.
pub fn trace_columns() -> Vec<Column> {
    let of = |name: &&'static str| if *name == column::ATTRIBUTES { Column::AttributesOf(ATTRIBUTES_READ) } else { Column::Fixed(name) };
    COLUMNS_READ.iter().map(of).collect()
}

/// Every fixed column of a signal, in schema order.
pub fn fixed_columns(signal: Signal) -> Vec<Column> {
    // Schemas are statics, so their names live as long as the program.
    let schema: &'static arrow::datatypes::SchemaRef = hopline_model::schema::schema(signal);
    schema.fields().iter().map(|field| Column::Fixed(field.name().as_str())).collect()
}

/// What a scan read, for `stats`, `explain` and warnings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanStats {
    pub blocks: u64,
    pub blocks_pruned: u64,
    pub rows_scanned: u64,
    pub rows_matched: u64,
    pub bytes_read: u64,
    /// Ranges of blocks that could not be read, in words; the answer is then incomplete.
    pub damaged: Vec<String>,
}

impl ScanStats {
    /// An error when something could not be read: for who must not go on with a part.
    pub(crate) fn whole(&self) -> Result<()> {
        match self.damaged.first() {
            None => Ok(()),
            Some(damaged) => Err(crate::Error::corrupt("a block", format!("{damaged}; `hopline doctor --repair` says what can be done"))),
        }
    }

    /// Adds what another scan of the same question cost: blocks are the same ones, the rest adds up.
    pub fn add(&mut self, other: Self) {
        self.blocks = self.blocks.max(other.blocks);
        self.blocks_pruned = self.blocks_pruned.max(other.blocks_pruned);
        self.rows_scanned += other.rows_scanned;
        self.rows_matched += other.rows_matched;
        self.bytes_read += other.bytes_read;
        for damaged in other.damaged {
            if !self.damaged.contains(&damaged) {
                self.damaged.push(damaged);
            }
        }
    }
}
