//! From spans to meaning: pure functions, without I/O and without async.
//!
//! [`Trace`] holds the spans of one trace as columns; [`analyse`] says everything about it at once. Storage calls it when it seals
//! (edges, links, summaries), query when it answers (tree, hops, why), so that both agree.
//!
//! | file | what |
//! |---|---|
//! | `spans` | the spans of a trace as columns, from record batches or plain spans |
//! | `defect` | what is wrong with a trace, in words |
//! | `tree` | parent, depth, order; orphans under named placeholders; cycles cut |
//! | `skew` | how far each clock is off: estimated, shown |
//! | `times` | start and end as sent or corrected; self time |
//! | `critical_path` | what the end of the trace waited for |
//! | `cause` | which error came first |
//! | `hops` | the hop ledger |
//! | `summary` | a trace in a few numbers, mergeable |
//! | `parts` | the same of rows that lie together in a block, made as they go by |
//! | `histogram` | durations in logarithmic buckets, mergeable, as bytes |
//! | `edges` | calls by minute: mergeable rollups |
//! | `links` | target of a link → the span that links |
//! | `verdict` | why a trace is slow or failed against its usual self |
//! | `analyse` | all of it for one trace |

mod analyse;
pub mod cause;
pub mod critical_path;
pub mod defect;
pub mod edges;
pub mod histogram;
pub mod hops;
pub mod links;
pub mod parts;
pub mod skew;
pub mod spans;
pub mod summary;
pub mod times;
pub mod tree;
pub mod verdict;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod sample;

pub use analyse::{Analysis, analyse, analyse_with_logs};
pub use cause::Causes;
pub use critical_path::CriticalPath;
pub use defect::Defect;
pub use edges::{Edge, Edges};
pub use histogram::Histogram;
pub use hops::{Hop, Hops};
pub use links::LinkRow;
pub use parts::{Part, Parts, SUMMARY_COLUMNS};
pub use skew::Skew;
pub use spans::Trace;
pub use summary::Summary;
pub use tree::{Marks, Tree};
pub use verdict::{Usual, Verdict, verdict};
