//! `X.tok`: for each 2,048 rows a small filter of what stands in them, so that a rare value or word reads only its pages.
//!
//! In a filter stand the xxh3-64 (seed 0) of: each attribute's key and key=value (attributes of the row, its resource, its
//! scope, its events); of spans also each word of names, status messages, events and values. Numbers are brought to one
//! form first, so that `500`, `500.0` and `"500"` are one value, as they are to a comparison.
//!
//! A filter is a binary fuse filter of 8 bits (Graf and Lemire, 2022): three places of one table of bytes xor to the
//! fingerprint of a hash that is in it; 1 in 256 others seem to be. About 2 B a span.
//!
//! ```text
//! ┌─────────────────┬───────────────────────────────────────────────────┬─────────────┬────────────┐
//! │ tables, one     │ directory: pages × (end of the table u32,         │ rows of a   │ pages      │
//! │ for each page   │ hashes in it u32, seed u32)                       │ page u32    │ u32        │
//! └─────────────────┴───────────────────────────────────────────────────┴─────────────┴────────────┘
//! ```
//! Inside a side file (`checked.rs`), which recognises damaged bytes; here a directory out of order or out of bounds and a
//! table whose length does not follow from its number of hashes. A table of length 0 says nothing: its rows are looked at.

use super::checked::{Checked, FileWriter, finish_side};
use super::parquet::PAGE_ROWS;
use super::{BlockFile, BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use crate::scan::value::Number;
use crate::text::words;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Int32Type;
use bytes::Bytes;
use hopline_model::attributes::{entries, get, items, plain_text};
use hopline_model::schema::column;
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

pub(crate) const VERSION: u8 = 1;
const ENTRY_BYTES: usize = 12;
const END_BYTES: usize = 8;

/// The hash of a key that stands in a row.
pub(crate) fn key_hash(key: &str) -> u64 {
    tagged(b'k', key, "")
}

/// The hash of an attribute with its value as plain text.
pub(crate) fn pair_hash(key: &str, text: &str) -> u64 {
    tagged(b'v', key, &normal(text))
}

pub(crate) fn word_hash(word: &str) -> u64 {
    tagged(b'w', word, "")
}

fn tagged(tag: u8, a: &str, b: &str) -> u64 {
    let mut bytes = Vec::with_capacity(a.len() + b.len() + 2);
    bytes.push(tag);
    bytes.extend_from_slice(a.as_bytes());
    bytes.push(0xff);
    bytes.extend_from_slice(b.as_bytes());
    xxh3_64(&bytes)
}

/// Texts that a comparison may find equal have one form.
fn normal(text: &str) -> Cow<'_, str> {
    match Number::parse(text) {
        None => Cow::Borrowed(text),
        Some(Number::Int(value)) => value.to_string().into(),
        Some(Number::Double(value)) if value.fract() == 0.0 && value.abs() < 1e30 => (value as i128).to_string().into(),
        Some(Number::Double(value)) => format!("{value:e}").into(),
    }
}

// ---- the filter ----

/// Where the three places of a hash are, by the number of hashes.
#[derive(Debug, Clone, Copy)]
struct Shape {
    segment: u32,
    segments: u32,
}

impl Shape {
    fn new(hashes: usize) -> Self {
        let n = hashes.max(2) as f64;
        let segment = 1u32 << ((n.ln() / 3.33f64.ln() + 2.25).floor() as u32).min(18);
        let capacity = (n * (0.875 + 0.25 * 1_000_000f64.ln() / n.ln()).max(1.125)).round() as u32;
        Self { segment, segments: capacity.div_ceil(segment).saturating_sub(2).max(1) }
    }

    fn bytes(self) -> usize {
        (self.segments as usize + 2) * self.segment as usize
    }

    fn places(self, mixed: u64) -> [usize; 3] {
        let first = ((u128::from(mixed) * u128::from(self.segments * self.segment)) >> 64) as u32;
        let mask = self.segment - 1;
        let second = (first + self.segment) ^ ((mixed >> 18) as u32 & mask);
        let third = (first + 2 * self.segment) ^ (mixed as u32 & mask);
        [first as usize, second as usize, third as usize]
    }
}

