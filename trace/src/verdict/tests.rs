//! Traces of a small shop, judged against what was learned from many others.

use super::*;
use crate::analyse;
use crate::edges::{Edge, Edges};
use crate::sample::{Sample, sample, trace};
use std::collections::BTreeMap;

/// A repeatable source of numbers in [0, 1).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Log-normal around 1: the usual shape of latencies.
    fn spread(&mut self, sigma: f64) -> f64 {
        let (a, b) = (1.0 - self.roll(), self.roll());
        ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos() * sigma).exp()
    }
}

/// One purchase: gateway → payment → bank. Times in ms.
struct Purchase {
    at: f64,
    gateway: f64,
    payment: f64,
    bank: f64,
    version: &'static str,
    failed: bool,
    without_bank: bool,
}

impl Purchase {
    fn usual(dice: &mut Dice, at: f64) -> Self {
        let mut some = |ms: f64| ms * dice.spread(0.5);
        Self { at, gateway: some(50.0), payment: some(100.0), bank: some(150.0), version: "1.4.1", failed: false, without_bank: false }
    }

    fn samples(&self) -> Vec<Sample> {
        let Self { at, gateway, payment, bank, .. } = *self;
        let bank = if self.without_bank { 0.0 } else { bank };
        let mut samples = vec![
            sample(1, 0, "gateway", "POST /buy", "server", at, gateway + payment + bank),
            sample(2, 1, "gateway", "POST", "client", at + gateway / 2.0, payment + bank),
            sample(3, 2, "payment", "POST /pay", "server", at + gateway / 2.0, payment + bank).version(self.version),
            sample(4, 3, "payment", "POST", "client", at + gateway / 2.0 + payment / 2.0, bank),
            sample(5, 4, "bank", "POST /charge", "server", at + gateway / 2.0 + payment / 2.0, bank),
        ];
        if self.without_bank {
            samples.truncate(3);
        }
        if self.failed {
            for (at, sample) in samples.iter_mut().enumerate().take(3) {
                *sample = sample.clone().error(if at == 2 { "card declined" } else { "" });
            }
            samples[2] = samples[2].clone().attribute("exception.type", "Declined");
        }
        samples
    }
}

fn learn(purchases: &[Purchase]) -> Vec<Edge> {
    let mut edges = Edges::new();
    for purchase in purchases {
        let trace = trace(&purchase.samples());
        edges.add(&trace, &analyse(&trace));
    }
    edges.into_rows()
}

fn judge(purchase: &Purchase, rows: &[Edge]) -> Verdict {
    let trace = trace(&purchase.samples());
    let analysis = analyse(&trace);
    let usual = Usual::for_trace(rows, &trace, &analysis);
    verdict(&trace, &analysis, &usual)
}

/// An hour of ordinary purchases, one a second.
fn ordinary(count: usize) -> Vec<Purchase> {
    let mut dice = Dice(7);
    (0..count).map(|at| Purchase::usual(&mut dice, at as f64 * 1000.0)).collect()
}

const LATER: f64 = 4_000_000.0;

#[test]
fn slow_by_a_new_version() {
    let mut purchases = ordinary(3_600);
    // From 3,600 s on, version 1.4.2 waits for the bank eight seconds.
    let slow = |at: f64| Purchase { at, gateway: 50.0, payment: 100.0, bank: 8_000.0, version: "1.4.2", failed: false, without_bank: false };
    let mut own = slow(0.0);
    own.payment = 8_000.0;
    own.bank = 150.0;
    purchases.extend((0..212).map(|at| Purchase {
        at: 3_600_000.0 + at as f64 * 1000.0,
        version: "1.4.2",
        payment: 8_000.0,
        bank: 150.0,
        ..slow(0.0)
    }));
    let rows = learn(&purchases);
    let judged = judge(&Purchase { at: LATER, ..own }, &rows);
    assert_eq!(judged.verdict, Finding::Slow, "{judged:#?}");
    assert_eq!((judged.excess[0].hop, judged.excess[0].callee.as_str()), (1, "payment"));
    assert!(judged.excess[0].share > 0.95, "{judged:#?}");
    assert_eq!(judged.first_seen.as_ref().map(|seen| (seen.service.as_str(), seen.version.as_str())), Some(("payment", "1.4.2")));
    assert_eq!(judged.alike, Some(212));
    assert_eq!(judged.compared_with, 3_600);
    assert!(judged.headline.starts_with("8.2 s, usually "), "{}", judged.headline);
    assert!(judged.headline.ends_with("hop 1 gateway→payment; first seen with payment 1.4.2; 212 requests alike"), "{}", judged.headline);
}

