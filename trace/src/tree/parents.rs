//! Finds each span's parent: by id, with duplicates told apart, the absent replaced by placeholders, and cycles cut.

use super::{Marks, Missing, NONE};
use crate::defect::{Defect, Tally};
use crate::spans::{Kind, Trace, ZERO};
use hopline_model::SpanId;
use std::collections::HashMap;

pub(super) struct Parents {
    pub(super) parent: Vec<u32>,
    pub(super) missing: Vec<Missing>,
    pub(super) marks: Vec<Marks>,
    pub(super) defects: Vec<Defect>,
}

/// Spans by id: nearly always one, else a list by start.
struct Holders {
    first: HashMap<SpanId, u32>,
    several: HashMap<SpanId, Vec<u32>>,
}

pub(super) fn assign(trace: &Trace) -> Parents {
    let mut parents =
        Parents { parent: vec![NONE; trace.len()], missing: Vec::new(), marks: vec![Marks::default(); trace.len()], defects: Vec::new() };
    let holders = parents.holders(trace);
    let shared = parents.shared(trace, &holders);
    parents.look_up(trace, &holders, &shared);
    parents.cut_cycles(trace);
    parents
}

impl Parents {
    fn holders(&mut self, trace: &Trace) -> Holders {
        let mut holders = Holders { first: HashMap::with_capacity(trace.len()), several: HashMap::new() };
        let mut zero = 0;
        for span in 0..trace.len() {
            let id = trace.span_id(span);
            if id == ZERO {
                zero += 1;
                continue;
            }
            let first = *holders.first.entry(id).or_insert(span as u32);
            if first as usize != span {
                holders.several.entry(id).or_insert_with(|| vec![first]).push(span as u32);
            }
        }
        if zero > 0 {
            self.defects.push(Defect::ZeroSpanId { spans: zero });
        }
        for spans in holders.several.values_mut() {
            spans.sort_unstable_by_key(|span| trace.order_key(*span as usize));
        }
        holders
    }

    /// Pairs of client and server with one id: server → client.
    fn shared(&mut self, trace: &Trace, holders: &Holders) -> HashMap<u32, u32> {
        let mut shared = HashMap::new();
        let (mut ids, mut spans, mut example, mut shared_example) = (0, 0, None::<SpanId>, None::<SpanId>);
        for (id, several) in &holders.several {
            if let Some((client, server)) = pair(trace, several) {
                shared.insert(server, client);
                shared_example = shared_example.max(Some(*id));
                continue;
            }
            several.iter().skip(1).for_each(|span| self.marks[*span as usize].set(Marks::DUPLICATE));
            ids += 1;
            spans += several.len();
            example = example.max(Some(*id));
        }
        if let Some(example) = example {
            self.defects.push(Defect::DuplicateSpanId { ids, spans, example });
        }
        if let Some(example) = shared_example {
            self.defects.push(Defect::SharedSpanId { ids: shared.len(), example });
        }
        shared
    }

    fn look_up(&mut self, trace: &Trace, holders: &Holders, shared: &HashMap<u32, u32>) {
        let mut missing_of: HashMap<SpanId, u32> = HashMap::new();
        let (mut own, mut orphans) = (Tally::default(), 0);
        for span in 0..trace.len() {
            if let Some(client) = shared.get(&(span as u32)) {
                self.parent[span] = *client;
                continue;
            }
            let Some(id) = trace.parent_id(span) else {
                continue;
            };
            if id == trace.span_id(span) {
                own.add(id, 0);
                continue;
            }
            if let Some(parent) = holders.find(trace, id, span, shared) {
                self.parent[span] = parent;
                continue;
            }
            let (start, end) = (trace.start(span), trace.end(span));
            let node = *missing_of.entry(id).or_insert_with(|| {
                self.missing.push(Missing { span_id: id, start, end });
                (trace.len() + self.missing.len() - 1) as u32
            });
            let missing = &mut self.missing[node as usize - trace.len()];
            missing.start = missing.start.min(start);
            missing.end = missing.end.max(end);
            self.parent[span] = node;
            self.marks[span].set(Marks::ORPHAN);
            orphans += 1;
        }
        self.parent.resize(trace.len() + self.missing.len(), NONE);
        let mut placeholder = Marks::default();
        placeholder.set(Marks::MISSING);
        self.marks.resize(trace.len() + self.missing.len(), placeholder);
        if own.spans > 0 {
            self.defects.push(Defect::SelfParent { spans: own.spans, example: own.example() });
        }
        if let Some(first) = self.missing.first() {
            self.defects.push(Defect::MissingParent { parents: self.missing.len(), children: orphans, example: first.span_id });
        }
    }

    /// Follows parents from each span; a path that meets itself is a cycle and is cut at its earliest span.
    fn cut_cycles(&mut self, trace: &Trace) {
        const NEW: u32 = 0;
        // The walk in which a node was met: never the same twice.
        let mut met = vec![NEW; self.parent.len()];
        let (mut cycles, mut spans, mut cut_at) = (0, 0, ZERO);
        for start in 0..self.parent.len() {
            let walk = start as u32 + 1;
            let mut node = start as u32;
            while node != NONE && met[node as usize] == NEW {
                met[node as usize] = walk;
                node = self.parent[node as usize];
            }
            if node == NONE || met[node as usize] != walk {
                continue;
            }
            let (mut earliest, mut at, mut length) = (node, node, 0);
            loop {
                length += 1;
                if trace.order_key(at as usize) < trace.order_key(earliest as usize) {
                    earliest = at;
                }
                at = self.parent[at as usize];
                if at == node {
                    break;
                }
            }
            self.parent[earliest as usize] = NONE;
            self.marks[earliest as usize].set(Marks::CYCLE_CUT);
            if cycles == 0 {
                cut_at = trace.span_id(earliest as usize);
            }
            cycles += 1;
            spans += length;
        }
        if cycles > 0 {
            self.defects.push(Defect::Cycle { cycles, spans, cut_at });
        }
    }
}

impl Holders {
    /// The span a child means by `id`: of several the one of its own service, else the server of a shared id, else the earliest.
    fn find(&self, trace: &Trace, id: SpanId, child: usize, shared: &HashMap<u32, u32>) -> Option<u32> {
        let first = self.first.get(&id)?;
        let Some(several) = self.several.get(&id) else {
            return Some(*first);
        };
        let service = trace.origin(child).service;
        // Bounded: an id used thousands of times is nonsense, and its first holders do as well as any.
        let candidates = || several.iter().take(8).filter(|holder| **holder as usize != child);
        candidates()
            .find(|holder| shared.contains_key(holder) && trace.origin(**holder as usize).service == service)
            .or_else(|| candidates().find(|holder| trace.origin(**holder as usize).service == service))
            .or_else(|| candidates().find(|holder| shared.contains_key(holder)))
            .or_else(|| candidates().next())
            .copied()
    }
}

/// One client and one server, in this order, and nothing else.
fn pair(trace: &Trace, spans: &[u32]) -> Option<(u32, u32)> {
    let [a, b] = *spans else {
        return None;
    };
    match (trace.kind(a as usize), trace.kind(b as usize)) {
        (Kind::Client, Kind::Server) | (Kind::Producer, Kind::Consumer) => Some((a, b)),
        (Kind::Server, Kind::Client) | (Kind::Consumer, Kind::Producer) => Some((b, a)),
        _ => None,
    }
}
