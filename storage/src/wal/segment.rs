//! A segment: one preallocated WAL file, named for its first LSN; and the list of those that exist.
//!
//! ```text
//!  0        8     12       16          24      28   32     40              48          4096           8192
//! ┌────────┬─────┬────────┬───────────┬───────┬────┬──────┬───────────────┬───────────┬──────────────┬─────────
//! │ magic  │ crc │ format │ first LSN │ epoch │ 0  │ salt │ last LSN kept │ zeros …   │ the same 48 B│ entries …
//! └────────┴─────┴────────┴───────────┴───────┴────┴──────┴───────────────┴───────────┴──────────────┴─────────
//! ```
//!
//! The head stands twice, a page apart: without its salt no entry of the segment could be told from garbage. *Last LSN
//! kept*: entries of older segments above it and below this segment's first LSN are void (their sync failed and their
//! clients were refused).

use super::Stream;
use crate::error::{Error, Result};
use crate::objects::{File, FileIo, names};
use hopline_model::Lsn;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const FORMAT: u32 = 1;
/// Where the first entry stands.
pub(crate) const HEAD_BYTES: u64 = 8192;
const COPY_OFFSETS: [u64; 2] = [0, 4096];
const COPY_BYTES: usize = 48;
const MAGIC: [u8; 8] = *b"HOPL-WAL";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first: Lsn,
    pub(crate) epoch: u32,
    pub(crate) salt: u64,
    pub(crate) last_kept: Lsn,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut copy = [0; COPY_BYTES];
        copy[..8].copy_from_slice(&MAGIC);
        copy[12..16].copy_from_slice(&FORMAT.to_le_bytes());
        copy[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        copy[24..28].copy_from_slice(&self.epoch.to_le_bytes());
        copy[32..40].copy_from_slice(&self.salt.to_le_bytes());
        copy[40..48].copy_from_slice(&self.last_kept.0.to_le_bytes());
        let crc = crc32c::crc32c(&copy[12..]);
        copy[8..12].copy_from_slice(&crc.to_le_bytes());
        let mut head = vec![0; HEAD_BYTES as usize];
        for offset in COPY_OFFSETS {
            head[offset as usize..offset as usize + COPY_BYTES].copy_from_slice(&copy);
        }
        head
    }

    /// `None` when neither copy holds.
    pub(crate) fn read(file: &dyn File, path: &Path) -> Result<Option<Self>> {
        let mut unreadable = None;
        for offset in COPY_OFFSETS {
            let mut copy = [0; COPY_BYTES];
            match file.read_exact_at(&mut copy, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => continue,
                // One copy is enough.
                Err(error) => {
                    unreadable = Some(error);
                    continue;
                }
            }
            let u32_at = |at: usize| u32::from_le_bytes([copy[at], copy[at + 1], copy[at + 2], copy[at + 3]]);
            let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
            if copy[..8] != MAGIC || u32_at(8) != crc32c::crc32c(&copy[12..]) {
                continue;
            }
            if u32_at(12) > FORMAT {
                return Err(Error::Newer { what: path.display().to_string(), found: u32_at(12), known: FORMAT });
            }
            return Ok(Some(Self { first: Lsn(u64_at(16)), epoch: u32_at(24), salt: u64_at(32), last_kept: Lsn(u64_at(40)) }));
        }
        unreadable.map_or(Ok(None), |error| Err(Error::io("read", path)(error)))
    }
}

/// One segment on disk.
#[derive(Debug)]
struct Segment {
    first: Lsn,
    bytes: u64,
    /// The writer may still append to it.
    active: bool,
    /// Holds bytes that could not be read as entries: it is renamed instead of removed.
    damaged: bool,
    /// Newest LSN of each stream in it: it can go when all are sealed.
    last: HashMap<Stream, Lsn>,
}

/// The segments on disk. Written by the WAL writer and by recovery, trimmed after each seal.
#[derive(Debug)]
pub(crate) struct Segments {
    files: Arc<dyn FileIo>,
    dir: PathBuf,
    list: Mutex<Vec<Segment>>,
    /// Files set aside, of this run and of earlier ones.
    set_aside: AtomicU64,
}

