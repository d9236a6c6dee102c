//! The plan is a function of the seed; history runs the real services and its truth adds up.

#![allow(clippy::unwrap_used)]

use crate::options::Faults;
use crate::plan::{Fault, Plan};
use crate::{Options, run};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn plan_follows_the_seed_and_meets_every_fault() {
    let length = Duration::from_secs(3600);
    let plan = Plan::new(&Faults::Plan, 7, length);
    assert_eq!(plan, Plan::new(&Faults::Plan, 7, length));
    assert_ne!(plan, Plan::new(&Faults::Plan, 8, length));
    assert!(!Fault::ALL.iter().any(|fault| plan.is_active(*fault, Duration::ZERO)), "the first minutes are calm");
    for fault in Fault::ALL {
        assert!((0..3600).any(|second| plan.is_active(fault, Duration::from_secs(second))), "{fault:?} acts within the run");
    }
    let at_once = (0..3600).map(|second| Fault::ALL.iter().filter(|fault| plan.is_active(**fault, Duration::from_secs(second))).count()).max();
    assert_eq!(at_once, Some(1), "one fault at a time");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// History of each fault: the services behave as the fault says, and the truth names who did it. Telemetry goes nowhere here.
#[test]
fn faults_are_behaviour() {
    let expect: &[(Fault, &str, &str)] = &[
        (Fault::SlowDatabase, "inventory", "checkout"),
        (Fault::Lock, "inventory", "checkout"),
        (Fault::RetryStorm, "payment", "checkout"),
        (Fault::LostMessage, "checkout", "checkout"),
        (Fault::PoolExhaustion, "cart", "checkout"),
        (Fault::SlowUpstream, "payment", "checkout"),
        (Fault::BadInstance, "recommendations", "browse"),
        (Fault::BadVersion, "payment", "checkout"),
        (Fault::BadRegion, "search", "browse"),
        (Fault::SkewedClock, "cart", "add to cart"),
    ];
    for (fault, service, request) in expect {
        let lines = Lines::default();
        let options = Options {
            otlp_endpoint: "http://127.0.0.1:9".into(),
            faults: Faults::Always(vec![*fault]),
            backfill: Some(Duration::from_secs(20)),
            ..Options::default()
        };
        let report = run(&options, Box::new(lines.clone()), Arc::default()).unwrap();
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let truths: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(truths.len() as u64, report.requests, "{fault:?}");
        assert!((40..160).contains(&report.requests), "{fault:?}: 4/s for 20 s made {}", report.requests);
        let hit = truths.iter().filter(|truth| truth["request"] == *request).flat_map(|truth| truth["hits"].as_array().unwrap());
        let hits: Vec<_> = hit.filter(|hit| hit["fault"] == fault.name() && hit["service"] == *service).collect();
        assert!(!hits.is_empty(), "{fault:?}: no {request} met it at {service}: {text}");
        assert!(report.affected < report.requests, "{fault:?}: someone was spared");
        let widest = truths.iter().map(|truth| truth["services"].as_array().unwrap().len()).max();
        let whole = match fault {
            // Nobody pays, so nothing follows: web, checkout, cart, inventory, payment.
            Fault::RetryStorm => 5,
            Fault::LostMessage => 7,
            _ => 8,
        };
        assert!(widest >= Some(whole), "{fault:?}: a checkout crosses {whole} services, saw {widest:?}");
    }
}
