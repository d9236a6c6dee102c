//! The query text: one small language for traces, spans, logs and metrics → what storage scans for.
//!
//! `service:checkout status:error duration:>500ms "card declined" -env:staging (version:2 OR version:3)`; users read
//! `docs/query-language.md`. Pure functions over text: nothing here reads data, knows HTTP or plans a query.
//!
//! | file | what |
//! |---|---|
//! | `error` | places in the text and mistakes |
//! | `lex` | text → tokens; any text is made of tokens |
//! | `ast` | what was asked, and its canonical text |
//! | `parse` | tokens → tree, the limits of a query |
//! | `units` | numbers, durations, sizes, times |
//! | `fields` | which field a name means for traces, logs, … |
//! | `compile` | tree → predicates, text queries, trace conditions |
//! | `values` | one test of one field → predicate: texts, globs, ranges, kinds |
//! | `severity`, `ids` | the same for severities and ids |
//! | `trace` | conditions on a whole trace |
//! | `complete` | what may be typed at a place |
//!
//! A term is true or false of a row, never unknown: a comparison with an absent value is false and its negation true.

mod error;

mod lex;

pub mod ast;

mod parse;

mod units;

mod fields;

mod compile;

mod values;

mod severity;

mod ids;

mod trace;

pub mod complete;

#[cfg(test)]
mod tests;

pub use compile::{Compiled, compile};
pub use error::{Place, SyntaxError};
pub use parse::parse;
pub use trace::{TraceCondition, TraceFacts};
pub(crate) use values::narrowed;

/// What a query is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    Traces,
    Spans,
    Logs,
    Metrics,
}

/// A longer text is refused.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Parentheses, braces and negations inside each other.
pub const DEPTH_MAX: usize = 32;

/// Words, phrases and tests of a field; each value of a list counts.
pub const TERMS_MAX: usize = 256;

/// Regular expressions in one query.
pub const REGEXES_MAX: usize = 16;

/// Memory of one compiled regular expression, and again of its lazy automaton.
pub const REGEX_BYTES_MAX: usize = 256 * 1024;
