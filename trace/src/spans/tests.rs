use super::*;
use crate::links::links;
use crate::sample::{LinkSample, sample, spans, trace};
use hopline_model::span::Span;

/// Rows of several traces, mixed: each trace gets its own, with its links.
#[test]
fn split_by_trace() {
    let mut a = spans(&[sample(1, 0, "a", "one", "server", 0.0, 1.0), sample(2, 1, "a", "two", "internal", 0.0, 1.0)]);
    let mut linking = sample(3, 0, "b", "three", "consumer", 0.0, 1.0);
    linking.links = serde_json::from_str::<Vec<LinkSample>>(r#"[{"span":1},{"trace":9,"span":7}]"#).unwrap();
    let mut b = spans(&[linking]);
    b[0].trace_id = TraceId([9; 16]);
    let rows = [a.remove(0), b.remove(0), a.remove(0)];
    let traces = Trace::split(&[Span::to_batch(&rows[..2]).rows, Span::to_batch(&rows[2..]).rows]);
    assert_eq!(traces.iter().map(Trace::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((traces[0].name(1), traces[1].name(0)), ("two", "three"));
    let rows = links(&traces[1]);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].target_trace_id, traces[0].trace_id());
    assert_eq!((rows[1].target_span_id, rows[1].service_name.as_str()), (SpanId(7u64.to_be_bytes()), "b"));
    assert!(links(&traces[0]).is_empty());
}

/// The last exception event of a failed span is what got out of it.
#[test]
fn exceptions_of_events() {
    let mut failed = spans(&[sample(1, 0, "a", "one", "internal", 0.0, 1.0).error("status")]);
    let event = |kind: &str| {
        format!(
            "{{\"attributes\":{{\"exception.message\":\"it \\\"broke\\\"\",\"exception.type\":\"{kind}\"}},\"name\":\"exception\",\"time_unix_nano\":\"1\"}}"
        )
    };
    failed[0].events = Some(format!("[{},{},{{\"name\":\"other\",\"time_unix_nano\":\"2\"}}]", event("First"), event("Last")));
    let trace = Trace::from_spans(&failed);
    let said = crate::cause::failure(&trace, 0);
    assert_eq!((said.exception_type, said.message), (Some("Last"), "it \"broke\""));
}

/// `th` is the share of 2^56 rejected, trailing zeros left out; what is no threshold weighs 1.
#[test]
fn weights() {
    let weight = |state: &str| {
        let mut sample = sample(1, 0, "a", "one", "server", 0.0, 1.0);
        sample.trace_state = Some(state.into());
        trace(&[sample]).weight(0)
    };
    assert_eq!(weight("ot=th:8"), 2.0);
    assert_eq!(weight("ot=th:c;rv:1234"), 4.0);
    assert_eq!(weight("x=y, ot=rv:1;th:f"), 16.0);
    assert_eq!(weight("ot=th:0"), 1.0);
    for none in ["", "ot=rv:1", "ot=th:", "ot=th:123456789abcdef", "ot=th:xyz"] {
        assert_eq!(weight(none), 1.0, "{none}");
    }
    assert!(weight("ot=th:ffffffffffffff").is_finite());
}
