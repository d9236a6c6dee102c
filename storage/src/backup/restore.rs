//! Backup → data directory: everything is checked before anything is written.

use super::Progress;
use super::copy::{bring, checksum, remove, sync_dirs};
use super::manifest::{Manifest, ManifestFile};
use crate::error::{Error, Result};
use crate::objects::lock::Lock;
use crate::objects::{FileIo, OsFiles, names};
use hopline_model::UnixNanos;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct RestoreOptions {
    pub from: PathBuf,
    /// Empty or absent, or left by a restore that was cut short.
    pub data_dir: PathBuf,
    /// Block files as hard links into the backup where the file system can: at once, and without room of their own.
    pub link: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// When the backup was taken.
    pub taken: String,
    pub blocks: u64,
    /// In blocks; the first start replays what the log holds besides.
    pub block_rows: u64,
    pub files: u64,
    pub bytes: u64,
}

/// Verifies the whole backup, then makes a data directory of it. A start is refused there until it is done.
///
/// Errors: no backup there; a file is damaged or lost (named; nothing is written then); the directory is in use or not empty.
pub fn restore(options: &RestoreOptions, progress: &mut dyn FnMut(Progress)) -> Result<Restored> {
    let RestoreOptions { from, data_dir, link } = options;
    let Some(manifest) = Manifest::read(from)? else {
        return Err(Error::Invalid(format!("there is no finished backup in {}: it would hold a file {}", from.display(), super::manifest::NAME)));
    };
    verify(from, &manifest, progress)?;
    std::fs::create_dir_all(data_dir).map_err(Error::io("create", data_dir))?;
    let mark = data_dir.join(names::RESTORING);
    let listed = OsFiles.list(data_dir).map_err(Error::io("list", data_dir))?;
    if !mark.exists() && !listed.is_empty() {
        return Err(Error::Invalid(format!("{} is not empty: name another --data-dir, or move what is there away", data_dir.display())));
    }
    if mark.exists() {
        clear(data_dir)?;
    }
    // From here on a start is refused, until all of it is there.
    std::fs::write(&mark, from.display().to_string()).map_err(Error::io("write", &mark))?;
    sync_dirs([data_dir.as_path()].into_iter(), data_dir)?;
    let lock = Lock::take(data_dir)?;
    let own = format!("{}/", manifest.folder());
    let mut at = Progress { step: "restoring", files_done: 0, files: manifest.files.len() as u64, bytes_done: 0 };
    for file in &manifest.files {
        at.files_done += 1;
        at.bytes_done += file.bytes;
        progress(at);
        let (name, shared) = match file.name.strip_prefix(&own) {
            Some(name) => (name, false),
            None => (file.name.as_str(), true),
        };
        let target = data_dir.join(name);
        let written = bring(&from.join(&file.name), &target, *link && shared)?;
        if (written.bytes, written.crc32c) != (file.bytes, file.crc32c) {
            remove(&target)?;
            return Err(Error::corrupt(file.name.clone(), "it changed while it was read; restore again"));
        }
    }
    let paths: Vec<PathBuf> = manifest.files.iter().map(|file| data_dir.join(file.name.strip_prefix(&own).unwrap_or(&file.name))).collect();
    sync_dirs(paths.iter().filter_map(|path| path.parent()), data_dir)?;
    drop(lock);
    remove(&mark)?;
    sync_dirs([data_dir.as_path()].into_iter(), data_dir)?;
    Ok(Restored {
        taken: UnixNanos(manifest.taken).to_string(),
        blocks: manifest.blocks,
        block_rows: manifest.rows,
        files: manifest.files.len() as u64,
        bytes: manifest.files.iter().map(|file| file.bytes).sum(),
    })
}

/// What a restore that was cut short left: perhaps of another backup, whose log must not be replayed beside this one's.
fn clear(data_dir: &Path) -> Result<()> {
    for name in [names::WAL_DIR, names::BLOCKS_DIR, names::DAYS_DIR, names::TMP_DIR] {
        let path = data_dir.join(name);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", &path)(error)),
            _ => {}
        }
    }
    ["", "-wal", "-shm", "-journal"].iter().try_for_each(|end| remove(&data_dir.join(format!("{}{end}", names::CATALOG))))
}

/// Every file of the backup is what was written.
fn verify(from: &Path, manifest: &Manifest, progress: &mut dyn FnMut(Progress)) -> Result<()> {
    let mut at = Progress { step: "verifying", files_done: 0, files: manifest.files.len() as u64, bytes_done: 0 };
    let mut damaged: Vec<String> = Vec::new();
    for ManifestFile { name, bytes, crc32c } in &manifest.files {
        at.files_done += 1;
        at.bytes_done += bytes;
        progress(at);
        match checksum(&from.join(name)) {
            Ok(found) if found == (*bytes, *crc32c) => {}
            Ok(found) => damaged.push(format!("{name} ({} bytes, checksum {:08x} instead of {bytes}, {crc32c:08x})", found.0, found.1)),
            Err(error) => damaged.push(format!("{name} ({error})")),
        }
    }
    if damaged.is_empty() {
        return Ok(());
    }
    let more = damaged.len().saturating_sub(10);
    damaged.truncate(10);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Error::corrupt(format!("the backup in {}", from.display()), format!("{}{more}; nothing was restored", damaged.join(", "))))
}
