use super::*;
use crate::analyse;
use crate::sample::{BASE, MS, Sample, sample, trace};
use proptest::prelude::*;

fn request(at: f64, failed: bool) -> Vec<Sample> {
    let call = sample(2, 1, "gateway", "GET", "client", at + 10.0, 60.0);
    let work = sample(3, 2, "catalog", "GET /items", "server", at + 20.0, 40.0).version("1.6.4");
    let (call, work) = if failed { (call.error(""), work.error("boom")) } else { (call, work) };
    vec![
        sample(1, 0, "gateway", "GET /buy", "server", at, 100.0),
        call,
        work,
        sample(4, 3, "catalog", "SELECT", "client", at + 30.0, 10.0).attribute("db.system", "mysql").attribute("db.name", "shop"),
        sample(5, 3, "catalog", "SELECT", "client", at + 45.0, 10.0).attribute("db.system", "mysql").attribute("db.name", "shop"),
    ]
}

fn edges(samples: &[Sample]) -> Edges {
    let trace = trace(samples);
    let mut edges = Edges::new();
    edges.add(&trace, &analyse(&trace));
    edges
}

#[test]
fn rows_of_a_request() {
    let rows = edges(&request(0.0, true)).into_rows();
    let shown: Vec<_> = rows
        .iter()
        .map(|Edge { key, counts }| {
            let names = [
                &*key.caller.name,
                &*key.caller_operation,
                &*key.callee.name,
                &*key.operation,
                &*key.callee_version,
                key.kind.name(),
                key.status.name(),
            ];
            (
                names.join("|"),
                [counts.count, counts.first_calls, counts.reaches, counts.first_causes],
                counts.total.sum() as i64 / MS,
                counts.own.sum() as i64 / MS,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("||gateway|GET /buy||rpc|unset".into(), [1, 1, 1, 0], 100, 40),
            ("catalog|GET /items|mysql/shop|SELECT||db|unset".into(), [2, 1, 1, 0], 20, 20),
            ("gateway|GET /buy|catalog|GET /items|1.6.4|rpc|error".into(), [1, 1, 1, 1], 60, 40),
        ]
    );
    assert!(rows.iter().all(|row| row.key.minute.0 == BASE));
}

/// A span kept by one in four counts four times, beside the count of what is there.
#[test]
fn sampling_is_counted_up() {
    let mut samples = request(0.0, false);
    samples.iter_mut().for_each(|sample| sample.trace_state = Some("vendor=x,ot=rv:1;th:c".into()));
    let rows = edges(&samples).into_rows();
    assert!(rows.iter().all(|row| row.counts.adjusted_count == 4.0 * row.counts.count as f64));
}

proptest! {
    /// However requests are shared out over blocks, their rows add up to the same.
    #[test]
    fn merging_is_exact(requests in prop::collection::vec((0u32..180, any::<bool>(), 0u8..4), 0..12), cut in 0usize..12) {
        let of = |requests: &[(u32, bool, u8)]| {
            let mut all = Edges::new();
            for (second, failed, threshold) in requests {
                let mut samples = request(f64::from(*second) * 1000.0, *failed);
                samples.iter_mut().for_each(|sample| sample.trace_state = Some(format!("ot=th:{threshold}5")));
                all.merge(edges(&samples));
            }
            all
        };
        let cut = cut.min(requests.len());
        let whole = of(&requests).into_rows();
        let mut parts = of(&requests[cut..]);
        parts.merge(of(&requests[..cut]));
        prop_assert_eq!(parts.into_rows(), whole);
    }
}
