//! What is fetched is what stands there, and no more often than needed.

#![allow(clippy::unwrap_used)]

use super::{FETCH_BYTES_MAX, Fetch, GAP_BYTES, together};
use crate::block::checked::{Checked, FileWriter};
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
use parquet::file::reader::ChunkReader;
use proptest::prelude::*;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts reads.
#[derive(Debug)]
struct Counting {
    objects: Arc<dyn ObjectIo>,
    reads: AtomicU64,
}

impl ObjectIo for Counting {
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>> {
        self.objects.create(name)
    }
    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Bytes> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.objects.read(name, offset, len)
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
        Arc::new(Self { objects: shelf.objects.clone(), reads: AtomicU64::new(0) })
    }

    /// Reads since the last time.
    fn take(&self) -> u64 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

proptest! {
    #[test]
    fn bytes_as_they_stand(
        len in 1_u64..3_000_000,
        parts in prop::collection::vec((0.0_f64..1.0, 1_u64..90_000), 1..30),
        others in prop::collection::vec((0.0_f64..1.0, 0_u64..90_000), 0..5),
    ) {
        let shelf = Shelf::new();
        let content: Vec<u8> = (0..len).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect();
        let mut file = FileWriter::create(shelf.objects.as_ref(), "some").unwrap();
        file.write_all(&content).unwrap();
        let (sums, _) = file.checksums();
        file.finish(FileKind::Parquet).unwrap();
        let range = |(at, length): (f64, u64)| {
            let start = (at * len as f64) as u64;
            start..(start + length).min(len)
        };
        let wanted: Vec<Range<u64>> = parts.into_iter().map(range).collect();
        let pieces = together(wanted.clone());
        prop_assert!(pieces.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert!(pieces.windows(2).all(|pair| pair[1].start - pair[0].end > GAP_BYTES || pair[1].end - pair[0].start > FETCH_BYTES_MAX));
        let asked: u64 = pieces.iter().map(|piece| piece.end - piece.start).sum();

        let counting = Counting::of(&shelf);
        let source = Arc::new(Checked::new(counting.clone(), "some".into(), sums));
        let bytes_read = Arc::new(AtomicU64::new(0));
        let fetch = Fetch::new(source, wanted.clone(), bytes_read.clone());
        // Whatever is asked for twice is read once.
        for range in wanted.iter().chain(&wanted) {
            let bytes = fetch.get_bytes(range.start, (range.end - range.start) as usize).unwrap();
            prop_assert_eq!(&bytes[..], &content[range.start as usize..range.end as usize]);
        }
        prop_assert_eq!(counting.take(), pieces.len() as u64);
        prop_assert_eq!(bytes_read.load(Ordering::Relaxed), asked);
        // Nobody said that these would be asked for.
        for range in others.into_iter().map(range) {
            let bytes = fetch.get_bytes(range.start, (range.end - range.start) as usize).unwrap();
            prop_assert_eq!(&bytes[..], &content[range.start as usize..range.end as usize]);
        }
        prop_assert!(fetch.get_bytes(len, 1).is_err());
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
