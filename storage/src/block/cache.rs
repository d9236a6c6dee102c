//! What blocks have opened: footers, page indexes, directories, filters. Bounded over all blocks of the process.

use super::derived::pages::Pages;
use super::derived::traces::TraceRow;
use super::logs::search::TextIndex;
use super::parquet::RowFile;
use super::tix::Tix;
use super::tok::Tok;
use hopline_trace::{Edge, LinkRow};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// With the query's kept answers (2 MiB), all caches are 16 MiB.
const CACHE_BYTES_MAX: u64 = 14 << 20;

/// Names an opened block: ids of blocks are only unique within a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Serial(u64);

impl Serial {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Rows,
    Tix,
    Tok,
    Index,
    Edges,
    Links,
    Traces,
}

impl What {
    pub(crate) const ALL: [Self; 7] = [Self::Rows, Self::Tix, Self::Tok, Self::Index, Self::Edges, Self::Links, Self::Traces];
}

/// A side file that is absent or cannot be used is remembered too.
#[derive(Debug, Clone)]
pub(crate) enum Opened {
    Rows(Arc<RowFile>),
    Tix(Option<Arc<Tix>>),
    Tok(Option<Arc<Tok>>),
    Index(Option<Arc<TextIndex>>),
    Edges(Option<Arc<Pages<Edge>>>),
    Links(Option<Arc<Pages<LinkRow>>>),
    Traces(Option<Arc<Pages<TraceRow>>>),
}

impl Opened {
    fn memory_bytes(&self) -> usize {
        256 + match self {
            Self::Rows(file) => file.memory_bytes(),
            Self::Tix(tix) => tix.as_ref().map_or(0, |tix| tix.memory_bytes()),
            Self::Tok(tok) => tok.as_ref().map_or(0, |tok| tok.memory_bytes()),
            Self::Index(index) => index.as_ref().map_or(0, |index| index.memory_bytes()),
            Self::Edges(edges) => edges.as_ref().map_or(0, |edges| edges.memory_bytes()),
            Self::Links(links) => links.as_ref().map_or(0, |links| links.memory_bytes()),
            Self::Traces(traces) => traces.as_ref().map_or(0, |traces| traces.memory_bytes()),
        }
    }
}

/// What was asked for last stays: merges ask often for what no question needs, and must not keep out what one does.
pub(crate) static OPENED: LazyLock<Cache<(Serial, What), Opened>> = LazyLock::new(|| {
    let weigher = |_: &(Serial, What), opened: &Opened| u32::try_from(opened.memory_bytes()).unwrap_or(u32::MAX);
    Cache::builder().max_capacity(CACHE_BYTES_MAX).eviction_policy(EvictionPolicy::lru()).weigher(weigher).build()
});

/// Lets go of all that a block has opened.
pub(crate) fn forget(block: Serial) {
    for what in What::ALL {
        OPENED.invalidate(&(block, what));
    }
}
