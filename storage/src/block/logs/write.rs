//! Bodies → the index of their words, one document a row.

use super::container;
use crate::block::BlockFile;
use crate::error::Result;
use crate::objects::ObjectIo;
use crate::text::words;
use arrow::array::{Array, StringArray};
use std::borrow::Cow;
use std::ops::Range;
use tantivy::directory::RamDirectory;
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{BoxTokenStream, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{Index, IndexSettings, SingleSegmentIndexWriter, TantivyDocument};

/// The tokenizer's name in the schema; its rules are `text.rs`.
const WORDS: &str = "words";
/// Sizes the writer's term table; it may grow.
const TERMS_BYTES: usize = 15 << 20;

/// The one field of the index.
pub(crate) const BODY: Field = Field::from_field_id(0);

pub(crate) fn schema() -> Schema {
    let indexing = TextFieldIndexing::default().set_tokenizer(WORDS).set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
    let mut schema = Schema::builder();
    schema.add_text_field("body", TextOptions::default().set_indexing_options(indexing));
    schema.build()
}

pub(crate) fn settings() -> IndexSettings {
    IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() }
}

pub(crate) struct IndexWriter {
    directory: RamDirectory,
    writer: SingleSegmentIndexWriter,
}

impl std::fmt::Debug for IndexWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IndexWriter")
    }
}

impl IndexWriter {
    pub(crate) fn new() -> Result<Self> {
        let directory = RamDirectory::create();
        let tokenizers = TokenizerManager::new();
        tokenizers.register(WORDS, Words::default());
        let builder = Index::builder().schema(schema()).settings(settings()).tokenizers(tokenizers);
        let writer = builder.single_segment_index_writer(directory.clone(), TERMS_BYTES)?;
        Ok(Self { directory, writer })
    }

    pub(crate) fn add(&mut self, bodies: &StringArray) -> Result<()> {
        for row in 0..bodies.len() {
            let mut document = TantivyDocument::default();
            if bodies.is_valid(row) {
                document.add_text(BODY, bodies.value(row));
            }
            self.writer.add_document(document)?;
        }
        Ok(())
    }

    pub(crate) fn finish(self, objects: &dyn ObjectIo, name: &str) -> Result<BlockFile> {
        let index = self.writer.finalize()?;
        container::save(&index, &self.directory, objects, name)
    }
}

/// `text::words` as tantivy wants it.
#[derive(Debug, Clone, Default)]
struct Words {
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = BoxTokenStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> BoxTokenStream<'a> {
        self.token.position = usize::MAX;
        BoxTokenStream::new(Stream { token: &mut self.token, words: words(text) })
    }
}

struct Stream<'a, I> {
    token: &'a mut Token,
    words: I,
}

impl<'a, I: Iterator<Item = (Range<usize>, Cow<'a, str>)>> TokenStream for Stream<'a, I> {
    fn advance(&mut self) -> bool {
        let Some((range, word)) = self.words.next() else { return false };
        self.token.offset_from = range.start;
        self.token.offset_to = range.end;
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(&word);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
