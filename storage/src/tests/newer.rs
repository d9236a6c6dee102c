//! A directory that a newer version wrote is refused in words, and not a byte of it changes.

use super::store::{config, logs, open_os, request};
use crate::objects::names;
use crate::wal::entry::{Header, Place, Unplaced};
use crate::wal::payload::SCHEMA_VERSION;
use crate::wal::segment::{FORMAT, HEAD_BYTES, Head};
use hopline_model::{Lsn, Signal, TenantId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file but the lock, which whoever looks takes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.file_name().is_none_or(|name| name != names::LOCK) {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// A store with blocks, rows in the WAL, a damaged segment and an unfinished file: everything a start would tidy up.
async fn busy(dir: &Path) -> Head {
    let storage = open_os(config(dir)).unwrap();
    storage.append(request(vec![logs(0, 10)], None)).await.unwrap();
    storage.flush().await.unwrap();
    storage.append(request(vec![logs(10, 10)], None)).await.unwrap();
    drop(storage);
    std::fs::write(dir.join(names::TMP_DIR).join("0"), b"unfinished").unwrap();
    std::fs::write(dir.join(names::WAL_DIR).join(names::wal_segment(Lsn(1000))), b"nothing of this holds").unwrap();
    Head { first: Lsn(2000), epoch: 1, salt: 7, last_kept: Lsn(1999) }
}

fn entry(schema: u8) -> Unplaced {
    let header = Header {
        lsn: Lsn(0),
        epoch: 0,
        tenant: TenantId(0),
        signal: Signal::Logs,
        schema,
        compressed: false,
        more: false,
        previous: false,
        index: 0,
        received: super::store::NOW,
        rows: 1,
        raw_len: 0,
        payload_len: 0,
        payload_crc: 0,
        hashes: vec![],
    };
    Unplaced::encode(header, |out| {
        out.extend_from_slice(b"columns of tomorrow");
        Ok((19, false))
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_untouched() {
    type Change = fn(&Path, Head);
    let cases: [(&str, Change); 4] = [
        ("a WAL segment", |dir, head| {
            let mut bytes = head.encode();
            for copy in [0, 4096] {
                bytes[copy + 12..copy + 16].copy_from_slice(&(FORMAT + 1).to_le_bytes());
                let crc = crc32c::crc32c(&bytes[copy + 12..copy + 48]);
                bytes[copy + 8..copy + 12].copy_from_slice(&crc.to_le_bytes());
            }
            std::fs::write(dir.join(names::WAL_DIR).join(names::wal_segment(head.first)), bytes).unwrap();
        }),
        ("rows in a WAL segment", |dir, head| {
            let mut bytes = head.encode();
            entry(SCHEMA_VERSION + 1).place(Lsn(2001), 0, 1, Place { salt: head.salt, offset: HEAD_BYTES }, &mut bytes);
            std::fs::write(dir.join(names::WAL_DIR).join(names::wal_segment(head.first)), bytes).unwrap();
        }),
        ("the catalog", |dir, _| {
            rusqlite::Connection::open(dir.join(names::CATALOG)).unwrap().pragma_update(None, "user_version", 99).unwrap();
        }),
        ("a block", |dir, _| {
            let catalog = rusqlite::Connection::open(dir.join(names::CATALOG)).unwrap();
            assert_eq!(catalog.execute("UPDATE blocks SET meta = json_set(meta, '$.format', 99)", []).unwrap(), 1);
        }),
    ];
    for (what, change) in cases {
        let dir = tempfile::tempdir().unwrap();
        let head = busy(dir.path()).await;
        change(dir.path(), head);
        let before = files(dir.path());
        let error = open_os(config(dir.path())).unwrap_err().to_string();
        assert!(error.contains("use a newer hopline"), "{what}: {error}");
        let after = files(dir.path());
        let changed: Vec<_> = before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
        assert!(changed.is_empty(), "{what} is newer, yet these changed: {changed:?}");
    }
}

/// A catalog that cannot be read is said, with what to do; nothing is changed.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_catalog() {
    let dir = tempfile::tempdir().unwrap();
    busy(dir.path()).await;
    let path = dir.path().join(names::CATALOG);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..100].fill(0xaa);
    std::fs::write(&path, bytes).unwrap();
    let before = files(dir.path());
    let error = open_os(config(dir.path())).unwrap_err().to_string();
    assert!(error.contains("catalog.sqlite is damaged") && error.contains("restore it from a copy"), "{error}");
    assert_eq!(before, files(dir.path()));
}
