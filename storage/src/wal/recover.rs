//! All segments at start: what is there, what is void or sealed, what is damaged.
//!
//! Two steps: [`check`] reads everything and changes nothing, so that a newer format is refused untouched; [`recover`]
//! decides with what the catalog knows. Neither keeps a list of entries: a log of tiny requests has millions of them.

use super::Stream;
use super::payload::SCHEMA_VERSION;
use super::reader::{self, Found, SegmentScan};
use super::segment::{Head, Segments};
use crate::error::{Error, Result};
use crate::objects::{File, FileIo, names};
use hopline_model::{Lsn, TenantId, UnixNanos};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Hash = (TenantId, u128, UnixNanos);

/// Hashes of requests that may still be retried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HashLimits {
    pub(crate) since: UnixNanos,
    pub(crate) count_max: usize,
}

/// The log as it lies there.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    segments: Vec<CheckedSegment>,
    void: Vec<Void>,
    /// Files that earlier runs set aside.
    set_aside: u64,
    next: Lsn,
}

/// LSNs above the first and below the second are void: their sync failed and their clients were refused.
type Void = (Lsn, Lsn);

#[derive(Debug)]
struct CheckedSegment {
    first: Lsn,
    scan: SegmentScan,
    sum: Sum,
}

/// What counts of a segment's entries: all but the void ones and unfinished requests.
#[derive(Debug, Default)]
struct Sum {
    entries: u64,
    newest: Lsn,
    last: HashMap<Stream, Lsn>,
    hashes: Vec<Hash>,
    /// Entries of unfinished requests.
    dropped: Vec<Lsn>,
    newer_schema: Option<u8>,
}

/// One segment of which no block holds everything.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) first: Lsn,
    /// How many entries count in it.
    pub(crate) entries: u64,
    /// Ascending.
    dropped: Vec<Lsn>,
}

/// What is to be replayed.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// In LSN order.
    pub(crate) pending: Vec<Pending>,
    void: Vec<Void>,
    sealed: HashMap<Stream, Lsn>,
    /// The first LSN that nothing on disk uses.
    pub(crate) next: Lsn,
    /// Young requests that stand in the log, sealed or not.
    pub(crate) hashes: Vec<Hash>,
    pub(crate) quarantined_bytes: u64,
    pub(crate) notes: Vec<String>,
}

impl Recovered {
    /// The entry counts: it is not void and its request is whole.
    pub(crate) fn counts(&self, segment: &Pending, entry: &Found) -> bool {
        !is_void(&self.void, entry.header.lsn) && segment.dropped.binary_search(&entry.header.lsn).is_err()
    }

    pub(crate) fn is_sealed(&self, entry: &Found) -> bool {
        self.sealed.get(&stream(entry)).is_some_and(|sealed| entry.header.lsn <= *sealed)
    }
}

pub(crate) fn stream(entry: &Found) -> Stream {
    Stream { tenant: entry.header.tenant, signal: entry.header.signal, epoch: entry.header.epoch }
}

fn is_void(void: &[Void], lsn: Lsn) -> bool {
    void.iter().any(|(kept, next)| *kept < lsn && lsn < *next)
}

/// An I/O error at start is given this many more chances.
const TRIES: u32 = 10;
/// How long the unreadable pages of one segment are tried again while the doors are still closed.
const PATIENCE: Duration = Duration::from_millis(200);
/// Checksums of a large log take one core a second; the doors wait for them.
const THREADS: usize = 2;

