//! The datasets derived from spans, as one query sees them: `edges` and `links`, live and stored alike.

use super::predicate::{Field, Predicate, Test};
use super::request::{Cancel, Column, Order, ScanRequest, ScanStats};
use crate::block::derived::edges::{New, added, note};
use crate::block::derived::links::order;
use crate::block::derived::make::{is_counted, sum};
use crate::block::meta::FORMAT_LINKS;
use crate::block::{Block, FileKind};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use hopline_model::time::{NANOS_PER_HOUR, NANOS_PER_MINUTE};
use hopline_model::{Signal, TimeRange, TraceId, UnixNanos};
use hopline_trace::edges::Edge;
use hopline_trace::spans::COLUMNS_READ;
use hopline_trace::{Edges, LinkRow, Trace, links};
use std::collections::HashSet;
use std::sync::Arc;

/// Calls by minute.
#[derive(Debug, Default)]
pub struct EdgeRows {
    /// By key: minute first.
    pub rows: Vec<Edge>,
    pub stats: ScanStats,
    /// There were more spans without stored edges than were to be read: the newest were.
    pub cut: bool,
}

/// Links by target.
#[derive(Debug, Default)]
pub struct LinkRows {
    /// By target, oldest first.
    pub rows: Vec<LinkRow>,
    pub stats: ScanStats,
    /// There were more than were asked for.
    pub cut: bool,
}

impl Snapshot {
    /// The edges of all traces in the whole minutes of a range. They come from the blocks' rollups; what is live (and blocks of older
    /// versions) adds to them from at most `spans_max` spans.
    pub fn edges(&self, range: TimeRange, spans_max: usize, cancel: &Cancel) -> Result<EdgeRows> {
        let minutes = whole_minutes(range);
        let mut found = EdgeRows::default();
        let mut edges = Edges::new();
        let counted = self.blocks(Signal::Spans).filter(|block| is_counted(&block.meta));
        found.stats.blocks = counted.clone().count() as u64;
        let unusable: HashSet<_> = sum(counted, minutes, &mut edges, &mut found.stats.bytes_read).iter().map(|block| block.meta.id).collect();
        let is_new = |block: &Block| !is_counted(&block.meta) || unusable.contains(&block.meta.id);
        let spans = Self { chunks: self.chunks.clone(), ..self.only_blocks(is_new) };
        // What is live is read whole, for it may change what is stored; of older blocks, what lies around the range.
        let range = match spans.blocks.is_empty() {
            true => TimeRange::ALL,
            false => TimeRange::new(minutes.start.saturating_sub(NANOS_PER_HOUR), minutes.end.saturating_add(NANOS_PER_HOUR)),
        };
        let new = New { spans: &spans, range, rows_max: Some(spans_max) };
        let read = added(&new, &self.only_blocks(|block| !is_new(block)), cancel, &mut |part| {
            edges.merge(part);
            Ok(())
        })?;
        note(&mut found.stats, read.stats);
        found.cut = read.cut;
        found.rows = edges.into_rows();
        found.rows.retain(|row| minutes.contains(row.key.minute));
        found.stats.rows_matched = found.rows.len() as u64;
        Ok(found)
    }

    /// The spans of a range that link to any of some traces, at most `limit`; O(1) in each block.
    pub fn links_to(&self, targets: &[TraceId], range: TimeRange, limit: usize, cancel: &Cancel) -> Result<LinkRows> {
        let mut found = LinkRows::default();
        let mut rest: Vec<Arc<Block>> = Vec::new();
        for block in self.blocks(Signal::Spans) {
            cancel.check()?;
            if !block.meta.overlaps(range) {
                continue;
            }
            match linking(block, targets, &mut found.stats) {
                Ok(rows) => found.rows.extend(rows),
                Err(error) => {
                    block.unusable(FileKind::Lnk, &error);
                    rest.push(block.clone());
                }
            }
        }
        let known: HashSet<TraceId> = targets.iter().copied().collect();
        let request = ScanRequest {
            signal: Signal::Spans,
            range,
            predicate: Predicate::Compare { field: Field::Link("trace_id".into()), test: Test::In(known.iter().map(ToString::to_string).collect()) },
            columns: COLUMNS_READ.iter().map(|name| Column::Fixed(name)).collect(),
            order: Order::OldestFirst,
            limit: Some(limit.saturating_add(1)),
            after: None,
            cancel: cancel.clone(),
        };
        let (batches, stats) = Self { blocks: Arc::new(rest), ..self.clone() }.collect(&request)?;
        note(&mut found.stats, stats);
        found.rows.extend(Trace::split(&batches).iter().flat_map(links::links).filter(|link| known.contains(&link.target_trace_id)));
        found.rows.retain(|link| range.contains(link.start_time));
        found.rows.sort_by_key(order);
        found.cut = found.rows.len() > limit;
        found.rows.truncate(limit);
        found.stats.rows_matched = found.rows.len() as u64;
        Ok(found)
    }
}

/// The links of a block that has its own file for them.
fn linking(block: &Block, targets: &[TraceId], stats: &mut ScanStats) -> Result<Vec<LinkRow>> {
    if block.meta.format < FORMAT_LINKS {
        return Err(Error::Invalid("written by an older version, without links".into()));
    }
    let Some(pages) = block.links()? else { return Ok(Vec::new()) };
    let before = pages.bytes_read();
    let mut rows = Vec::new();
    for target in targets {
        rows.extend(pages.find(target.0)?);
    }
    stats.bytes_read += pages.bytes_read().saturating_sub(before);
    Ok(rows)
}

/// Widened to where minutes begin.
fn whole_minutes(range: TimeRange) -> TimeRange {
    let start = range.start.0.div_euclid(NANOS_PER_MINUTE).saturating_mul(NANOS_PER_MINUTE);
    let end = match range.end {
        UnixNanos::MAX => range.end,
        end => UnixNanos(end.0.saturating_add(NANOS_PER_MINUTE - 1).div_euclid(NANOS_PER_MINUTE).saturating_mul(NANOS_PER_MINUTE)),
    };
    TimeRange::new(UnixNanos(start), end)
}
