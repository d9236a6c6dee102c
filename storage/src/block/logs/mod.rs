//! The text index of a block of logs: `X.idx`, a tantivy index of the words of `body` and of nothing else.
//!
//! tantivy keeps no documents: **DocId is the row**. No positions, frequencies or norms: a phrase is AND, verified on the
//! body. Whatever is wrong with an index costs speed alone: the scan then reads bodies.
//!
//! | file | what |
//! |---|---|
//! | `container` | one file for the files of an index, and a tantivy `Directory` over it |
//! | `write` | bodies → index |
//! | `search` | words → rows |
//! | `stack` | indexes of runs of rows → the index of all of them |

pub(crate) mod container;
pub(crate) mod write;

pub(crate) mod search;

pub(crate) mod stack;
