#![allow(clippy::unwrap_used)]

use super::*;
use crate::block::tests::{Shelf, meta};
use crate::block::tix::TixWriter;
use crate::objects::names;
use hopline_model::{Signal, TenantId};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Scattered as ids are.
fn id(number: u32) -> [u8; 16] {
    u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes()
}

const NAME: &str = "days/0/spans/1-000000000009.day";

/// One block of each list of ids, and the index of all.
fn written(lists: &[Vec<u32>]) -> (Shelf, Result<DayIndex>) {
    let shelf = Shelf::new();
    let mut blocks = Vec::new();
    for (number, ids) in (1..).zip(lists) {
        let mut writer = TixWriter::default();
        ids.iter().enumerate().for_each(|(row, number)| writer.add(row as u32, &id(*number)));
        let mut meta = meta(Signal::Spans, ids.len() as u64);
        meta.id = BlockId(number);
        let name = names::block_file(TenantId(0), Signal::Spans, meta.id, FileKind::Tix);
        meta.files.push(writer.finish(shelf.objects.as_ref(), &name).unwrap());
        blocks.push((meta.id, Arc::new(Tix::open(&meta, &shelf.objects).unwrap().unwrap())));
    }
    write_day(shelf.objects.as_ref(), NAME, &blocks, &|| Ok(())).unwrap();
    let index = DayIndex::open(&shelf.objects, NAME);
    (shelf, index)
}

fn check(lists: &[Vec<u32>], asked: impl Iterator<Item = u32>) {
    let (_shelf, index) = written(lists);
    let index = index.unwrap();
    let mut expect: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (place, ids) in lists.iter().enumerate() {
        for number in ids.iter().collect::<BTreeSet<_>>() {
            expect.entry(*number).or_default().push(place as u32);
        }
    }
    for number in asked {
        assert_eq!(index.find(hash(&id(number))).unwrap(), expect.get(&number).cloned().unwrap_or_default(), "{number}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Every id gives exactly the blocks that hold it, an unknown one none.
    #[test]
    fn finds(lists in proptest::collection::vec(proptest::collection::vec(0u32..60, 0..200), 1..12)) {
        check(&lists, 0..64);
    }

    /// A file cut short or with one bit flipped is an error, or gives the same answers: never another block.
    #[test]
    fn damaged(at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<bool>()) {
        let lists: Vec<Vec<u32>> = (0..9).map(|i| (i * 10..i * 10 + 30).collect()).collect();
        let (shelf, whole) = written(&lists);
        let truth: Vec<Vec<u32>> = (0..130).map(|number| whole.as_ref().unwrap().find(hash(&id(number))).unwrap()).collect();
        drop(whole);
        let path = shelf.dir.path().join(NAME);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        std::fs::write(&path, bytes).unwrap();
        let objects: Arc<dyn ObjectIo> =
            Arc::new(crate::objects::LocalObjects::open(shelf.dir.path(), Arc::new(crate::objects::OsFiles)).unwrap());
        if let Ok(index) = DayIndex::open(&objects, NAME) {
            for (number, truth) in (0..).zip(&truth) {
                if let Ok(found) = index.find(hash(&id(number))) {
                    prop_assert_eq!(&found, truth);
                }
            }
        }
    }
}

/// Many more entries than one read takes, one id in every block, and hashes at both ends.
#[test]
fn more_than_a_window() {
    let mut lists: Vec<Vec<u32>> = (0..40).map(|i| (i * 2000..i * 2000 + 2000).collect()).collect();
    lists.iter_mut().for_each(|ids| ids.push(7));
    check(&lists, (0..80_100).step_by(97).chain([7]));
    let (_shelf, index) = written(&lists);
    let index = index.unwrap();
    for hash in [0, 1, u64::MAX] {
        assert_eq!(index.find(hash).unwrap(), Vec::<u32>::new());
    }
    // One lookup reads a small part of the index.
    let before = index.source.bytes_read();
    index.find(hash(&id(12_345))).unwrap();
    let read = index.source.bytes_read() - before;
    assert!(read < index.source.len() / 10, "{read} of {}", index.source.len());
}

/// Of some entries the hashes are known from the start: a lookup then reads two stripes or so.
#[test]
fn one_read_among_many() {
    let lists: Vec<Vec<u32>> = (0..2).map(|i| (i * 100_000..i * 100_000 + 100_000).collect()).collect();
    let (_shelf, index) = written(&lists);
    let index = index.unwrap();
    assert_eq!(index.known.len(), 3);
    let before = index.source.bytes_read();
    for number in (0..200_000).step_by(401) {
        assert_eq!(index.find(hash(&id(number))).unwrap(), [number / 100_000]);
    }
    let read = (index.source.bytes_read() - before) / 499;
    assert!(read <= 20 << 10, "{read} bytes a lookup");
    for place in &index.known {
        assert_eq!(index.find(place.1).unwrap().len(), 1);
    }
}
