//! Who called whom. No times are measured here.

use super::{NONE, Pairing, Parts};
use crate::spans::facts::Class;
use crate::spans::{Kind, Text, Trace};
use crate::tree::Marks;
use hopline_model::SpanId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The name of a peer that nobody names.
pub(crate) const UNKNOWN: &str = "unknown";

/// Words of a service's name that make it a proxy, beside what its spans say (`component=proxy`, Envoy's `upstream_cluster`).
const PROXY_WORDS: &[&str] = &["envoy", "istio", "linkerd", "nginx", "haproxy", "traefik", "sidecar", "proxy", "ztunnel", "ingressgateway"];

/// More names than this in one `via` are no information.
const VIA_MAX: usize = 8;

/// How many clients before an orphan's start are looked at for the one that called it.
const CANDIDATES_MAX: usize = 64;

/// Two sides that belong together. At least one is a span.
pub(super) struct Pair {
    pub(super) caller: u32,
    pub(super) callee: u32,
    pub(super) pairing: Pairing,
    pub(super) via: Vec<Arc<str>>,
    /// The sender's span in another trace.
    pub(super) linked: Option<SpanId>,
}

impl Pair {
    fn new(caller: u32, callee: u32, pairing: Pairing) -> Self {
        Self { caller, callee, pairing, via: Vec::new(), linked: None }
    }
}

/// A span's part in a call: its kind, but for clients that take messages (new messaging conventions: a receive is a CLIENT).
pub(super) fn role(trace: &Trace, span: usize) -> Kind {
    let detail = trace.detail(span);
    if detail.kind == Kind::Client && detail.facts.class == Class::Message && detail.facts.receives { Kind::Consumer } else { detail.kind }
}

pub(super) fn is_client(trace: &Trace, span: usize) -> bool {
    matches!(role(trace, span), Kind::Client | Kind::Producer)
}

/// All pairs, in tree order of the callee (of the caller where there is none), so that a hop stands after the one it was made in.
pub(super) fn pairs(parts: &Parts<'_>) -> Vec<Pair> {
    let mut finder = Finder::new(parts);
    finder.by_parent();
    finder.by_link();
    finder.by_name();
    let mut position = vec![0u32; parts.tree.len()];
    for (at, node) in parts.tree.order().iter().enumerate() {
        position[*node as usize] = at as u32;
    }
    let mut pairs = finder.pairs;
    let at = |span: u32| position.get(span as usize).copied();
    pairs.sort_by_key(|pair| (at(pair.callee).or(at(pair.caller)), at(pair.caller)));
    pairs
}

struct Finder<'a> {
    parts: &'a Parts<'a>,
    /// By span.
    proxy: Vec<bool>,
    /// By span: the nearest ancestor that is no proxy.
    real: Vec<u32>,
    pairs: Vec<Pair>,
    has_callee: Vec<bool>,
    has_caller: Vec<bool>,
}

impl<'a> Finder<'a> {
    fn new(parts: &'a Parts<'a>) -> Self {
        let (trace, tree) = (parts.trace, parts.tree);
        let mut named: HashMap<Text, bool> = HashMap::new();
        let proxy: Vec<bool> = (0..trace.len())
            .map(|span| {
                let name = trace.origin(span).service.name;
                trace.facts(span).proxy || *named.entry(name).or_insert_with(|| is_proxy_name(trace.text(name)))
            })
            .collect();
        let mut real = vec![NONE; trace.len()];
        for node in spans(parts) {
            if let Some(parent) = tree.parent(node).filter(|parent| !tree.is_missing(*parent)) {
                real[node] = if proxy[parent] { real[parent] } else { parent as u32 };
            }
        }
        let none = vec![false; trace.len()];
        Self { parts, proxy, real, pairs: Vec::new(), has_callee: none.clone(), has_caller: none }
    }

    fn push(&mut self, pair: Pair) {
        if pair.caller != NONE {
            self.has_callee[pair.caller as usize] = true;
        }
        if pair.callee != NONE {
            self.has_caller[pair.callee as usize] = true;
        }
        self.pairs.push(pair);
    }

