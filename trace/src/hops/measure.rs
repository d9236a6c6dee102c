//! From pairs to calls: times, attempts, and whose time each span's is.

use super::pair::{Pair, is_client, role};
use super::{Call, Entry, HopKind, Hops, NONE, Pairing, Parts, Side};
use crate::spans::facts::Class;
use crate::spans::{Kind, Service, Status, Text, Trace};
use crate::times::uncovered;
use std::collections::HashMap;

pub(super) fn measure(parts: &Parts<'_>, pairs: Vec<Pair>) -> Hops {
    let hop_of = owners(parts, &pairs);
    let calls: Vec<Call> = pairs.into_iter().map(|pair| call(parts, pair)).collect();
    let (entries, entry_of) = entries(parts, &hop_of);
    let mut hops = Hops { calls, entries, hop_of, entry_of };
    nest(parts, &mut hops.calls, &hops.hop_of);
    add_up(parts, &mut hops);
    take_out_children(parts, &mut hops);
    count_attempts(parts, &mut hops.calls);
    hops
}

/// Spans that nobody called, and by node which of them it works for.
fn entries(parts: &Parts<'_>, hop_of: &[u32]) -> (Vec<Entry>, Vec<u32>) {
    let Parts { trace, tree, .. } = *parts;
    let mut entries = Vec::new();
    let mut entry_of = vec![NONE; tree.len()];
    for node in tree.order().iter().map(|node| *node as usize).filter(|node| !tree.is_missing(*node)) {
        let parent = tree.parent(node);
        let inside = parent.filter(|parent| !tree.is_missing(*parent));
        match inside {
            Some(parent) => entry_of[node] = entry_of[parent],
            // A client at the root waits for its hop, but the request begins with it all the same.
            None if hop_of[node] == NONE || is_client(trace, node) => {
                entry_of[node] = entries.len() as u32;
                let is_request = parent.is_none() || matches!(role(trace, node), Kind::Server | Kind::Consumer);
                let own = trace.duration_nano(node);
                entries.push(Entry { span: node as u32, self_nano: own, critical_nano: 0, is_first_cause: false, is_request });
            }
            None => {}
        }
    }
    (entries, entry_of)
}

/// By node: the hop it works for. A client's waiting and the callee's work belong to their hop, what hangs below to the nearest above.
fn owners(parts: &Parts<'_>, pairs: &[Pair]) -> Vec<u32> {
    let mut owner = vec![NONE; parts.tree.len()];
    for (hop, pair) in pairs.iter().enumerate() {
        let client = (pair.caller != NONE && is_client(parts.trace, pair.caller as usize)).then_some(pair.caller);
        let callee = (pair.callee != NONE).then_some(pair.callee);
        for span in client.into_iter().chain(callee) {
            let owner = &mut owner[span as usize];
            *owner = (*owner).min(hop as u32);
        }
    }
    for node in parts.tree.order().iter().map(|node| *node as usize) {
        if owner[node] == NONE
            && let Some(parent) = parts.tree.parent(node)
        {
            owner[node] = owner[parent];
        }
    }
    owner
}

fn call(parts: &Parts<'_>, pair: Pair) -> Call {
    let Parts { trace, times, .. } = *parts;
    let caller = (pair.caller != NONE).then_some(pair.caller as usize);
    let callee = (pair.callee != NONE).then_some(pair.callee as usize);
    let client = caller.filter(|span| is_client(trace, *span));
    let client_nano = client.map(|span| trace.duration_nano(span));
    let server_nano = callee.map(|span| trace.duration_nano(span));
    let kind = kind(trace, caller.filter(|span| client == Some(*span)), callee);
    let network_nano = match (client_nano, server_nano) {
        (Some(client), Some(server)) if kind != HopKind::Message && client >= server => Some(client - server),
        _ => None,
    };
    let queue_nano = match (caller, callee) {
        (Some(caller), Some(callee)) if kind == HopKind::Message => Some((times.start[callee] - times.end[caller]).max(0)),
        _ => None,
    };
    let protocol = |span: Option<usize>| span.map_or(Text::NONE, |span| trace.facts(span).protocol);
    let anchor = client.or(callee).or(caller);
    let status = |span: Option<usize>| span.map_or(Status::Unset, |span| trace.status(span));
    Call {
        parent: None,
        depth: 1,
        kind,
        pairing: pair.pairing,
        protocol: protocol(client).or(protocol(callee)),
        caller: caller.map_or_else(|| named(trace, callee, pair.linked), |span| side(trace, span)),
        callee: callee.map_or_else(|| named(trace, caller, None), |span| side(trace, span)),
        has_client: client.is_some(),
        start: anchor.map_or(0, |span| trace.start(span).0),
        client_nano,
        server_nano,
        network_nano,
        queue_nano,
        self_nano: server_nano.or(client_nano).unwrap_or(0),
        critical_nano: 0,
        attempt: 1,
        status: status(client).max(status(callee)),
        is_first_cause: false,
        log_count: 0,
        skew_nano: callee.map_or(0, |span| parts.skew.nano(span)),
        via: pair.via,
    }
}

fn side(trace: &Trace, span: usize) -> Side {
    let detail = trace.detail(span);
    let origin = detail.origin;
    Side {
        span: Some(span as u32),
        service: origin.service,
        version: origin.version,
        instance: origin.instance,
        operation: detail.name,
        linked: None,
    }
}

