//! What every catalog must do. A new backend adds one test at the end.

#![allow(clippy::unwrap_used)]

use super::memory::MemoryCatalog;
use super::{Catalog, Commit, Sealed, SqliteCatalog};
use crate::block::meta::{BlockMeta, FORMAT};
use crate::block::{BlockFile, BlockId, FileKind};
use crate::error::Kind;
use crate::wal::Stream;
use hopline_model::{Lsn, Signal, TenantId, UnixNanos};

fn meta(id: u64) -> BlockMeta {
    BlockMeta {
        id: BlockId(id),
        tenant: TenantId(0),
        signal: Signal::Logs,
        level: 0,
        format: FORMAT,
        rows: 5,
        time_min: -1,
        time_max: i64::MAX,
        seq_min: 1,
        seq_max: u64::MAX,
        files: vec![BlockFile { kind: FileKind::Parquet, bytes: 9, crc32c: 7 }],
        windows: Vec::new(),
        services: Vec::new(),
        dense: vec!["k".into()],
        counts: Vec::new(),
        created: 3,
    }
}

/// Blocks, sealed LSNs, hashes and tenants come back; changes are whole or not at all; an older epoch is fenced.
fn conforms(catalog: &dyn Catalog) {
    let first = catalog.begin().unwrap();
    assert_eq!((first.blocks.len(), first.lsn_next), (0, Lsn(1)));
    let epoch = first.epoch;
    let a = catalog.tenant(epoch, "a").unwrap();
    assert_ne!(a, catalog.tenant(epoch, "b").unwrap());
    assert_eq!(a, catalog.tenant(epoch, "a").unwrap());
    let id = catalog.reserve_blocks(epoch, 10).unwrap();
    assert_eq!(catalog.reserve_blocks(epoch, 1).unwrap().0, id.0 + 10);

    let stream = Stream { tenant: a, signal: Signal::Logs, epoch };
    let commit = Commit {
        add: vec![meta(id.0), meta(id.0 + 1)],
        sealed: vec![Sealed { stream, lsn: Lsn(40) }],
        hashes: vec![(a, u128::MAX - 1, UnixNanos(10)), (a, 5, UnixNanos(20))],
        now: UnixNanos(30),
        hashes_since: UnixNanos(0),
        ..Commit::default()
    };
    catalog.commit(epoch, &commit).unwrap();
    // Half a change must not stand: the second id is unknown.
    let bad = Commit { remove: vec![id, BlockId(999)], now: UnixNanos(31), ..Commit::default() };
    assert!(catalog.commit(epoch, &bad).is_err());
    assert!(catalog.commit(epoch, &Commit { add: vec![meta(id.0)], ..Commit::default() }).is_err(), "a number is used once");
    let amended = BlockMeta { files: vec![BlockFile { kind: FileKind::Edg, bytes: 1, crc32c: 2 }], ..meta(id.0 + 1) };
    let bad = Commit { amend: vec![amended.clone(), meta(999)], now: UnixNanos(31), ..Commit::default() };
    assert!(catalog.commit(epoch, &bad).is_err(), "only what is there is amended");
    let older = Commit {
        remove: vec![id],
        amend: vec![amended.clone()],
        sealed: vec![Sealed { stream, lsn: Lsn(3) }],
        hashes_since: UnixNanos(15),
        now: UnixNanos(32),
        ..Commit::default()
    };
    catalog.commit(epoch, &older).unwrap();

    let second = catalog.begin().unwrap();
    assert!(second.epoch > epoch);
    assert_eq!(second.block_next.0, id.0 + 11);
    assert_eq!(second.blocks, [amended]);
    assert_eq!(second.removed, [meta(id.0)]);
    assert_eq!(second.sealed, [Sealed { stream, lsn: Lsn(40) }], "sealed LSNs never go back");
    assert_eq!(second.hashes, [(a, 5, UnixNanos(20))]);
    assert_eq!((second.lsn_next, second.changed), (Lsn(41), UnixNanos(32)));
    assert_eq!(second.tenants.len(), 2);
    assert_eq!(catalog.commit(epoch, &Commit::default()).unwrap_err().kind(), Kind::Closed);
    assert_eq!(catalog.tenant(epoch, "c").unwrap_err().kind(), Kind::Closed);

    assert!(catalog.commit(second.epoch, &Commit { amend: vec![meta(id.0)], ..Commit::default() }).is_err(), "it was removed");
    catalog.forget(second.epoch, &[id, BlockId(id.0 + 1)]).unwrap();
    catalog.forget_sealed(second.epoch, Lsn(100)).unwrap();
    let third = catalog.begin().unwrap();
    assert_eq!((third.removed.len(), third.blocks.len(), third.sealed.len()), (0, 1, 0), "only removed blocks are forgotten");
    assert_eq!(third.lsn_next, Lsn(100));
    assert!(catalog.reserve_blocks(third.epoch, 1).unwrap().0 > id.0 + 10);
}

#[test]
fn memory() {
    conforms(&MemoryCatalog::default());
}

#[test]
fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    conforms(&SqliteCatalog::open(&dir.path().join("catalog.sqlite")).unwrap());
}

/// A catalog of a newer version is refused and left as it was.
#[test]
fn sqlite_newer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.sqlite");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(SqliteCatalog::open(&path).unwrap_err().to_string().contains("use a newer hopline"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
