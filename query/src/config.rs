//! Limits of questions, with their defaults. `server` fills them from file, environment and flags.

use serde::{Deserialize, Serialize};

/// `[query]` of the configuration file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A question that takes longer is stopped.
    pub timeout_ms: u64,
    /// Questions worked on at once; more wait their turn.
    pub concurrency: usize,
    /// A question that has waited this long for its turn is refused.
    pub queue_timeout_ms: u64,
    /// Items of one page of a list.
    pub items_max: usize,
    /// Matches are counted exactly up to this many, unless `total=exact` asks for more.
    pub total_max: u64,
    /// Distinct traces that one search may hold in memory.
    pub traces_max: usize,
    /// Rows of one SQL answer.
    pub sql_rows_max: usize,
    /// Memory that one SQL query may take before it spills or ends.
    pub sql_memory_bytes: usize,
    /// Counts, histograms and facets of blocks that are kept for the next time. 0: none.
    pub result_cache_bytes: u64,
    /// Memory that questions outside SQL gather candidates, values and patterns in, all together.
    pub memory_bytes: u64,
    /// A question that took longer is logged.
    pub slow_ms: u64,
    /// Lines a second that one tail is sent; the rest is counted.
    pub tail_lines_per_second_max: u32,
    /// Attribute keys that tie traces into one story besides links and message ids, such as `order.id`.
    pub story_keys: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            concurrency: 8,
            queue_timeout_ms: 10_000,
            items_max: 1000,
            total_max: 1_000_000,
            traces_max: 1_000_000,
            sql_rows_max: 100_000,
            sql_memory_bytes: 48 << 20,
            result_cache_bytes: 2 << 20,
            memory_bytes: 48 << 20,
            slow_ms: 2_000,
            tail_lines_per_second_max: 500,
            story_keys: Vec::new(),
        }
    }
}
