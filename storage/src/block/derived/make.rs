//! The `edges` of a block: written when it is sealed or soon after, added up when blocks are merged.

use super::edges::{New, added, key, shared};
use super::pages::{Pages, PagesWriter};
use super::without;
use crate::block::{Block, BlockFile, BlockId, BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::{ObjectIo, names};
use crate::scan::{Cancel, Column, ScanRequest, ScanStats};
use crate::snapshot::{Chunk, Snapshot};
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange, TraceId};
use hopline_trace::{Edge, Edges};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether a block's spans are in the sum of edges.
pub(crate) fn is_counted(meta: &BlockMeta) -> bool {
    meta.files.iter().any(|file| file.kind == FileKind::Edg)
}

impl Snapshot {
    /// Only these blocks of spans, and nothing that is live.
    pub(crate) fn only_blocks(&self, keep: impl Fn(&Block) -> bool) -> Self {
        let blocks = self.blocks(Signal::Spans).filter(|block| keep(block)).cloned().collect();
        Self { chunks: Default::default(), blocks: Arc::new(blocks), ..self.clone() }
    }
}

/// Writes the edges of a block that was just made of `chunks`. `snapshot`: every block before it. `None`: it would take longer than `patience`.
pub(crate) fn seal(
    objects: &Arc<dyn ObjectIo>,
    meta: &BlockMeta,
    chunks: &[Chunk],
    snapshot: &Snapshot,
    patience: Duration,
) -> Result<Option<BlockFile>> {
    let mut spans = snapshot.only_blocks(|_| false);
    spans.chunks[usize::from(Signal::Spans.code()) - 1] = Arc::new(chunks.to_vec());
    let counted = snapshot.only_blocks(|block| is_counted(&block.meta));
    match edges_of(&spans, None, &counted, &Cancel::with_deadline(Instant::now() + patience)) {
        Ok((edges, _)) => write(objects.as_ref(), meta, edges).map(Some),
        Err(Error::Limit(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The edges of a block that has none, or whose own file is lost: what its spans add to those of all others. Where it is lost, that is what it
/// held, but for traces that lie in other blocks too and went on after it was sealed.
pub(crate) fn again(block: &Arc<Block>, snapshot: &Snapshot) -> Result<(Edges, ScanStats)> {
    let alone = snapshot.only_blocks(|other| other.meta.id == block.meta.id);
    edges_of(&alone, None, &counted_beside(block, snapshot), &Cancel::default())
}

/// How that changes by what was counted between `before` and `now`.
pub(crate) fn put_right(block: &Arc<Block>, before: &Snapshot, now: &Snapshot) -> Result<(Edges, ScanStats)> {
    let came = counted_since(before, now);
    let (mut edges, mut stats) = (Edges::new(), ScanStats::default());
    if came.blocks.is_empty() {
        return Ok((edges, stats));
    }
    let alone = before.only_blocks(|other| other.meta.id == block.meta.id);
    let columns = [column::TRACE_ID, column::START_TIME].map(Column::Fixed).to_vec();
    let (ids, read) = came.collect(&ScanRequest { columns, ..ScanRequest::all(Signal::Spans) })?;
    stats.add(read);
    let traces: Vec<TraceId> = shared(&ids, &alone, &Cancel::default())?.into_iter().map(|(id, _)| id).collect();
    if !traces.is_empty() {
        let (more, read) = edges_of(&alone, Some(traces.clone()), &counted_beside(block, now), &Cancel::default())?;
        edges.merge(more);
        stats.add(read);
        let (less, read) = edges_of(&alone, Some(traces), &counted_beside(block, before), &Cancel::default())?;
        edges.subtract(less);
        stats.add(read);
    }
    Ok((edges, stats))
}

/// The blocks that are counted now and were not.
fn counted_since(before: &Snapshot, now: &Snapshot) -> Snapshot {
    let known: HashSet<BlockId> = before.blocks.iter().filter(|block| is_counted(&block.meta)).map(|block| block.meta.id).collect();
    now.only_blocks(|other| is_counted(&other.meta) && !known.contains(&other.meta.id))
}

/// How the edges of all blocks change when some rows of a block are deleted: `gone`, their seqs, ascending. Made of `before`, and anew where
/// what was counted since touches the same traces: `now` gives what there is, and is asked when nothing else is counted any more.
pub(crate) fn change(block: &Arc<Block>, gone: &[u64], before: &Snapshot, now: &mut dyn FnMut() -> Snapshot) -> Result<Edges> {
    let counted = |snapshot: &Snapshot| snapshot.only_blocks(|other| is_counted(&other.meta));
    let traces = without::touched(block, gone, before)?;
    let change = without::change(block, gone, &traces, &counted(before), &Cancel::default())?;
    let now = now();
    let mut wanted: Vec<u64> = traces.iter().map(|id| crate::block::tix::hash(&id.0)).collect();
    wanted.sort_unstable();
    let touches = |other: &Arc<Block>| other.tix().is_none_or(|tix| tix.holds(&wanted).map_or(true, |held| !held.is_empty()));
    if counted_since(before, &now).blocks.iter().any(touches) {
        return without::change(block, gone, &traces, &counted(&now), &Cancel::default());
    }
    Ok(change)
}

/// Writes the edges of a block that takes the place of another: those of `old`, with `change` added. `None`: nothing is left.
pub(crate) fn carry(objects: &dyn ObjectIo, meta: &BlockMeta, old: &Arc<Block>, change: Edges, snapshot: &Snapshot) -> Result<Option<BlockFile>> {
    let mut runs = vec![run_of(old, TimeRange::ALL, snapshot)?];
    runs.push(Run { pages: None, range: 0..0, minutes: TimeRange::ALL, rows: change.into_rows().into() });
    let mut writer = create(objects, meta)?;
    let mut rows = 0;
    each_sum(runs, &mut |row| {
        rows += 1;
        writer.push(&row)
    })?;
    if rows == 0 && meta.rows == 0 { Ok(None) } else { writer.finish().map(Some) }
}

fn counted_beside(block: &Block, snapshot: &Snapshot) -> Snapshot {
    snapshot.only_blocks(|other| other.meta.id != block.meta.id && is_counted(&other.meta))
}

fn edges_of(spans: &Snapshot, traces: Option<Vec<TraceId>>, counted: &Snapshot, cancel: &Cancel) -> Result<(Edges, ScanStats)> {
    let mut edges = Edges::new();
    let new = New { spans, range: TimeRange::ALL, traces, rows_max: None };
    let read = added(&new, counted, cancel, &mut |part| {
        edges.merge(part);
        Ok(())
    })?;
    Ok((edges, read.stats))
}

/// Pages that may hold rows of these minutes.
fn pages_of(pages: &Pages<Edge>, minutes: TimeRange) -> std::ops::Range<usize> {
    pages.between(key(minutes.start), key(minutes.end))
}

/// The file of a block's edges.
pub(crate) fn write(objects: &dyn ObjectIo, meta: &BlockMeta, edges: Edges) -> Result<BlockFile> {
    let mut writer = create(objects, meta)?;
    edges.into_rows().iter().try_for_each(|row| writer.push(row))?;
    writer.finish()
}

fn create(objects: &dyn ObjectIo, meta: &BlockMeta) -> Result<PagesWriter<Edge>> {
    PagesWriter::create(objects, &names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Edg))
}

/// Writes the sum of the edges of `inputs` in `[from, to)` beside a block that was made of them.
pub(crate) fn merge(
    objects: &Arc<dyn ObjectIo>,
    meta: &BlockMeta,
    inputs: &[&Arc<Block>],
    minutes: TimeRange,
    snapshot: &Snapshot,
    check: &dyn Fn() -> Result<()>,
) -> Result<BlockFile> {
    let mut runs: Vec<Run> = Vec::new();
    for block in inputs {
        runs.push(run_of(block, minutes, snapshot)?);
        check()?;
    }
    let mut writer = create(objects.as_ref(), meta)?;
    each_sum(runs, &mut |row| writer.push(&row))?;
    writer.finish()
}

/// A block's edges of some minutes; read once before they are trusted: half a file must not go over.
fn run_of(block: &Arc<Block>, minutes: TimeRange, snapshot: &Snapshot) -> Result<Run> {
    match whole(block) {
        Some(pages) => Run::new(pages, minutes),
        None if block.meta.rows == 0 => {
            Err(Error::corrupt(format!("block {}", block.meta.id.0), "the calls of spans that have gone, of which no rows are left".to_owned()))
        }
        None => {
            let (rows, stats) = again(block, snapshot)?;
            stats.whole()?;
            let rows = rows.into_rows();
            Ok(Run { pages: None, range: 0..0, minutes, rows: rows.into_iter().filter(|row| holds(minutes, row)).collect() })
        }
    }
}

/// A block's edges, when every page of them can be read.
fn whole(block: &Arc<Block>) -> Option<Arc<Pages<Edge>>> {
    block.edges().filter(|pages| pages.is_sound(0..pages.len()))
}

/// Whether a block's calls by minute can all be read.
pub(crate) fn is_sound(block: &Arc<Block>) -> bool {
    whole(block).is_some()
}

fn holds(minutes: TimeRange, row: &Edge) -> bool {
    minutes.contains(row.key.minute)
}

/// Rows of one file in order, a page at a time.
struct Run {
    pages: Option<Arc<Pages<Edge>>>,
    range: std::ops::Range<usize>,
    minutes: TimeRange,
    rows: VecDeque<Edge>,
}

impl Run {
    fn new(pages: Arc<Pages<Edge>>, minutes: TimeRange) -> Result<Self> {
        let range = pages_of(&pages, minutes);
        let mut run = Self { pages: Some(pages), range, minutes, rows: VecDeque::new() };
        run.fill()?;
        Ok(run)
    }

    fn fill(&mut self) -> Result<()> {
        while self.rows.is_empty() {
            let (Some(pages), Some(at)) = (&self.pages, self.range.next()) else { return Ok(()) };
            self.rows.extend(pages.page(at)?.into_iter().filter(|row| holds(self.minutes, row)));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Edge>> {
        let row = self.rows.pop_front();
        self.fill()?;
        Ok(row)
    }
}

/// The smallest next row of a run comes first.
struct Head {
    row: Edge,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        other.row.key.cmp(&self.row.key).then(other.run.cmp(&self.run))
    }
}
impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Head {}

/// Calls `each` with the sums of rows of one key, in order; what adds up to nothing is left out.
fn each_sum(mut runs: Vec<Run>, each: &mut dyn FnMut(Edge) -> Result<()>) -> Result<()> {
    let mut heads = BinaryHeap::new();
    for (run, rows) in runs.iter_mut().enumerate() {
        heads.extend(rows.next()?.map(|row| Head { row, run }));
    }
    let mut sum: Option<Edge> = None;
    while let Some(Head { row, run }) = heads.pop() {
        heads.extend(runs[run].next()?.map(|row| Head { row, run }));
        match &mut sum {
            Some(sum) if sum.key == row.key => sum.counts.merge(&row.counts),
            _ => {
                if let Some(done) = sum.replace(row).filter(|done| !done.counts.is_empty()) {
                    each(done)?;
                }
            }
        }
    }
    sum.filter(|sum| !sum.counts.is_empty()).map_or(Ok(()), each)
}

/// Adds a block's edges of some minutes to `into`.
pub(crate) fn sum(pages: &Pages<Edge>, minutes: TimeRange, into: &mut Edges) -> Result<()> {
    for at in pages_of(pages, minutes) {
        pages.page(at)?.into_iter().filter(|row| holds(minutes, row)).for_each(|row| into.put(row.key, row.counts));
    }
    Ok(())
}
