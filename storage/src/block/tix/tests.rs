#![allow(clippy::unwrap_used)]
use super::*;
use crate::block::checked::Checksums;
use crate::objects::LocalObjects;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Rows that may be of one trace.
fn find(tix: &Tix, id: &[u8]) -> Result<Vec<Run>> {
    let mut found = Vec::new();
    tix.each_run(&[hash(id)], &mut |run| found.push(run))?;
    Ok(found)
}

fn ids() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(0u16..40, 0..600)
}

/// Few ids, with runs and without.
fn id(number: u16) -> [u8; 16] {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    id
}

fn objects(dir: &tempfile::TempDir) -> Arc<dyn ObjectIo> {
    Arc::new(LocalObjects::open(dir.path(), Arc::new(crate::objects::OsFiles)).unwrap())
}

fn written(ids: &[u16]) -> (tempfile::TempDir, Arc<dyn ObjectIo>, BlockMeta) {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(&dir);
    let mut writer = TixWriter::default();
    ids.iter().enumerate().for_each(|(row, number)| writer.add(row as u32, &id(*number)));
    let mut meta = crate::block::tests::meta(hopline_model::Signal::Spans, ids.len() as u64);
    let name = crate::objects::names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Tix);
    meta.files.push(writer.finish(objects.as_ref(), &name).unwrap());
    (dir, objects, meta)
}

fn rows_of(runs: &[Run]) -> Vec<u32> {
    runs.iter().flat_map(|run| run.row..run.row + run.rows).collect()
}

proptest! {
    /// Every id finds its rows and no others; `all` gives every row once.
    #[test]
    fn finds(ids in ids()) {
        let (_dir, objects, meta) = written(&ids);
        let tix = Tix::open(&meta, &objects).unwrap().unwrap();
        let mut expect: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
        ids.iter().enumerate().for_each(|(row, number)| expect.entry(*number).or_default().push(row as u32));
        for number in 0..42 {
            let found = rows_of(&find(&tix, &id(number)).unwrap());
            prop_assert_eq!(found, expect.get(&number).cloned().unwrap_or_default());
        }
        let mut all = rows_of(&tix.all().unwrap());
        all.sort_unstable();
        prop_assert_eq!(all, (0..ids.len() as u32).collect::<Vec<_>>());
    }

    /// A file cut short or with one bit flipped is an error or gives the same answer.
    #[test]
    fn damaged(ids in ids(), at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<bool>()) {
        let (dir, objects, meta) = written(&ids);
        let path = dir.path().join(crate::objects::names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Tix));
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        std::fs::write(&path, bytes).unwrap();
        let opened = Tix::open(&meta, &objects);
        prop_assert!(!cut || opened.is_err());
        if let Ok(Some(tix)) = opened {
            for number in 0..42 {
                let expect: Vec<u32> = (0..ids.len() as u32).filter(|row| ids[*row as usize] == number).collect();
                prop_assert!(find(&tix, &id(number)).is_ok_and(|runs| rows_of(&runs) == expect) || find(&tix, &id(number)).is_err());
            }
        }
    }

    /// Any bytes at all as a payload that checks out: an error or runs within the block, never a panic.
    #[test]
    fn hostile(payload in proptest::collection::vec(any::<u8>(), 0..200), groups in 0u32..4) {
        let dir = tempfile::tempdir().unwrap();
        let objects = objects(&dir);
        let mut payload = payload;
        payload.extend_from_slice(&groups.to_le_bytes());
        payload.extend_from_slice(&[0; 4]);
        let mut object = objects.create("x").unwrap();
        object.write_all(&payload).unwrap();
        object.finish().unwrap();
        let sums = Checksums { len: payload.len() as u64, stripes: vec![crc32c::crc32c(&payload)] };
        if let Ok(tix) = Tix::load(Checked::new(objects, "x".into(), sums), 100) {
            for runs in [tix.all(), find(&tix, &id(1))].into_iter().flatten() {
                prop_assert!(runs.iter().all(|run| run.row + run.rows <= 100));
            }
        }
    }
}

#[test]
fn many_traces_in_many_groups() {
    let ids: Vec<u16> = (0..5000).map(|row| row / 3).collect();
    let (_dir, objects, meta) = written(&ids);
    let tix = Tix::open(&meta, &objects).unwrap().unwrap();
    assert!(tix.groups.len() > 10);
    for number in [0, 1, 999, 1666] {
        let first = u32::from(number) * 3;
        assert_eq!(rows_of(&find(&tix, &id(number)).unwrap()), (first..(first + 3).min(5000)).collect::<Vec<_>>());
    }
    assert!(meta.files[0].bytes < 5000 * 5, "{} bytes", meta.files[0].bytes);
}
