//! A file linked or copied, with its checksum, durable under its name.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) crc32c: u32,
    pub(super) linked: bool,
}

const BUFFER_BYTES: usize = 1 << 20;

/// Length and checksum of a file.
pub(super) fn checksum(path: &Path) -> Result<(u64, u32)> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let (bytes, crc) = pass(file, u64::MAX, path, None)?;
    Ok((bytes, crc))
}

/// Makes `to` what `from` is, replacing what is there. `link`: as a hard link where the file system can; the file must
/// never be written again then. A link is read all the same: a damaged file is no backup.
pub(super) fn bring(from: &Path, to: &Path, link: bool) -> Result<Written> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    if link {
        // The source first: its absence is told apart from a directory that cannot hold links.
        let source = File::open(from).map_err(Error::io("open", from))?;
        remove(to)?;
        if std::fs::hard_link(from, to).is_ok() {
            let (bytes, crc32c) = pass(source, u64::MAX, from, None)?;
            return Ok(Written { bytes, crc32c, linked: true });
        }
    }
    copy(from, to, u64::MAX)
}

/// The first `bytes_max` bytes of a file, copied.
pub(super) fn copy(from: &Path, to: &Path, bytes_max: u64) -> Result<Written> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    let source = File::open(from).map_err(Error::io("open", from))?;
    remove(to)?;
    let mut target = File::create_new(to).map_err(Error::io("create", to))?;
    let (bytes, crc32c) = pass(source, bytes_max, from, Some((&mut target, to)))?;
    target.sync_all().map_err(Error::io("sync", to))?;
    Ok(Written { bytes, crc32c, linked: false })
}

fn pass(mut source: File, bytes_max: u64, from: &Path, mut into: Option<(&mut File, &Path)>) -> Result<(u64, u32)> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut bytes, mut crc) = (0, 0);
    while bytes < bytes_max {
        let most = buffer.len().min(usize::try_from(bytes_max - bytes).unwrap_or(usize::MAX));
        let count = match source.read(&mut buffer[..most]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read", from)(error)),
        };
        crc = crc32c::crc32c_append(crc, &buffer[..count]);
        bytes += count as u64;
        if let Some((target, to)) = &mut into {
            target.write_all(&buffer[..count]).map_err(Error::io("write", to))?;
        }
    }
    Ok((bytes, crc))
}

/// Removing what is not there succeeds.
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes names durable: of the directory and of those above it, up to `root`.
pub(super) fn sync_dirs<'a>(directories: impl Iterator<Item = &'a Path>, root: &Path) -> Result<()> {
    let mut wanted = std::collections::BTreeSet::new();
    for directory in directories {
        wanted.extend(directory.ancestors().take_while(|ancestor| ancestor.starts_with(root)).map(Path::to_owned));
    }
    for directory in wanted {
        File::open(&directory).and_then(|file| file.sync_all()).map_err(Error::io("sync", &directory))?;
    }
    Ok(())
}

pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}
