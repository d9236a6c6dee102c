//! Every file and object name. Tenants stand in paths as numbers, never as names.
//!
//! ```text
//! DATA_DIR/
//!   LOCK                                  one process at a time
//!   RESERVE                               room kept to seal with when the disk is full
//!   RESTORING                             a restore into this directory has not ended: no start before it has
//!   catalog.sqlite                        which blocks exist
//!   wal/00000000000000000001.wal          segment, named for its first LSN
//!   wal/….wal.new                         a segment being made: renamed once its head is durable; left over, it goes at start
//!   wal/….wal.damaged                     a segment with damaged bytes, set aside once its good entries are in blocks
//!   blocks/<tenant>/<signal>/<block>.<ext>     block files
//!   days/<tenant>/<signal>/<day>-<block>.day   trace ids of a day (m…: a month) → blocks, the newest of which is named; derived
//!   tmp/                                  being written; emptied at start
//! ```

use crate::block::{BlockId, FileKind};
use hopline_model::{Lsn, Signal, TenantId};

pub const LOCK: &str = "LOCK";
pub const RESERVE: &str = "RESERVE";
pub const RESTORING: &str = "RESTORING";
pub const CATALOG: &str = "catalog.sqlite";
pub const WAL_DIR: &str = "wal";
pub const TMP_DIR: &str = "tmp";
pub const BLOCKS_DIR: &str = "blocks";
pub const DAYS_DIR: &str = "days";

pub fn wal_segment(first: Lsn) -> String {
    format!("{:020}.wal", first.0)
}

/// A segment whose head is not yet known to be durable.
pub fn wal_new(first: Lsn) -> String {
    format!("{:020}.wal.new", first.0)
}

pub fn is_wal_new(name: &str) -> bool {
    name.ends_with(".wal.new")
}

/// A segment with damaged bytes, set aside.
pub fn wal_damaged(first: Lsn) -> String {
    format!("{:020}.wal.damaged", first.0)
}

pub fn is_wal_damaged(name: &str) -> bool {
    name.ends_with(".wal.damaged")
}

/// The first LSN of a segment's file name.
pub fn parse_wal_segment(name: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(".wal")?;
    (digits.len() == 20).then(|| digits.parse().ok().map(Lsn)).flatten()
}

pub fn extension(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Parquet => "parquet",
        FileKind::Tix => "tix",
        FileKind::Idx => "idx",
        FileKind::Tok => "tok",
        FileKind::Edg => "edg",
        FileKind::Lnk => "lnk",
        FileKind::Trc => "trc",
        FileKind::Day => "day",
    }
}

/// The block a file name in a signal's directory belongs to.
pub fn parse_block_file(name: &str) -> Option<BlockId> {
    name.split_once('.')?.0.parse().ok().map(BlockId)
}

/// `blocks/0/spans/000000000042.parquet`
pub fn block_file(tenant: TenantId, signal: Signal, block: BlockId, kind: FileKind) -> String {
    format!("{BLOCKS_DIR}/{}/{}/{:012}.{}", tenant.0, signal.name(), block.0, extension(kind))
}

/// `days/0/spans/20781-000000000042.day`: the day or month it covers, newest block inside.
pub fn day_index(tenant: TenantId, signal: Signal, span: &str, newest: BlockId) -> String {
    format!("{DAYS_DIR}/{}/{}/{span}-{:012}.day", tenant.0, signal.name(), newest.0)
}
