//! What a segment holds, after whatever happened to it: every entry that stands whole in its place, and the stretches between that are damaged.

use super::entry::{self, Header, Parsed, Place};
use super::segment::{HEAD_BYTES, Head};
use crate::error::{Error, Result};
use crate::objects::File;
use std::path::Path;
use std::sync::Arc;

/// An entry that was found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) header: Header,
}

/// Bytes that are no entry and not the zeros of an unused end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

#[derive(Debug)]
pub(crate) struct SegmentScan {
    /// `None`: the head is damaged in both copies, so nothing can be told from garbage.
    pub(crate) head: Option<Head>,
    pub(crate) entries: Vec<Found>,
    pub(crate) damaged: Vec<Stretch>,
    pub(crate) len: u64,
}

/// How much is read at a time while looking.
const WINDOW_BYTES: usize = 1 << 20;

/// A view of a file that reads ahead.
struct Window<'a> {
    file: &'a dyn File,
    path: &'a Path,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// At least `len` bytes at `offset` where the file has them, else what it has.
    fn at(&mut self, offset: u64, len: usize) -> Result<&[u8]> {
        let wanted = offset + (len as u64).min(self.len.saturating_sub(offset));
        if offset < self.start || self.start + (self.bytes.len() as u64) < wanted {
            let take = (len.max(WINDOW_BYTES) as u64).min(self.len.saturating_sub(offset)) as usize;
            self.bytes.resize(take, 0);
            self.start = offset;
            self.file.read_exact_at(&mut self.bytes, offset).map_err(Error::io("read", self.path))?;
        }
        Ok(&self.bytes[(offset - self.start) as usize..])
    }

    /// A whole entry at `offset`, when one stands there.
    fn entry(&mut self, salt: u64, offset: u64) -> Result<Option<Header>> {
        let place = Place { salt, offset };
        let mut need = entry::FIXED_BYTES;
        let header = loop {
            match entry::parse(self.at(offset, need)?, place) {
                Parsed::Header(header) => break header,
                Parsed::Short(more) if more > need && offset + more as u64 <= self.len => need = more,
                Parsed::Short(_) | Parsed::Not => return Ok(None),
            }
        };
        let end = header.header_len() + header.payload_len as usize;
        if offset + end as u64 > self.len {
            return Ok(None);
        }
        Ok(entry::payload_holds(&header, self.at(offset, end)?).then_some(header))
    }

    /// The next place at or behind `offset` where an entry may start.
    fn next_magic(&mut self, mut offset: u64) -> Result<Option<u64>> {
        while offset < self.len {
            let bytes = self.at(offset, WINDOW_BYTES)?;
            let mut from = 0;
            while let Some(found) = memchr::memmem::find(&bytes[from..], &entry::MAGIC) {
                let at = offset + (from + found) as u64;
                if at.is_multiple_of(entry::ALIGN as u64) {
                    return Ok(Some(at));
                }
                from += found + 1;
            }
            // The magic may stand across the edge of two windows.
            let step = bytes.len().saturating_sub(entry::MAGIC.len() - 1).max(1) as u64;
            offset += step;
        }
        Ok(None)
    }

    /// The stretch `[start, end)` without zeros at its end; `None` when it is all zeros.
    fn stretch(&mut self, start: u64, end: u64) -> Result<Option<Stretch>> {
        let mut last = None;
        let mut offset = start;
        while offset < end {
            let bytes = self.at(offset, WINDOW_BYTES)?;
            let take = bytes.len().min((end - offset) as usize);
            if take == 0 {
                break;
            }
            if let Some(at) = bytes[..take].iter().rposition(|byte| *byte != 0) {
                last = Some(offset + at as u64 + 1);
            }
            offset += take as u64;
        }
        Ok(last.map(|last| Stretch { offset: start, len: last - start }))
    }
}

/// Reads a whole segment in bounded memory. Errors only when the file cannot be read or its format is newer.
pub(crate) fn scan(file: &Arc<dyn File>, path: &Path) -> Result<SegmentScan> {
    let len = file.len().map_err(Error::io("stat", path))?;
    let mut window = Window { file: file.as_ref(), path, len, start: 0, bytes: Vec::new() };
    let mut scan = SegmentScan { head: Head::read(file.as_ref(), path)?, entries: Vec::new(), damaged: Vec::new(), len };
    let Some(head) = scan.head else {
        scan.damaged.extend(window.stretch(0, len)?);
        return Ok(scan);
    };
    let mut offset = HEAD_BYTES;
    while offset < len {
        if let Some(header) = window.entry(head.salt, offset)? {
            let next = offset + header.entry_len() as u64;
            scan.entries.push(Found { offset, header });
            offset = next;
            continue;
        }
        let mut candidate = offset + entry::ALIGN as u64;
        let next = loop {
            match window.next_magic(candidate)? {
                None => break len,
                Some(at) if window.entry(head.salt, at)?.is_some() => break at,
                Some(at) => candidate = at + entry::ALIGN as u64,
            }
        };
        let stretch = window.stretch(offset, next)?;
        // Zeros between entries are a lost sector; zeros to the end are the unused end.
        scan.damaged.extend(stretch.or((next < len).then_some(Stretch { offset, len: next - offset })));
        offset = next;
    }
    Ok(scan)
}

/// The bytes of a found entry.
pub(crate) fn entry_bytes(file: &Arc<dyn File>, path: &Path, found: &Found) -> Result<Vec<u8>> {
    let mut bytes = vec![0; found.header.header_len() + found.header.payload_len as usize];
    file.read_exact_at(&mut bytes, found.offset).map_err(Error::io("read", path))?;
    if !entry::payload_holds(&found.header, &bytes) {
        return Err(Error::corrupt(format!("WAL entry {}", found.header.lsn.0), "its bytes changed since start"));
    }
    Ok(bytes)
}