/// Reads every segment and changes nothing. Damaged bytes never stop the start; a newer format does, and so does a file
/// that cannot be read at all: going on without it would seal newer rows over its older ones, and they would never be replayed.
pub(crate) fn check(files: &Arc<dyn FileIo>, segments: &Segments, hashes: HashLimits) -> Result<Checked> {
    let dir = segments.dir();
    let listed = files.list(dir).map_err(Error::io("list", dir))?;
    let mut firsts: Vec<Lsn> = listed.iter().filter_map(|name| names::parse_wal_segment(name)).collect();
    firsts.sort();
    let mut checked = Checked::default();
    // A name is never used twice, also not one that was set aside.
    for name in listed.iter().filter(|name| names::is_wal_damaged(name)) {
        checked.set_aside += 1;
        let first = names::parse_wal_segment(name.trim_end_matches(".damaged"));
        checked.next = checked.next.max(first.map_or(Lsn(0), |first| Lsn(first.0 + 1)));
    }
    for first in &firsts {
        let path = segments.path(*first);
        let head = patiently(|| Head::read(open(files, &path)?.as_ref(), &path))?;
        checked.void.extend(head.map(|head| (head.last_kept, head.first)));
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(first) = firsts.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(patiently(|| check_segment(files, segments, *first, &checked.void, hashes)));
        }
        done
    };
    let results: Vec<Result<CheckedSegment>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..THREADS.min(firsts.len())).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            done.extend(other.join().unwrap_or_else(|_| vec![Err(Error::Internal("checking the WAL broke off".into()))]));
        }
        done
    });
    checked.segments = results.into_iter().collect::<Result<_>>()?;
    checked.segments.sort_by_key(|segment| segment.first);
    for segment in &checked.segments {
        if let Some(found) = segment.sum.newer_schema {
            let what = segments.path(segment.first).display().to_string();
            return Err(Error::Newer { what, found: u32::from(found), known: u32::from(SCHEMA_VERSION) });
        }
        checked.next = checked.next.max(Lsn(segment.first.0 + 1)).max(Lsn(segment.sum.newest.0 + 1));
    }
    Ok(checked)
}

fn patiently<T>(mut read: impl FnMut() -> Result<T>) -> Result<T> {
    let mut result = read();
    for _ in 0..TRIES {
        if !matches!(result, Err(Error::Io { .. })) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        result = read();
    }
    result
}

fn open(files: &Arc<dyn FileIo>, path: &Path) -> Result<Arc<dyn File>> {
    files.open(path).map_err(Error::io("open", path))
}

fn check_segment(files: &Arc<dyn FileIo>, segments: &Segments, first: Lsn, void: &[Void], hashes: HashLimits) -> Result<CheckedSegment> {
    let path = segments.path(first);
    let file = open(files, &path)?;
    let mut sum = Sum::default();
    let mut group = Group::default();
    let scan = reader::scan(&file, &path, PATIENCE, &mut |entry, _| {
        if entry.header.schema > SCHEMA_VERSION {
            sum.newer_schema = Some(entry.header.schema);
            return ControlFlow::Break(());
        }
        sum.newest = sum.newest.max(entry.header.lsn);
        if !is_void(void, entry.header.lsn) {
            group.take(entry, &mut sum, hashes);
        }
        ControlFlow::Continue(())
    })?;
    group.finish(&mut sum, hashes);
    // What is about to count as stored must be as durable as what was acknowledged.
    if sum.entries > 0 {
        file.sync().map_err(Error::io("sync", &path))?;
    }
    Ok(CheckedSegment { first, scan, sum })
}

impl Sum {
    fn add(&mut self, entry: &Found, hashes: HashLimits) {
        self.entries += 1;
        let last = self.last.entry(stream(entry)).or_default();
        *last = (*last).max(entry.header.lsn);
        if entry.header.received >= hashes.since {
            self.hashes.extend(entry.header.hashes.iter().map(|hash| (entry.header.tenant, hash.hash, entry.header.received)));
            keep_newest(&mut self.hashes, 2 * hashes.count_max, hashes.count_max);
        }
    }
}

/// Above `above` only the newest `keep` stay.
fn keep_newest(hashes: &mut Vec<Hash>, above: usize, keep: usize) {
    if hashes.len() > above {
        hashes.sort_unstable_by_key(|(_, _, received)| std::cmp::Reverse(*received));
        hashes.truncate(keep);
    }
}

/// The entries of the newest commit group so far: only of the last one is it unknown whether its sync ended.
#[derive(Debug, Default)]
struct Group {
    first: u64,
    entries: Vec<Found>,
}

impl Group {
    fn take(&mut self, entry: Found, sum: &mut Sum, hashes: HashLimits) {
        let first = entry.header.lsn.0.saturating_sub(u64::from(entry.header.index));
        if first != self.first {
            // A later group exists, so the sync of this one had ended: all of it was acknowledged.
            self.entries.drain(..).for_each(|entry| sum.add(&entry, hashes));
            self.first = first;
        }
        self.entries.push(entry);
    }

