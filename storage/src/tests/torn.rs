//! A WAL cut at every length, with flipped bits, zeroed, doubled and swapped pages: every entry that is whole is found,
//! none that was never written, and nothing panics.

use super::store::{config, logs, request, spans};
use crate::catalog::memory::MemoryCatalog;
use crate::objects::sim::SimFs;
use crate::objects::{FileIo, names};
use crate::open::open_with;
use crate::wal::reader::{Found, Stretch, scan};
use crate::wal::segment::HEAD_BYTES;
use hopline_model::{Lsn, SystemClock};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a segment holds, collected.
struct SegmentScan {
    has_head: bool,
    entries: Vec<Found>,
    damaged: Vec<Stretch>,
}

/// The bytes of a real segment of `requests` requests, each of one entry per signal.
fn segment(requests: u64) -> Vec<u8> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let files = SimFs::new();
    let storage = open_with(large_config(), SystemClock::new(), Arc::new(files.clone()), Arc::new(MemoryCatalog::default()), None).unwrap();
    for i in 0..requests {
        runtime.block_on(storage.append(request(vec![logs(i * 40, 1 + i % 12 * 3), spans(i, 2)], Some(u128::from(i) + 1)))).unwrap();
    }
    drop(storage);
    let name = files.list(Path::new("/sim/wal")).unwrap().remove(0);
    files.read_whole(&Path::new("/sim/wal").join(name))
}

fn scan_bytes(bytes: Vec<u8>) -> SegmentScan {
    let files = SimFs::new();
    let path = PathBuf::from("/w").join(names::wal_segment(Lsn(1)));
    files.put(&path, bytes);
    let mut entries = Vec::new();
    let scan = scan(&files.open(&path).unwrap(), &path, Duration::ZERO, &mut |entry, _| {
        entries.push(entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    SegmentScan { has_head: scan.head.is_some(), entries, damaged: scan.damaged }
}

fn there(scan: &SegmentScan, entry: &Found) -> bool {
    scan.entries.binary_search_by_key(&entry.offset, |known| known.offset).is_ok_and(|at| scan.entries[at] == *entry)
}

/// Every entry whose bytes are untouched is found, no other is, and what is lost is said.
fn check(whole: &SegmentScan, bytes: Vec<u8>, touched: std::ops::Range<usize>) {
    let len = bytes.len() as u64;
    let found = scan_bytes(bytes);
    if !found.has_head {
        return;
    }
    let untouched = |entry: &&Found| {
        let (start, end) = (entry.offset as usize, entry.offset as usize + entry.header.header_len() + entry.header.payload_len as usize);
        (end <= touched.start || touched.end <= start) && end as u64 <= len
    };
    for entry in &found.entries {
        assert!(there(whole, entry), "a phantom: {entry:?}");
    }
    for entry in whole.entries.iter().filter(untouched) {
        assert!(there(&found, entry), "entry at {} is lost though nothing of it was touched in {touched:?}", entry.offset);
    }
    let lost = whole.entries.len() - found.entries.len();
    assert!(lost == 0 || !found.damaged.is_empty(), "{lost} entries are lost and nobody is told");
}

fn torture() -> bool {
    std::env::var_os("HOPLINE_TORTURE").is_some()
}

/// A log of 1 MiB.
fn large() -> (Vec<u8>, SegmentScan) {
    let mut bytes = segment(800);
    bytes.truncate(1 << 20);
    let whole = scan_bytes(bytes.clone());
    assert!(bytes.len() == 1 << 20 && whole.entries.len() > 500 && whole.damaged.len() <= 1, "{} {}", bytes.len(), whole.entries.len());
    (bytes, whole)
}

/// Cut at every length (the short form: around every entry's edges, and a sample): exactly the entries that are whole are found.
#[test]
fn cut_at_every_length() {
    let (bytes, whole) = large();
    let mut lengths: Vec<usize> = match torture() {
        true => (0..=bytes.len()).collect(),
        false => (0..=bytes.len()).step_by(509).collect(),
    };
    for entry in &whole.entries {
        let (start, end) = (entry.offset as usize, entry.offset as usize + entry.header.entry_len());
        lengths.extend([start, start + 1, start + entry.header.header_len(), end - 1].into_iter().filter(|len| *len <= bytes.len()));
    }
    for len in &lengths {
        let found = scan_bytes(bytes[..*len].to_vec());
        let ends = |entry: &Found| entry.offset as usize + entry.header.header_len() + entry.header.payload_len as usize;
        let expected = if found.has_head { whole.entries.partition_point(|entry| ends(entry) <= *len) } else { 0 };
        assert!(found.has_head || *len < HEAD_BYTES as usize);
        // Within the head nothing but a cut ends a file: that is said.
        assert!(*len >= HEAD_BYTES as usize || !found.damaged.is_empty());
        assert_eq!(found.entries, whole.entries[..expected], "cut at {len}");
    }
    super::ledger(&format!("WAL of 1 MiB cut at {} lengths: exactly the whole entries found each time", lengths.len()));
}

/// Bits flipped, pages zeroed, doubled, swapped and filled with garbage, at random places (the long form: every 64th bit too).
#[test]
fn damage() {
    let (bytes, whole) = large();
    let size = bytes.len();
    let cases = if torture() { 50_000 } else { 3000 };
    let mut chance = StdRng::seed_from_u64(3);
    for _ in 0..cases {
        let mut bytes = bytes.clone();
        let (at, other) = (chance.random_range(0..size), chance.random_range(0..size));
        let page = if chance.random_bool(0.5) { 512 } else { 4096 };
        let (start, from) = (at / page * page, other / page * page);
        let touched = match chance.random_range(0..5) {
            0 | 1 => {
                bytes[at] ^= 1 << chance.random_range(0..8);
                at..at + 1
            }
            2 => {
                bytes[start..start + page].fill(0);
                start..start + page
            }
            3 => {
                chance.fill(&mut bytes[start..start + page]);
                start..start + page
            }
            _ => {
                // A page stands where another belongs: what a recycled block leaves.
                bytes.copy_within(from..from + page, start);
                start..start + page
            }
        };
        check(&whole, bytes, touched);
    }
    let mut flips = 0;
    if torture() {
        for bit in (0..size * 8).step_by(64) {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit / 64 % 8);
            check(&whole, bytes, bit / 8..bit / 8 + 1);
            flips += 1;
        }
    }
    super::ledger(&format!(
        "WAL of 1 MiB: {cases} flips, zeroed, garbled and misplaced pages, and {flips} bits in turn: every untouched entry found, no phantom"
    ));
}

/// One segment, and nothing sealed.
fn large_config() -> crate::Config {
    crate::Config { wal_segment_bytes: 4 << 20, live_bytes_max: 1 << 30, seal_table_bytes_max: 1 << 30, ..config(Path::new("/sim")) }
}