impl Segments {
    pub(crate) fn new(files: Arc<dyn FileIo>, dir: PathBuf) -> Self {
        Self { files, dir, list: Mutex::default(), set_aside: AtomicU64::new(0) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn path(&self, first: Lsn) -> PathBuf {
        self.dir.join(names::wal_segment(first))
    }

    /// (segments, bytes written)
    pub(crate) fn size(&self) -> (u64, u64) {
        let list = self.list.lock();
        (list.len() as u64, list.iter().map(|segment| segment.bytes).sum())
    }

    /// A segment found at start.
    pub(crate) fn found(&self, first: Lsn, bytes: u64, damaged: bool, last: HashMap<Stream, Lsn>) {
        self.list.lock().push(Segment { first, bytes, active: false, damaged, last });
    }

    /// Something in it could not be replayed.
    pub(crate) fn damaged(&self, first: Lsn) {
        if let Some(segment) = self.list.lock().iter_mut().find(|segment| segment.first == first) {
            segment.damaged = true;
        }
    }

    /// Segments that a stop left half made: nothing was ever written to them.
    pub(crate) fn remove_unfinished(&self) {
        for name in self.files.list(&self.dir).unwrap_or_default().iter().filter(|name| names::is_wal_new(name)) {
            // One that stays is in nobody's way.
            let _ = self.files.remove(&self.dir.join(name));
        }
    }

    /// Files that earlier runs set aside.
    pub(crate) fn set_aside_before(&self, files: u64) {
        self.set_aside.fetch_add(files, Ordering::Relaxed);
    }

    /// How many files lie aside for a person to look at.
    pub(crate) fn set_aside(&self) -> u64 {
        self.set_aside.load(Ordering::Relaxed)
    }

    /// Corrects what a segment holds that must be sealed before it may go.
    pub(crate) fn holds(&self, first: Lsn, last: HashMap<Stream, Lsn>) {
        if let Some(segment) = self.list.lock().iter_mut().find(|segment| segment.first == first) {
            segment.last = last;
        }
    }

    pub(crate) fn started(&self, first: Lsn) {
        self.list.lock().push(Segment { first, bytes: HEAD_BYTES, active: true, damaged: false, last: HashMap::new() });
    }

    /// Synced entries of the active segment.
    pub(crate) fn written(&self, first: Lsn, bytes: u64, entries: impl Iterator<Item = (Stream, Lsn)>) {
        let mut list = self.list.lock();
        if let Some(segment) = list.iter_mut().rfind(|segment| segment.first == first) {
            segment.bytes = bytes;
            segment.last.extend(entries);
        }
    }

    pub(crate) fn ended(&self, first: Lsn) {
        if let Some(segment) = self.list.lock().iter_mut().rfind(|segment| segment.first == first) {
            segment.active = false;
        }
    }

    /// The streams that keep the oldest segment.
    pub(crate) fn oldest_holds(&self, sealed: impl Fn(&Stream) -> Option<Lsn>) -> Vec<Stream> {
        let list = self.list.lock();
        let Some(oldest) = list.iter().min_by_key(|segment| segment.first) else { return Vec::new() };
        oldest.last.iter().filter(|(stream, last)| sealed(stream).is_none_or(|sealed| sealed < **last)).map(|(stream, _)| *stream).collect()
    }

    /// Removes every ended segment whose entries are all in blocks; a damaged one is renamed, so that nothing of it is ever
    /// deleted. A file that cannot be removed is tried again next time.
    pub(crate) fn trim(&self, sealed: impl Fn(&Stream) -> Option<Lsn>) -> Result<()> {
        let gone: Vec<(Lsn, bool)> = {
            let list = self.list.lock();
            let done = |segment: &&Segment| {
                !segment.active && segment.last.iter().all(|(stream, last)| sealed(stream).is_some_and(|sealed| *last <= sealed))
            };
            list.iter().filter(done).map(|segment| (segment.first, segment.damaged)).collect()
        };
        let mut result = Ok(());
        for (first, damaged) in gone {
            let path = self.path(first);
            let moved = match damaged {
                true => self.files.rename(&path, &self.dir.join(names::wal_damaged(first))).map_err(Error::io("rename", &path)),
                false => match self.files.remove(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
                    _ => Ok(()),
                },
            };
            match moved {
                Ok(()) => {
                    self.list.lock().retain(|segment| segment.first != first);
                    self.set_aside.fetch_add(u64::from(damaged), Ordering::Relaxed);
                }
                error => result = error,
            }
        }
        result
    }
}
