//! Checksums in stripes of 8 KiB, so that a point read is checked without reading the file.
//!
//! Every byte of a block's files is covered: a flipped bit is an error, never another row.
//!
//! A side file (`.tix`, `.idx`, `.tok`, `.edg`, `.lnk`, `.trc`):
//! ```text
//! ┌─────────┬────────────────────┬─────────────────┬──────┬─────────┬──────┬───────────────────┬───────────┐
//! │ payload │ crc32c u32 × n     │ payload bytes   │ kind │ version │ 0    │ crc32c u32 of all │ "HOPSIDE1"│
//! │         │ one per stripe     │ u64             │ u8   │ u8      │ u16  │ behind the payload│           │
//! └─────────┴────────────────────┴─────────────────┴──────┴─────────┴──────┴───────────────────┴───────────┘
//! ```
//! All numbers are little-endian. A Parquet file keeps the same table as one text in its footer (`parquet/`).
//!
//! How a file can be broken: too short or another ending → not a side file; another kind → names were mixed up; a newer
//! version → left alone; the table's checksum → table damaged; a stripe's checksum → that stripe damaged, the others
//! are still read.

use super::{BlockFile, BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::{ObjectIo, ObjectWriter, names};
use bytes::Bytes;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const STRIPE_BYTES: usize = 8 << 10;
const MAGIC: &[u8; 8] = b"HOPSIDE1";
const TRAILER_BYTES: usize = 24;
/// Small writes are gathered up to this.
const BUFFER_BYTES: usize = 1 << 20;

/// What is known of the bytes `[0, len)` of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checksums {
    pub(crate) len: u64,
    pub(crate) stripes: Vec<u32>,
}

/// An object being written, with the checksums of its stripes.
pub(crate) struct FileWriter {
    object: Box<dyn ObjectWriter>,
    buffer: Vec<u8>,
    len: u64,
    /// Of all bytes so far.
    crc: u32,
    stripes: Vec<u32>,
    /// Of the stripe that is not full yet.
    stripe: u32,
}

impl FileWriter {
    pub(crate) fn create(objects: &dyn ObjectIo, name: &str) -> Result<Self> {
        Ok(Self { object: objects.create(name)?, buffer: Vec::new(), len: 0, crc: 0, stripes: Vec::new(), stripe: 0 })
    }