    /// `kind` and `service`.
    fn by_parent(&mut self) {
        let (trace, tree) = (self.parts.trace, self.parts.tree);
        let mut real_below = vec![false; tree.len()];
        for node in tree.order().iter().rev().map(|node| *node as usize) {
            if let Some(parent) = tree.parent(node) {
                real_below[parent] |= real_below[node] || (!tree.is_missing(node) && !self.proxy[node]);
            }
        }
        for callee in spans(self.parts) {
            let Some(parent) = tree.parent(callee).filter(|parent| !tree.is_missing(*parent)) else {
                continue;
            };
            // A proxy is stepped over, unless it answered by itself.
            if self.proxy[callee] && (real_below[callee] || self.proxy[parent]) {
                continue;
            }
            // A copy of a span called nobody's attention.
            if tree.marks(callee).has(Marks::DUPLICATE) && tree.children(callee).is_empty() {
                continue;
            }
            // A proxy that nobody called stands for itself.
            let caller = if self.real[callee] == NONE { parent } else { self.real[callee] as usize };
            let pairing = match (role(trace, caller), role(trace, callee)) {
                (Kind::Client, Kind::Server) | (Kind::Producer, Kind::Consumer) => Pairing::Kind,
                (Kind::Client, Kind::Consumer) if trace.facts(caller).class == Class::Message => Pairing::Kind,
                _ if trace.origin(caller).service != trace.origin(callee).service => Pairing::Service,
                _ => continue,
            };
            let via = if self.proxy[parent] && parent != caller { self.via(caller, callee) } else { Vec::new() };
            self.push(Pair { via, ..Pair::new(caller as u32, callee as u32, pairing) });
        }
    }

    /// Names of the proxies between two spans; `sidecar` for one that goes by the name of a service it serves.
    fn via(&self, caller: usize, callee: usize) -> Vec<Arc<str>> {
        let trace = self.parts.trace;
        let ends = [trace.origin(caller).service.name, trace.origin(callee).service.name];
        let mut names: Vec<Text> = Vec::new();
        let mut sidecar = false;
        let mut at = self.parts.tree.parent(callee);
        while let Some(node) = at.filter(|node| *node != caller && names.len() < VIA_MAX) {
            let name = trace.origin(node).service.name;
            if ends.contains(&name) {
                sidecar = true;
            } else if !names.contains(&name) {
                names.push(name);
            }
            at = self.parts.tree.parent(node);
        }
        if names.is_empty() && sidecar {
            return vec!["sidecar".into()];
        }
        names.iter().rev().map(|name| trace.texts.shared(*name)).collect()
    }

    /// `link`: messages taken by spans that stand elsewhere.
    fn by_link(&mut self) {
        let (trace, tree) = (self.parts.trace, self.parts.tree);
        if trace.columns.links.is_empty() {
            return;
        }
        let mut by_id: HashMap<SpanId, u32> = HashMap::with_capacity(trace.len());
        for span in 0..trace.len() {
            let holder = by_id.entry(trace.span_id(span)).or_insert(span as u32);
            if trace.order_key(span) < trace.order_key(*holder as usize) {
                *holder = span as u32;
            }
        }
        let mut known: HashSet<(u32, Text)> = self.pairs.iter().map(|pair| (pair.caller, trace.origin(pair.callee as usize).service.name)).collect();
        // Deepest first: where a batch is received and then processed one by one, each message belongs to its processing.
        let order: Vec<usize> = tree.order().iter().rev().map(|node| *node as usize).filter(|node| !tree.is_missing(*node)).collect();
        for callee in order {
            let consumes = role(trace, callee) == Kind::Consumer;
            let mut foreign = None;
            for link in trace.links(callee) {
                if link.trace_id != trace.trace_id() {
                    foreign = foreign.or(Some(link.span_id));
                    continue;
                }
                let Some(sender) = by_id.get(&link.span_id).copied().filter(|sender| *sender as usize != callee) else {
                    continue;
                };
                let is_message = consumes || trace.kind(sender as usize) == Kind::Producer;
                if is_message && known.insert((sender, trace.origin(callee).service.name)) {
                    self.push(Pair::new(sender, callee as u32, Pairing::Link));
                }
            }
            if consumes && foreign.is_some() && !self.has_caller[callee] && !trace.facts(callee).peer.is_none() {
                self.push(Pair { linked: foreign, ..Pair::new(NONE, callee as u32, Pairing::Link) });
            }
        }
    }

