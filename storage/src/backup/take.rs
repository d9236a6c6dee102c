//! Data directory → backup, in the order that `mod.rs` explains: log, catalog, blocks, manifest.

use super::Progress;
use super::copy::{Written, bring, checksum, copy, is_missing, remove, sync_dirs};
use super::manifest::{self, Manifest, ManifestFile};
use crate::block::BlockMeta;
use crate::catalog::{catalog_epoch, copy_catalog};
use crate::error::{Error, Result};
use crate::objects::{FileIo, OsFiles, names};
use crate::wal::reader;
use crate::wal::segment::HEAD_BYTES;
use hopline_model::UnixNanos;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct BackupOptions {
    pub data_dir: PathBuf,
    pub into: PathBuf,
    /// Copies everything, also where a hard link would do: the backup then shares no byte with the store.
    pub copy: bool,
    pub now: UnixNanos,
}

/// What a backup holds and what it cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// Counts the backups into this directory.
    pub number: u64,
    pub blocks: u64,
    /// In blocks; the log holds more.
    pub block_rows: u64,
    pub wal_files: u64,
    pub wal_bytes: u64,
    pub files: u64,
    pub bytes: u64,
    /// Block files that an earlier backup had brought.
    pub files_kept: u64,
    pub files_copied: u64,
    pub bytes_copied: u64,
    pub files_linked: u64,
}

/// A merge may remove blocks faster than they are copied only so often: each time less is left to copy.
const CATALOGS_MAX: u32 = 50;
const STARTS_MAX: u32 = 10;
/// How long reads of the log that fail are tried again.
const PATIENCE: Duration = Duration::from_millis(200);

/// Backs a data directory up, whether a server runs on it or not. A second one into the same directory brings only what
/// is new; the one before stays whole until the new one is.
///
/// Errors: no store there; the target is not a backup and not empty; a block file is damaged or lost; no room.
pub fn backup(options: &BackupOptions, progress: &mut dyn FnMut(Progress)) -> Result<BackedUp> {
    let BackupOptions { data_dir, into, .. } = options;
    let catalog = data_dir.join(names::CATALOG);
    if !catalog.exists() {
        return Err(Error::Invalid(format!("there is no store in {}: name it with --data-dir", data_dir.display())));
    }
    let before = Manifest::read(into)?;
    prepare(into, before.is_some())?;
    let mut starts = 0;
    loop {
        match once(options, &catalog, before.as_ref(), progress)? {
            Some(done) => return Ok(done),
            None if starts < STARTS_MAX => starts += 1,
            None => return Err(Error::Retry("the server starts again and again: take the backup when it stays up, or stop it".into())),
        }
    }
}

/// A directory that is empty, or was a backup; never one with something else in it.
fn prepare(into: &Path, is_backup: bool) -> Result<()> {
    std::fs::create_dir_all(into).map_err(Error::io("create", into))?;
    if is_backup {
        return Ok(());
    }
    for name in OsFiles.list(into).map_err(Error::io("list", into))? {
        // What a first backup that was cut short leaves.
        let ours = name == names::BLOCKS_DIR || name == partial() || name.bytes().all(|byte| byte.is_ascii_digit());
        if !ours {
            return Err(Error::Invalid(format!("{} holds {name}, so it is neither empty nor a backup: name another directory", into.display())));
        }
    }
    Ok(())
}

fn partial() -> String {
    format!("{}.new", manifest::NAME)
}

/// `None`: the server started again meanwhile.
fn once(options: &BackupOptions, catalog: &Path, before: Option<&Manifest>, progress: &mut dyn FnMut(Progress)) -> Result<Option<BackedUp>> {
    let BackupOptions { data_dir, into, .. } = options;
    let mut manifest = Manifest::new(before.map_or(1, |before| before.number + 1), options.now.0);
    let own = into.join(manifest.folder());
    if own.exists() {
        std::fs::remove_dir_all(&own).map_err(Error::io("remove", &own))?;
    }
    let wal_dir = own.join(names::WAL_DIR);
    std::fs::create_dir_all(&wal_dir).map_err(Error::io("create", &wal_dir))?;
    let catalog_copy = own.join(names::CATALOG);
    let epoch = catalog_epoch(catalog)?;

    progress(Progress { step: "the log", files_done: 0, files: 0, bytes_done: 0 });
    let mut done = BackedUp { number: manifest.number, ..BackedUp::default() };
    for file in wal(&data_dir.join(names::WAL_DIR), &wal_dir)? {
        done.wal_files += 1;
        done.wal_bytes += file.bytes;
        manifest.files.push(ManifestFile { name: format!("{}/{}/{}", manifest.folder(), names::WAL_DIR, file.name), ..file });
    }

    let known: BTreeMap<&str, &ManifestFile> =
        before.map(|before| before.files.iter().map(|file| (file.name.as_str(), file)).collect()).unwrap_or_default();
    let mut brought: BTreeSet<String> = BTreeSet::new();
    let mut tries = 0;
    let blocks = loop {
        let (now, blocks) = copy_catalog(catalog, &catalog_copy)?;
        if now != epoch {
            return Ok(None);
        }
        match bring_blocks(options, &blocks, &known, &mut brought, &mut done, progress) {
            Ok(()) => break blocks,
            Err(error) if is_missing(&error) && tries < CATALOGS_MAX => tries += 1,
            Err(error) => return Err(error),
        }
    };
    for meta in &blocks {
        manifest.blocks += 1;
        manifest.rows += meta.rows;
        manifest.files.extend(meta.files.iter().map(|file| ManifestFile {
            name: names::block_file(meta.tenant, meta.signal, meta.id, file.kind),
            bytes: file.bytes,
            crc32c: file.crc32c,
        }));
    }
    std::fs::File::open(&catalog_copy).and_then(|file| file.sync_all()).map_err(Error::io("sync", &catalog_copy))?;
    let (bytes, crc32c) = checksum(&catalog_copy)?;
    manifest.files.push(ManifestFile { name: format!("{}/{}", manifest.folder(), names::CATALOG), bytes, crc32c });

    let paths: Vec<PathBuf> = manifest.files.iter().map(|file| into.join(&file.name)).collect();
    sync_dirs(paths.iter().filter_map(|path| path.parent()).chain([into.as_path()]), into)?;
    write_manifest(into, &manifest)?;
    done.blocks = manifest.blocks;
    done.block_rows = manifest.rows;
    done.files = manifest.files.len() as u64;
    done.bytes = manifest.files.iter().map(|file| file.bytes).sum();
    forget(into, &manifest)?;
    Ok(Some(done))
}

