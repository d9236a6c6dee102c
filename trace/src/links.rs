//! Links read backwards: target → the span that links to it. One row for each link of each span.

use crate::spans::{Kind, Trace};
use hopline_model::{SpanId, TraceId, UnixNanos};

/// A row of the `links` dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// What is linked to; often of another trace.
    pub target_trace_id: TraceId,
    pub target_span_id: SpanId,
    /// The span that holds the link.
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub service_name: String,
    pub name: String,
    pub kind: Kind,
    pub start_time: UnixNanos,
}

/// All links of a trace's spans, in the order of the spans.
pub fn links(trace: &Trace) -> Vec<LinkRow> {
    trace
        .columns
        .links
        .iter()
        .map(|link| {
            let span = link.span as usize;
            LinkRow {
                target_trace_id: link.trace_id,
                target_span_id: link.span_id,
                trace_id: trace.trace_id(),
                span_id: trace.span_id(span),
                service_name: trace.service_name(span).to_owned(),
                name: trace.name(span).to_owned(),
                kind: trace.kind(span),
                start_time: trace.start(span),
            }
        })
        .collect()
}
