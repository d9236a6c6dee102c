//! What is fetched is what stands there, and no more often than needed.

#![allow(clippy::unwrap_used)]

use super::{FETCH_BYTES_MAX, Fetch, together};
use crate::block::checked::{Checked, Checksums, FileWriter, STRIPE_BYTES};
use crate::block::parquet::PAGE_ROWS;
use crate::block::tests::{Shelf, snapshot};
use crate::block::{Block, FileKind};
use crate::error::Result;
use crate::objects::{ObjectIo, ObjectWriter};
use crate::scan::tests::span_chunks;
use crate::scan::{Cancel, Column};
use bytes::Bytes;
use hopline_model::schema::column;
use hopline_model::span::Span;
use hopline_model::{Signal, TraceId, UnixNanos};
use parking_lot::Mutex;
use parquet::file::reader::ChunkReader;
use proptest::prelude::*;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts reads, and keeps what it was told of.
#[derive(Debug)]
struct Counting {
    objects: Arc<dyn ObjectIo>,
    reads: AtomicU64,
    told: Mutex<Vec<Range<u64>>>,
}

impl ObjectIo for Counting {
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>> {
        self.objects.create(name)
    }
    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Bytes> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.objects.read(name, offset, len)
    }
    fn will_need(&self, name: &str, stretches: &[Range<u64>]) {
        self.told.lock().extend_from_slice(stretches);
        self.objects.will_need(name, stretches);
    }
    fn size(&self, name: &str) -> Result<u64> {
        self.objects.size(name)
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.objects.delete(name)
    }
}

impl Counting {
    fn of(shelf: &Shelf) -> Arc<Self> {
        Arc::new(Self { objects: shelf.objects.clone(), reads: AtomicU64::new(0), told: Mutex::default() })
    }

    /// Reads since the last time.
    fn take(&self) -> u64 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

const STRIPE: u64 = STRIPE_BYTES as u64;

fn content(len: u64) -> Vec<u8> {
    (0..len).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect()
}

fn write(shelf: &Shelf, content: &[u8]) -> Checksums {
    let mut file = FileWriter::create(shelf.objects.as_ref(), "some").unwrap();
    file.write_all(content).unwrap();
    let (sums, _) = file.checksums();
    file.finish(FileKind::Parquet).unwrap();
    sums
}

fn get(fetch: &Fetch, range: &Range<u64>) -> std::result::Result<Bytes, parquet::errors::ParquetError> {
    fetch.get_bytes(range.start, (range.end - range.start) as usize)
}

proptest! {
    #[test]
    fn bytes_as_they_stand(
        len in 1_u64..3_000_000,
        parts in prop::collection::vec((0.0_f64..1.0, 0_u64..90_000), 1..30),
        others in prop::collection::vec((0.0_f64..1.0, 0_u64..90_000), 0..5),
    ) {
        let (shelf, content) = (Shelf::new(), content(len));
        let sums = write(&shelf, &content);
        let range = |(at, length): (f64, u64)| {
            let start = (at * len as f64) as u64;
            start..(start + length).min(len)
        };
        let as_it_stands = |range: &Range<u64>| &content[range.start as usize..range.end as usize];
        let wanted: Vec<Range<u64>> = parts.into_iter().map(range).collect();
        let pieces = together(wanted.clone());
        for pair in pieces.windows(2) {
            let (a, b) = (&pair[0].range, &pair[1].range);
            prop_assert!(a.end <= b.start);
            prop_assert!(b.start / STRIPE > a.end.div_ceil(STRIPE) || b.end - a.start > FETCH_BYTES_MAX);
        }

        let counting = Counting::of(&shelf);
        let source = Arc::new(Checked::new(counting.clone(), "some".into(), sums));
        let bytes_read = Arc::new(AtomicU64::new(0));
        let fetch = Fetch::new(source, wanted.clone(), bytes_read.clone());
        let told = counting.told.lock().clone();
        prop_assert_eq!(told.len(), if pieces.len() > 1 { pieces.len() } else { 0 });
        for (told, piece) in told.iter().zip(&pieces) {
            prop_assert!(told.start.is_multiple_of(STRIPE) && told.start <= piece.range.start && piece.range.end <= told.end && told.end <= len);
        }
        for range in &wanted {
            prop_assert_eq!(&get(&fetch, range).unwrap()[..], as_it_stands(range));
        }
        prop_assert_eq!(counting.take(), pieces.len() as u64);
        prop_assert_eq!(bytes_read.load(Ordering::Relaxed), pieces.iter().map(|piece| piece.range.end - piece.range.start).sum::<u64>());
        // All were asked for: nothing is held.
        prop_assert!(fetch.pieces.lock().iter().all(|piece| piece.bytes.is_none() && piece.left == 0));
        // Nobody said that these would be asked for, or not twice.
        for range in others.into_iter().map(range).chain(wanted) {
            prop_assert_eq!(&get(&fetch, &range).unwrap()[..], as_it_stands(&range));
        }
        prop_assert!(fetch.get_bytes(len, 1).is_err());
    }
}

/// Of two neighbours that would be read together the sound one is read all the same.
#[test]
fn damage_beside() {
    let (shelf, mut content) = (Shelf::new(), content(8 * STRIPE));
    let sums = write(&shelf, &content);
    let wanted = [STRIPE + 10..2 * STRIPE - 5, 2 * STRIPE + 7..3 * STRIPE - 1, 3 * STRIPE..3 * STRIPE + 9];
    assert_eq!(together(wanted.to_vec()).len(), 1);
    content[2 * STRIPE_BYTES + 1] ^= 1;
    std::fs::write(shelf.dir.path().join("some"), &content).unwrap();
    let source = Arc::new(Checked::new(shelf.objects.clone(), "some".into(), sums));
    let fetch = Fetch::new(source, wanted.to_vec(), Arc::default());
    for (range, sound) in wanted.iter().zip([true, false, true]) {
        let bytes = get(&fetch, range);
        assert_eq!(bytes.is_ok(), sound, "{range:?}: {bytes:?}");
        assert!(bytes.is_err() || bytes.unwrap()[..] == content[range.start as usize..range.end as usize]);
    }
}

/// A trace by id reads its place, its ids, and a piece for each column: pages of small columns together with their dictionary.
#[test]
fn a_trace_is_a_few_pieces() {
    let mut spans: Vec<Span> = (0..10 * PAGE_ROWS as u64)
        .map(|i| Span {
            trace_id: TraceId((u128::from(i / 8) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()),
            start_time: UnixNanos(i as i64 * 1_000_000),
            name: format!("step {}", i % 17),
            service_name: format!("service-{}", i % 5),
            ..Span::default()
        })
        .collect();
    let mut shelf = Shelf::new();
    let written = shelf.write(Signal::Spans, 0, &span_chunks(&mut spans, 9000));
    let counting = Counting::of(&shelf);
    let snapshot = snapshot(&[Arc::new(Block::new(written.meta.clone(), counting.clone()))]);
    let ask = |trace: u64| {
        let id = TraceId((u128::from(trace) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
        let columns = [Column::Fixed(column::NAME), Column::Fixed(column::SERVICE_NAME)];
        let (rows, _) = snapshot.trace_rows(Signal::Spans, id, &columns, &Cancel::default()).unwrap();
        assert_eq!(rows.iter().map(|rows| rows.num_rows()).sum::<usize>(), 8);
    };
    ask(1);
    counting.take();
    ask(1300);
    let reads = counting.take();
    // `.tix`; trace id, start, seq for the order; name and service.
    assert!(reads <= 6, "{reads} reads");
}
