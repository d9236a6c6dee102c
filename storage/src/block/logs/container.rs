//! `X.idx`: the files of one tantivy index in one.
//!
//! ```text
//! ┌──────────────────────────┬──────────────────────────────────────────────────────┬─────────────┐
//! │ files, one behind the    │ header, JSON: tokenizer, tantivy (versions),          │ bytes of    │
//! │ other                    │ files: name, offset, stored bytes, bytes              │ header u32  │
//! └──────────────────────────┴──────────────────────────────────────────────────────┴─────────────┘
//! ```
//! A file whose stored bytes are fewer is zstd: the document store, which tantivy wants to see and which holds nothing (4 B
//! a log otherwise).
//!
//! Inside a side file (`checked.rs`), which recognises damaged bytes and newer formats of this container. Here: a header that
//! cannot be read, files out of bounds; another tokenizer or tantivy than ours → the index is built anew.

use crate::block::checked::{Checked, FileWriter, finish_side};
use crate::block::{BlockFile, BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use crate::text::TOKENIZER;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{FileHandle, OwnedBytes, RamDirectory, WatchCallback, WatchHandle, WritePtr};
use tantivy::{Directory, HasLen, Index};

pub(crate) const VERSION: u8 = 1;
/// Version of tantivy's own formats.
const TANTIVY: &str = "0.27";

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    tokenizer: u16,
    tantivy: String,
    files: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    name: String,
    offset: u64,
    stored: u64,
    bytes: u64,
}

/// Writes the files of an index that was built in memory.
pub(crate) fn save(index: &Index, directory: &RamDirectory, objects: &dyn ObjectIo, name: &str) -> Result<BlockFile> {
    let mut file = FileWriter::create(objects, name)?;
    let mut files: Vec<PathBuf> = index.load_metas()?.list_segment_files().into_iter().collect();
    files.push("meta.json".into());
    files.sort();
    let failed = |source| Error::Io { action: "write", path: name.to_owned(), source };
    let mut header = Header { tokenizer: TOKENIZER, tantivy: TANTIVY.into(), files: Vec::new() };
    let mut offset = 0;
    for path in files {
        if !directory.exists(&path).map_err(tantivy::TantivyError::from)? {
            continue;
        }
        let bytes = directory.open_read(&path).map_err(tantivy::TantivyError::from)?.read_bytes().map_err(failed)?;
        let packed = if path.extension().is_some_and(|extension| extension == "store") {
            zstd::bulk::compress(&bytes, 3).map_err(failed)?
        } else {
            Vec::new()
        };
        let stored: &[u8] = if !packed.is_empty() && packed.len() < bytes.len() { &packed } else { &bytes };
        file.write_all(stored).map_err(failed)?;
        header.files.push(Entry { name: path.to_string_lossy().into_owned(), offset, stored: stored.len() as u64, bytes: bytes.len() as u64 });
        offset += stored.len() as u64;
    }
    let header = serde_json::to_vec(&header).map_err(|error| Error::Internal(format!("index header: {error}")))?;
    file.write_all(&header).map_err(failed)?;
    file.write_all(&(header.len() as u32).to_le_bytes()).map_err(failed)?;
    finish_side(file, FileKind::Idx, VERSION)
}

/// The read-only directory of an index file.
#[derive(Clone)]
pub(crate) struct Container {
    source: Arc<Checked>,
    files: Arc<HashMap<PathBuf, Arc<Part>>>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({})", self.source.name())
    }
}

impl Container {
    /// `None`: the block has no index, or one of another tokenizer or tantivy.
    pub(crate) fn open(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>) -> Result<Option<Self>> {
        let Some(source) = Checked::side(meta, objects, FileKind::Idx, VERSION)? else { return Ok(None) };
        let damaged = || Error::corrupt(source.name(), "its header");
        let end = source.len().checked_sub(4).ok_or_else(damaged)?;
        let bytes = source.read(end, 4)?.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let at = end.checked_sub(bytes).ok_or_else(damaged)?;
        let header: Header = serde_json::from_slice(&source.read(at, bytes as usize)?).map_err(|_| damaged())?;
        if header.tokenizer != TOKENIZER || header.tantivy != TANTIVY {
            return Ok(None);
        }
        if header.files.iter().any(|file| file.offset.checked_add(file.stored).is_none_or(|end| end > at)) {
            return Err(damaged());
        }
        let source = Arc::new(source);
        let part =
            |entry: Entry| (PathBuf::from(&entry.name), Arc::new(Part { source: source.clone(), entry, unpacked: OnceLock::new(), windows: None }));
        let files = header.files.into_iter().map(part).collect();
        Ok(Some(Self { source, files: Arc::new(files) }))
    }