    /// The checksums of what was written so far, and the one of all of it.
    pub(crate) fn checksums(&self) -> (Checksums, u32) {
        let mut stripes = self.stripes.clone();
        if !self.len.is_multiple_of(STRIPE_BYTES as u64) {
            stripes.push(self.stripe);
        }
        (Checksums { len: self.len, stripes }, self.crc)
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = STRIPE_BYTES - (self.len % STRIPE_BYTES as u64) as usize;
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.stripe = crc32c::crc32c_append(self.stripe, now);
            self.len += now.len() as u64;
            if self.len.is_multiple_of(STRIPE_BYTES as u64) {
                // Whole stripes make up the checksum of everything: no byte is summed twice.
                self.stripes.push(self.stripe);
                self.stripe = 0;
            }
            rest = later;
        }
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.object.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Durable under its name.
    pub(crate) fn finish(mut self, kind: FileKind) -> Result<BlockFile> {
        let failed = |source| Error::Io { action: "write", path: names::extension(kind).into(), source };
        if !self.buffer.is_empty() {
            self.object.write_all(&self.buffer).map_err(failed)?;
        }
        let (bytes, crc32c) = self.object.finish()?;
        Ok(BlockFile { kind, bytes, crc32c })
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.put(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn code(kind: FileKind) -> u8 {
    match kind {
        FileKind::Parquet => 0,
        FileKind::Tix => 1,
        FileKind::Idx => 2,
        FileKind::Tok => 3,
        FileKind::Edg => 4,
        FileKind::Lnk => 5,
        FileKind::Day => 6,
        FileKind::Trc => 7,
    }
}

/// Writes the table behind the payload and ends a side file.
pub(crate) fn finish_side(mut writer: FileWriter, kind: FileKind, version: u8) -> Result<BlockFile> {
    let (sums, _) = writer.checksums();
    let mut end = Vec::with_capacity(sums.stripes.len() * 4 + TRAILER_BYTES);
    sums.stripes.iter().for_each(|crc| end.extend_from_slice(&crc.to_le_bytes()));
    end.extend_from_slice(&sums.len.to_le_bytes());
    end.extend_from_slice(&[code(kind), version, 0, 0]);
    let crc = crc32c::crc32c(&end);
    end.extend_from_slice(&crc.to_le_bytes());
    end.extend_from_slice(MAGIC);
    writer.write_all(&end).map_err(Error::io("write", names::extension(kind)))?;
    writer.finish(kind)
}

/// A file whose reads are checked.
#[derive(Debug)]
pub(crate) struct Checked {
    objects: Arc<dyn ObjectIo>,
    name: String,
    sums: Checksums,
    read: AtomicU64,
}

impl Checked {
    pub(crate) fn new(objects: Arc<dyn ObjectIo>, name: String, sums: Checksums) -> Self {
        Self { objects, name, sums, read: AtomicU64::new(0) }
    }

    /// A side file of a block; `version`: the newest that can be read.
    pub(crate) fn side(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>, kind: FileKind, version: u8) -> Result<Option<Self>> {
        let Some(file) = meta.files.iter().find(|file| file.kind == kind) else { return Ok(None) };
        let name = names::block_file(meta.tenant, meta.signal, meta.id, kind);
        Self::open(objects, name, file, version).map(Some)
    }

    /// A side file by its name.
    pub(crate) fn open(objects: &Arc<dyn ObjectIo>, name: String, file: &BlockFile, version: u8) -> Result<Self> {
        let sums = read_trailer(objects.as_ref(), &name, file, version)?;
        Ok(Self::new(objects.clone(), name, sums))
    }

    pub(crate) fn len(&self) -> u64 {
        self.sums.len
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes read from the file so far, by everybody.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes that its table takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.sums.stripes.len() * 4 + self.name.len() + 64
    }

    /// Stretches that will be read soon.
    pub(crate) fn will_need(&self, stretches: impl Iterator<Item = Range<u64>>) {
        let stripes: Vec<Range<u64>> = stretches.map(|bytes| self.stripes_of(&bytes)).collect();
        self.objects.will_need(&self.name, &stripes);
    }

    /// The bytes of the stripes that some bytes stand in: these are read for them.
    fn stripes_of(&self, bytes: &Range<u64>) -> Range<u64> {
        let stripe = STRIPE_BYTES as u64;
        bytes.start / stripe * stripe..bytes.end.div_ceil(stripe).saturating_mul(stripe).min(self.sums.len)
    }

    pub(crate) fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let damaged = |detail: String| Error::corrupt(self.name.clone(), detail);
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.sums.len);
        let end = end.ok_or_else(|| damaged(format!("{len} bytes at {offset} are beyond its end")))?;
        if len == 0 {
            return Ok(Bytes::new());
        }
        let Range { start: from, end: to } = self.stripes_of(&(offset..end));
        let first = from / STRIPE_BYTES as u64;
        let bytes = self.objects.read(&self.name, from, (to - from) as usize)?;
        self.read.fetch_add(to - from, Ordering::Relaxed);
        for (i, part) in bytes.chunks(STRIPE_BYTES).enumerate() {
            let expected = self.sums.stripes.get(first as usize + i).copied();
            if expected != Some(crc32c::crc32c(part)) {
                return Err(damaged(format!("checksum of the 8 KiB at {}", from + (i * STRIPE_BYTES) as u64)));
            }
        }
        Ok(bytes.slice((offset - from) as usize..(end - from) as usize))
    }
}

fn read_trailer(objects: &dyn ObjectIo, name: &str, file: &BlockFile, version: u8) -> Result<Checksums> {
    let damaged = |detail: &str| Error::corrupt(name, detail);
    let most = (file.bytes.div_ceil(STRIPE_BYTES as u64) * 4 + TRAILER_BYTES as u64).min(file.bytes);
    let end = objects.read(name, file.bytes - most, most as usize)?;
    let trailer = end.len().checked_sub(TRAILER_BYTES).map(|at| &end[at..]).ok_or_else(|| damaged("too short"))?;
    if &trailer[16..] != MAGIC {
        return Err(damaged("another ending"));
    }
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let len = number(&trailer[..8]);
    let table = (len.div_ceil(STRIPE_BYTES as u64) as usize).checked_mul(4).filter(|table| len + (*table + TRAILER_BYTES) as u64 == file.bytes);
    let table = table.ok_or_else(|| damaged("length"))?;
    let covered = end.len().checked_sub(table + TRAILER_BYTES).map(|at| &end[at..end.len() - 12]).ok_or_else(|| damaged("length"))?;
    if u64::from(crc32c::crc32c(covered)) != number(&trailer[12..16]) {
        return Err(damaged("checksum of its table"));
    }
    if trailer[8] != code(file.kind) {
        return Err(damaged("another kind of file"));
    }
    if trailer[9] > version {
        return Err(Error::Newer { what: name.into(), found: trailer[9].into(), known: version.into() });
    }
    Ok(Checksums { len, stripes: covered[..table].chunks_exact(4).map(|bytes| number(bytes) as u32).collect() })
}
