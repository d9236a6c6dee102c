//! One process at a time in a data directory.

use crate::error::{Error, Result};
use rustix::fs::{FlockOperation, flock};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held as long as it lives; the kernel lets go when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: std::fs::File,
}

impl Lock {
    pub(crate) fn take(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join(super::names::LOCK);
        let mut file =
            std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(Error::io("open", &path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            let owner = owner.trim();
            let owner = if owner.is_empty() { String::new() } else { format!(" (process {owner})") };
            return Err(Error::Invalid(format!(
                "data directory {} is in use by another hopline{owner}: stop it, or give this one another --data-dir",
                data_dir.display()
            )));
        }
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}
