//! What is derived from the spans of a block by `trace/` and kept beside them: `edges`, `links` and `traces`.
//!
//! A file here is no cache: answers are made of it. [`edges`](edges) says what the rule is under which the edges of all blocks add up to
//! those of all traces, whichever blocks their spans lie in and in whatever order they came; links are a span's own and need no rule, and parts of a trace add up to it whatever they are.
//!
//! | file | what |
//! |---|---|
//! | `pages` | rows by key, in pages that are found without reading the others |
//! | `edges` | calls by minute: rows ⇄ bytes; what new spans add to those that are counted |
//! | `links` | target of a link → the span that links: rows ⇄ bytes |
//! | `traces` | traces in a few numbers: rows ⇄ bytes, written while rows are |
//! | `make` | written at seal or soon after, added up at merge, carried over when rows go |
//! | `without` | what they change by when rows are deleted |

pub(crate) mod pages;

pub(crate) mod edges;

pub(crate) mod links;

pub(crate) mod traces;

pub(crate) mod make;

pub(crate) mod without;

#[cfg(test)]
mod tests;
