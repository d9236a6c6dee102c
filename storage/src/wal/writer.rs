//! Group commit: one thread writes the entries of everybody who waits, syncs once, shows the rows and answers.
//!
//! No linger: a group is whatever arrived while the last sync ran. Order: number → write → sync → live tables → answer.
//!
//! | what fails | what happens |
//! |---|---|
//! | a write (disk full, I/O error) | the group is refused; the segment is left behind, its LSNs void |
//! | the sync | the same, and the file is poisoned: its pages may be gone although a second sync would succeed |
//! | the sync of the next segment too | read-only, loudly: this disk cannot be trusted |
//! | creating the next segment | the group is refused; the next group tries again |

use super::Stream;
use super::entry::{Place, Unplaced};
use super::segment::{HEAD_BYTES, Head, Segments};
use crate::dedupe::Claim;
use crate::error::{Error, Kind, Result};
use crate::failpoint;
use crate::health::Health;
use crate::live::Rows;
use crate::objects::{File, FileIo, names};
use crate::version::Versions;
use crossbeam_channel::Receiver;
use hopline_model::{Lsn, Signal, TenantId};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

/// One entry with the rows it stands for.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) unplaced: Unplaced,
    pub(crate) tenant: TenantId,
    pub(crate) signal: Signal,
    pub(crate) rows: Rows,
}

/// One request: all of its entries are kept or none. One without entries ends the segment behind its group, so that the whole
/// segment can go once it is sealed.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) entries: Vec<Entry>,
    pub(crate) claim: Option<Claim>,
    pub(crate) done: oneshot::Sender<Result<()>>,
}

/// A group ends at this size: the buffer it is put together in stays small.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// An entry's index within its group is a u16; one request adds a handful.
const GROUP_ENTRIES_MAX: usize = 32 << 10;

/// A segment that is being written.
#[derive(Debug)]
struct Active {
    file: Arc<dyn File>,
    path: PathBuf,
    head: Head,
    end: u64,
}

/// The writer thread's state.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) health: Arc<Health>,
    pub(crate) epoch: u32,
    pub(crate) segment_bytes: u64,
    pub(crate) next: Lsn,
    /// Newest LSN that was synced, or that recovery kept.
    pub(crate) last_kept: Lsn,
    pub(crate) wake_flush: crossbeam_channel::Sender<()>,
}

impl Writer {
    /// Runs until every sender is gone.
    pub(crate) fn run(mut self, requests: &Receiver<Request>) {
        let mut active: Option<Active> = None;
        let mut buffer = Vec::new();
        let mut failed_syncs = 0;
        while let Ok(request) = requests.recv() {
            let mut group = vec![request];
            let mut bytes: usize = group[0].entries.iter().map(|entry| entry.unplaced.len()).sum();
            let mut entries = group[0].entries.len();
            while bytes < GROUP_BYTES_MAX
                && entries < GROUP_ENTRIES_MAX
                && let Ok(request) = requests.try_recv()
            {
                bytes += request.entries.iter().map(|entry| entry.unplaced.len()).sum::<usize>();
                entries += request.entries.len();
                group.push(request);
            }
            if self.health.is_read_only() {
                refuse(group, Kind::Closed, READ_ONLY);
                continue;
            }
            let ends = group.iter().any(|request| request.entries.is_empty());
            let written = if entries == 0 { Ok(self.next) } else { self.write(&mut active, &group, bytes, &mut buffer) };
            match written {
                Ok(first) => {
                    if entries > 0 {
                        failed_syncs = 0;
                    }
                    if ends && let Some(ended) = active.take() {
                        self.segments.ended(ended.head.first);
                    }
                    self.show(group, first);
                }
                Err(Failed { error, sync }) => {
                    if let Some(poisoned) = active.take() {
                        self.leave(poisoned);
                    }
                    failed_syncs = if sync { failed_syncs + 1 } else { failed_syncs };
                    self.health.note(format!("the WAL could not be written: {error}"));
                    if failed_syncs >= 2 {
                        self.health.set_read_only(READ_ONLY);
                        refuse(group, Kind::Closed, READ_ONLY);
                    } else {
                        let (kind, why) = match error.kind() {
                            Kind::Full => (Kind::Full, format!("the disk is full; free some space, it resumes by itself: {error}")),
                            _ => (Kind::Retry, format!("the request could not be stored, try again: {error}")),
                        };
                        refuse(group, kind, &why);
                    }
                }
            }
            if buffer.capacity() > 2 * GROUP_BYTES_MAX {
                buffer = Vec::new();
            }
            self.health.group_bytes.store(buffer.capacity() as u64, Ordering::Relaxed);
        }
        if let Some(active) = active {
            self.segments.ended(active.head.first);
        }
    }