/// The side that only a span of the other side names. It is shared by all environments that name it.
fn named(trace: &Trace, by: Option<usize>, linked: Option<hopline_model::SpanId>) -> Side {
    let (name, instance, operation) = by.map_or((Text::NONE, Text::NONE, Text::NONE), |span| {
        let detail = trace.detail(span);
        (detail.facts.peer, detail.facts.peer_address, detail.name)
    });
    Side { span: None, service: Service { name, ..Service::default() }, version: Text::NONE, instance, operation, linked }
}

fn kind(trace: &Trace, client: Option<usize>, callee: Option<usize>) -> HopKind {
    let class = |span: usize| trace.facts(span).class;
    let message = |span: usize, kind: Kind| role(trace, span) == kind;
    if client.is_some_and(|span| message(span, Kind::Producer)) || callee.is_some_and(|span| message(span, Kind::Consumer)) {
        return HopKind::Message;
    }
    match (client.map(class), callee) {
        (Some(Class::Db), _) => HopKind::Db,
        (Some(Class::Message), None) => HopKind::Message,
        (_, Some(_)) => HopKind::Rpc,
        (_, None) => HopKind::External,
    }
}

/// Which hop each call was made in. A link may point anywhere, even to what it caused: a parent always stands before its children.
fn nest(parts: &Parts<'_>, calls: &mut [Call], hop_of: &[u32]) {
    for at in 0..calls.len() {
        let call = &calls[at];
        let made_in = match (call.caller.span, call.callee.span) {
            (Some(caller), _) if call.has_client => parts.tree.parent(caller as usize),
            (Some(caller), _) => Some(caller as usize),
            (None, Some(callee)) => parts.tree.parent(callee as usize),
            (None, None) => None,
        };
        let parent = made_in.map(|node| hop_of[node]).filter(|hop| *hop != NONE && (*hop as usize) < at);
        calls[at].depth = parent.map_or(1, |parent| calls[parent as usize].depth + 1);
        calls[at].parent = parent;
    }
}

/// Critical time, logs and first causes of all spans that work for a hop.
fn add_up(parts: &Parts<'_>, hops: &mut Hops) {
    let Parts { trace, tree, critical, causes, logs, .. } = *parts;
    for (node, hop) in hops.hop_of.iter().enumerate() {
        if *hop == NONE {
            if let Some(entry) = hops.entries.get_mut(hops.entry_of[node] as usize) {
                entry.critical_nano += critical.nano[node];
                entry.is_first_cause |= !tree.is_missing(node) && causes.is_first(node);
            }
            continue;
        }
        let call = &mut hops.calls[*hop as usize];
        call.critical_nano += critical.nano[node];
        if !tree.is_missing(node) {
            call.is_first_cause |= causes.is_first(node);
            if !logs.is_empty() {
                call.log_count += logs.get(&trace.span_id(node)).copied().unwrap_or(0);
            }
        }
    }
}

/// A callee's own time is what none of its calls covers.
fn take_out_children(parts: &Parts<'_>, hops: &mut Hops) {
    let times = parts.times;
    // By the hop (or, after all hops, the entry) it was made in.
    let mut waits: Vec<(usize, i64, i64)> = hops
        .calls
        .iter()
        .filter_map(|call| {
            let span = match (call.has_client, call.callee.span) {
                (true, _) => call.caller.span?,
                // A message without a sending span costs its sender nothing.
                (false, Some(callee)) if call.kind != HopKind::Message => callee,
                _ => return None,
            } as usize;
            let made_in = match call.parent {
                Some(parent) => parent as usize,
                None => hops.calls.len() + hops.entry_of(call.caller.span? as usize)?,
            };
            Some((made_in, times.start[span], times.end[span]))
        })
        .collect();
    waits.sort_unstable();
    let mut intervals: Vec<(i64, i64)> = Vec::new();
    for waits in waits.chunk_by(|a, b| a.0 == b.0) {
        intervals.clear();
        intervals.extend(waits.iter().map(|(_, start, end)| (*start, *end)));
        let calls = hops.calls.len();
        let (span, self_nano) = match hops.calls.get_mut(waits[0].0) {
            Some(call) => (call.callee.span, &mut call.self_nano),
            None => {
                let entry = &mut hops.entries[waits[0].0 - calls];
                (Some(entry.span), &mut entry.self_nano)
            }
        };
        if let Some(span) = span {
            *self_nano = uncovered(times.start[span as usize], times.end[span as usize], &mut intervals);
        }
    }
}

/// A call is another attempt when the same was tried from the same place, had ended, and had failed.
fn count_attempts(parts: &Parts<'_>, calls: &mut [Call]) {
    let trace = parts.trace;
    // From where, what, to whom → end, failed, attempt of the last.
    let mut last: HashMap<(Option<usize>, Text, Text), (i64, bool, u32)> = HashMap::new();
    for call in calls.iter_mut().filter(|call| call.pairing != Pairing::Link) {
        let Some(span) = call.caller.span.filter(|_| call.has_client).or(call.callee.span).map(|span| span as usize) else {
            continue;
        };
        let facts = trace.facts(span);
        let from = if call.has_client { parts.tree.parent(span) } else { call.caller.span.map(|span| span as usize) };
        let whom = if call.has_client { facts.peer.or(call.callee.service.name) } else { call.callee.service.name };
        let key = (from, trace.detail(span).name, whom);
        let again = last.get(&key).filter(|(end, failed, _)| *failed && *end <= trace.start(span).0).map_or(1, |(_, _, attempt)| attempt + 1);
        call.attempt = again.max(u32::from(facts.resends) + 1);
        last.insert(key, (trace.end(span).0, call.status == Status::Error, call.attempt));
    }
}