/// Copies the log as far as its entries go. Where they end is looked for before: what is behind that was being written
/// meanwhile, and what is before it was written whole by then.
fn wal(from: &Path, to: &Path) -> Result<Vec<ManifestFile>> {
    let files: Arc<dyn FileIo> = Arc::new(OsFiles);
    let mut listed = files.list(from).map_err(Error::io("list", from))?;
    listed.sort();
    let mut copied = Vec::new();
    for name in listed.into_iter().filter(|name| names::parse_wal_segment(name).is_some()) {
        match segment(&files, &from.join(&name), &to.join(&name)) {
            Ok(Written { bytes, crc32c, .. }) => copied.push(ManifestFile { name, bytes, crc32c }),
            // Sealed meanwhile: the catalog, which is taken later, has it in blocks.
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(copied)
}

fn segment(files: &Arc<dyn FileIo>, from: &Path, to: &Path) -> Result<Written> {
    let file = files.open(from).map_err(Error::io("open", from))?;
    let mut end = HEAD_BYTES;
    let scan = reader::scan(&file, from, PATIENCE, &mut |entry, _| {
        end = entry.offset + entry.header.entry_len() as u64;
        ControlFlow::Continue(())
    })?;
    // Without a head nothing can be told from garbage: all of it goes over, and the restored store says so.
    copy(from, to, if scan.head.is_some() { end } else { u64::MAX })
}

fn bring_blocks(
    options: &BackupOptions,
    blocks: &[BlockMeta],
    known: &BTreeMap<&str, &ManifestFile>,
    brought: &mut BTreeSet<String>,
    done: &mut BackedUp,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let files = blocks.iter().map(|meta| meta.files.len() as u64).sum();
    let mut at = Progress { step: "blocks", files_done: 0, files, bytes_done: 0 };
    for meta in blocks {
        for file in &meta.files {
            let name = names::block_file(meta.tenant, meta.signal, meta.id, file.kind);
            at.files_done += 1;
            at.bytes_done += file.bytes;
            progress(at);
            if brought.contains(&name) {
                continue;
            }
            let target = options.into.join(&name);
            // A block's files never change; another store's block of the same number has another checksum.
            let same = known.get(name.as_str()).is_some_and(|known| (known.bytes, known.crc32c) == (file.bytes, file.crc32c));
            let there = || std::fs::metadata(&target).is_ok_and(|found| found.len() == file.bytes);
            if same && there() {
                done.files_kept += 1;
            } else {
                let source = options.data_dir.join(&name);
                let written = bring(&source, &target, !options.copy)?;
                if (written.bytes, written.crc32c) != (file.bytes, file.crc32c) {
                    remove(&target)?;
                    return Err(Error::corrupt(
                        source.display().to_string(),
                        "it is not what was written, so it is not backed up: `hopline doctor --repair` says what can be done, and the backup before stays",
                    ));
                }
                match written.linked {
                    true => done.files_linked += 1,
                    false => {
                        done.files_copied += 1;
                        done.bytes_copied += written.bytes;
                    }
                }
            }
            brought.insert(name);
        }
    }
    Ok(())
}

fn write_manifest(into: &Path, manifest: &Manifest) -> Result<()> {
    use std::io::Write;
    let (new, path) = (into.join(partial()), into.join(manifest::NAME));
    remove(&new)?;
    let mut file = std::fs::File::create_new(&new).map_err(Error::io("create", &new))?;
    file.write_all(manifest.encode()?.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io("write", &new))?;
    std::fs::rename(&new, &path).map_err(Error::io("rename", &new))?;
    sync_dirs([into].into_iter(), into)
}

/// Removes what only earlier backups needed.
fn forget(into: &Path, manifest: &Manifest) -> Result<()> {
    let wanted: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    let list = |dir: &Path| OsFiles.list(dir).map_err(Error::io("list", dir));
    for name in list(into)? {
        if name.bytes().all(|byte| byte.is_ascii_digit()) && name != manifest.folder() {
            let path = into.join(&name);
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    let blocks = into.join(names::BLOCKS_DIR);
    for tenant in list(&blocks)? {
        for signal in list(&blocks.join(&tenant))? {
            let folder = blocks.join(&tenant).join(&signal);
            for name in list(&folder)? {
                if !wanted.contains(format!("{}/{tenant}/{signal}/{name}", names::BLOCKS_DIR).as_str()) {
                    remove(&folder.join(&name))?;
                }
            }
        }
    }
    Ok(())
}
