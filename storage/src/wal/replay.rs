//! The rows of recovered entries back into live tables, in LSN order and bounded memory, while the doors are open.
//!
//! One thread reads a segment from front to end, the others decode; rows come into the tables in the order they were read.
//! Sealing runs beside it, and replay waits for it when live tables are full.

use super::payload;
use super::reader::{self, Found};
use super::recover::{Pending, Recovered, stream};
use super::segment::Segments;
use super::{Stream, entry};
use crate::error::{Error, Result};
use crate::health::Health;
use crate::live::Rows;
use crate::objects::{File, FileIo};
use crate::version::Versions;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use hopline_model::Lsn;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Two seconds of trying.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Entries read and not yet in a table, decoded: at least one, else as many as fit.
const AHEAD_BYTES_MAX: u64 = 8 << 20;
const AHEAD_MAX: usize = 256;
/// One decodes while another thread reads, inserts or seals: two cores are used up, more would only wait for sealing.
const DECODERS: usize = 2;

#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) health: Arc<Health>,
    pub(crate) wake_flush: crossbeam_channel::Sender<()>,
    /// Replay waits while live tables hold more than this.
    pub(crate) live_bytes_max: u64,
}

/// An entry on its way through a decoder.
struct Job {
    found: Found,
    bytes: Vec<u8>,
    done: Sender<Result<Rows>>,
}

/// An entry whose rows are being decoded.
struct Ahead {
    stream: Stream,
    lsn: Lsn,
    payload_bytes: u64,
    raw_bytes: u64,
    rows: Receiver<Result<Rows>>,
}

impl Replay {
    /// Returns early when storage stops: what was not replayed stays in the log.
    pub(crate) fn run(self, recovered: &Recovered) {
        let (jobs, queue) = unbounded::<Job>();
        let whole = std::thread::scope(|scope| {
            if !recovered.pending.is_empty() {
                for _ in 0..DECODERS {
                    let queue = queue.clone();
                    scope.spawn(move || queue.iter().for_each(decode));
                }
            }
            let whole = recovered.pending.iter().all(|segment| self.segment(segment, recovered, &jobs));
            drop(jobs);
            whole
        });
        self.health.replay_bytes.store(0, Ordering::Relaxed);
        if whole {
            self.versions.set_replayed();
            let _ = self.wake_flush.try_send(());
        }
    }