#[test]
fn slow_by_a_peer_further_down() {
    let rows = learn(&ordinary(500));
    let judged =
        judge(&Purchase { at: LATER, gateway: 50.0, payment: 100.0, bank: 5_000.0, version: "1.4.1", failed: false, without_bank: false }, &rows);
    assert_eq!(judged.verdict, Finding::Slow);
    assert_eq!((judged.excess[0].hop, judged.excess[0].caller.as_str(), judged.excess[0].callee.as_str()), (2, "payment", "bank"));
    assert!(judged.excess[0].share > 0.95);
    assert_eq!((judged.first_seen, judged.alike), (None, None));
}

/// Two hops that owe about as much are both named; first the one that is called in the work of the other.
#[test]
fn slow_in_two_places() {
    let rows = learn(&ordinary(500));
    let slow = Purchase { at: LATER, gateway: 50.0, payment: 3_100.0, bank: 2_150.0, version: "1.4.1", failed: false, without_bank: false };
    let judged = judge(&slow, &rows);
    assert!(judged.headline.contains("40 % of the excess is hop 2 payment→bank, 60 % hop 1 gateway→payment"), "{}", judged.headline);
    // What owes little is no cause.
    let judged = judge(&Purchase { bank: 1_000.0, ..slow }, &rows);
    assert!(judged.headline.ends_with("78 % of the excess is hop 1 gateway→payment"), "{}", judged.headline);
}

/// What each call usually takes is told for the span that waited, so that it can be drawn beside it.
#[test]
fn what_each_call_usually_takes() {
    let slow = Purchase { at: LATER, gateway: 50.0, payment: 100.0, bank: 5_000.0, version: "1.4.1", failed: false, without_bank: false };
    let judged = judge(&slow, &learn(&ordinary(500)));
    let usual: Vec<_> = judged.usual.iter().map(|call| (call.hop, call.span_id.to_string(), call.count)).collect();
    assert_eq!(usual, [(1, "0000000000000002".into(), 500), (2, "0000000000000004".into(), 500)]);
    // Payment and bank together: 100 ms and 150 ms, each spread around its median.
    assert!((220_000_000..330_000_000).contains(&judged.usual[0].nano), "{:?}", judged.usual);
    assert!((135_000_000..165_000_000).contains(&judged.usual[1].nano), "{:?}", judged.usual);

    let few = judge(&slow, &learn(&ordinary(COUNT_MIN as usize - 1)));
    assert!(few.usual.is_empty(), "{few:?}");
}

#[test]
fn slow_by_itself_and_by_many_calls() {
    let rows = learn(&ordinary(500));
    let judged =
        judge(&Purchase { at: LATER, gateway: 3_000.0, payment: 100.0, bank: 150.0, version: "1.4.1", failed: false, without_bank: false }, &rows);
    assert_eq!((judged.verdict, judged.excess[0].hop), (Finding::Slow, 0));
    assert!(judged.headline.contains("is gateway itself"), "{}", judged.headline);

    // One purchase that asks the bank twenty times: each call is as fast as ever.
    let mut samples = vec![
        sample(1, 0, "gateway", "POST /buy", "server", LATER, 3_200.0),
        sample(2, 1, "gateway", "POST", "client", LATER + 25.0, 3_150.0),
        sample(3, 2, "payment", "POST /pay", "server", LATER + 25.0, 3_150.0).version("1.4.1"),
    ];
    for call in 0..20u64 {
        let at = LATER + 75.0 + call as f64 * 150.0;
        samples.push(sample(100 + call, 3, "payment", "POST", "client", at, 150.0));
        samples.push(sample(200 + call, 100 + call, "bank", "POST /charge", "server", at, 150.0));
    }
    let trace = trace(&samples);
    let analysis = analyse(&trace);
    let judged = verdict(&trace, &analysis, &Usual::for_trace(&rows, &trace, &analysis));
    assert_eq!(judged.verdict, Finding::Slow);
    assert!(judged.headline.contains("payment→bank, called 20 times, usually 1"), "{}", judged.headline);
    assert!(judged.missing_hops.is_empty());
}

#[test]
fn failed_with_its_first_cause() {
    let mut purchases = ordinary(600);
    let failing = |at: f64| Purchase { at, gateway: 20.0, payment: 30.0, bank: 0.0, version: "1.4.2", failed: true, without_bank: true };
    purchases.extend((0..28).map(|at| failing(700_000.0 + at as f64 * 1000.0)));
    let judged = judge(&failing(LATER), &learn(&purchases));
    assert_eq!(judged.verdict, Finding::Failed);
    let cause = judged.first_cause.as_ref().unwrap();
    assert_eq!(
        (cause.service_name.as_str(), cause.message.as_str(), cause.exception_type.as_deref(), cause.hop),
        ("payment", "card declined", Some("Declined"), Some(1))
    );
    assert_eq!(
        judged.headline,
        "failed after 50 ms, first in payment POST /pay (hop 1): Declined: card declined; first seen with payment 1.4.2; 28 requests alike"
    );
    // That the bank was not called needs no more explanation.
    assert!(judged.missing_hops.is_empty());
}

