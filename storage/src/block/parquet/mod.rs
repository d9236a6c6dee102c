//! The rows of a block as Parquet: columns, encodings, footer.
//!
//! zstd-1 everywhere, page index, pages of 2,048 rows, row groups of 32 Ki. A dictionary only where values repeat: a large
//! one is decoded whole by every point read. Statistics only where the scan prunes by them.
//!
//! The footer's key-value metadata holds two texts: `hopline` (format and dense keys, JSON) and `hopline.checksums`:
//! `HOPSUMS1`, length u64, checksum of all of it u32, then one u32 for each 8 KiB, in hex, of everything before the page
//! indexes and the footer. Those themselves are covered by the catalog's checksum of the whole file, which must be that of
//! the two together. Whatever is damaged is recognised before it is parsed or decoded.
//!
//! | file | what |
//! |---|---|
//! | `write` | how each column is written, the footer |
//! | `tail` | the end of a file, checked before it is parsed |
//! | `columns` | schemas, shared by the files that have the same |
//! | `layout` | where the pages lie, packed |
//! | `bounds` | smallest and largest values of pages, packed |
//! | `fetch` | pieces of the file that lie beside each other, read together |
//! | `unpack` | pages on their way to `parquet`, unpacked with one context per thread |
//! | `file` | an opened file: rows of a row group |

mod write;

mod tail;

mod columns;

mod layout;

mod bounds;

mod fetch;

mod unpack;

mod file;

#[cfg(test)]
pub(super) mod tests;

pub(crate) use bounds::PageBounds;
pub(crate) use columns::{file_schema, split_schema};
pub(crate) use file::{Group, RowFile};
pub(crate) use write::{footer, properties};

use super::dense::DenseKey;
use serde::{Deserialize, Serialize};

/// Rows of a row group; part of what `.tok` and page pruning count on.
pub(crate) const GROUP_ROWS: usize = 32 << 10;
pub(crate) const PAGE_ROWS: usize = 2048;

const NOTE: &str = "hopline";
const CHECKSUMS: &str = "hopline.checksums";
const MARK: &str = "HOPSUMS1";

/// `observed_time` is kept as what it is behind `time`: nanoseconds, wrapping.
pub(crate) const OBSERVED_DELAY: &str = "observed_delay_nano";

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: u32,
    dense: Vec<DenseKey>,
}
