//! Growing Arrow columns. Dictionaries are built on the way; finishing copies nothing but the texts' offsets.

use super::wire::Malformed;
use arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, PrimitiveArray, StringArray, TimestampNanosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Int32Type};
use hopline_model::schema;
use hopline_model::{Batch, Signal};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock};

/// Clients choose the texts: the seed is not theirs to know.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

pub(crate) fn seed() -> u64 {
    *SEED
}

const NULL: i32 = -1;

/// Texts that repeat.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    keys: Vec<i32>,
    nulls: bool,
    text: String,
    offsets: Vec<i32>,
    /// Open addressing by hash; 0 is free, else the value's number + 1.
    slots: Vec<u32>,
    last: usize,
}

impl Dictionary {
    /// So many more rows follow.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.keys.reserve(rows);
    }

    pub(crate) fn push(&mut self, value: &str) {
        let key = self.intern(value);
        self.keys.push(key);
    }

    /// Empty texts were not sent.
    pub(crate) fn push_some(&mut self, value: &str) {
        if value.is_empty() {
            self.push_null();
        } else {
            self.push(value);
        }
    }

    pub(crate) fn push_null(&mut self) {
        self.nulls = true;
        self.keys.push(NULL);
    }

    /// The same value, or null, for `rows` more rows.
    pub(crate) fn fill(&mut self, key: Option<i32>, rows: usize) {
        self.nulls |= key.is_none() && rows > 0;
        self.keys.resize(self.keys.len() + rows, key.unwrap_or(NULL));
    }

    pub(crate) fn value(&self, number: usize) -> &str {
        let end = self.offsets[number] as usize;
        let start = if number == 0 { 0 } else { self.offsets[number - 1] as usize };
        &self.text[start..end]
    }

    /// The number of a value. Guesses that it is the one asked for last.
    pub(crate) fn intern(&mut self, value: &str) -> i32 {
        if self.last < self.offsets.len() && self.value(self.last) == value {
            return self.last as i32;
        }
        if self.offsets.len() * 2 >= self.slots.len() {
            self.rehash();
        }
        let mut slot = self.slot(value);
        loop {
            match self.slots[slot] {
                0 => break,
                number if self.value(number as usize - 1) == value => {
                    self.last = number as usize - 1;
                    return self.last as i32;
                }
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
        self.text.push_str(value);
        self.offsets.push(self.text.len() as i32);
        self.last = self.offsets.len() - 1;
        self.slots[slot] = self.offsets.len() as u32;
        self.last as i32
    }

    fn slot(&self, value: &str) -> usize {
        xxhash_rust::xxh3::xxh3_64_with_seed(value.as_bytes(), *SEED) as usize & (self.slots.len() - 1)
    }

    fn rehash(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(32)];
        for number in 0..self.offsets.len() {
            let mut slot = self.slot(self.value(number));
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }

    pub(crate) fn finish(mut self) -> Result<ArrayRef, Malformed> {
        let nulls = self.nulls.then(|| NullBuffer::from_iter(self.keys.iter().map(|key| *key != NULL)));
        if self.nulls {
            self.keys.iter_mut().for_each(|key| *key = (*key).max(0));
            if self.offsets.is_empty() {
                // A key under a null still has to point at something.
                self.offsets.push(0);
            }
        }
        let keys = Int32Array::new(self.keys.into(), nulls);
        let values = texts(self.text, self.offsets, None)?;
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values)).map_err(too_much)?))
    }
}

/// Texts that do not repeat: written in place, then pushed.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// Append here, then [`Text::push`].
    pub(crate) text: String,
    ends: Vec<i32>,
    valid: Vec<bool>,
    nulls: bool,
}

impl Text {
    /// So many more rows follow, with about so many bytes in all.
    pub(crate) fn reserve(&mut self, rows: usize, bytes: usize) {
        self.text.reserve(bytes);
        self.ends.reserve(rows);
        self.valid.reserve(rows);
    }

