//! What a segment holds, after whatever happened to it: every entry that stands whole in its place, and the stretches
//! between that are damaged. Read from front to end in bounded memory: once at start to know what is there, once by replay.

use super::entry::{self, Header, Parsed, Place};
use super::segment::{HEAD_BYTES, Head};
use crate::error::{Error, Result};
use crate::objects::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An entry that was found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) header: Header,
}

/// Bytes that are no entry and not the zeros of an unused end; all of a file whose head is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

#[derive(Debug)]
pub(crate) struct SegmentScan {
    /// `None`: the head is damaged in both copies, so nothing can be told from garbage.
    pub(crate) head: Option<Head>,
    pub(crate) damaged: Vec<Stretch>,
    pub(crate) len: u64,
}

/// How much is read at a time while looking.
const WINDOW_BYTES: usize = 1 << 20;
/// What a disk loses at once: the unit in which an unreadable stretch is narrowed down.
const PAGE_BYTES: usize = 4096;
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// A view of a file that reads ahead.
struct Window<'a> {
    file: &'a dyn File,
    path: &'a Path,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
    /// How long failing reads may be tried again, altogether.
    patience: Duration,
    unreadable: Vec<Stretch>,
}

impl Window<'_> {
    /// At least `len` bytes at `offset` where the file has them, else what it has. Pages that cannot be read are zeros.
    fn at(&mut self, offset: u64, len: usize) -> Result<&[u8]> {
        let wanted = offset + (len as u64).min(self.len.saturating_sub(offset));
        if offset < self.start || self.start + (self.bytes.len() as u64) < wanted {
            let take = (len.max(WINDOW_BYTES) as u64).min(self.len.saturating_sub(offset)) as usize;
            self.bytes.resize(take, 0);
            // A window that grew for one large entry shrinks again.
            self.bytes.shrink_to(take.max(WINDOW_BYTES));
            self.start = offset;
            match self.file.read_exact_at(&mut self.bytes, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(Error::io("read", self.path)(error)),
                Err(_) => self.page_by_page()?,
            }
        }
        Ok(&self.bytes[(offset - self.start) as usize..])
    }

    fn page_by_page(&mut self) -> Result<()> {
        for (i, page) in self.bytes.chunks_mut(PAGE_BYTES).enumerate() {
            let offset = self.start + (i * PAGE_BYTES) as u64;
            loop {
                match self.file.read_exact_at(page, offset) {
                    Ok(()) => break,
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(Error::io("read", self.path)(error)),
                    Err(_) if !self.patience.is_zero() => {
                        std::thread::sleep(RETRY_PAUSE);
                        self.patience = self.patience.saturating_sub(RETRY_PAUSE);
                    }
                    Err(error) => {
                        tracing::warn!("cannot read {} bytes at {offset} of {}: {error}", page.len(), self.path.display());
                        page.fill(0);
                        let stretch = Stretch { offset, len: page.len() as u64 };
                        if !self.unreadable.contains(&stretch) {
                            self.unreadable.push(stretch);
                        }
                        break;
                    }
                }
            }
        }
        Ok(())
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

/// Reads a whole segment and gives every entry with its bytes, as long as `each` wants more. Reads that fail are tried
/// again for `patience`; what stays unreadable counts as damaged. Errors only when the file cannot be read at all or its
/// format is newer.
pub(crate) fn scan(
    file: &Arc<dyn File>,
    path: &Path,
    patience: Duration,
    each: &mut dyn FnMut(Found, &[u8]) -> ControlFlow<()>,
) -> Result<SegmentScan> {
    let mut patience = patience;
    let len = patiently(&mut patience, || file.len().map_err(Error::io("stat", path)))?;
    let head = patiently(&mut patience, || Head::read(file.as_ref(), path))?;
    let mut window = Window { file: file.as_ref(), path, len, start: 0, bytes: Vec::new(), patience, unreadable: Vec::new() };
    let mut scan = SegmentScan { head, damaged: Vec::new(), len };
    let Some(head) = scan.head else {
        // Under its name a segment had its head from the first moment: without, even nothing but zeros was more once.
        scan.damaged.push(window.stretch(0, len)?.unwrap_or(Stretch { offset: 0, len }));
        return Ok(scan);
    };
    if len < HEAD_BYTES {
        // Both copies of the head were durable before the first entry: what is missing here was cut off.
        scan.damaged.push(Stretch { offset: len, len: HEAD_BYTES - len });
        return Ok(scan);
    }
    let mut offset = HEAD_BYTES;
    while offset < len {
        if let Some(header) = window.entry(head.salt, offset)? {
            let entry_len = header.entry_len() as u64;
            let bytes = header.header_len() + header.payload_len as usize;
            if each(Found { offset, header }, &window.at(offset, bytes)?[..bytes]).is_break() {
                return Ok(scan);
            }
            offset += entry_len;
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
    for unreadable in window.unreadable {
        let told = |known: &Stretch| known.offset <= unreadable.offset && unreadable.offset < known.offset + known.len;
        if !scan.damaged.iter().any(told) {
            scan.damaged.push(unreadable);
        }
    }
    Ok(scan)
}

/// A call that fails may succeed a moment later.
fn patiently<T>(patience: &mut Duration, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Error::Io { .. }) if !patience.is_zero() => {
                std::thread::sleep(RETRY_PAUSE);
                *patience = patience.saturating_sub(RETRY_PAUSE);
            }
            result => return result,
        }
    }
}
