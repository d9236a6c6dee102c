//! Rows sorted by a key, in pages: the payload of `X.edg`, `X.lnk` and `X.trc`, inside a side file (`checked.rs`).
//!
//! ```text
//! ┌──────────┬─────────────────────────────────────────────┬───────────┐
//! │ page × n │ directory: n × (first key 16 B, last key    │ pages     │
//! │          │ 16 B, end of the page u64, rows u32)        │ n u32     │
//! └──────────┴─────────────────────────────────────────────┴───────────┘
//! a page:                       unpacked (varints, LEB128; `x`: as the row's own file says):
//! ┌─────────────┬───────────┐   ┌───────────┬─────────────────────┬─────────────┐
//! │ bytes       │ zstd      │   │ texts     │ (length, UTF-8) ×   │ rows `x`    │
//! │ unpacked u32│           │   │           │ texts, each once    │             │
//! └─────────────┴───────────┘   └───────────┴─────────────────────┴─────────────┘
//! ```
//! Numbers are little-endian, keys compare as bytes. Rows of one key may go on in the next page.
//!
//! How a file can be broken: flipped and missing bytes are recognised by the side file's checksums; here a directory out of order or out of
//! bounds, a page that does not unpack to its length, a text that is not UTF-8, a row that is cut or has bytes left over.

use crate::block::checked::{Checked, FileWriter, finish_side};
use crate::block::{BlockFile, BlockMeta, FileKind, varint};
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use std::collections::HashMap;
use std::io::Write;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

pub(crate) const VERSION: u8 = 1;
/// A page of one row may be larger, by the texts of that row.
const PAGE_BYTES_MAX: u32 = 1 << 28;
const ENTRY_BYTES: usize = 44;
const ZSTD_LEVEL: i32 = 1;

/// What rows are found by.
pub(crate) type Key = [u8; 16];

/// A row of a derived dataset.
pub(crate) trait Row: Sized {
    const KIND: FileKind;
    /// Unpacked; a page ends with the row that reaches it.
    const PAGE_BYTES: usize = 32 << 10;
    fn key(&self) -> Key;
    fn encode(&self, out: &mut PageOut);
    /// `None`: broken.
    fn decode(from: &mut PageIn<'_>) -> Option<Self>;
}

/// Numbers that a page remembers from row to row.
const NOTES: usize = 2;

/// A page being written.
#[derive(Debug, Default)]
pub(crate) struct PageOut {
    rows: Vec<u8>,
    texts: Vec<u8>,
    known: HashMap<Arc<str>, u64>,
    noted: [i64; NOTES],
}

impl PageOut {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.rows.push(byte);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.rows.extend_from_slice(bytes);
    }

    pub(crate) fn number(&mut self, number: u64) {
        varint::put(&mut self.rows, number);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    /// A number as what it is behind the one noted in its place, wrapping; `next` is noted then.
    pub(crate) fn behind(&mut self, place: usize, number: i64, next: i64) {
        self.signed(number.wrapping_sub(self.noted[place]));
        self.noted[place] = next;
    }

    pub(crate) fn text(&mut self, text: &str) {
        let number = match self.known.get(text) {
            Some(number) => *number,
            None => {
                let number = self.known.len() as u64;
                varint::put(&mut self.texts, text.len() as u64);
                self.texts.extend_from_slice(text.as_bytes());
                self.known.insert(text.into(), number);
                number
            }
        };
        self.number(number);
    }

    fn len(&self) -> usize {
        self.rows.len() + self.texts.len()
    }

    /// Empties it.
    fn pack(&mut self) -> Result<Vec<u8>> {
        let mut raw = Vec::with_capacity(self.len() + 10);
        varint::put(&mut raw, self.known.len() as u64);
        raw.append(&mut self.texts);
        raw.append(&mut self.rows);
        self.known.clear();
        self.noted = [0; NOTES];
        let length = u32::try_from(raw.len()).ok().filter(|length| *length <= PAGE_BYTES_MAX);
        let length = length.ok_or_else(|| Error::Internal(format!("a page of {} bytes", raw.len())))?;
        let mut out = length.to_le_bytes().to_vec();
        out.append(&mut zstd::bulk::compress(&raw, ZSTD_LEVEL).map_err(|error| Error::Internal(format!("zstd: {error}")))?);
        Ok(out)
    }
}

/// A page being read. Every method gives `None` when the page is broken.
#[derive(Debug)]
pub(crate) struct PageIn<'a> {
    rest: &'a [u8],
    texts: &'a [Arc<str>],
    noted: [i64; NOTES],
}

