use super::*;
use serde_json::json;

const PIPE: Screen = Screen { width: Some(80), colour: false };

fn span(id: &str, parent: &str, service: &str, name: &str, start_ms: i64, duration_ms: i64) -> Value {
    json!({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": id, "parent_span_id": if parent.is_empty() { Value::Null } else { json!(parent) },
        "service_name": service, "name": name, "status_code": "unset",
        "start_time": hopline_model::UnixNanos(1_700_000_000_000_000_000 + start_ms * 1_000_000).to_string(), "duration_nano": duration_ms * 1_000_000})
}

#[test]
fn draws_a_tree_with_bars_and_logs() {
    let mut failed = span("c", "b", "payment", "charge", 20, 60);
    failed["status_code"] = json!("error");
    failed["status_message"] = json!("card declined");
    let answer = json!({"trace": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}, "spans": [
        span("a", "", "web", "GET /checkout", 0, 100), span("b", "a", "checkout", "place order", 10, 80), failed, span("d", "a", "web", "render", 95, 5)]});
    let logs = [json!({"span_id": "c", "time": "2023-11-14T22:13:20.050000000Z", "severity_number": 17, "service_name": "payment", "body": "no"})];
    let drawn = draw(&answer, &logs, Options { logs: true, attributes: false }, PIPE);
    let expect = "\
4bf92f3577b34da6a3ce929d0e0e4736 · 2023-11-14 22:13:20.000 · 100 ms · 4 spans · 3 services · 1 error · 1 log
web      GET /checkout     █████████████████████████████████████████    100 ms
checkout ├ place order         █████████████████████████████████       80.0 ms
payment  │ └ charge    ≡1          █████████████████████████           60.0 ms ✗
           card declined
web      └ render                                                ██    5.00 ms

22:13:20.050 ERROR payment no
";
    assert_eq!(drawn, expect, "\n{drawn}");
}

/// No shape that a sender can make loses a span or hangs.
#[test]
fn hostile_shapes_are_drawn_whole() {
    let deep: Vec<Value> =
        (0..2000).map(|n| span(&format!("{n}"), &if n == 0 { String::new() } else { format!("{}", n - 1) }, "s", "n", n, 1)).collect();
    let cases: Vec<(&str, Vec<Value>)> = vec![
        ("nothing", vec![]),
        ("its own parent", vec![span("a", "a", "s", "n", 0, 1)]),
        ("a circle", vec![span("a", "b", "s", "n", 0, 1), span("b", "a", "s", "n", 1, 1)]),
        ("one id twice", vec![span("a", "", "s", "n", 0, 1), span("a", "", "s", "n", 0, 1)]),
        ("parent missing", vec![span("a", "zz", "s", "n", 0, 1)]),
        ("end before start", vec![span("a", "", "s", "n", 0, -5)]),
        ("deep", deep),
        ("no fields at all", vec![json!({}), json!(null)]),
    ];
    for (name, spans) in cases {
        let count = spans.len();
        let drawn = draw(&json!({"spans": spans}), &[], Options::default(), PIPE);
        let lines = drawn.lines().filter(|line| !line.starts_with("┄ 1 span's")).count();
        assert_eq!(lines, count + 1, "{name}:\n{drawn}");
    }
}

#[test]
fn telemetry_cannot_steer_the_terminal() {
    let answer = json!({"spans": [span("a", "", "w\u{1b}]0;x\u{7}", "n\u{1b}[2J\n", 0, 1)]});
    let drawn = draw(&answer, &[], Options::default(), PIPE);
    assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{7}'), "{drawn:?}");
}