    /// Gives the first LSN of the group, all of which is then durable.
    fn write(&mut self, active: &mut Option<Active>, group: &[Request], bytes: usize, buffer: &mut Vec<u8>) -> Result<Lsn, Failed> {
        if active.as_ref().is_some_and(|active| active.end > HEAD_BYTES && active.end + bytes as u64 > self.segment_bytes)
            && let Some(full) = active.take()
        {
            self.segments.ended(full.head.first);
        }
        let active = match active {
            Some(active) => active,
            none => none.insert(self.start_segment(bytes as u64)?),
        };
        let first = self.next;
        buffer.clear();
        let mut lsn = first;
        for entry in group.iter().flat_map(|request| &request.entries) {
            let place = Place { salt: active.head.salt, offset: active.end + buffer.len() as u64 };
            entry.unplaced.place(lsn, (lsn.0 - first.0) as u16, self.epoch, place, buffer);
            lsn = Lsn(lsn.0 + 1);
        }
        // Numbers are used up whatever happens next: a half-written entry must never share its LSN with a good one.
        self.next = lsn;
        active.file.write_at(buffer, active.end).map_err(|error| Failed::write(Error::io("write", &active.path)(error)))?;
        failpoint::hit("wal.written");
        active.file.sync().map_err(|error| Failed::sync(&active.path, error))?;
        failpoint::hit("wal.synced");
        active.end += buffer.len() as u64;
        self.last_kept = Lsn(lsn.0 - 1);
        let mut last: HashMap<Stream, Lsn> = HashMap::new();
        let mut lsn = first;
        for entry in group.iter().flat_map(|request| &request.entries) {
            last.insert(Stream { tenant: entry.tenant, signal: entry.signal, epoch: self.epoch }, lsn);
            lsn = Lsn(lsn.0 + 1);
        }
        self.segments.written(active.head.first, active.end, last.into_iter());
        Ok(first)
    }

    fn start_segment(&mut self, bytes: u64) -> Result<Active, Failed> {
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).map_err(|error| Failed::write(Error::Internal(format!("no randomness: {error}"))))?;
        let head = Head { first: self.next, epoch: self.epoch, salt: u64::from_le_bytes(salt), last_kept: self.last_kept };
        // A name is never used twice, also not after a failure below.
        self.next = Lsn(self.next.0 + 1);
        let path = self.segments.path(head.first);
        let new = self.segments.dir().join(names::wal_new(head.first));
        let file = self.files.create(&new).map_err(|error| Failed::write(Error::io("create", &new)(error)))?;
        let result = (|| {
            file.preallocate(self.segment_bytes.max(HEAD_BYTES + bytes))
                .map_err(|error| Failed::write(Error::io("reserve room for", &path)(error)))?;
            file.write_at(&head.encode(), 0).map_err(|error| Failed::write(Error::io("write", &path)(error)))?;
            file.sync().map_err(|error| Failed::sync(&path, error))?;
            // Under its name a segment has its head, whatever happened: one without is damaged, and that is told.
            self.files.rename(&new, &path).map_err(|error| Failed::write(Error::io("rename", &new)(error)))?;
            self.files.sync_dir(self.segments.dir()).map_err(|error| Failed::sync(&path, error))
        })();
        if let Err(failed) = result {
            let _ = self.files.remove(&new);
            let _ = self.files.remove(&path);
            return Err(failed);
        }
        self.segments.started(head.first);
        Ok(Active { file, path, head, end: HEAD_BYTES })
    }

    /// A segment whose tail cannot be trusted: its good entries stay until they are sealed.
    fn leave(&self, poisoned: Active) {
        // Gives back the room that was reserved; the void entries behind are dropped at start anyway.
        let _ = poisoned.file.truncate(poisoned.end);
        self.segments.ended(poisoned.head.first);
    }

    /// Rows become visible, then the waiting are answered.
    fn show(&self, group: Vec<Request>, first: Lsn) {
        let mut lsn = first;
        let mut answers = Vec::with_capacity(group.len());
        let mut rows = Vec::new();
        for request in group {
            for entry in request.entries {
                rows.push((Stream { tenant: entry.tenant, signal: entry.signal, epoch: self.epoch }, lsn, entry.rows));
                lsn = Lsn(lsn.0 + 1);
            }
            answers.push((request.claim, request.done));
        }
        let inserted = self.versions.insert(rows);
        for (claim, done) in answers {
            if inserted.is_ok() {
                claim.into_iter().for_each(Claim::stored);
            }
            // The asker may have gone: its rows are stored all the same.
            let _ = done.send(match &inserted {
                Ok(_) => Ok(()),
                Err(error) => Err(Error::Internal(format!("stored, but not visible before a restart: {error}"))),
            });
        }
        if inserted.unwrap_or(true) {
            let _ = self.wake_flush.try_send(());
        }
    }
}

const READ_ONLY: &str = "storage is read-only: the disk failed to make data durable twice in a row; check the disk, then restart";

struct Failed {
    error: Error,
    sync: bool,
}

impl Failed {
    fn write(error: Error) -> Self {
        Self { error, sync: false }
    }

    fn sync(path: &std::path::Path, error: std::io::Error) -> Self {
        // A full disk is known to be full; only unexplained failures mean that the disk cannot be trusted.
        let sync = !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        Self { error: Error::io("sync", path)(error), sync }
    }
}

fn refuse(group: Vec<Request>, kind: Kind, why: &str) {
    for request in group {
        drop(request.claim);
        let error = match kind {
            Kind::Full => Error::Full(why.to_owned()),
            Kind::Closed => Error::Closed(why.to_owned()),
            _ => Error::Retry(why.to_owned()),
        };
        let _ = request.done.send(Err(error));
    }
}

/// How long [`crate::Storage::append`] waits for room in the live tables before it asks the client to come back.
pub(crate) const ROOM_WAIT: Duration = Duration::from_secs(1);