    /// `peer` and `inferred`.
    fn by_name(&mut self) {
        let (trace, tree) = (self.parts.trace, self.parts.tree);
        // Of clients in clients only the innermost made the call.
        let mut call_below = vec![false; tree.len()];
        for node in tree.order().iter().rev().map(|node| *node as usize) {
            let makes = !tree.is_missing(node) && (self.has_caller[node] || is_client(trace, node));
            if let Some(parent) = tree.parent(node) {
                call_below[parent] |= makes || call_below[node];
            }
        }
        let alone: Vec<usize> = spans(self.parts)
            .filter(|span| is_client(trace, *span) && !self.has_callee[*span] && !call_below[*span] && !self.proxy[*span])
            .filter(|span| !tree.marks(*span).has(Marks::DUPLICATE))
            .collect();
        self.adopt_orphans(&alone);
        for caller in alone {
            if !self.has_callee[caller] {
                let pairing = if trace.facts(caller).peer.is_none() { Pairing::Inferred } else { Pairing::Peer };
                self.push(Pair::new(caller as u32, NONE, pairing));
            }
        }
        for callee in spans(self.parts).filter(|span| role(trace, *span) == Kind::Consumer) {
            let inner = tree.parent(callee).is_some_and(|parent| !tree.is_missing(parent) && role(trace, parent) == Kind::Consumer);
            let linked_here = trace.links(callee).iter().any(|link| link.trace_id == trace.trace_id());
            let nameless = trace.facts(callee).peer.is_none();
            if !self.has_caller[callee] && !inner && !linked_here && !nameless {
                self.push(Pair::new(NONE, callee as u32, Pairing::Peer));
            }
        }
    }

    /// Servers whose parent never came, though a client without counterpart names them: something between the two changed the
    /// parent id and sent no span of its own.
    fn adopt_orphans(&mut self, alone: &[usize]) {
        let Parts { trace, tree, times, .. } = *self.parts;
        let mut clients: Vec<usize> = alone.iter().copied().filter(|span| !trace.facts(*span).peer.is_none()).collect();
        if clients.is_empty() {
            return;
        }
        clients.sort_by_key(|span| times.start[*span]);
        for orphan in spans(self.parts) {
            let lost = tree.marks(orphan).has(Marks::ORPHAN) && trace.kind(orphan) == Kind::Server;
            if !lost {
                continue;
            }
            let started_before = clients.partition_point(|span| times.start[*span] <= times.start[orphan]);
            let candidate = clients[..started_before].iter().rev().take(CANDIDATES_MAX).copied().find(|client| {
                times.end[*client] >= times.end[orphan]
                    && !self.has_callee[*client]
                    && names(trace.text(trace.facts(*client).peer), trace.service_name(orphan))
            });
            if let Some(client) = candidate {
                self.push(Pair::new(client as u32, orphan as u32, Pairing::Inferred));
            }
        }
    }
}

/// Spans in tree order, without placeholders.
fn spans<'a>(parts: &'a Parts<'_>) -> impl Iterator<Item = usize> + use<'a> {
    let tree = parts.tree;
    tree.order().iter().map(|node| *node as usize).filter(|node| !tree.is_missing(*node))
}

fn is_proxy_name(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| PROXY_WORDS.iter().any(|proxy| word.eq_ignore_ascii_case(proxy)))
}

/// Whether a peer's name (`payment`, `payment.shop.svc`) means the service.
fn names(peer: &str, service: &str) -> bool {
    peer.eq_ignore_ascii_case(service) || peer.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(service))
}
