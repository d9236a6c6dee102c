//! How far each clock is off, estimated from calls that cannot have been as their times say.
//!
//! A server works while its client waits. So the correction `d` of the server's clock against the client's must satisfy
//! `client.start <= server.start + d` and `server.end + d <= client.end`: each call gives an interval, all calls between two clocks their
//! intersection. While 0 lies in it, nothing is wrong and nothing is estimated. Otherwise the estimate is the median of the intervals'
//! middles (as NTP halves the round trip), kept inside the intersection where there is one. Where a child may outlive its parent
//! (messages, calls given up) only the first half holds: no effect comes before its cause.
//!
//! The estimate is shown beside the times and never written into them.

use crate::defect::Defect;
use crate::spans::{Kind, Origin, Service, Status, Text, Trace};
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[cfg(test)]
mod tests;

/// One machine's clock, as far as spans name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Clock {
    service: Service,
    instance: Text,
}

impl From<Origin> for Clock {
    fn from(origin: Origin) -> Self {
        Self { service: origin.service, instance: origin.instance }
    }
}

impl Clock {
    fn names<'a>(&self, trace: &'a Trace) -> [&'a str; 4] {
        [self.service.name, self.service.namespace, self.service.environment, self.instance].map(|text| trace.text(text))
    }
}

/// The estimated correction of one (service, instance).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    pub service: Service,
    pub instance: Text,
    /// To be added to its times.
    pub nano: i64,
    /// Calls that spoke for it.
    pub pairs: usize,
}

/// The correction of every span's times against the clock of the root.
#[derive(Debug, Clone)]
pub struct Skew {
    /// Clocks that are off, by service and instance.
    pub clocks: Vec<ClockOffset>,
    /// Empty when no clock is off.
    by_span: Vec<i64>,
}

/// What the calls from one clock to another allow.
#[derive(Default)]
struct Calls {
    least: Option<i64>,
    most: Option<i64>,
    middles: Vec<i64>,
    count: usize,
}

impl Calls {
    fn add(&mut self, trace: &Trace, parent: usize, child: usize) {
        self.count += 1;
        let least = trace.start(parent).0.saturating_sub(trace.start(child).0);
        self.least = Some(self.least.map_or(least, |known| known.max(least)));
        let (client, server) = (trace.detail(parent), trace.detail(child));
        let waited = client.kind == Kind::Client && server.kind == Kind::Server && client.status != Status::Error;
        // A server that took longer than its client waited was given up: its end says nothing.
        let slack = trace.duration_nano(parent) - trace.duration_nano(child);
        if waited && slack >= 0 {
            let most = trace.end(parent).0.saturating_sub(trace.end(child).0);
            self.most = Some(self.most.map_or(most, |known| known.min(most)));
            self.middles.push(least.saturating_add(slack / 2));
        }
    }

    /// What to add to the callee's times, against the caller's.
    fn correction(&mut self) -> i64 {
        let (least, most) = (self.least.unwrap_or(i64::MIN), self.most.unwrap_or(i64::MAX));
        if least <= 0 && 0 <= most {
            return 0;
        }
        if self.middles.is_empty() {
            return least;
        }
        self.middles.sort_unstable();
        let middle = self.middles[self.middles.len() / 2];
        if least <= most { middle.clamp(least, most) } else { middle }
    }
}

impl Skew {
    pub fn estimate(trace: &Trace, tree: &Tree) -> Self {
        let mut calls: BTreeMap<(Clock, Clock), Calls> = BTreeMap::new();
        for child in 0..trace.len() {
            let Some(parent) = tree.parent(child).filter(|parent| !tree.is_missing(*parent)) else {
                continue;
            };
            let (from, to) = (Clock::from(trace.origin(parent)), Clock::from(trace.origin(child)));
            if from != to {
                calls.entry((from, to)).or_default().add(trace, parent, child);
            }
        }
        let corrections: BTreeMap<(Clock, Clock), (i64, usize)> =
            calls.into_iter().map(|(clocks, mut calls)| (clocks, (calls.correction(), calls.count))).collect();
        if corrections.values().all(|(nano, _)| *nano == 0) {
            return Self { clocks: Vec::new(), by_span: Vec::new() };
        }
        let offsets = spread(trace, tree, &corrections);
        let by_span = (0..trace.len()).map(|span| offsets.get(&trace.origin(span).into()).map_or(0, |(nano, _)| *nano)).collect();
        let mut clocks: Vec<ClockOffset> = offsets
            .into_iter()
            .filter(|(_, (nano, _))| *nano != 0)
            .map(|(clock, (nano, pairs))| ClockOffset { service: clock.service, instance: clock.instance, nano, pairs })
            .collect();
        clocks.sort_by_cached_key(|offset| Clock { service: offset.service, instance: offset.instance }.names(trace));
        Self { clocks, by_span }
    }

    /// To be added to the span's start and end; 0 where nothing is known to be wrong.
    pub fn nano(&self, span: usize) -> i64 {
        self.by_span.get(span).copied().unwrap_or(0)
    }

    pub fn defects(&self, trace: &Trace) -> Vec<Defect> {
        let text = |text| trace.text(text).to_owned();
        let defect = |clock: &ClockOffset| Defect::ClockSkew {
            service: text(clock.service.name),
            instance: text(clock.instance),
            nano: clock.nano,
            pairs: clock.pairs,
        };
        self.clocks.iter().map(defect).collect()
    }
}

/// Corrections against the root's clock: from it outwards, then from whatever clock is left.
fn spread(trace: &Trace, tree: &Tree, corrections: &BTreeMap<(Clock, Clock), (i64, usize)>) -> BTreeMap<Clock, (i64, usize)> {
    let mut neighbours: BTreeMap<Clock, Vec<(Clock, i64, usize)>> = BTreeMap::new();
    for ((from, to), (nano, pairs)) in corrections {
        neighbours.entry(*from).or_default().push((*to, *nano, *pairs));
        neighbours.entry(*to).or_default().push((*from, nano.saturating_neg(), *pairs));
    }
    // Most calls first: they say most surely. Between equals the names decide, which do not depend on what was read first.
    neighbours.values_mut().for_each(|list| list.sort_by_cached_key(|(clock, nano, pairs)| (std::cmp::Reverse(*pairs), clock.names(trace), *nano)));
    let first = tree.root().filter(|root| !tree.is_missing(*root)).map(|root| Clock::from(trace.origin(root)));
    let mut starts: Vec<Clock> = first.into_iter().collect();
    let mut seen: BTreeSet<Clock> = starts.iter().copied().collect();
    for node in tree.order().iter().map(|node| *node as usize).filter(|node| !tree.is_missing(*node)) {
        let clock = Clock::from(trace.origin(node));
        if seen.insert(clock) {
            starts.push(clock);
        }
    }
    let mut offsets: BTreeMap<Clock, (i64, usize)> = BTreeMap::new();
    for start in starts {
        if offsets.contains_key(&start) {
            continue;
        }
        offsets.insert(start, (0, 0));
        let mut waiting = VecDeque::from([(start, 0i64)]);
        while let Some((clock, nano)) = waiting.pop_front() {
            for (next, step, pairs) in neighbours.get(&clock).into_iter().flatten() {
                if !offsets.contains_key(next) {
                    let nano = nano.saturating_add(*step);
                    offsets.insert(*next, (nano, *pairs));
                    waiting.push_back((*next, nano));
                }
            }
        }
    }
    offsets
}
