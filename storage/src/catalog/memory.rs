//! A catalog for simulations: atomic, and durable the moment it commits. Outlives the storage that uses it.

use super::{Catalog, Commit, Loaded, fenced};
use crate::block::BlockId;
use crate::error::{Error, Result};
use hopline_model::{Lsn, TenantId};
use parking_lot::Mutex;

#[derive(Debug)]
pub(crate) struct MemoryCatalog {
    state: Mutex<(Loaded, u64)>,
}

impl Default for MemoryCatalog {
    fn default() -> Self {
        Self { state: Mutex::new((Loaded { lsn_next: Lsn(1), ..Loaded::default() }, 1)) }
    }
}

impl MemoryCatalog {
    fn change<T>(&self, epoch: u32, change: impl FnOnce(&mut Loaded, &mut u64) -> Result<T>) -> Result<T> {
        let mut state = self.state.lock();
        if state.0.epoch != epoch {
            return Err(fenced(epoch, state.0.epoch));
        }
        let (mut loaded, mut block_next) = state.clone();
        let result = change(&mut loaded, &mut block_next)?;
        *state = (loaded, block_next);
        Ok(result)
    }
}

impl Catalog for MemoryCatalog {
    fn begin(&self) -> Result<Loaded> {
        let mut state = self.state.lock();
        state.0.epoch += 1;
        Ok(Loaded { block_next: BlockId(state.1), ..state.0.clone() })
    }

    fn tenant(&self, epoch: u32, name: &str) -> Result<TenantId> {
        self.change(epoch, |loaded, _| {
            if let Some((_, id)) = loaded.tenants.iter().find(|(known, _)| known == name) {
                return Ok(*id);
            }
            let id = TenantId(loaded.tenants.len() as u32);
            loaded.tenants.push((name.to_owned(), id));
            Ok(id)
        })
    }

    fn reserve_blocks(&self, epoch: u32, count: u64) -> Result<BlockId> {
        self.change(epoch, |_, next| {
            *next += count;
            Ok(BlockId(*next - count))
        })
    }

    fn commit(&self, epoch: u32, commit: &Commit) -> Result<()> {
        self.change(epoch, |loaded, _| {
            for meta in &commit.add {
                if loaded.blocks.iter().chain(&loaded.removed).any(|block| block.id == meta.id) {
                    return Err(Error::Internal(format!("block {} exists", meta.id.0)));
                }
                loaded.blocks.push(meta.clone());
            }
            for id in &commit.remove {
                let Some(at) = loaded.blocks.iter().position(|block| block.id == *id) else {
                    return Err(Error::Internal(format!("block {} is not in the catalog", id.0)));
                };
                let removed = loaded.blocks.remove(at);
                loaded.removed.push(removed);
            }
            for meta in &commit.amend {
                match loaded.blocks.iter_mut().find(|block| block.id == meta.id) {
                    Some(block) => *block = meta.clone(),
                    None => return Err(Error::Internal(format!("block {} is not in the catalog", meta.id.0))),
                }
            }
            for sealed in &commit.sealed {
                match loaded.sealed.iter_mut().find(|known| known.stream == sealed.stream) {
                    Some(known) => known.lsn = known.lsn.max(sealed.lsn),
                    None => loaded.sealed.push(*sealed),
                }
                loaded.lsn_next = loaded.lsn_next.max(Lsn(sealed.lsn.0 + 1));
            }
            for hash in &commit.hashes {
                loaded.hashes.retain(|known| (known.0, known.1) != (hash.0, hash.1));
                loaded.hashes.push(*hash);
            }
            loaded.hashes.retain(|hash| hash.2 >= commit.hashes_since);
            loaded.hashes.sort_by_key(|(tenant, hash, received)| (*received, *tenant, *hash));
            loaded.sealed.sort();
            loaded.changed = commit.now;
            Ok(())
        })
    }

    fn forget(&self, epoch: u32, blocks: &[BlockId]) -> Result<()> {
        self.change(epoch, |loaded, _| {
            loaded.removed.retain(|block| !blocks.contains(&block.id));
            Ok(())
        })
    }

    fn forget_sealed(&self, epoch: u32, lsn_next: Lsn) -> Result<()> {
        self.change(epoch, |loaded, _| {
            loaded.sealed.retain(|sealed| sealed.stream.epoch >= epoch);
            loaded.lsn_next = loaded.lsn_next.max(lsn_next);
            Ok(())
        })
    }
}