#[test]
fn a_call_that_is_nearly_always_made() {
    let rows = learn(&ordinary(500));
    let judged = judge(&Purchase { at: LATER, gateway: 50.0, payment: 100.0, bank: 0.0, version: "1.4.1", failed: false, without_bank: true }, &rows);
    assert_eq!(judged.verdict, Finding::Ordinary);
    assert_eq!(judged.missing_hops, [MissingHop { caller: "payment".into(), callee: "bank".into(), usual_share: 1.0 }]);
    assert!(judged.headline.ends_with("; payment→bank is missing, made in 100.0 % otherwise"), "{}", judged.headline);
}

/// Calls that were left out for a while, and by whom nothing was slower and nothing failed, are missed by the next request too: for as long
/// as that is less than half of the time. What is left out now and then, at any time, is not missed.
#[test]
fn a_call_left_out_for_a_while_does_not_become_usual() {
    let without = |at: f64| Purchase { at, gateway: 50.0, payment: 100.0, bank: 0.0, version: "1.4.1", failed: false, without_bank: true };
    for (from, every, missed) in [(3_540, 2, true), (2_400, 3, true), (2_000, 1, true), (1_000, 1, false), (0, 50, false), (0, 20, false)] {
        let mut purchases = ordinary(3_600);
        purchases.iter_mut().skip(from).step_by(every).for_each(|purchase| *purchase = without(purchase.at));
        let judged = judge(&without(LATER), &learn(&purchases));
        let missing: Vec<&str> = judged.missing_hops.iter().map(|hop| hop.callee.as_str()).collect();
        assert_eq!(missing, if missed { vec!["bank"] } else { vec![] }, "left out from {from} s on, every {every}: {judged:?}");
    }
}

#[test]
fn too_few_to_compare() {
    let purchase = Purchase { at: LATER, gateway: 50.0, payment: 9_000.0, bank: 150.0, version: "1.4.1", failed: false, without_bank: false };
    for count in [0, 29] {
        let judged = judge(&purchase, &learn(&ordinary(count)));
        assert_eq!((judged.verdict, judged.compared_with as usize), (Finding::TooFew, count), "{}", judged.headline);
        assert!(judged.headline.starts_with("too few to compare"), "{}", judged.headline);
    }
    // A failure needs no comparison.
    let judged = judge(&Purchase { failed: true, ..purchase }, &learn(&ordinary(3)));
    assert_eq!(judged.verdict, Finding::Failed);
}

/// A fault that came and went, or still goes on, is not usual to the next request it meets, for as long as it is in less than half of the time.
#[test]
fn a_fault_does_not_become_usual() {
    let mut purchases = ordinary(3_600);
    let slow = |at: f64| Purchase { at, gateway: 50.0, payment: 100.0, bank: 4_000.0, version: "1.4.1", failed: false, without_bank: false };
    for purchase in &mut purchases {
        // 25 minutes of the hour.
        if (1_200_000.0..2_700_000.0).contains(&purchase.at) && (purchase.at as u64).is_multiple_of(2_000) {
            *purchase = slow(purchase.at);
        }
    }
    let rows = learn(&purchases);
    let judged = judge(&slow(LATER), &rows);
    assert_eq!(judged.verdict, Finding::Slow, "{}", judged.headline);
    assert!(judged.usual_nano.unwrap() < 500_000_000 && judged.alike > Some(700), "{judged:#?}");
    // And so with failures: the usual share of them is that of calm times.
    let failing = |at: f64| Purchase { at, gateway: 20.0, payment: 30.0, bank: 0.0, version: "1.4.1", failed: true, without_bank: true };
    for purchase in purchases.iter_mut().filter(|purchase| purchase.bank == 4_000.0) {
        *purchase = failing(purchase.at);
    }
    let judged = judge(&Purchase::usual(&mut Dice(3), LATER), &learn(&purchases));
    assert_eq!((judged.verdict, judged.missing_hops.len()), (Finding::Ordinary, 0));
}

/// A call that is made only while something is wrong is the culprit, however many of them there were.
#[test]
fn a_call_of_bad_times_does_not_become_usual() {
    let fallen_back = |at: f64| {
        vec![
            sample(1, 0, "gateway", "POST /buy", "server", at, 2_100.0),
            sample(2, 1, "gateway", "POST", "client", at + 50.0, 2_000.0),
            sample(3, 2, "legacy", "POST /pay", "server", at + 50.0, 2_000.0),
        ]
    };
    let mut edges = Edges::new();
    for (number, purchase) in ordinary(3_600).iter().enumerate() {
        let trace = if (2_000..3_400).contains(&number) { trace(&fallen_back(purchase.at)) } else { trace(&purchase.samples()) };
        edges.add(&trace, &analyse(&trace));
    }
    let (rows, trace) = (edges.into_rows(), trace(&fallen_back(LATER)));
    let analysis = analyse(&trace);
    let judged = verdict(&trace, &analysis, &Usual::for_trace(&rows, &trace, &analysis));
    assert_eq!(judged.verdict, Finding::Slow, "{judged:#?}");
    assert_eq!((judged.excess[0].callee.as_str(), judged.excess[0].usual_calls), ("legacy", 0.0), "{judged:#?}");
}

