//! Files in memory that can fail, and lose power: what was not synced is then dropped, torn or kept by chance, write by
//! write; names that were not synced in their directory are gone from some point on.

use super::file_io::{File, FileIo};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECTOR: usize = 512;

/// What an operation fails with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NoSpace,
    Io,
    /// A write leaves half of its bytes, then fails; other operations fail with an I/O error.
    Short,
    /// The next sync (of a file or a directory) fails.
    Sync,
    /// The next rename fails.
    Rename,
    /// Everything from here on fails: the machine is gone until [`SimFs::reboot`].
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Sync,
    Rename,
    Other,
}

#[derive(Debug, Default)]
struct Inode {
    /// As a running program reads it.
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
    /// Room that is its own whether written or not.
    reserved: u64,
}

impl Inode {
    fn size(&self) -> u64 {
        self.reserved.max(self.now.len() as u64)
    }
}

#[derive(Debug, Clone)]
enum NameChange {
    Put(PathBuf, u64),
    Gone(PathBuf),
}

#[derive(Debug, Default)]
struct State {
    inodes: HashMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    synced_names: BTreeMap<PathBuf, u64>,
    pending_names: HashMap<PathBuf, Vec<NameChange>>,
    next_inode: u64,
    operations: u64,
    faults: HashMap<u64, Fault>,
    /// Bytes of an inode that cannot be read, however often.
    unreadable: Option<(u64, std::ops::Range<u64>)>,
    dead: bool,
    /// Size of the volume.
    capacity: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct SimFs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct SimFile {
    state: Arc<Mutex<State>>,
    inode: u64,
}

impl SimFs {
    pub(crate) fn new() -> Self {
        Self { state: Arc::new(Mutex::new(State { capacity: 1 << 40, ..State::default() })) }
    }

    pub(crate) fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// The operation `after` from now fails.
    pub(crate) fn fail(&self, after: u64, fault: Fault) {
        let mut state = self.state.lock();
        let at = state.operations + after;
        state.faults.insert(at, fault);
    }

    /// The volume is so large that this much is free now.
    pub(crate) fn set_free(&self, free: u64) {
        let mut state = self.state.lock();
        state.capacity = state.used() + free;
    }

    /// A part of a file cannot be read from now on.
    pub(crate) fn spoil(&self, path: &Path, bytes: std::ops::Range<u64>) {
        let mut state = self.state.lock();
        let inode = state.names[path];
        state.unreadable = Some((inode, bytes));
    }

    pub(crate) fn read_whole(&self, path: &Path) -> Vec<u8> {
        let state = self.state.lock();
        state.inodes[&state.names[path]].now.clone()
    }

    /// Puts a file there, synced.
    pub(crate) fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        state.next_inode += 1;
        let inode = state.next_inode;
        state.inodes.insert(inode, Inode { now: bytes.clone(), synced: bytes, ..Inode::default() });
        state.names.insert(path.to_owned(), inode);
        state.synced_names.insert(path.to_owned(), inode);
    }

    /// The machine comes up again with what chance left of the unsynced.
    pub(crate) fn reboot(&self, seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut state = self.state.lock();
        let state = &mut *state;
        state.dead = false;
        state.faults.clear();
        let mut numbers: Vec<u64> = state.inodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let Some(inode) = state.inodes.get_mut(&number) else { continue };
            let mut bytes = std::mem::take(&mut inode.synced);
            for (offset, written) in std::mem::take(&mut inode.pending) {
                match chance.random_range(0..3) {
                    0 => {}
                    1 => put(&mut bytes, offset, &written),
                    _ => {
                        // Torn: some sectors arrive, in any order.
                        for start in (0..written.len()).step_by(SECTOR) {
                            if chance.random_bool(0.5) {
                                put(&mut bytes, offset + start, &written[start..written.len().min(start + SECTOR)]);
                            }
                        }
                    }
                }
            }
            inode.now.clone_from(&bytes);
            inode.synced = bytes;
        }
        let mut directories: Vec<_> = std::mem::take(&mut state.pending_names).into_iter().collect();
        directories.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, changes) in directories {
            let kept = chance.random_range(0..=changes.len());
            changes.into_iter().take(kept).for_each(|change| apply(&mut state.synced_names, change));
        }
        state.names.clone_from(&state.synced_names);
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    if bytes.len() < offset + written.len() {
        bytes.resize(offset + written.len(), 0);
    }
    bytes[offset..offset + written.len()].copy_from_slice(written);
}

fn apply(names: &mut BTreeMap<PathBuf, u64>, change: NameChange) {
    match change {
        NameChange::Put(path, inode) => {
            names.insert(path, inode);
        }
        NameChange::Gone(path) => {
            names.remove(&path);
        }
    }
}

