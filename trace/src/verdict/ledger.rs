//! What each call of the ledger usually takes, so that a picture can draw the usual beside what happened.

use super::excess::edge_name;
use super::{COUNT_MIN, Usual, UsualCall};
use crate::analyse::Analysis;
use crate::spans::{Service, Text, Trace};
use std::collections::HashMap;

/// More are not seen at a time: these are the longest.
const ROWS_MAX: usize = 1_000;

/// In the order of the ledger. Calls that were seen too seldom are left out.
pub(super) fn usual_calls(trace: &Trace, analysis: &Analysis, usual: &Usual) -> Vec<UsualCall> {
    let calls = analysis.hops.calls();
    let mut longest: Vec<usize> = (0..calls.len()).collect();
    if longest.len() > ROWS_MAX {
        longest.sort_by_key(|at| std::cmp::Reverse(calls[*at].total_nano()));
        longest.truncate(ROWS_MAX);
        longest.sort_unstable();
    }
    let mut known: HashMap<(Service, Service, Text), Option<(i64, u64)>> = HashMap::new();
    let mut rows = Vec::new();
    for at in longest {
        let call = &calls[at];
        let key = (call.caller.service, call.callee.service, call.callee.operation);
        let usually = *known.entry(key).or_insert_with(|| {
            let usually = usual.edge(&edge_name(trace, call)).filter(|usually| usually.count >= COUNT_MIN)?;
            Some((usually.total.quantile(0.5)? as i64, usually.count))
        });
        // The span that took the time which the rollups count: the one that waited, else the one that worked.
        let span = call.caller.span.filter(|_| call.client_nano.is_some()).or(call.callee.span);
        if let (Some((nano, count)), Some(span)) = (usually, span) {
            rows.push(UsualCall { hop: at as u32 + 1, span_id: trace.span_id(span as usize), nano, count });
        }
    }
    rows
}