impl PageIn<'_> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        varint::take(&mut self.rest)
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// What [`PageOut::behind`] wrote; [`Self::note`] says what is noted then.
    pub(crate) fn behind(&mut self, place: usize) -> Option<i64> {
        Some(self.noted[place].wrapping_add(self.signed()?))
    }

    pub(crate) fn note(&mut self, place: usize, next: i64) {
        self.noted[place] = next;
    }

    pub(crate) fn text(&mut self) -> Option<Arc<str>> {
        let number = usize::try_from(self.number()?).ok()?;
        self.texts.get(number).cloned()
    }
}

/// Writes rows that come in the order of their keys.
pub(crate) struct PagesWriter<R> {
    file: FileWriter,
    page: PageOut,
    /// First and last key of the page.
    keys: Option<(Key, Key)>,
    rows: u32,
    written: u64,
    directory: Vec<u8>,
    pages: u32,
    row: PhantomData<R>,
}

impl<R: Row> PagesWriter<R> {
    pub(crate) fn create(objects: &dyn ObjectIo, name: &str) -> Result<Self> {
        Ok(Self {
            file: FileWriter::create(objects, name)?,
            page: PageOut::default(),
            keys: None,
            rows: 0,
            written: 0,
            directory: Vec::new(),
            pages: 0,
            row: PhantomData,
        })
    }

    pub(crate) fn push(&mut self, row: &R) -> Result<()> {
        self.keys = Some((self.keys.map_or_else(|| row.key(), |keys| keys.0), row.key()));
        row.encode(&mut self.page);
        self.rows += 1;
        if self.page.len() >= R::PAGE_BYTES { self.end_page() } else { Ok(()) }
    }

    fn end_page(&mut self) -> Result<()> {
        let Some((first, last)) = self.keys.take() else { return Ok(()) };
        let bytes = self.page.pack()?;
        self.write(&bytes)?;
        self.written += bytes.len() as u64;
        self.directory.extend_from_slice(&first);
        self.directory.extend_from_slice(&last);
        self.directory.extend_from_slice(&self.written.to_le_bytes());
        self.directory.extend_from_slice(&self.rows.to_le_bytes());
        self.rows = 0;
        self.pages += 1;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io("write", crate::objects::names::extension(R::KIND)))
    }

    /// Durable under its name.
    pub(crate) fn finish(mut self) -> Result<BlockFile> {
        self.end_page()?;
        let directory = std::mem::take(&mut self.directory);
        self.write(&directory)?;
        self.write(&self.pages.to_le_bytes())?;
        finish_side(self.file, R::KIND, VERSION)
    }
}

#[derive(Debug, Clone, Copy)]
struct Page {
    first: Key,
    last: Key,
    end: u64,
    rows: u32,
}

/// An opened file: its directory.
#[derive(Debug)]
pub(crate) struct Pages<R> {
    source: Checked,
    pages: Vec<Page>,
    row: PhantomData<fn() -> R>,
}