fn mix(hash: u64, seed: u32) -> u64 {
    let mut mixed = hash.wrapping_add(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

fn fingerprint(mixed: u64) -> u8 {
    (mixed ^ (mixed >> 32)) as u8
}

/// A table and the seed that made it; an empty one when none of many seeds did.
fn build(hashes: &[u64]) -> (Vec<u8>, u32) {
    let shape = Shape::new(hashes.len());
    let mut counts = vec![0u8; shape.bytes()];
    let mut sums = vec![0u64; shape.bytes()];
    let mut alone: Vec<usize> = Vec::new();
    let mut peeled: Vec<(u64, usize)> = Vec::with_capacity(hashes.len());
    'seeds: for seed in 1..=64 {
        counts.fill(0);
        sums.fill(0);
        alone.clear();
        peeled.clear();
        for hash in hashes {
            let mixed = mix(*hash, seed);
            for place in shape.places(mixed) {
                counts[place] = match counts[place].checked_add(1) {
                    Some(count) => count,
                    None => continue 'seeds,
                };
                sums[place] ^= mixed;
            }
        }
        alone.extend((0..counts.len()).filter(|place| counts[*place] == 1));
        while let Some(place) = alone.pop() {
            if counts[place] != 1 {
                continue;
            }
            let mixed = sums[place];
            peeled.push((mixed, place));
            for other in shape.places(mixed) {
                counts[other] -= 1;
                sums[other] ^= mixed;
                if counts[other] == 1 {
                    alone.push(other);
                }
            }
        }
        if peeled.len() == hashes.len() {
            let mut table = vec![0u8; shape.bytes()];
            for (mixed, place) in peeled.iter().rev() {
                let others = shape.places(*mixed).into_iter().filter(|other| other != place).fold(0, |sum, other| sum ^ table[other]);
                table[*place] = fingerprint(*mixed) ^ others;
            }
            return (table, seed);
        }
    }
    (Vec::new(), 0)
}

fn holds(table: &[u8], hashes: usize, seed: u32, hash: u64) -> bool {
    let mixed = mix(hash, seed);
    Shape::new(hashes).places(mixed).into_iter().fold(fingerprint(mixed), |sum, place| sum ^ table[place]) == 0
}

// ---- writing ----

/// A set of what is a hash already. It is mixed once more, with a number that nobody outside knows: whoever chooses texts cannot choose places.
type Hashes = HashSet<u64, BuildMixed>;

#[derive(Debug, Clone)]
struct BuildMixed(u64);

impl Default for BuildMixed {
    fn default() -> Self {
        Self(std::collections::hash_map::RandomState::new().hash_one(0) | 1)
    }
}

impl BuildHasher for BuildMixed {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        self.write_u64(xxh3_64(bytes));
    }

    fn write_u64(&mut self, hash: u64) {
        let wide = u128::from(hash ^ self.0) * u128::from(self.0);
        self.0 = (wide >> 64) as u64 ^ wide as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Collects what stands in the rows, page by page, in row order.
#[derive(Debug)]
pub(crate) struct TokWriter {
    /// Of spans: words too.
    words: bool,
    hashes: Hashes,
    /// Raw values whose hashes are in already.
    seen: Hashes,
    rows: usize,
    tables: Vec<u8>,
    directory: Vec<u8>,
}

impl TokWriter {
    pub(crate) fn new(words: bool) -> Self {
        Self { words, hashes: Hashes::default(), seen: Hashes::default(), rows: 0, tables: Vec::new(), directory: Vec::new() }
    }

    /// Rows as they were split: `attributes` is the rest; `dense`: keys and their columns.
    pub(crate) fn add(&mut self, rows: &RecordBatch, dense: &[(&str, ArrayRef)]) {
        let mut from = 0;
        while from < rows.num_rows() {
            let count = (PAGE_ROWS - self.rows).min(rows.num_rows() - from);
            self.add_within(rows, dense, from..from + count);
            self.rows += count;
            from += count;
            if self.rows == PAGE_ROWS {
                self.end_page();
            }
        }
    }

    fn add_within(&mut self, rows: &RecordBatch, dense: &[(&str, ArrayRef)], range: std::ops::Range<usize>) {
        let texts = |name: &str, each: &mut dyn FnMut(&str)| {
            if let Some(column) = rows.column_by_name(name) {
                each_text(column, range.clone(), each);
            }
        };
        texts(column::ATTRIBUTES, &mut |json| self.add_map(json, true));
        texts(column::RESOURCE, &mut |json| self.add_map(json, false));
        texts(column::SCOPE, &mut |json| self.add_map(json, false));
        for (key, column) in dense {
            let mut any = false;
            each_text(column, range.clone(), &mut |text| {
                any = true;
                self.add_text(key, text, true);
            });
            if any {
                self.hashes.insert(key_hash(key));
            }
        }
        if self.words {
            texts(column::NAME, &mut |text| self.add_words(text));
            texts(column::STATUS_MESSAGE, &mut |text| self.add_words(text));
            texts(column::EVENTS, &mut |json| self.add_events(json));
        }
    }

    fn add_events(&mut self, json: &str) {
        if !self.seen.insert(xxh3_64(json.as_bytes())) {
            return;
        }
        for event in items(json) {
            if let Some(name) = get(event, "name") {
                let name = plain_text(name);
                self.hashes.insert(key_hash("name"));
                self.hashes.insert(pair_hash("name", &name));
                self.add_words(&name);
            }
            if let Some(own) = get(event, "attributes") {
                self.add_map(own, true);
            }
        }
    }

    fn add_map(&mut self, json: &str, words: bool) {
        if json == "{}" || !self.seen.insert(xxh3_64(json.as_bytes())) {
            return;
        }
        for (key, raw) in entries(json) {
            self.hashes.insert(key_hash(&key));
            self.add_text(&key, &plain_text(raw), words);
        }
    }

    fn add_text(&mut self, key: &str, text: &str, words: bool) {
        let pair = pair_hash(key, text);
        if self.hashes.insert(pair) && words {
            self.add_words(text);
        }
    }

    fn add_words(&mut self, text: &str) {
        if self.words && self.seen.insert(xxh3_64(text.as_bytes())) {
            words(text).for_each(|(_, word)| {
                self.hashes.insert(word_hash(&word));
            });
        }
    }

    fn end_page(&mut self) {
        let hashes: Vec<u64> = self.hashes.drain().collect();
        let (table, seed) = build(&hashes);
        self.tables.extend_from_slice(&table);
        self.directory.extend_from_slice(&(self.tables.len() as u32).to_le_bytes());
        self.directory.extend_from_slice(&(hashes.len() as u32).to_le_bytes());
        self.directory.extend_from_slice(&seed.to_le_bytes());
        self.seen.clear();
        self.rows = 0;
    }

    pub(crate) fn finish(mut self, objects: &dyn ObjectIo, name: &str) -> Result<BlockFile> {
        if self.rows > 0 {
            self.end_page();
        }
        let pages = self.directory.len() / ENTRY_BYTES;
        self.directory.extend_from_slice(&(PAGE_ROWS as u32).to_le_bytes());
        self.directory.extend_from_slice(&(pages as u32).to_le_bytes());
        let mut file = FileWriter::create(objects, name)?;
        file.write_all(&self.tables).and_then(|()| file.write_all(&self.directory)).map_err(Error::io("write", name))?;
        finish_side(file, FileKind::Tok, VERSION)
    }
}

/// Every value as text; a dictionary's values once each.
fn each_text(column: &ArrayRef, range: std::ops::Range<usize>, each: &mut dyn FnMut(&str)) {
    if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
        let values = dictionary.values().as_string::<i32>();
        let mut done = vec![false; values.len()];
        for row in range.filter(|row| dictionary.is_valid(*row)) {
            let code = dictionary.keys().value(row) as usize;
            if !std::mem::replace(&mut done[code], true) && values.is_valid(code) {
                each(values.value(code));
            }
        }
        return;
    }
    for row in range {
        if let Some(text) = crate::scan::value::cell_text(column, row) {
            each(&text);
        }
    }
}

// ---- reading ----

/// An opened `.tok`, whole: every page is probed.
#[derive(Debug)]
pub(crate) struct Tok {
    bytes: Bytes,
    page_rows: usize,
    /// (start, end, hashes, seed)
    pages: Vec<(usize, usize, usize, u32)>,
}

impl Tok {
    pub(crate) fn open(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>) -> Result<Option<Self>> {
        let Some(source) = Checked::side(meta, objects, FileKind::Tok, VERSION)? else { return Ok(None) };
        let bytes = source.read(0, source.len() as usize)?;
        Self::load(bytes, meta.rows as usize).map(Some).ok_or_else(|| Error::corrupt(source.name(), "its directory"))
    }

    fn load(bytes: Bytes, rows: usize) -> Option<Self> {
        let number = |at: usize| Some(bytes.get(at..at + 4)?.iter().rev().fold(0u32, |number, byte| number << 8 | u32::from(*byte)));
        let end = bytes.len().checked_sub(END_BYTES)?;
        let (page_rows, count) = (number(end)? as usize, number(end + 4)? as usize);
        let tables = end.checked_sub(count.checked_mul(ENTRY_BYTES)?)?;
        if page_rows == 0 || count != rows.div_ceil(page_rows) {
            return None;
        }
        let mut pages = Vec::with_capacity(count);
        let mut start = 0;
        for page in 0..count {
            let at = tables + page * ENTRY_BYTES;
            let (end, hashes, seed) = (number(at)? as usize, number(at + 4)? as usize, number(at + 8)?);
            let len = end.checked_sub(start)?;
            if end > tables || (len != 0 && len != Shape::new(hashes).bytes()) {
                return None;
            }
            pages.push((start, end, hashes, seed));
            start = end;
        }
        (start == tables).then_some(Self { bytes, page_rows, pages })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.pages.len() * 32
    }

    pub(crate) fn page_rows(&self) -> usize {
        self.page_rows
    }

    /// For each page whether any of the hashes may be in it.
    pub(crate) fn any(&self, hashes: &[u64]) -> Vec<bool> {
        let page = |(start, end, count, seed): &(usize, usize, usize, u32)| {
            start == end || hashes.iter().any(|hash| holds(&self.bytes[*start..*end], *count, *seed, *hash))
        };
        self.pages.iter().map(page).collect()
    }
}

#[cfg(test)]
mod tests;
