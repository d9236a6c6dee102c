//! The impact of a service: whose requests reach it, directly or through others, and which share of them.

use hopline_trace::spans::Status;
use hopline_trace::{Analysis, Trace};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The work of one upstream service, or of one of its entry operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Pieces of its work in the range.
    pub(crate) requests: u64,
    /// Of these, the ones that reached the service asked about.
    pub(crate) reaching: u64,
    /// Of those, the ones that failed.
    pub(crate) errors: u64,
    /// Calls between the two, at least; 0 when none was seen.
    pub(crate) hops: u32,
}

impl Reach {
    fn count(&mut self, reached: Option<u32>, failed: bool) {
        self.requests += 1;
        if let Some(hops) = reached {
            self.reaching += 1;
            self.errors += u64::from(failed);
            self.hops = if self.hops == 0 { hops } else { self.hops.min(hops) };
        }
    }
}

/// Adds traces up.
#[derive(Debug, Default)]
pub(crate) struct Impact {
    /// Calls and messages that the service took.
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) services: BTreeMap<String, Reach>,
    /// By (service, operation): what came in from outside.
    pub(crate) entries: BTreeMap<(String, String), Reach>,
}

impl Impact {
    pub(crate) fn add(&mut self, trace: &Trace, analysis: &Analysis, service: &str) {
        let hops = analysis.ledger(trace);
        // Distance to the service below each hop's callee and each entry, where there is one.
        let mut below: Vec<Option<u32>> = vec![None; hops.len()];
        let mut from_entry: HashMap<u32, u32> = HashMap::new();
        let entries: HashSet<u32> = analysis.hops.entries().iter().map(|entry| entry.span).collect();
        let node_of: HashMap<String, usize> = match hops.iter().any(|hop| hop.callee.service == service) {
            true => (0..trace.len()).map(|span| (trace.span_id(span).to_string(), span)).collect(),
            false => HashMap::new(),
        };
        for hop in hops.iter().filter(|hop| hop.callee.service == service) {
            self.requests += 1;
            self.errors += u64::from(hop.status == "error");
            let (mut at, mut distance) = (hop, 1);
            loop {
                let Some(parent) = at.parent_hop.and_then(|parent| (parent as usize).checked_sub(1)) else {
                    let start = at.caller.span_id.as_ref().and_then(|id| node_of.get(id)).copied();
                    if let Some(entry) = start.and_then(|node| entry_above(analysis, &entries, node)) {
                        let least = from_entry.entry(entry).or_insert(distance);
                        *least = distance.min(*least);
                    }
                    break;
                };
                // Above a hop that was reached as closely before, everything is known.
                if below[parent].is_some_and(|known| known <= distance) {
                    break;
                }
                below[parent] = Some(distance);
                at = &hops[parent];
                distance += 1;
            }
        }
        for (hop, reached) in hops.iter().zip(&below).filter(|(hop, _)| hop.server_nano.is_some() && hop.callee.service != service) {
            self.services.entry(hop.callee.service.clone()).or_default().count(*reached, hop.status == "error");
        }
        for entry in analysis.hops.entries().iter().filter(|entry| entry.is_request) {
            let span = entry.span as usize;
            let (reached, failed) = (from_entry.get(&entry.span).copied(), trace.status(span) == Status::Error);
            let name = trace.service_name(span);
            if name == service {
                self.requests += 1;
                self.errors += u64::from(failed);
                continue;
            }
            self.services.entry(name.to_owned()).or_default().count(reached, failed);
            self.entries.entry((name.to_owned(), trace.name(span).to_owned())).or_default().count(reached, failed);
        }
    }
}

/// The entry in whose work a node lies: its own, or that of the nearest span above that has one.
fn entry_above(analysis: &Analysis, entries: &HashSet<u32>, node: usize) -> Option<u32> {
    let mut at = Some(node);
    // Parents of a tree without cycles: it ends at a root.
    while let Some(node) = at {
        if let Some(entry) = analysis.hops.entry_of(node).and_then(|entry| analysis.hops.entries().get(entry)) {
            return Some(entry.span);
        }
        if entries.contains(&(node as u32)) {
            return Some(node as u32);
        }
        at = analysis.tree.parent(node);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopline_model::span::Span;
    use hopline_model::{SpanId, TraceId, UnixNanos};
    use hopline_trace::analyse;

    fn span(trace: u8, id: u8, parent: u8, service: &str, kind: &str, failed: bool) -> Span {
        Span {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId([id; 8]),
            parent_span_id: (parent > 0).then_some(SpanId([parent; 8])),
            start_time: UnixNanos(i64::from(id) * 1_000),
            duration_nano: 1_000_000 - i64::from(id) * 2_000,
            name: format!("{service} work"),
            kind: kind.into(),
            status_code: if failed { "error" } else { "unset" }.into(),
            service_name: service.into(),
            attributes: "{}".into(),
            resource: "{}".into(),
            scope: "{}".into(),
            ..Default::default()
        }
    }

    /// web → checkout → payment in half of the requests; the other half ends at checkout.
    #[test]
    fn who_depends_on_it() {
        let mut impact = Impact::default();
        for at in 1..=4 {
            let mut spans =
                vec![span(at, 1, 0, "web", "server", at == 1), span(at, 2, 1, "web", "client", false), span(at, 3, 2, "checkout", "server", at == 1)];
            if at % 2 == 1 {
                spans.extend([span(at, 4, 3, "checkout", "client", false), span(at, 5, 4, "payment", "server", at == 1)]);
            }
            let trace = Trace::from_spans(&spans);
            impact.add(&trace, &analyse(&trace), "payment");
        }
        let reach = |hops| Reach { requests: 4, reaching: 2, errors: 1, hops };
        assert_eq!((impact.requests, impact.errors), (2, 1));
        assert_eq!(impact.services, BTreeMap::from([("checkout".to_owned(), reach(1)), ("web".to_owned(), reach(2))]));
        assert_eq!(impact.entries, BTreeMap::from([(("web".to_owned(), "web work".to_owned()), reach(2))]));
    }
}
