//! Settings of storage, with their defaults. `server` fills them from file, environment and flags.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[storage]` of the configuration file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Set by `--data-dir`.
    #[serde(skip)]
    pub data_dir: PathBuf,
    /// Size of a WAL file.
    pub wal_segment_bytes: u64,
    /// Above it the tables that keep the oldest WAL file are sealed, however small: replay stays short.
    pub wal_bytes_max: u64,
    /// One table of live rows is sealed at this size.
    pub seal_table_bytes_max: u64,
    /// All live rows together; the largest table is sealed first.
    pub live_bytes_max: u64,
    /// A live row is sealed at this age at the latest.
    pub seal_age_ms_max: u64,
    /// Calls by minute are rolled up when spans are sealed, if they are no more than this; else soon after, so that a seal is quick.
    pub seal_edges_rows_max: u64,
    /// How long a request's hash is kept, so that a retry is stored once. 0 turns it off.
    pub duplicate_window_ms: u64,
    pub duplicate_hashes_max: usize,
    /// Rows older than this are removed.
    pub retention_hours: u64,
    /// Of spans that are past their age, traces with an error or a slow span stay until this one, and of logs those of
    /// severity error. 0: they go with the rest.
    pub retention_keep_hours: u64,
    /// A span that took so long makes its trace one to keep, ms. 0: only errors are kept.
    pub retention_keep_slow_ms: u64,
    /// Calls by minute, of which the map, health and what is usual are made, stay until this age when their spans have gone. 0: they go
    /// with the spans.
    pub retention_edges_hours: u64,
    /// Removing more of the store at once than this, percent, waits an hour in which somebody can notice. 100 never waits.
    pub retention_share_max_percent: u8,
    /// Ages of their own, by tenant and dataset; the most particular one holds.
    pub retention: Vec<RetentionRule>,
    /// Share of the volume that blocks may take, percent.
    pub disk_budget_percent: u8,
    /// Ingest is refused below this much free space.
    pub free_bytes_min: u64,
    /// Room kept on the volume, given back when a full disk would keep rows from being sealed. 0 keeps none.
    pub reserve_bytes: u64,
    /// A window (10 min) is merged this long after its end.
    pub merge_delay_ms: u64,
    /// Files of the blocks that one merge takes, together.
    pub merge_input_bytes_max: u64,
    /// Rows that a merge holds in memory at a time.
    pub merge_memory_bytes_max: u64,
    /// Files of blocks that were merged, deleted or are too old stay so long after their last reader has gone.
    pub delete_grace_ms: u64,
}

/// `[[storage.retention]]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionRule {
    /// Left out: every tenant.
    pub tenant: Option<String>,
    /// `spans`, `logs`, `metrics`, `edges` (calls by minute, once their spans have gone); left out: every dataset.
    pub dataset: Option<String>,
    pub hours: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(".hopline"),
            wal_segment_bytes: 64 << 20,
            wal_bytes_max: 512 << 20,
            seal_table_bytes_max: 32 << 20,
            live_bytes_max: 32 << 20,
            seal_age_ms_max: 10 * 60 * 1000,
            seal_edges_rows_max: 32 << 10,
            duplicate_window_ms: 15 * 60 * 1000,
            duplicate_hashes_max: 1_000_000,
            retention_hours: 7 * 24,
            retention_keep_hours: 0,
            retention_keep_slow_ms: 0,
            retention_edges_hours: 30 * 24,
            retention_share_max_percent: 50,
            retention: Vec::new(),
            disk_budget_percent: 80,
            free_bytes_min: 1 << 30,
            // What all live rows become as blocks, with the catalog.
            reserve_bytes: 64 << 20,
            merge_delay_ms: 10 * 60 * 1000,
            merge_input_bytes_max: 64 << 20,
            merge_memory_bytes_max: 24 << 20,
            delete_grace_ms: 30_000,
        }
    }
}