    /// Drops requests of the last group of which an entry is missing: nothing shows that their sync ended.
    fn finish(self, sum: &mut Sum, hashes: HashLimits) {
        // LSN → (an entry before it, an entry behind it belongs to the same request)
        let there: HashMap<u64, (bool, bool)> =
            self.entries.iter().map(|entry| (entry.header.lsn.0, (entry.header.previous, entry.header.more))).collect();
        let reaches = |mut lsn: u64, ends: fn((bool, bool)) -> bool, step: i64| loop {
            match there.get(&lsn) {
                Some(neighbours) if ends(*neighbours) => return true,
                Some(_) => lsn = lsn.wrapping_add_signed(step),
                None => return false,
            }
        };
        for entry in &self.entries {
            let lsn = entry.header.lsn.0;
            if reaches(lsn, |(previous, _)| !previous, -1) && reaches(lsn, |(_, more)| !more, 1) {
                sum.add(entry, hashes);
            } else {
                sum.dropped.push(entry.header.lsn);
            }
        }
    }
}

/// The newest entry that was durable in each segment, where the next one of the same run tells: the last segment may be cut
/// between two entries unseen, no other.
fn ends(checked: &[CheckedSegment]) -> HashMap<Lsn, Lsn> {
    let pairs = checked.iter().zip(checked.iter().skip(1));
    pairs
        .filter_map(|(segment, next)| {
            let (head, next) = (segment.scan.head?, next.scan.head?);
            // A segment's first LSN is its name's, no entry's.
            (head.epoch == next.epoch && next.last_kept > segment.first).then_some((segment.first, next.last_kept))
        })
        .collect()
}

/// What of it no block holds. A segment without anything pending goes with the next trim; a damaged one is set aside then.
pub(crate) fn recover(checked: Checked, segments: &Segments, sealed: HashMap<Stream, Lsn>, hashes: HashLimits) -> Recovered {
    let mut recovered = Recovered { void: checked.void, next: checked.next, sealed, ..Recovered::default() };
    segments.set_aside_before(checked.set_aside);
    segments.remove_unfinished();
    if checked.set_aside > 0 {
        recovered.notes.push(format!(
            "{} damaged WAL files lie in {} as *.damaged: their good entries are stored; keep them for a rescue or remove them",
            checked.set_aside,
            segments.dir().display()
        ));
    }
    let mut ends = ends(&checked.segments);
    for CheckedSegment { first, scan, sum } in checked.segments {
        let path = segments.path(first);
        for stretch in &scan.damaged {
            recovered.quarantined_bytes += stretch.len;
            recovered.notes.push(match scan.head {
                Some(_) => format!(
                    "{} bytes at {} of WAL segment {} are torn or damaged; entries before and behind are kept, the file is set aside as {}",
                    stretch.len,
                    stretch.offset,
                    path.display(),
                    names::wal_damaged(first)
                ),
                None => format!(
                    "WAL segment {} has lost its head, so all of it is torn or damaged ({} bytes): what it held and no block holds is lost; the file is set aside as {}",
                    path.display(),
                    stretch.len,
                    names::wal_damaged(first)
                ),
            });
        }
        let end = ends.remove(&first).filter(|end| scan.damaged.is_empty() && sum.newest < *end);
        if let Some(end) = end {
            recovered.notes.push(format!(
                "WAL segment {} ends at entry {} of {}: the last ones are cut off or zeroed, torn or damaged; what no block holds of them is lost; the file is set aside as {}",
                path.display(),
                sum.newest.0.max(first.0) - first.0,
                end.0 - first.0,
                names::wal_damaged(first)
            ));
        }
        let damaged = !scan.damaged.is_empty() || end.is_some();
        recovered.hashes.extend(sum.hashes);
        keep_newest(&mut recovered.hashes, 2 * hashes.count_max, hashes.count_max);
        let mut last = sum.last;
        last.retain(|stream, last| recovered.sealed.get(stream).is_none_or(|sealed| sealed < last));
        let pending = !last.is_empty();
        segments.found(first, scan.len, damaged, last);
        if pending {
            recovered.pending.push(Pending { first, entries: sum.entries, dropped: sum.dropped });
        }
    }
    recovered
}
