//! The questions, over one snapshot: blocking code, called through [`crate::run`].
//!
//! | file | what |
//! |---|---|
//! | `columns` | cells of scanned batches |
//! | `summary` | what a list says of a trace |
//! | `traces` | trace search: which traces match, newest first; one trace |
//! | `rows` | spans and logs as lists: newest first, total, cursor |
//! | `logs` | histogram, facets, context |
//! | `heat` | latency by time |
//! | `patterns` | bodies that differ only in numbers and ids |
//! | `kept` | counts, histograms and values that blocks gave before |
//! | `values` | values of a field with counts, whatever the field is |
//! | `memory` | the bound on what questions gather outside SQL |
//! | `services` | the catalogue from telemetry |
//! | `one` | one trace analysed: tree, hops, critical path |
//! | `why` | its verdict, against requests of the same kind |
//! | `compare` | two traces aligned |
//! | `links` `story` | what is linked to a trace, both ways; the traces around it |
//! | `errors` | failed spans in groups |
//! | `impact` | whose requests reach a service |
//! | `edges` | the traces of a range |
//! | `quantiles` | durations in buckets of 1 %: p50, p95, p99 |

pub(crate) mod columns;

pub(crate) mod summary;

pub(crate) mod traces;

pub(crate) mod rows;

pub(crate) mod logs;

pub(crate) mod patterns;

pub(crate) mod heat;

pub(crate) mod kept;

pub(crate) mod values;

pub(crate) mod memory;

pub(crate) mod quantiles;

pub(crate) mod services;

pub(crate) mod one;

pub(crate) mod edges;

pub(crate) mod why;

pub(crate) mod compare;

pub(crate) mod links;

pub(crate) mod story;

pub(crate) mod errors;

pub(crate) mod impact;