impl<R: Row> Pages<R> {
    /// `None`: the block has no such file.
    pub(crate) fn open(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>) -> Result<Option<Self>> {
        let Some(source) = Checked::side(meta, objects, R::KIND, VERSION)? else { return Ok(None) };
        let damaged = || Error::corrupt(source.name(), "its directory");
        let end = source.len().checked_sub(4).ok_or_else(damaged)?;
        let count = source.read(end, 4)?;
        let count = u32::from_le_bytes(count[..].try_into().map_err(|_| damaged())?) as usize;
        let bytes = count.checked_mul(ENTRY_BYTES).filter(|bytes| *bytes as u64 <= end).ok_or_else(damaged)?;
        let start = end - bytes as u64;
        let entry = |entry: &[u8]| {
            Some(Page {
                first: entry[..16].try_into().ok()?,
                last: entry[16..32].try_into().ok()?,
                end: u64::from_le_bytes(entry[32..40].try_into().ok()?),
                rows: u32::from_le_bytes(entry[40..44].try_into().ok()?),
            })
        };
        let pages = source.read(start, bytes)?.chunks_exact(ENTRY_BYTES).map(entry).collect::<Option<Vec<Page>>>().ok_or_else(damaged)?;
        let ordered = pages.is_sorted_by(|a, b| a.last <= b.first && a.end < b.end) && pages.last().map_or(0, |page| page.end) == start;
        if !ordered {
            return Err(damaged());
        }
        Ok(Some(Self { source, pages, row: PhantomData }))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&self.pages[..]) + self.source.memory_bytes()
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    pub(crate) fn name(&self) -> &str {
        self.source.name()
    }

    /// The first and last key of a page.
    pub(crate) fn keys(&self, at: usize) -> (Key, Key) {
        (self.pages[at].first, self.pages[at].last)
    }

    /// Pages that may hold keys in `from..=to`.
    pub(crate) fn between(&self, from: Key, to: Key) -> Range<usize> {
        let start = self.pages.partition_point(|page| page.last < from);
        let end = self.pages.partition_point(|page| page.first <= to);
        start..end.max(start)
    }

    pub(crate) fn page(&self, at: usize) -> Result<Vec<R>> {
        let damaged = || Error::corrupt(self.source.name(), format!("page {at}"));
        let from = if at == 0 { 0 } else { self.pages[at - 1].end };
        let Page { end, rows, .. } = self.pages[at];
        let packed = self.source.read(from, (end - from) as usize)?;
        let (length, packed) = packed.split_at_checked(4).ok_or_else(damaged)?;
        let length = u32::from_le_bytes(length.try_into().map_err(|_| damaged())?);
        if length > PAGE_BYTES_MAX {
            return Err(damaged());
        }
        let raw = zstd::bulk::decompress(packed, length as usize).map_err(|_| damaged())?;
        if raw.len() != length as usize {
            return Err(damaged());
        }
        unpack(&raw, rows).ok_or_else(damaged)
    }

    /// A key from which on there may be rows at or behind `from`; `None`: there are none.
    pub(crate) fn first_from(&self, from: Key) -> Option<Key> {
        self.pages.get(self.pages.partition_point(|page| page.last < from)).map(|page| page.first.max(from))
    }

    /// The bytes of some pages are as they were written.
    pub(crate) fn is_sound(&self, pages: Range<usize>) -> bool {
        if pages.is_empty() {
            return true;
        }
        let from = if pages.start == 0 { 0 } else { self.pages[pages.start - 1].end };
        self.source.read(from, (self.pages[pages.end - 1].end - from) as usize).is_ok()
    }

    /// Rows of one key.
    pub(crate) fn find(&self, key: Key) -> Result<Vec<R>> {
        let mut found = Vec::new();
        for at in self.between(key, key) {
            found.extend(self.page(at)?.into_iter().filter(|row| row.key() == key));
        }
        Ok(found)
    }
}

fn unpack<R: Row>(raw: &[u8], rows: u32) -> Option<Vec<R>> {
    let mut rest = raw;
    let count = varint::take(&mut rest)?;
    let mut texts: Vec<Arc<str>> = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(varint::take(&mut rest)?).ok()?;
        let (text, after) = rest.split_at_checked(length)?;
        texts.push(std::str::from_utf8(text).ok()?.into());
        rest = after;
    }
    let mut page = PageIn { rest, texts: &texts, noted: [0; NOTES] };
    let rows = (0..rows).map(|_| R::decode(&mut page)).collect::<Option<Vec<R>>>()?;
    page.rest.is_empty().then_some(rows)
}