/// A call that fails inside a request that comes out well is told when it usually does not fail, and not when it was tried again.
#[test]
fn failed_inside() {
    let with = |at: f64, errors: [bool; 2]| {
        let call = |id: u64, from: f64, failed: bool| {
            let call = sample(id, 1, "gateway", "GET", "client", at + from, 30.0);
            let work = sample(id + 1, id, "offers", "GET /offers", "server", at + from + 5.0, 20.0);
            if failed { [call.error(""), work.error("no model")] } else { [call, work] }
        };
        let mut samples = vec![sample(1, 0, "gateway", "GET /home", "server", at, 100.0)];
        samples.extend(call(2, 10.0, errors[0]));
        if errors[0] && !errors[1] {
            samples.extend(call(4, 50.0, false));
        }
        samples
    };
    let learn = |failed_every: usize| {
        let mut edges = Edges::new();
        for number in 0..200 {
            let trace = trace(&with(number as f64 * 1000.0, [number % failed_every == 1, true]));
            edges.add(&trace, &analyse(&trace));
        }
        edges.into_rows()
    };
    let judge = |samples: &[Sample], rows: &[Edge]| {
        let trace = trace(samples);
        let analysis = analyse(&trace);
        verdict(&trace, &analysis, &Usual::for_trace(rows, &trace, &analysis))
    };
    let judged = judge(&with(LATER, [true, true]), &learn(1_000));
    assert_eq!(judged.verdict, Finding::Degraded, "{judged:#?}");
    assert_eq!(judged.first_cause.as_ref().map(|cause| (cause.service_name.as_str(), cause.hop)), Some(("offers", Some(1))));
    assert_eq!(judged.headline, "answered after 100 ms, usually 100 ms; but a call inside failed: offers GET /offers (hop 1): no model");
    assert_eq!(judge(&with(LATER, [true, false]), &learn(1_000)).verdict, Finding::Ordinary);
    assert_eq!(judge(&with(LATER, [true, true]), &learn(4)).verdict, Finding::Ordinary);
}

/// Of new ordinary requests at least 98 % are called ordinary, whether learned from few or many, narrow or wide.
#[test]
fn ordinary_is_called_ordinary() {
    for (learned, sigma) in [(30, 0.3), (30, 0.8), (150, 0.5), (150, 1.0), (2_000, 0.5), (2_000, 1.0)] {
        let mut found = BTreeMap::new();
        for round in 0..10u64 {
            let mut dice = Dice(1_000 + round);
            let mut one = |at: f64| {
                let mut some = |ms: f64| ms * dice.spread(sigma);
                Purchase { at, gateway: some(50.0), payment: some(100.0), bank: some(150.0), version: "1.4.1", failed: false, without_bank: false }
            };
            let rows = learn(&(0..learned).map(|at| one(at as f64 * 100.0)).collect::<Vec<_>>());
            for _ in 0..100 {
                *found.entry(format!("{:?}", judge(&one(LATER), &rows).verdict)).or_insert(0) += 1;
            }
        }
        assert!(found["Ordinary"] >= 980, "learned from {learned}, σ {sigma}: {found:?}");
    }
}

/// A small difference is none, however regular the past.
#[test]
fn small_differences_are_ordinary() {
    let regular = |at: f64| Purchase { at, gateway: 1.0, payment: 1.0, bank: 1.0, version: "1", failed: false, without_bank: false };
    let rows = learn(&(0..200).map(|at| regular(at as f64 * 1000.0)).collect::<Vec<_>>());
    assert_eq!(judge(&Purchase { bank: 15.0, ..regular(LATER) }, &rows).verdict, Finding::Ordinary);
    assert_eq!(judge(&Purchase { bank: 40.0, ..regular(LATER) }, &rows).verdict, Finding::Slow);
}

/// The answer has the fields of the API and leaves out what is not known.
#[test]
fn as_json() {
    let judged = judge(&ordinary(1)[0], &[]);
    let json = serde_json::to_value(&judged).unwrap();
    assert_eq!(json["verdict"], "too_few");
    assert!(json.get("first_cause").is_none() && json.get("alike").is_none());
    assert_eq!(json["duration_nano"], judged.duration_nano);
    assert_eq!(serde_json::to_value(Finding::SlowAndFailed).unwrap(), "slow_and_failed");
}
