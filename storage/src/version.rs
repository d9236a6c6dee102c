//! What exists at this instant: live tables, rows being sealed, blocks. One lock makes every change and every snapshot a
//! single step, so a row is never seen twice or missed while a seal or a merge moves it.
//!
//! The order of a seal: table → sealing (still seen) → block files synced → catalog commit → **one step here**: the
//! sealing rows go, the block comes → WAL trim. A crash before the commit replays the rows; after it they are in the block.

use crate::block::{Block, BlockId, BlockMeta};
use crate::catalog::Sealed;
use crate::error::Result;
use crate::flush::due::TableState;
use crate::live::{Rows, Sealing, Table};
use crate::objects::ObjectIo;
use crate::scan::LiveEdges;
use crate::snapshot::{Chunk, Snapshot};
use crate::wal::Stream;
use hopline_model::{Clock, Lsn, Signal, TenantId};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// A live table. Rows that replay brings back have a table of their own: their LSNs are older than what is appended meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TableKey {
    pub(crate) tenant: TenantId,
    pub(crate) signal: Signal,
    pub(crate) replayed: bool,
}

#[derive(Debug)]
pub(crate) struct Versions {
    clock: Arc<dyn Clock>,
    objects: Arc<dyn ObjectIo>,
    /// The epoch of this process; rows of another one come from replay.
    epoch: u32,
    /// Table size above which the flush task is woken.
    table_bytes_max: u64,
    live_bytes_max: u64,
    /// Bytes of all tables, readable without the lock.
    live_bytes: AtomicU64,
    /// Taken before `state`.
    counting: Mutex<()>,
    state: Mutex<State>,
    /// Woken whenever a seal gives memory back.
    pub(crate) room: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    tables: BTreeMap<TableKey, Table>,
    /// Chunks of both tables of a (tenant, signal), as the last snapshot took them; gone with any change.
    seen: HashMap<(TenantId, Signal), Arc<Vec<Chunk>>>,
    blocks: HashMap<TenantId, Arc<Vec<Arc<Block>>>>,
    sealed: HashMap<Stream, Lsn>,
    /// Filled by whoever asks for edges.
    live_edges: HashMap<TenantId, Arc<LiveEdges>>,
    /// Blocks that no new snapshot sees, until their last reader is gone.
    removed: Vec<(BlockMeta, Weak<()>, u64)>,
    replayed: bool,
    appended_rows: u64,
}

