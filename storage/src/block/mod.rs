//! A block: an immutable set of files of one (tenant, signal), written whole.
//!
//! Not here: when blocks are written and merged (`flush`, `upkeep`), which blocks exist (`catalog`), what a condition means
//! (`scan`). In reading order:
//!
//! | file | what |
//! |---|---|
//! | `meta` | what the catalog and every query know of a block without opening it |
//! | `order` | in which order rows stand |
//! | `dense` | attributes ⇄ columns of dense keys and a rest |
//! | `checked` | checksums of everything, in stripes |
//! | `parquet` | columns, encodings, footer: rows on disk; what an opened file keeps of it |
//! | `write` | rows → files |
//! | `varint` | numbers in as few bytes as they need |
//! | `tix` | trace id → rows |
//! | `tok` | filters per page: key=value, words |
//! | `logs` | text index of bodies |
//! | `derived` | calls by minute, links and traces, made of the spans by `trace/` |
//! | `merge` | runs of rows of several blocks → one block |
//! | `rewrite` | a block anew, without some of its rows |
//! | `day` | trace ids of a day → its blocks |
//! | `cache` | opened footers, directories, filters, bounded |
//! | `candidates` | rows that can match, by row group |
//! | `prune` | which rows can match, as far as meta, statistics and side files know |
//! | `part` | a row group as the scan reads it: columns by page, when asked |
//! | `scan` | a block as the scan sees it |
//!
//! The three signals differ by a few lines in `order`, `parquet` and `write`, so they share them instead of having a folder
//! each; only the text index of logs is a folder.

pub mod meta;

pub(crate) mod order;

pub(crate) mod dense;

pub(crate) mod checked;

pub(crate) mod parquet;

pub mod write;

pub(crate) mod varint;

pub(crate) mod tix;

pub(crate) mod tok;

pub(crate) mod logs;

pub(crate) mod derived;

pub(crate) mod merge;

pub(crate) mod rewrite;

pub(crate) mod day;

mod cache;

mod candidates;

mod prune;

mod part;

mod scan;

#[cfg(test)]
mod tests;

pub use meta::{BlockFile, BlockId, BlockMeta, CountCell, FileKind, ServiceRows, WindowRows};

use crate::error::Result;
use crate::objects::ObjectIo;
use cache::{OPENED, Opened, Serial, What};
use derived::pages::Pages;
use derived::traces::TraceRow;
use hopline_trace::{Edge, LinkRow};
use logs::search::TextIndex;
use parking_lot::RwLock;
use std::sync::{Arc, Weak};

/// A block that can be read: its meta and where its files are.
#[derive(Debug)]
pub struct Block {
    pub meta: BlockMeta,
    pub objects: Arc<dyn ObjectIo>,
    serial: Serial,
    /// Held by whoever may read its files; a block that was amended shares it with the one before.
    in_use: Arc<()>,
    /// Finds traces in it together with the other blocks of its day; set by upkeep.
    day: RwLock<Option<(Arc<day::DayIndex>, u32)>>,
}

impl Block {
    pub fn new(meta: BlockMeta, objects: Arc<dyn ObjectIo>) -> Self {
        Self { meta, objects, serial: Serial::next(), in_use: Arc::default(), day: RwLock::default() }
    }

    /// The same rows with another side file.
    pub(crate) fn amended(&self, meta: BlockMeta) -> Self {
        let day = RwLock::new(self.day.read().clone());
        Self { meta, objects: self.objects.clone(), serial: Serial::next(), in_use: self.in_use.clone(), day }
    }

    /// Alive for as long as somebody may read its files.
    pub(crate) fn readers(&self) -> Weak<()> {
        Arc::downgrade(&self.in_use)
    }

    /// The Parquet file, opened.
    pub(crate) fn rows_file(&self) -> Result<Arc<parquet::RowFile>> {
        if let Some(Opened::Rows(file)) = OPENED.get(&(self.serial, What::Rows)) {
            return Ok(file);
        }
        let file = Arc::new(parquet::RowFile::open(&self.meta, &self.objects)?);
        OPENED.insert((self.serial, What::Rows), Opened::Rows(file.clone()));
        Ok(file)
    }

    pub(crate) fn tix(&self) -> Option<Arc<tix::Tix>> {
        if let Some(Opened::Tix(tix)) = OPENED.get(&(self.serial, What::Tix)) {
            return tix;
        }
        self.side(FileKind::Tix, What::Tix, tix::Tix::open(&self.meta, &self.objects), Opened::Tix)
    }

    pub(crate) fn tok(&self) -> Option<Arc<tok::Tok>> {
        if let Some(Opened::Tok(tok)) = OPENED.get(&(self.serial, What::Tok)) {
            return tok;
        }
        self.side(FileKind::Tok, What::Tok, tok::Tok::open(&self.meta, &self.objects), Opened::Tok)
    }

    pub(crate) fn text_index(&self) -> Option<Arc<TextIndex>> {
        if let Some(Opened::Index(index)) = OPENED.get(&(self.serial, What::Index)) {
            return index;
        }
        self.side(FileKind::Idx, What::Index, TextIndex::open(&self.meta, &self.objects), Opened::Index)
    }

    /// Calls by minute; `None` when the block has none, or they cannot be read.
    pub(crate) fn edges(&self) -> Option<Arc<Pages<Edge>>> {
        if let Some(Opened::Edges(edges)) = OPENED.get(&(self.serial, What::Edges)) {
            return edges;
        }
        self.side(FileKind::Edg, What::Edges, Pages::open(&self.meta, &self.objects), Opened::Edges)
    }

    /// What it holds of each trace; `None` when the block has no such file, or it cannot be read.
    pub(crate) fn traces(&self) -> Option<Arc<Pages<TraceRow>>> {
        if let Some(Opened::Traces(traces)) = OPENED.get(&(self.serial, What::Traces)) {
            return traces;
        }
        self.side(FileKind::Trc, What::Traces, Pages::open(&self.meta, &self.objects), Opened::Traces)
    }

    /// Links by target; an error when the file cannot be read, for then the rows must be.
    pub(crate) fn links(&self) -> Result<Option<Arc<Pages<LinkRow>>>> {
        if let Some(Opened::Links(links)) = OPENED.get(&(self.serial, What::Links)) {
            return Ok(links);
        }
        let links = Pages::open(&self.meta, &self.objects)?.map(Arc::new);
        OPENED.insert((self.serial, What::Links), Opened::Links(links.clone()));
        Ok(links)
    }

    /// A side file only makes answers faster: without it rows are read.
    fn side<T>(&self, kind: FileKind, what: What, opened: Result<Option<T>>, entry: fn(Option<Arc<T>>) -> Opened) -> Option<Arc<T>> {
        let (side, passing) = match opened {
            Ok(side) => (side.map(Arc::new), false),
            Err(error) => {
                self.unusable(kind, &error);
                // A disk may answer the next time; damage stays.
                (None, matches!(error, crate::Error::Io { .. }))
            }
        };
        if !passing {
            OPENED.insert((self.serial, what), entry(side.clone()));
        }
        side
    }

    pub(crate) fn unusable(&self, kind: FileKind, error: &crate::Error) {
        tracing::warn!("block {}: {} is passed over, queries are slower: {error}", self.meta.id.0, crate::objects::names::extension(kind));
    }
}

impl Drop for Block {
    /// Makes room for blocks that there are.
    fn drop(&mut self) {
        cache::forget(self.serial);
    }
}