    /// What was appended since the last push is a value.
    pub(crate) fn push(&mut self) {
        self.ends.push(self.text.len() as i32);
        self.valid.push(true);
    }

    /// What was appended is a value; when nothing was, null.
    pub(crate) fn push_written(&mut self) {
        if self.text.len() as i32 == self.ends.last().copied().unwrap_or(0) {
            self.push_null();
        } else {
            self.push();
        }
    }

    pub(crate) fn push_null(&mut self) {
        self.forget();
        self.ends.push(self.text.len() as i32);
        self.valid.push(false);
        self.nulls = true;
    }

    /// What was appended since the last push is not wanted.
    pub(crate) fn forget(&mut self) {
        self.text.truncate(self.ends.last().copied().unwrap_or(0) as usize);
    }

    pub(crate) fn finish(self) -> Result<ArrayRef, Malformed> {
        let nulls = self.nulls.then(|| NullBuffer::from_iter(self.valid.iter().copied()));
        Ok(Arc::new(texts(self.text, self.ends, nulls)?))
    }
}

fn texts(text: String, ends: Vec<i32>, nulls: Option<NullBuffer>) -> Result<StringArray, Malformed> {
    if i32::try_from(text.len()).is_err() {
        return Err(too_much("2 GiB"));
    }
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend_from_slice(&ends);
    StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(text.into_bytes()), nulls).map_err(too_much)
}

fn too_much(error: impl std::fmt::Display) -> Malformed {
    Malformed(format!("the request does not fit one batch: {error}").into())
}

/// Ids of one width; null where there is none.
#[derive(Debug)]
pub(crate) struct Ids<const N: usize> {
    bytes: Vec<u8>,
    valid: Vec<bool>,
    nulls: bool,
}

impl<const N: usize> Default for Ids<N> {
    fn default() -> Self {
        Self { bytes: Vec::new(), valid: Vec::new(), nulls: false }
    }
}

impl<const N: usize> Ids<N> {
    /// So many more rows follow.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.bytes.reserve(rows * N);
        self.valid.reserve(rows);
    }

    pub(crate) fn push(&mut self, id: Option<[u8; N]>) {
        self.bytes.extend_from_slice(&id.unwrap_or([0; N]));
        self.valid.push(id.is_some());
        self.nulls |= id.is_none();
    }

    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    pub(crate) fn finish(self) -> Result<ArrayRef, Malformed> {
        let nulls = self.nulls.then(|| NullBuffer::from_iter(self.valid.iter().copied()));
        Ok(Arc::new(FixedSizeBinaryArray::try_new(N as i32, Buffer::from_vec(self.bytes), nulls).map_err(too_much)?))
    }
}

pub(crate) fn numbers<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), None))
}

pub(crate) fn optional<T: ArrowPrimitiveType>(values: Vec<Option<T::Native>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<PrimitiveArray<T>>())
}

pub(crate) fn booleans(values: Vec<Option<bool>>) -> ArrayRef {
    Arc::new(BooleanArray::from(values))
}

pub(crate) fn times(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::new(values.into(), None).with_timezone("UTC"))
}

pub(crate) fn optional_times(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

/// The rows' index, until storage numbers the entry.
pub(crate) fn indexes(rows: usize) -> ArrayRef {
    numbers::<arrow::datatypes::UInt64Type>((0..rows as u64).collect())
}

/// An id of the right width that is not all zero.
pub(crate) fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let id: [u8; N] = bytes.try_into().ok()?;
    (id != [0; N]).then_some(id)
}

pub(crate) fn batch(signal: Signal, columns: Vec<ArrayRef>) -> Result<Batch, Malformed> {
    debug_assert!(columns.windows(2).all(|pair| pair[0].len() == pair[1].len()));
    let rows = arrow::record_batch::RecordBatch::try_new(schema::schema(signal).clone(), columns).map_err(too_much)?;
    Ok(Batch { signal, rows })
}
