//! What can be done about damaged files: side files are rebuilt from the rows, lost rows are named.

use super::merge::{Command, Rebuilt};
use super::verify::{Damaged, Verified, verify};
use crate::block::{BlockId, FileKind};
use crate::error::{Error, Result};
use crate::version::Versions;
use crossbeam_channel::Sender;
use hopline_model::TenantId;
use serde::Serialize;

/// What `hopline doctor --verify` found and `--repair` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Repair was asked for.
    pub repaired: bool,
    /// What was found before.
    pub found: Verified,
    /// Blocks whose side files were rebuilt from their rows.
    pub rebuilt: u64,
    /// Rows that no file holds any more, and blocks that could not be rebuilt; each with its range.
    pub lost: Vec<Damaged>,
    /// The same for a person, a line each.
    pub words: Vec<String>,
}

impl Verified {
    /// In the shape and words of [`Repaired`], with nothing repaired.
    pub fn report(self) -> Repaired {
        let mut words: Vec<String> =
            self.damaged.iter().map(|damaged| format!("{} is damaged ({}): {}", damaged.file, damaged.detail, damaged.holds)).collect();
        if words.is_empty() {
            words.push(all_well(&self));
        }
        let lost = self.damaged.iter().filter(|damaged| damaged.kind == FileKind::Parquet).cloned().collect();
        Repaired { repaired: false, found: self, rebuilt: 0, lost, words }
    }
}

fn all_well(found: &Verified) -> String {
    format!("{} files of {} blocks are as they were written, {} bytes", found.files, found.blocks, found.bytes)
}

/// Verifies, then rebuilds every block of which only side files are damaged.
pub(crate) fn repair(versions: &Versions, merge: &Sender<Command>) -> Result<Repaired> {
    let found = verify(versions);
    let mut repaired = Repaired { repaired: true, found: found.clone(), ..Repaired::default() };
    let lost = |block: BlockId| found.damaged.iter().any(|damaged| damaged.block == block && damaged.kind == FileKind::Parquet);
    let mut wanted: Vec<(TenantId, BlockId)> = Vec::new();
    for damaged in &found.damaged {
        if damaged.kind == FileKind::Parquet {
            repaired
                .words
                .push(format!("{} is damaged: {} are missing where they cannot be read; restore the file from a copy", damaged.file, damaged.holds));
            repaired.lost.push(damaged.clone());
        } else if !lost(damaged.block) && !wanted.contains(&(damaged.tenant, damaged.block)) {
            wanted.push((damaged.tenant, damaged.block));
        }
    }
    for (tenant, block) in wanted {
        let outcome = rebuild(merge, tenant, block);
        let of_block = || found.damaged.iter().filter(|damaged| damaged.block == block);
        match outcome {
            Ok(Rebuilt::Done) => {
                repaired.rebuilt += 1;
                repaired
                    .words
                    .extend(of_block().map(|damaged| format!("{} was damaged and has been rebuilt from its rows: {}", damaged.file, damaged.holds)));
            }
            // A merge or retention was faster: the damaged file is gone with its block.
            Ok(Rebuilt::Gone) => {}
            Err(error) => {
                repaired.words.extend(of_block().map(|damaged| format!("{} is damaged and could not be rebuilt: {error}", damaged.file)));
                repaired.lost.extend(of_block().cloned());
            }
        }
    }
    if repaired.words.is_empty() {
        repaired.words.push(all_well(&found));
    }
    Ok(repaired)
}

pub(crate) fn rebuild(merge: &Sender<Command>, tenant: TenantId, block: BlockId) -> Result<Rebuilt> {
    let stopped = || Error::Closed("storage is shutting down".into());
    let (done, answer) = crossbeam_channel::bounded(1);
    merge.send(Command::Rebuild { tenant, block, done }).map_err(|_| stopped())?;
    answer.recv().map_err(|_| stopped())?
}
