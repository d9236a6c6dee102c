//! Objects in a directory. An object appears whole or not at all: temp file, sync, rename, sync of the directory
//! (`object_store` 0.13 syncs nothing, so it cannot be trusted with the only copy).

use super::file_io::{File, FileIo};
use super::names;
use crate::error::{Error, Result};
use bytes::Bytes;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Immutable objects by name.
pub trait ObjectIo: Send + Sync + fmt::Debug {
    /// Starts an object; nothing is visible until [`ObjectWriter::finish`].
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>>;
    /// Bytes `[offset, offset + len)`; an error when the object is shorter.
    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Bytes>;
    /// Stretches that will be read soon, so that none has to wait for another. Advice: it may do nothing.
    fn will_need(&self, _name: &str, _stretches: &[Range<u64>]) {}
    fn size(&self, name: &str) -> Result<u64>;
    /// Removing what is not there succeeds.
    fn delete(&self, name: &str) -> Result<()>;
}

/// Bytes of one object, in order.
pub trait ObjectWriter: std::io::Write + Send {
    /// Durable and visible under its name; gives its length and CRC32C.
    fn finish(self: Box<Self>) -> Result<(u64, u32)>;
}

/// Objects under a data directory.
#[derive(Debug)]
pub struct LocalObjects {
    root: PathBuf,
    files: Arc<dyn FileIo>,
    next_temp: AtomicU64,
    /// Open files by name: an object is immutable, so a handle stays right until it is deleted.
    open: moka::sync::Cache<String, Arc<dyn File>>,
}

const OPEN_FILES_MAX: u64 = 512;

impl LocalObjects {
    /// Empties `tmp/`: what is there was never published.
    pub fn open(root: impl Into<PathBuf>, files: Arc<dyn FileIo>) -> Result<Self> {
        let root = root.into();
        let temp = root.join(names::TMP_DIR);
        files.create_dir_all(&temp).map_err(Error::io("create", &temp))?;
        for name in files.list(&temp).map_err(Error::io("list", &temp))? {
            let path = temp.join(name);
            files.remove(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(Self { root, files, next_temp: AtomicU64::new(0), open: moka::sync::Cache::new(OPEN_FILES_MAX) })
    }

    fn file(&self, name: &str) -> Result<Arc<dyn File>> {
        if let Some(file) = self.open.get(name) {
            return Ok(file);
        }
        let path = self.root.join(name);
        let file = self.files.open(&path).map_err(Error::io("open", &path))?;
        self.open.insert(name.to_owned(), file.clone());
        Ok(file)
    }
}

impl ObjectIo for LocalObjects {
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>> {
        let number = self.next_temp.fetch_add(1, Ordering::Relaxed);
        let temp = self.root.join(names::TMP_DIR).join(format!("{number}"));
        let file = self.files.create(&temp).map_err(Error::io("create", &temp))?;
        Ok(Box::new(LocalWriter { files: self.files.clone(), file, temp, target: self.root.join(name), len: 0, crc: 0, done: false }))
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Bytes> {
        let mut buffer = vec![0; len];
        self.file(name)?.read_exact_at(&mut buffer, offset).map_err(Error::io("read", self.root.join(name)))?;
        Ok(buffer.into())
    }

    fn will_need(&self, name: &str, stretches: &[Range<u64>]) {
        if let Ok(file) = self.file(name) {
            stretches.iter().for_each(|stretch| file.will_need(stretch.clone()));
        }
    }

    fn size(&self, name: &str) -> Result<u64> {
        self.file(name)?.len().map_err(Error::io("stat", self.root.join(name)))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.open.invalidate(name);
        let path = self.root.join(name);
        match self.files.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

struct LocalWriter {
    files: Arc<dyn FileIo>,
    file: Arc<dyn File>,
    temp: PathBuf,
    target: PathBuf,
    len: u64,
    crc: u32,
    done: bool,
}

impl std::io::Write for LocalWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_at(bytes, self.len)?;
        self.len += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for LocalWriter {
    fn finish(mut self: Box<Self>) -> Result<(u64, u32)> {
        self.file.sync().map_err(Error::io("sync", &self.temp))?;
        let directory = self.target.parent().ok_or_else(|| Error::Internal(format!("object {} has no directory", self.target.display())))?;
        self.files.create_dir_all(directory).map_err(Error::io("create", directory))?;
        self.files.rename(&self.temp, &self.target).map_err(Error::io("rename", &self.temp))?;
        // Ancestors too: a new directory is only there after a crash when its parent was synced.
        for ancestor in directory.ancestors().take(4) {
            self.files.sync_dir(ancestor).map_err(Error::io("sync", ancestor))?;
            if ancestor.file_name().is_some_and(|name| name == names::BLOCKS_DIR) {
                if let Some(root) = ancestor.parent() {
                    self.files.sync_dir(root).map_err(Error::io("sync", root))?;
                }
                break;
            }
        }
        self.done = true;
        Ok((self.len, self.crc))
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.files.remove(&self.temp);
        }
    }
}
