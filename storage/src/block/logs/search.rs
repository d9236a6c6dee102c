//! Words → rows.

use super::container::Container;
use super::write::BODY;
use crate::block::BlockMeta;
use crate::block::candidates::{Candidates, Marks};
use crate::block::parquet::Group;
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use crate::text::TextMatcher;
use std::sync::Arc;
use tantivy::postings::SegmentPostings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Index, InvertedIndexReader, Segment, SegmentReader, TERMINATED, Term};

/// An opened index.
pub(crate) struct TextIndex {
    container: Container,
    segment: Segment,
    words: Arc<InvertedIndexReader>,
    rows: usize,
}

impl std::fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextIndex({:?})", self.container)
    }
}

impl TextIndex {
    /// `None`: there is no index this version can use.
    pub(crate) fn open(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>) -> Result<Option<Self>> {
        let Some(container) = Container::open(meta, objects)? else { return Ok(None) };
        let index = Index::open(container.clone())?;
        let wrong = |detail: String| Error::corrupt(format!("text index of block {}", meta.id.0), detail);
        let segment = match <[Segment; 1]>::try_from(index.searchable_segments()?) {
            Ok([segment]) => segment,
            Err(segments) => return Err(wrong(format!("{} segments instead of one", segments.len()))),
        };
        if index.schema() != super::write::schema() || u64::from(segment.meta().max_doc()) != meta.rows {
            return Err(wrong(format!("{} documents for {} rows", segment.meta().max_doc(), meta.rows)));
        }
        let words = SegmentReader::open(&segment)?.inverted_index(BODY)?;
        Ok(Some(Self { container, segment, words, rows: meta.rows as usize }))
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The same segment, to be read from beginning to end.
    pub(crate) fn segment_in_order(&self) -> Result<Segment> {
        let segments = Index::open(self.container.in_order())?.searchable_segments()?;
        segments.into_iter().next().ok_or_else(|| Error::Internal("a text index without its segment".into()))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.container.memory_bytes() + (64 << 10)
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.container.bytes_read()
    }

    /// How many rows hold a word.
    pub(crate) fn count(&self, word: &str) -> Result<u64> {
        Ok(u64::from(self.words.doc_freq(&Term::from_field_text(BODY, word)).map_err(failed)?))
    }

    /// Rows that hold every word; `None` when the query has none.
    pub(crate) fn rows(&self, text: &TextMatcher, groups: &[Group]) -> Result<Option<Candidates>> {
        let Some((last, words)) = text.words.split_last() else { return Ok(None) };
        let mut found: Option<Candidates> = None;
        if text.query.prefix {
            found = Some(self.rows_of_prefix(last, groups)?);
        }
        let whole = words.iter().chain((!text.query.prefix).then_some(last));
        // The rarest first: nothing else is read once no row is left.
        let mut whole = whole.map(|word| Ok((self.count(word)?, word))).collect::<Result<Vec<_>>>()?;
        whole.sort_unstable();
        for (_, word) in whole {
            if found.as_ref().is_some_and(Candidates::is_empty) {
                break;
            }
            let mut rows = Marks::new(groups);
            if let Some(postings) = self.words.read_postings(&Term::from_field_text(BODY, word), IndexRecordOption::Basic).map_err(failed)? {
                self.mark(postings, &mut rows)?;
            }
            let rows = rows.finish();
            found = Some(match found {
                Some(found) => found.and(rows),
                None => rows,
            });
        }
        Ok(found)
    }

    fn rows_of_prefix(&self, prefix: &str, groups: &[Group]) -> Result<Candidates> {
        let mut rows = Marks::new(groups);
        let mut terms = self.words.terms().range().ge(prefix.as_bytes()).into_stream().map_err(failed)?;
        while terms.advance() && terms.key().starts_with(prefix.as_bytes()) {
            let postings = self.words.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic).map_err(failed)?;
            self.mark(postings, &mut rows)?;
        }
        Ok(rows.finish())
    }

    fn mark(&self, mut postings: SegmentPostings, rows: &mut Marks<'_>) -> Result<()> {
        let mut row = postings.doc();
        while row != TERMINATED {
            if !rows.mark(row as usize) {
                return Err(Error::corrupt("text index", format!("row {row} of {}", self.rows)));
            }
            row = postings.advance();
        }
        Ok(())
    }
}

fn failed(source: std::io::Error) -> Error {
    Error::corrupt("text index", source.to_string())
}
