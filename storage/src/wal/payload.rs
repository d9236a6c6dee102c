//! Rows ⇄ bytes: the messages of an Arrow IPC stream (dictionaries, then one record batch) without its schema, which
//! both sides know by (signal, schema version), and without `seq`, which follows from the LSN. zstd-1 above 4 KiB.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message};
use hopline_model::schema::{column, schema};
use hopline_model::{Lsn, Seq, Signal};
use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

/// Version of the columns in `model::schema`; goes up with any change of them.
pub(crate) const SCHEMA_VERSION: u8 = 1;

/// Smaller payloads are not worth a compressor's tables.
const COMPRESS_BYTES_MIN: usize = 4 << 10;
const ZSTD_LEVEL: i32 = 1;

/// The schema as logged: without `seq`.
struct Logged {
    schema: SchemaRef,
    /// The stream's schema message, which gives each dictionary its number.
    message: Buffer,
    dictionaries: usize,
}

static LOGGED: LazyLock<[Logged; 3]> = LazyLock::new(|| {
    Signal::ALL.map(|signal| {
        let fields: Vec<_> = schema(signal).fields().iter().filter(|field| field.name() != column::SEQ).cloned().collect();
        let schema = Arc::new(Schema::new(fields));
        let options = IpcWriteOptions::default();
        let mut tracker = DictionaryTracker::new(false);
        let message = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(&schema, &mut tracker, &options);
        let mut bytes = Vec::new();
        write_message(&mut bytes, message, &options).expect("a vector takes every write");
        Logged { schema, message: bytes.into(), dictionaries: tracker.dict_id().len() }
    })
});

fn logged(signal: Signal) -> &'static Logged {
    &LOGGED[usize::from(signal.code()) - 1]
}

struct Scratch {
    context: IpcWriteContext,
    raw: Vec<u8>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

/// A scratch buffer larger than this is given back after use.
const SCRATCH_BYTES_MAX: usize = 4 << 20;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch { context: IpcWriteContext::default(), raw: Vec::new(), compressor: None });
}

/// Appends the payload of `rows` to `out`; gives its length before compression and whether it is compressed.
pub(crate) fn encode(signal: Signal, rows: &RecordBatch, out: &mut Vec<u8>) -> Result<(usize, bool)> {
    SCRATCH.with_borrow_mut(|scratch| {
        let logged = logged(signal);
        let columns: Vec<ArrayRef> = rows
            .schema_ref()
            .fields()
            .iter()
            .zip(rows.columns())
            .filter(|(field, _)| field.name() != column::SEQ)
            .map(|(_, array)| array.clone())
            .collect();
        let rows = RecordBatch::try_new(logged.schema.clone(), columns)?;
        let options = IpcWriteOptions::default();
        let mut tracker = DictionaryTracker::new(false);
        for _ in 0..logged.dictionaries {
            tracker.next_dict_id();
        }
        let (dictionaries, batch) = IpcDataGenerator::default().encode(&rows, &mut tracker, &options, &mut scratch.context)?;
        scratch.raw.clear();
        for message in dictionaries.into_iter().chain([batch]) {
            write_message(&mut scratch.raw, message, &options)?;
        }
        let raw_len = scratch.raw.len();
        let compressed = raw_len > COMPRESS_BYTES_MIN;
        if compressed {
            let compressor = match &mut scratch.compressor {
                Some(compressor) => compressor,
                none => none.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|error| Error::Internal(format!("zstd: {error}")))?),
            };
            let start = out.len();
            out.resize(start + zstd::zstd_safe::compress_bound(raw_len), 0);
            let len = compressor.compress_to_buffer(&scratch.raw, &mut out[start..]).map_err(|error| Error::Internal(format!("zstd: {error}")))?;
            out.truncate(start + len);
        } else {
            out.extend_from_slice(&scratch.raw);
        }
        if scratch.raw.capacity() > SCRATCH_BYTES_MAX {
            scratch.raw = Vec::new();
            scratch.context = IpcWriteContext::default();
        }
        Ok((raw_len, compressed))
    })
}

/// Rows of a payload whose checksum held, numbered by their entry's LSN.
pub(crate) fn decode(signal: Signal, lsn: Lsn, payload: &[u8], raw_len: usize, compressed: bool) -> Result<RecordBatch> {
    let bad = |detail: String| Error::corrupt(format!("WAL entry {}", lsn.0), detail);
    let raw = if compressed { zstd::bulk::decompress(payload, raw_len).map_err(|error| bad(format!("zstd: {error}")))? } else { payload.to_vec() };
    if raw.len() != raw_len {
        return Err(bad(format!("{} bytes instead of {raw_len}", raw.len())));
    }
    let mut decoder = StreamDecoder::new();
    let mut head = logged(signal).message.clone();
    decoder.decode(&mut head)?;
    let mut body = Buffer::from_vec(raw);
    let rows = loop {
        match decoder.decode(&mut body)? {
            Some(rows) => break rows,
            None if body.is_empty() => return Err(bad("no record batch".into())),
            None => {}
        }
    };
    number(signal, lsn, 0, rows.columns().iter().cloned(), rows.num_rows())
}

/// Puts `seq` in front of the other columns.
fn number(signal: Signal, lsn: Lsn, first: u32, others: impl Iterator<Item = ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let start = Seq::new(lsn, first).0;
    let seq: ArrayRef = Arc::new(UInt64Array::from_iter_values(start..start + rows as u64));
    Ok(RecordBatch::try_new(schema(signal).clone(), std::iter::once(seq).chain(others).collect())?)
}

/// The same rows with `seq` = `lsn` << 20 | index.
pub(crate) fn with_seq(signal: Signal, lsn: Lsn, rows: &RecordBatch) -> Result<RecordBatch> {
    number(signal, lsn, 0, rows.columns()[1..].iter().cloned(), rows.num_rows())
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
