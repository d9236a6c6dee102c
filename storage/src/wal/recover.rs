//! All segments at start: which entries are to be replayed, which are void or sealed, and what is damaged and set aside.

use super::Stream;
use super::payload::SCHEMA_VERSION;
use super::reader::{self, Found, SegmentScan};
use super::segment::Segments;
use crate::error::{Error, Result};
use crate::objects::{FileIo, names};
use hopline_model::{Lsn, TenantId, UnixNanos};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Entries of one segment that no block holds.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) first: Lsn,
    pub(crate) entries: Vec<Found>,
}

#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// In LSN order.
    pub(crate) pending: Vec<Pending>,
    /// The first LSN that nothing on disk uses.
    pub(crate) next: Lsn,
    /// Requests that stand in the log, sealed or not.
    pub(crate) hashes: Vec<(TenantId, u128, UnixNanos)>,
    pub(crate) quarantined_bytes: u64,
    pub(crate) notes: Vec<String>,
}

/// Checks every segment. Damaged bytes never stop the start; a newer format does, and so does a disk that cannot be read:
/// both are left untouched.
pub(crate) fn recover(files: &Arc<dyn FileIo>, segments: &Segments, sealed: impl Fn(&Stream) -> Option<Lsn>) -> Result<Recovered> {
    let dir = segments.dir();
    let mut firsts: Vec<Lsn> = files.list(dir).map_err(Error::io("list", dir))?.iter().filter_map(|name| names::parse_wal_segment(name)).collect();
    firsts.sort();
    let mut recovered = Recovered::default();
    let mut scans: Vec<(Lsn, SegmentScan)> = Vec::new();
    for first in firsts {
        let path = segments.path(first);
        let mut scan = scan_segment(files, &path);
        for _ in 0..SCAN_TRIES {
            if !matches!(scan, Err(Error::Io { .. })) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            scan = scan_segment(files, &path);
        }
        match scan {
            Ok(scan) => scans.push((first, scan)),
            Err(error @ Error::Newer { .. }) => return Err(error),
            // Going on without it would seal newer rows over its older ones, and they would never be replayed.
            Err(error) => return Err(error),
        }
        recovered.next = recovered.next.max(Lsn(first.0 + 1));
    }
    for (first, scan) in &scans {
        if let Some(entry) = scan.entries.iter().find(|entry| entry.header.schema > SCHEMA_VERSION) {
            let what = segments.path(*first).display().to_string();
            return Err(Error::Newer { what, found: u32::from(entry.header.schema), known: u32::from(SCHEMA_VERSION) });
        }
    }
    let void: Vec<(Lsn, Lsn)> = scans.iter().filter_map(|(_, scan)| scan.head.map(|head| (head.last_kept, head.first))).collect();
    for (first, scan) in scans {
        set_aside(files, segments, first, &scan, &mut recovered);
        if let Some(newest) = scan.entries.iter().map(|entry| entry.header.lsn).max() {
            recovered.next = recovered.next.max(Lsn(newest.0 + 1));
        }
        let mut entries = scan.entries;
        entries.retain(|entry| !void.iter().any(|(kept, next)| *kept < entry.header.lsn && entry.header.lsn < *next));
        drop_unfinished_requests(&mut entries);
        for entry in &entries {
            let header = &entry.header;
            recovered.hashes.extend(header.hashes.iter().map(|hash| (header.tenant, hash.hash, header.received)));
        }
        entries.retain(|entry| {
            let stream = stream(entry);
            sealed(&stream).is_none_or(|sealed| sealed < entry.header.lsn)
        });
        let mut last: HashMap<Stream, Lsn> = HashMap::new();
        for entry in &entries {
            let last = last.entry(stream(entry)).or_default();
            *last = (*last).max(entry.header.lsn);
        }
        segments.found(first, scan.len, last);
        if !entries.is_empty() {
            recovered.pending.push(Pending { first, entries });
        }
    }
    Ok(recovered)
}

/// An I/O error at start is given this many more chances.
const SCAN_TRIES: u32 = 10;

fn scan_segment(files: &Arc<dyn FileIo>, path: &Path) -> Result<SegmentScan> {
    let file = files.open(path).map_err(Error::io("open", path))?;
    let scan = reader::scan(&file, path)?;
    // What is about to count as stored must be as durable as what was acknowledged.
    if !scan.entries.is_empty() {
        file.sync().map_err(Error::io("sync", path))?;
    }
    Ok(scan)
}

pub(crate) fn stream(entry: &Found) -> Stream {
    Stream { tenant: entry.header.tenant, signal: entry.header.signal, epoch: entry.header.epoch }
}

/// Drops requests of the last commit group of which an entry is missing: nothing shows that their sync ended.
fn drop_unfinished_requests(entries: &mut Vec<Found>) {
    let group = |entry: &Found| entry.header.lsn.0.saturating_sub(u64::from(entry.header.index));
    let Some(last) = entries.iter().map(group).max() else { return };
    // LSN → (an entry before it, an entry behind it belongs to the same request)
    let there: HashMap<u64, (bool, bool)> =
        entries.iter().filter(|entry| group(entry) == last).map(|entry| (entry.header.lsn.0, (entry.header.previous, entry.header.more))).collect();
    let reaches = |mut lsn: u64, ends: fn((bool, bool)) -> bool, step: i64| loop {
        match there.get(&lsn) {
            Some(neighbours) if ends(*neighbours) => return true,
            Some(_) => lsn = lsn.wrapping_add_signed(step),
            None => return false,
        }
    };
    entries.retain(|entry| {
        let lsn = entry.header.lsn.0;
        group(entry) < last || (reaches(lsn, |(previous, _)| !previous, -1) && reaches(lsn, |(_, more)| !more, 1))
    });
}

/// Copies damaged stretches beside the segment, which itself is removed once its good entries are in blocks.
fn set_aside(files: &Arc<dyn FileIo>, segments: &Segments, first: Lsn, scan: &SegmentScan, recovered: &mut Recovered) {
    for stretch in &scan.damaged {
        recovered.quarantined_bytes += stretch.len;
        let path = segments.path(first);
        let aside = segments.dir().join(names::wal_damaged(first, stretch.offset));
        let copied = copy_stretch(files, &path, &aside, stretch.offset, stretch.len);
        let outcome = match copied {
            Ok(()) => format!("copied to {}", aside.display()),
            Err(error) => format!("could not be copied aside: {error}"),
        };
        recovered.notes.push(format!("{} bytes at {} of WAL segment {} are torn or damaged; {outcome}", stretch.len, stretch.offset, path.display()));
    }
}

fn copy_stretch(files: &Arc<dyn FileIo>, from: &Path, to: &Path, offset: u64, len: u64) -> Result<()> {
    let source = files.open(from).map_err(Error::io("open", from))?;
    let target = match files.create(to) {
        // Set aside by an earlier start.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        result => result.map_err(Error::io("create", to))?,
    };
    let mut done = 0;
    let mut buffer = vec![0; 1 << 20];
    while done < len {
        let take = (len - done).min(buffer.len() as u64) as usize;
        source.read_exact_at(&mut buffer[..take], offset + done).map_err(Error::io("read", from))?;
        target.write_at(&buffer[..take], done).map_err(Error::io("write", to))?;
        done += take as u64;
    }
    target.sync().map_err(Error::io("sync", to))
}
