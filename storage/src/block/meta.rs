//! What the catalog and every query know of a block without opening it.

use crate::upkeep::plan::newest;
use hopline_model::{Lsn, Signal, TenantId, TimeRange, UnixNanos};
use serde::{Deserialize, Serialize};

/// A block's name: its number in the catalog, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct BlockId(pub u64);

/// L0 is one seal; L1 one window; L2 up to a day. See the design of blocks in ARCHITECTURE.md.
pub type Level = u8;

/// One file of a block. Its object name follows from tenant, signal, block and kind (`objects/names.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockFile {
    pub kind: FileKind,
    pub bytes: u64,
    /// CRC32C of the whole file, checked by `hopline doctor`.
    pub crc32c: u32,
}

/// The files a block may have; the extension in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Rows.
    Parquet,
    /// Sorted hashes of trace ids → rows.
    Tix,
    /// tantivy index of log bodies, DocId = row.
    Idx,
    /// Filters per page of 2,048 rows.
    Tok,
    /// Calls by minute.
    Edg,
    /// Links by target.
    Lnk,
    /// Traces in a few numbers.
    Trc,
    /// Trace ids of a day → blocks: no block's own file, but a side file like theirs.
    Day,
}

/// Rows `[row, row + rows)` of a block whose partition time lies in one 10-minute window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRows {
    /// Start of the window, ns.
    pub window: i64,
    pub row: u64,
    pub rows: u64,
}

/// How many rows of a service, with how many errors: what prunes by service and answers the service list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRows {
    pub service_name: String,
    pub rows: u64,
    /// Spans with status error, logs of severity ≥ 17; 0 for metrics.
    pub errors: u64,
}

/// Count of rows of one (10 s, service, severity) cell; logs only. `service` indexes `BlockMeta::services`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountCell {
    /// Start of the 10 s, in seconds.
    pub second: i64,
    pub service: u32,
    pub severity_number: i32,
    pub rows: u32,
}

/// One immutable block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockMeta {
    pub id: BlockId,
    #[serde(with = "tenant_code")]
    pub tenant: TenantId,
    #[serde(with = "signal_code")]
    pub signal: Signal,
    pub level: Level,
    /// Version of the block's format as a whole; a newer one is refused untouched.
    pub format: u32,
    pub rows: u64,
    /// Smallest and largest event time, ns, both inside: what pruning goes by.
    pub time_min: i64,
    pub time_max: i64,
    /// Smallest and largest seq of its rows.
    pub seq_min: u64,
    pub seq_max: u64,
    pub files: Vec<BlockFile>,
    /// In row order.
    pub windows: Vec<WindowRows>,
    /// Sorted by name.
    pub services: Vec<ServiceRows>,
    /// Attribute keys that became columns `attributes.<key>` of the Parquet file.
    pub dense: Vec<String>,
    /// Sorted; empty for spans and metrics.
    #[serde(default)]
    pub counts: Vec<CountCell>,
    /// When it was committed, ns.
    pub created: i64,
}

/// The block format written by this version. 2: blocks of spans hold edges (`.edg`) and, when there are any, links (`.lnk`); 3: and traces (`.trc`).
pub const FORMAT: u32 = 3;
/// From this format on, a block of spans without `.lnk` has no links.
pub(crate) const FORMAT_LINKS: u32 = 2;

impl BlockMeta {
    pub fn overlaps(&self, range: TimeRange) -> bool {
        range.overlaps(UnixNanos(self.time_min), UnixNanos(self.time_max))
    }

    /// What stays of a block of spans when its rows go: nothing yet, to hold its calls by minute. Its age still starts with the newest window
    /// of the rows, whatever times these claimed: nothing looks for calls by the times of a block.
    pub(crate) fn without_rows(&self, id: BlockId, level: Level, created: UnixNanos) -> Self {
        let end = newest(self);
        Self {
            id,
            level,
            rows: 0,
            time_min: self.time_min.min(end),
            time_max: end,
            files: Vec::new(),
            windows: Vec::new(),
            services: Vec::new(),
            dense: Vec::new(),
            counts: Vec::new(),
            created: created.0,
            ..self.clone()
        }
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub fn lsn_max(&self) -> Lsn {
        Lsn(self.seq_max >> 20)
    }
}

mod tenant_code {
    use hopline_model::TenantId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(tenant: &TenantId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(tenant.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TenantId, D::Error> {
        u32::deserialize(deserializer).map(TenantId)
    }
}

mod signal_code {
    use hopline_model::Signal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(signal: &Signal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(signal.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Signal, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|()| D::Error::custom(format!("unknown signal {name:?}")))
    }
}