    /// The same to read from beginning to end: a merge asks for the few bytes of one word after the other, and each read costs a call and the
    /// checksum of 8 KiB.
    pub(crate) fn in_order(&self) -> Self {
        let part = |part: &Arc<Part>| {
            let Part { source, entry, unpacked, .. } = &**part;
            Arc::new(Part { source: source.clone(), entry: entry.clone(), unpacked: unpacked.clone(), windows: Some(Mutex::default()) })
        };
        let files = self.files.iter().map(|(path, known)| (path.clone(), part(known))).collect();
        Self { source: self.source.clone(), files: Arc::new(files) }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.source.memory_bytes() + self.files.len() * 200
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    fn part(&self, path: &Path) -> Result<&Arc<Part>, OpenReadError> {
        self.files.get(path).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }
}

/// One file of the index.
#[derive(Debug)]
struct Part {
    source: Arc<Checked>,
    entry: Entry,
    unpacked: OnceLock<OwnedBytes>,
    /// What was read last, by where it starts, when more is asked for from there on; the newest first.
    windows: Option<Mutex<Vec<(usize, OwnedBytes)>>>,
}

const WINDOW_BYTES: usize = 64 << 10;
/// A file may be read at two places in turn.
const WINDOWS_MAX: usize = 2;

impl Part {
    fn unpack(&self) -> io::Result<OwnedBytes> {
        if let Some(bytes) = self.unpacked.get() {
            return Ok(bytes.clone());
        }
        let stored = self.source.read(self.entry.offset, self.entry.stored as usize).map_err(io::Error::other)?;
        let bytes = OwnedBytes::new(zstd::bulk::decompress(&stored, self.entry.bytes as usize)?);
        Ok(self.unpacked.get_or_init(|| bytes).clone())
    }
}

impl Part {
    fn read(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let bytes = self.source.read(self.entry.offset + range.start as u64, range.len()).map_err(io::Error::other)?;
        Ok(OwnedBytes::new(bytes.to_vec()))
    }

    fn read_window(&self, windows: &mut Vec<(usize, OwnedBytes)>, range: Range<usize>) -> io::Result<OwnedBytes> {
        let holds = |(from, bytes): &(usize, OwnedBytes)| *from <= range.start && range.end <= from + bytes.len();
        match windows.iter().position(holds) {
            Some(at) => windows.swap(0, at),
            None => {
                let bytes = self.read(range.start..range.start.saturating_add(WINDOW_BYTES).min(self.len()))?;
                windows.insert(0, (range.start, bytes));
                windows.truncate(WINDOWS_MAX);
            }
        }
        let (from, bytes) = &windows[0];
        Ok(bytes.slice(range.start - from..range.end - from))
    }
}

impl HasLen for Part {
    fn len(&self) -> usize {
        self.entry.bytes as usize
    }
}

impl FileHandle for Part {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.len() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{range:?} of {} bytes", self.len())));
        }
        if self.entry.stored != self.entry.bytes {
            return Ok(self.unpack()?.slice(range));
        }
        match &self.windows {
            Some(windows) if range.len() < WINDOW_BYTES => self.read_window(&mut windows.lock(), range),
            _ => self.read(range),
        }
    }
}

impl Directory for Container {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(self.part(path)?.clone())
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.files.contains_key(path))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let part = self.part(path)?;
        let bytes =
            part.read_bytes(0..part.len()).map_err(|error| OpenReadError::IoError { io_error: Arc::new(error), filepath: path.to_owned() })?;
        Ok(bytes.to_vec())
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "an index file never changes")
}