impl Versions {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        objects: Arc<dyn ObjectIo>,
        epoch: u32,
        config: &crate::Config,
        blocks: Vec<BlockMeta>,
        sealed: &[Sealed],
    ) -> Self {
        let mut by_tenant: HashMap<TenantId, Vec<Arc<Block>>> = HashMap::new();
        for meta in blocks {
            by_tenant.entry(meta.tenant).or_default().push(Arc::new(Block::new(meta, objects.clone())));
        }
        let state = State {
            blocks: by_tenant.into_iter().map(|(tenant, blocks)| (tenant, Arc::new(blocks))).collect(),
            sealed: sealed.iter().map(|sealed| (sealed.stream, sealed.lsn)).collect(),
            ..State::default()
        };
        Self {
            clock,
            objects,
            epoch,
            table_bytes_max: config.seal_table_bytes_max,
            live_bytes_max: config.live_bytes_max,
            live_bytes: AtomicU64::new(0),
            counting: Mutex::default(),
            state: Mutex::new(state),
            room: tokio::sync::Notify::new(),
        }
    }

    /// Rows of synced entries, in LSN order. `true`: something is due to be sealed.
    pub(crate) fn insert(&self, entries: Vec<(Stream, Lsn, Rows)>) -> Result<bool> {
        // Numbering the rows happens outside the lock.
        let mut chunks = Vec::with_capacity(entries.len());
        for (stream, lsn, rows) in entries {
            let (bytes, hash) = (rows.bytes, rows.hash);
            chunks.push((stream, lsn, rows.into_chunk(stream.signal, lsn)?, bytes, hash));
        }
        let now = self.clock.monotonic_nano();
        let mut state = self.state.lock();
        let mut due = false;
        for (stream, lsn, chunk, bytes, hash) in chunks {
            let Stream { tenant, signal, epoch } = stream;
            let rows = chunk.rows.num_rows() as u64;
            state.seen.remove(&(tenant, signal));
            let table = state.tables.entry(TableKey { tenant, signal, replayed: epoch != self.epoch }).or_default();
            let before = table.bytes();
            table.insert(epoch, lsn, chunk, bytes, hash.map(|hash| (tenant, hash)), now)?;
            due |= table.active_bytes >= self.table_bytes_max;
            let (before, after) = (before, table.bytes());
            self.live_bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
            if epoch == self.epoch {
                state.appended_rows += rows;
            }
        }
        Ok(due || self.live_bytes() >= self.live_bytes_max)
    }

    /// Who sends waits for seals.
    pub(crate) fn is_behind(&self) -> bool {
        self.live_bytes() >= self.live_bytes_max + self.live_bytes_max / 8
    }

    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn snapshot(&self, tenant: TenantId) -> Snapshot {
        let mut state = self.state.lock();
        let chunks = Signal::ALL.map(|signal| {
            if let Some(seen) = state.seen.get(&(tenant, signal)) {
                return seen.clone();
            }
            let tables = [true, false].map(|replayed| state.tables.get(&TableKey { tenant, signal, replayed }));
            let chunks: Arc<Vec<Chunk>> = Arc::new(tables.into_iter().flatten().flat_map(Table::chunks).cloned().collect());
            if !chunks.is_empty() {
                state.seen.insert((tenant, signal), chunks.clone());
            }
            chunks
        });
        let live_edges = state.live_edges.entry(tenant).or_default().clone();
        Snapshot { tenant, chunks, blocks: state.blocks.get(&tenant).cloned().unwrap_or_default(), complete: state.replayed, live_edges }
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.state.lock().replayed
    }

    pub(crate) fn set_replayed(&self) {
        self.state.lock().replayed = true;
    }

    /// What the seal policy decides on.
    pub(crate) fn tables(&self) -> Vec<TableState> {
        let state = self.state.lock();
        let table = |(key, table): (&TableKey, &Table)| TableState {
            key: *key,
            bytes: table.active_bytes,
            oldest: table.oldest,
            sealing: table.sealing.is_some(),
        };
        state.tables.iter().filter(|(_, table)| !table.is_empty()).map(table).collect()
    }

    pub(crate) fn begin_seal(&self, key: TableKey) -> Option<Arc<Sealing>> {
        self.state.lock().tables.get_mut(&key)?.begin_seal()
    }

    /// The one step in which sealed rows become a block; after the catalog's commit.
    pub(crate) fn finish_seal(&self, key: TableKey, sealed: &[Sealed], block: BlockMeta) {
        let mut state = self.state.lock();
        state.seen.remove(&(key.tenant, key.signal));
        if let Some(table) = state.tables.get_mut(&key)
            && let Some(sealing) = table.sealing.take()
        {
            self.live_bytes.fetch_sub(sealing.bytes, Ordering::Relaxed);
            if table.is_empty() {
                state.tables.remove(&key);
            }
        }
        for sealed in sealed {
            state.sealed.insert(sealed.stream, sealed.lsn);
        }
        self.swap(&mut state, key.tenant, vec![block], &[]);
        drop(state);
        self.room.notify_waiters();
    }

    /// New blocks in, old ones out, in one step; after the catalog's commit.
    pub(crate) fn replace(&self, tenant: TenantId, add: Vec<BlockMeta>, remove: &[BlockId]) {
        self.swap(&mut self.state.lock(), tenant, add, remove);
    }

    /// A block has another side file; after the catalog's commit.
    pub(crate) fn amend(&self, meta: BlockMeta) {
        let mut state = self.state.lock();
        if let Some((removed, ..)) = state.removed.iter_mut().find(|(removed, ..)| removed.id == meta.id) {
            // Retention was faster: the new file goes with the others.
            *removed = meta;
            return;
        }
        let Some(old) = state.blocks.get(&meta.tenant).cloned() else { return };
        let amended = |block: &Arc<Block>| if block.meta.id == meta.id { Arc::new(block.amended(meta.clone())) } else { block.clone() };
        state.blocks.insert(meta.tenant, Arc::new(old.iter().map(amended).collect()));
    }

    /// One at a time adds to the edges of what is counted: what a block adds depends on the blocks before it.
    pub(crate) fn counting(&self) -> MutexGuard<'_, ()> {
        self.counting.lock()
    }

    fn swap(&self, state: &mut State, tenant: TenantId, add: Vec<BlockMeta>, remove: &[BlockId]) {
        let old = state.blocks.get(&tenant).cloned().unwrap_or_default();
        let (gone, mut blocks): (Vec<_>, Vec<_>) = old.iter().cloned().partition(|block| remove.contains(&block.meta.id));
        blocks.extend(add.into_iter().map(|meta| Arc::new(Block::new(meta, self.objects.clone()))));
        state.blocks.insert(tenant, Arc::new(blocks));
        let now = self.clock.monotonic_nano();
        state.removed.extend(gone.into_iter().map(|block| (block.meta.clone(), block.readers(), now)));
    }

    /// Takes the removed blocks whose last reader left and whose grace is over.
    pub(crate) fn unread(&self, grace_nano: u64) -> Vec<BlockMeta> {
        let now = self.clock.monotonic_nano();
        let mut state = self.state.lock();
        let (gone, kept) = std::mem::take(&mut state.removed)
            .into_iter()
            .partition(|(_, readers, since): &(_, Weak<()>, u64)| readers.strong_count() == 0 && now.saturating_sub(*since) >= grace_nano);
        state.removed = kept;
        gone.into_iter().map(|(meta, ..)| meta).collect()
    }

    /// Puts back blocks whose files could not be removed.
    pub(crate) fn keep_removed(&self, metas: Vec<BlockMeta>) {
        let now = self.clock.monotonic_nano();
        self.state.lock().removed.extend(metas.into_iter().map(|meta| (meta, Weak::new(), now)));
    }

    pub(crate) fn sealed_all(&self) -> HashMap<Stream, Lsn> {
        self.state.lock().sealed.clone()
    }

    /// Every tenant's blocks.
    pub(crate) fn blocks(&self) -> Vec<(TenantId, Arc<Vec<Arc<Block>>>)> {
        self.state.lock().blocks.iter().map(|(tenant, blocks)| (*tenant, blocks.clone())).collect()
    }

    /// (live rows, live bytes, rows appended since start)
    pub(crate) fn live(&self) -> (u64, u64, u64) {
        let state = self.state.lock();
        (state.tables.values().map(Table::rows).sum(), state.tables.values().map(Table::bytes).sum(), state.appended_rows)
    }
}

/// What a block's meta takes in memory, by the lengths of its parts.
pub(crate) fn meta_bytes(meta: &BlockMeta) -> u64 {
    let services: usize = meta.services.iter().map(|service| size_of_val(service) + service.service_name.len()).sum();
    let dense: usize = meta.dense.iter().map(|key| size_of_val(key) + key.len()).sum();
    let lists = size_of_val(&meta.files[..]) + size_of_val(&meta.windows[..]) + size_of_val(&meta.counts[..]);
    (size_of::<Block>() + services + dense + lists) as u64
}