impl State {
    /// Counts an operation; gives the fault that hits it. A fault of another kind of operation waits for the next.
    fn step(&mut self, operation: Operation) -> io::Result<Option<Fault>> {
        let mut fault = self.faults.remove(&self.operations);
        self.operations += 1;
        let waits = match fault {
            Some(Fault::Sync) => operation != Operation::Sync,
            Some(Fault::Rename) => operation != Operation::Rename,
            _ => false,
        };
        if waits && let Some(fault) = fault.take() {
            self.faults.entry(self.operations).or_insert(fault);
        }
        if fault == Some(Fault::Power) {
            self.dead = true;
        }
        if self.dead {
            return Err(io::Error::other("the machine is off"));
        }
        Ok(fault)
    }

    fn used(&self) -> u64 {
        self.names.values().filter_map(|inode| self.inodes.get(inode)).map(Inode::size).sum()
    }

    /// Room for an inode to become so large.
    fn grow(&self, inode: u64, size: u64) -> io::Result<()> {
        let now = self.inodes.get(&inode).map_or(0, Inode::size);
        match size > now && size - now > self.capacity.saturating_sub(self.used()) {
            true => Err(ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn plain(&mut self) -> io::Result<()> {
        self.plain_as(Operation::Other)
    }

    fn plain_as(&mut self, operation: Operation) -> io::Result<()> {
        match self.step(operation)? {
            None => Ok(()),
            Some(fault) => Err(error(fault)),
        }
    }

    fn change(&mut self, change: NameChange) {
        let path = match &change {
            NameChange::Put(path, _) | NameChange::Gone(path) => path,
        };
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        apply(&mut self.names, change.clone());
        self.pending_names.entry(directory).or_default().push(change);
    }
}

fn error(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace => ErrorKind::StorageFull.into(),
        Fault::Io | Fault::Short | Fault::Sync | Fault::Rename | Fault::Power => io::Error::other("simulated I/O error"),
    }
}

impl FileIo for SimFs {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state.lock();
        state.plain()?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.next_inode += 1;
        let inode = state.next_inode;
        state.inodes.insert(inode, Inode::default());
        state.change(NameChange::Put(path.to_owned(), inode));
        Ok(Arc::new(SimFile { state: self.state.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state.lock();
        state.plain()?;
        let inode = *state.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { state: self.state.clone(), inode }))
    }

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        self.state.lock().plain()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.plain_as(Operation::Sync)?;
        for change in state.pending_names.remove(path).unwrap_or_default() {
            apply(&mut state.synced_names, change);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.plain_as(Operation::Rename)?;
        let inode = *state.names.get(from).ok_or(ErrorKind::NotFound)?;
        state.change(NameChange::Put(to.to_owned(), inode));
        state.change(NameChange::Gone(from.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.plain()?;
        if !state.names.contains_key(path) {
            return Err(ErrorKind::NotFound.into());
        }
        state.change(NameChange::Gone(path.to_owned()));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        state.plain()?;
        let inside = state.names.keys().filter_map(|name| name.strip_prefix(path).ok()?.iter().next());
        let mut names: Vec<String> = inside.map(|name| name.to_string_lossy().into_owned()).collect();
        names.dedup();
        Ok(names)
    }

    fn space(&self, _path: &Path) -> io::Result<(u64, u64)> {
        let state = self.state.lock();
        Ok((state.capacity.saturating_sub(state.used()), state.capacity))
    }
}

impl File for SimFile {
    fn preallocate(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.plain()?;
        state.grow(self.inode, len)?;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            inode.reserved = inode.reserved.max(len);
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.step(Operation::Other)?;
        state.grow(self.inode, offset + bytes.len() as u64)?;
        let kept = match fault {
            None => bytes,
            Some(Fault::Short) => &bytes[..bytes.len() / 2],
            Some(fault) => return Err(error(fault)),
        };
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            put(&mut inode.now, offset as usize, kept);
            inode.pending.push((offset as usize, kept.to_vec()));
        }
        fault.map_or(Ok(()), |fault| Err(error(fault)))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.plain()?;
        if let Some((inode, bad)) = &state.unreadable
            && *inode == self.inode
            && offset < bad.end
            && bad.start < offset + buffer.len() as u64
        {
            return Err(io::Error::other("simulated bad sector"));
        }
        let bytes = state.inodes[&self.inode].now.get(offset as usize..).unwrap_or_default();
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.state.lock();
        state.plain()?;
        Ok(state.inodes[&self.inode].now.len() as u64)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.plain()?;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            inode.now.truncate(len as usize);
            inode.reserved = inode.reserved.min(len);
        }
        Ok(())
    }

    /// A failed sync loses the pages it was to write, while the program still reads them: the worst that systems do.
    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let result = state.plain_as(Operation::Sync);
        let dead = state.dead;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            match result {
                Ok(()) => {
                    for (offset, bytes) in std::mem::take(&mut inode.pending) {
                        put(&mut inode.synced, offset, &bytes);
                    }
                    if inode.now.len() < inode.synced.len() {
                        inode.synced.truncate(inode.now.len());
                    }
                }
                Err(_) if dead => {}
                Err(_) => inode.pending.clear(),
            }
        }
        result
    }
}