    /// `false`: no further segment may be replayed.
    fn segment(&self, segment: &Pending, recovered: &Recovered, jobs: &Sender<Job>) -> bool {
        let path = self.segments.path(segment.first);
        let file = match self.open(&path) {
            Ok(file) => file,
            Err(Error::Closed(_)) => return false,
            Err(error) => {
                // Nothing of it is replayed, so answers stay marked as incomplete and the log stays as it is.
                self.health.note(format!("WAL segment {} cannot be opened for replay: {error}; restart when it can be read", path.display()));
                return false;
            }
        };
        let mut last: HashMap<Stream, Lsn> = HashMap::new();
        let mut ahead: VecDeque<Ahead> = VecDeque::new();
        let mut ahead_bytes = 0;
        let mut seen = 0;
        let mut stopped = false;
        let scan = reader::scan(&file, &path, PATIENCE, &mut |found, bytes| {
            if !recovered.counts(segment, &found) {
                return ControlFlow::Continue(());
            }
            seen += 1;
            if recovered.is_sealed(&found) {
                return ControlFlow::Continue(());
            }
            let raw_bytes = u64::from(found.header.raw_len) + bytes.len() as u64;
            while !ahead.is_empty() && (ahead_bytes + raw_bytes > AHEAD_BYTES_MAX || ahead.len() >= AHEAD_MAX) {
                if !self.insert(ahead.pop_front(), &mut ahead_bytes, &mut last, segment.first, &path) {
                    stopped = true;
                    return ControlFlow::Break(());
                }
            }
            let (done, rows) = bounded(1);
            let payload_bytes = u64::from(found.header.payload_len);
            ahead.push_back(Ahead { stream: stream(&found), lsn: found.header.lsn, payload_bytes, raw_bytes, rows });
            ahead_bytes += raw_bytes;
            self.health.replay_bytes.store(ahead_bytes, Ordering::Relaxed);
            if jobs.send(Job { found, bytes: bytes.to_vec(), done }).is_err() {
                stopped = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        while !stopped && !ahead.is_empty() {
            stopped = !self.insert(ahead.pop_front(), &mut ahead_bytes, &mut last, segment.first, &path);
        }
        if stopped {
            return false;
        }
        match scan {
            Ok(_) if seen == segment.entries => {}
            Ok(_) => self.damaged(
                segment.first,
                0,
                format!("{} entries of WAL segment {} can no longer be read", segment.entries.abs_diff(seen), path.display()),
            ),
            Err(error) => {
                self.health.note(format!("WAL segment {} cannot be read for replay: {error}; restart when it can be read", path.display()));
                return false;
            }
        }
        self.segments.holds(segment.first, last);
        true
    }

    /// The rows of the oldest entry on its way; `false` when storage stops.
    fn insert(&self, ahead: Option<Ahead>, ahead_bytes: &mut u64, last: &mut HashMap<Stream, Lsn>, first: Lsn, path: &Path) -> bool {
        let Some(Ahead { stream, lsn, payload_bytes, raw_bytes, rows }) = ahead else { return true };
        while self.versions.live_bytes() > self.live_bytes_max && !self.health.is_stopping() {
            let _ = self.wake_flush.try_send(());
            std::thread::sleep(Duration::from_millis(2));
        }
        if self.health.is_stopping() {
            return false;
        }
        let rows = rows.recv().unwrap_or_else(|_| Err(Error::Internal("a decoder died".into())));
        *ahead_bytes -= raw_bytes;
        match rows.and_then(|rows| self.versions.insert(vec![(stream, lsn, rows)])) {
            Ok(_) => {
                last.insert(stream, lsn);
            }
            Err(error) => self.damaged(first, payload_bytes, format!("WAL entry {} of {} could not be replayed: {error}", lsn.0, path.display())),
        }
        true
    }

    fn damaged(&self, first: Lsn, bytes: u64, note: String) {
        self.segments.damaged(first);
        self.health.quarantined(bytes);
        self.health.note(format!("{note}; the file is set aside"));
    }

    /// An open that fails may succeed a moment later.
    fn open(&self, path: &Path) -> Result<Arc<dyn File>> {
        let mut patience = PATIENCE;
        loop {
            match self.files.open(path).map_err(Error::io("open", path)) {
                Err(_) if self.health.is_stopping() => return Err(Error::Closed("stopping".into())),
                Err(_) if !patience.is_zero() => {
                    patience = patience.saturating_sub(RETRY_PAUSE);
                    std::thread::sleep(RETRY_PAUSE);
                }
                result => return result,
            }
        }
    }
}

fn decode(job: Job) {
    let Job { found, bytes, done } = job;
    // Replay may have stopped.
    let _ = done.send(rows(&found, &bytes));
}

fn rows(found: &Found, bytes: &[u8]) -> Result<Rows> {
    let header = &found.header;
    let batch = payload::decode(header.signal, header.lsn, entry::payload(header, bytes), header.raw_len as usize, header.compressed)?;
    if batch.num_rows() != header.rows as usize {
        return Err(Error::corrupt(format!("WAL entry {}", header.lsn.0), format!("{} rows instead of {}", batch.num_rows(), header.rows)));
    }
    let hash = header.hashes.first().map(|hash| hash.hash);
    let mut rows = Rows::new(header.signal, batch, header.received, hash);
    // All columns share one buffer, which Arrow's own count would take once for each.
    rows.bytes = u64::from(header.raw_len) + Rows::OVERHEAD_BYTES;
    Ok(rows)
}
