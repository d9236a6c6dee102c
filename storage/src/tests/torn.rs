//! A WAL cut at every length, with flipped bits, zeroed, doubled and swapped pages: every entry that is whole is found,
//! none that was never written, and nothing panics.

use super::store::{config, logs, request, spans};
use crate::catalog::memory::MemoryCatalog;
use crate::objects::sim::SimFs;
use crate::objects::{FileIo, names};
use crate::open::open_with;
use crate::wal::reader::{SegmentScan, scan};
use hopline_model::{Lsn, SystemClock};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The bytes of a real segment.
fn segment() -> Vec<u8> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let files = SimFs::new();
    let storage =
        open_with(config(Path::new("/sim")), SystemClock::new(), Arc::new(files.clone()), Arc::new(MemoryCatalog::default()), None).unwrap();
    for i in 0..12 {
        runtime.block_on(storage.append(request(vec![logs(i * 40, 1 + i * 3), spans(i, 2)], Some(u128::from(i) + 1)))).unwrap();
    }
    drop(storage);
    let name = files.list(Path::new("/sim/wal")).unwrap().remove(0);
    files.read_whole(&Path::new("/sim/wal").join(name))
}

fn scan_bytes(bytes: Vec<u8>) -> SegmentScan {
    let files = SimFs::new();
    let path = PathBuf::from("/w").join(names::wal_segment(Lsn(1)));
    files.put(&path, bytes);
    scan(&files.open(&path).unwrap(), &path).unwrap()
}

/// Every entry whose bytes are untouched is found, no other is, and what is lost is said.
fn check(whole: &SegmentScan, bytes: Vec<u8>, touched: std::ops::Range<usize>) {
    let len = bytes.len() as u64;
    let found = scan_bytes(bytes);
    if found.head.is_none() {
        return;
    }
    let untouched = |entry: &&crate::wal::reader::Found| {
        let (start, end) = (entry.offset as usize, entry.offset as usize + entry.header.header_len() + entry.header.payload_len as usize);
        (end <= touched.start || touched.end <= start) && end as u64 <= len
    };
    for entry in &found.entries {
        assert!(whole.entries.contains(entry), "a phantom: {entry:?}");
    }
    for entry in whole.entries.iter().filter(untouched) {
        assert!(found.entries.contains(entry), "entry at {} is lost though nothing of it was touched in {touched:?}", entry.offset);
    }
}

#[test]
fn cut_at_every_length() {
    let bytes = segment();
    let whole = scan_bytes(bytes.clone());
    assert_eq!((whole.entries.len(), whole.damaged.len()), (24, 0));
    let step = if std::env::var_os("HOPLINE_TORTURE").is_some() { 1 } else { 13 };
    for len in (0..bytes.len()).step_by(step) {
        check(&whole, bytes[..len].to_vec(), len..usize::MAX);
    }
}

#[test]
fn damage() {
    let bytes = segment();
    let whole = scan_bytes(bytes.clone());
    let size = bytes.len();
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(if std::env::var_os("HOPLINE_TORTURE").is_some() { 20_000 } else { 400 }));
    runner
        .run(&(0..4_u8, 0..size, 0..8_u8, 0..size), |(kind, at, bit, other)| {
            let mut bytes = bytes.clone();
            let page = if bit % 2 == 0 { 512 } else { 4096 };
            let start = at / page * page;
            let end = size.min(start + page);
            match kind {
                0 => {
                    bytes[at] ^= 1 << bit;
                    check(&whole, bytes, at..at + 1);
                }
                1 => {
                    bytes[start..end].fill(0);
                    check(&whole, bytes, start..end);
                }
                _ => {
                    // A page stands where another belongs.
                    let from = other / page * page;
                    let copy = bytes[from..size.min(from + page).min(from + end - start)].to_vec();
                    bytes[start..start + copy.len()].copy_from_slice(&copy);
                    check(&whole, bytes, start..end);
                }
            }
            Ok(())
        })
        .unwrap();
}
