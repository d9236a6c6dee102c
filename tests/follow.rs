//! One request followed: links, story, comparison, error groups, impact by the API and the commands; `run`, `curl` and `logs --follow`.
//! The verdicts on the demo shop stand in `verdicts`.

use crate::harness::otlp::{LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, binary, expect};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const BUY: &str = "a0000000000000000000000000000001";
const BUY_SLOWLY: &str = "a0000000000000000000000000000002";
const SHIP: &str = "b0000000000000000000000000000001";
const BILL: &str = "c0000000000000000000000000000001";
const ELSEWHERE: &str = "b0000000000000000000000000000002";
const COMPLAIN: &str = "d0000000000000000000000000000001";

fn now_nano() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn spans(list: Value) -> Vec<SpanOf> {
    serde_json::from_value(list).unwrap()
}

fn id(n: u8) -> String {
    format!("{n:016x}")
}

/// web → checkout → payment, which fails, and a message to whoever ships; `payment_ms` is how long the payment takes.
fn buy(trace: &str, at_ms: f64, payment_ms: f64) -> Vec<Value> {
    let span = |n: u8, parent: u8, service: &str, name: &str, kind: i32, from: f64, to: f64, status: i32| {
        json!({"service": service, "trace": trace, "span": id(n), "parent": if parent > 0 { id(parent) } else { String::new() }, "name": name, "kind": kind,
            "at_ms": at_ms + from, "ms": to - from, "status": status})
    };
    let mut payment = span(5, 4, "payment", "POST /charge", 2, 24.0, 24.0 + payment_ms, 2);
    payment["events"] = json!([{"name": "exception", "at_ms": at_ms + 25.0, "attributes": {"exception.type": "CardError", "exception.message": "card 4711 declined"}}]);
    let mut send = span(6, 3, "checkout", "send orders", 4, 12.0, 14.0, 0);
    send["attributes"] = json!({"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.message.id": format!("m-{trace}"), "shop.order": format!("o-{trace}")});
    let mut root = span(1, 0, "web", "POST /buy", 2, 0.0, payment_ms + 40.0, 2);
    root["attributes"] = json!({"http.request.method": "POST", "user.plan": if payment_ms > 100.0 { "gold" } else { "free" }});
    vec![
        root,
        span(2, 1, "web", "POST", 3, 5.0, payment_ms + 36.0, 2),
        span(3, 2, "checkout", "POST /orders", 2, 8.0, payment_ms + 32.0, 2),
        span(4, 3, "checkout", "POST", 3, 20.0, payment_ms + 28.0, 2),
        payment,
        send,
    ]
}

/// Two purchases that fail; of the first, one consumer links to the message, another knows its id only, a third shares the order.
fn send_story(server: &Server) {
    let base = now_nano() - 60_000_000_000;
    let mut all = buy(BUY, 0.0, 50.0);
    all.extend(buy(BUY_SLOWLY, 500.0, 900.0));
    all.push(json!({"service": "cart", "trace": BUY_SLOWLY, "span": id(7), "parent": id(3), "name": "GET /cart", "kind": 2, "at_ms": 509, "ms": 4}));
    let consumer = |trace: &str, service: &str, at_ms: f64, links: Value| {
        json!({"service": service, "trace": trace, "span": id(1), "name": "process orders", "kind": 5, "at_ms": at_ms, "ms": 20, "links": links,
            "attributes": {"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.message.id": format!("m-{BUY}")}})
    };
    all.push(consumer(SHIP, "shipping", 200.0, json!([{"trace": BUY, "span": id(6)}])));
    all.push(consumer(BILL, "billing", 300.0, json!([])));
    // A later order whose message, told to its end in its own trace, has the same number: not of this story.
    let mut again = consumer(ELSEWHERE, "shipping", 800.0, json!([]));
    again["span"] = json!(id(2));
    again["parent"] = json!(id(1));
    let mut sent = again.clone();
    (sent["service"], sent["span"], sent["parent"], sent["kind"]) = (json!("shop"), json!(id(1)), json!(""), json!(4));
    all.extend([sent, again]);
    all.push(json!({"service": "support", "trace": COMPLAIN, "span": id(1), "name": "POST /complaints", "kind": 2, "at_ms": 5000, "ms": 3, "attributes": {"shop.order": format!("o-{BUY}")}}));
    let exporter = server.exporter();
    exporter.send(&Message::spans(base, &spans(json!(all))), Encoding::Protobuf);
    let logs: Vec<LogOf> = serde_json::from_value(
        json!([{"service": "payment", "at_ms": 30, "severity": 17, "body": "card declined by bank", "trace": BUY, "span": id(5)}]),
    )
    .unwrap();
    exporter.send(&Message::logs(base, &logs), Encoding::Protobuf);
}

fn holds(wanted: &Value, seen: &Value) {
    expect(wanted, seen, "answer").unwrap_or_else(|problem| panic!("{problem}\n{seen:#}"));
}

#[test]
fn the_api_of_one_request() {
    let server = Server::start();
    send_story(&server);
    let api = server.api();
    for settled in [false, true] {
        if settled {
            assert_eq!(api.post("/api/v1/settle", &json!({})).0, 200);
        }
        holds(
            &json!({"outgoing": [], "incoming": [{"trace_id": SHIP, "span_id": id(1), "service_name": "shipping", "kind": "consumer", "target_trace_id": BUY, "target_span_id": id(6)}]}),
            &api.get(&format!("/api/v1/traces/{BUY}/links")),
        );
        holds(&json!({"outgoing": [{"target_trace_id": BUY}], "incoming": []}), &api.get(&format!("/api/v1/traces/{SHIP}/links")));
        let by_link =
            json!({"trace_id": SHIP, "linked_by": "link", "from": {"trace_id": BUY, "span_id": id(6)}, "to": {"trace_id": SHIP, "span_id": id(1)}});
        let by_message = json!({"trace_id": BILL, "linked_by": "message", "from": {"trace_id": BUY, "span_id": id(6)}, "to": {"trace_id": BILL, "span_id": id(1)}});
        let story = format!("/api/v1/traces/{BUY}/story");
        holds(&json!({"items": [{"trace_id": BUY, "root_service": "web"}, by_link, by_message], "complete": true, "warnings": []}), &api.get(&story));
        let by_key = json!({"trace_id": COMPLAIN, "linked_by": "key", "to": {"trace_id": COMPLAIN}});
        holds(&json!({"items": [{"trace_id": BUY}, by_link, by_message, by_key]}), &api.get(&format!("{story}?keys=shop.order")));
        // From the other end: the same traces.
        assert_eq!(api.get(&format!("/api/v1/traces/{SHIP}/story"))["items"].as_array().unwrap().len(), 3);
        compared(&api.get(&format!("/api/v1/traces/{BUY}/compare/{BUY_SLOWLY}")));
        holds(
            &json!({"items": [
                {"service_name": "payment", "name": "POST /charge", "exception_type": "CardError", "message": "card <*> declined", "count": 2, "first_causes": 2, "sample_trace_id": BUY_SLOWLY},
                {"service_name": "checkout", "count": 2, "first_causes": 0}, {"service_name": "checkout", "count": 2}, {"service_name": "web", "count": 2}, {"service_name": "web"}],
                "total": {"value": 5, "relation": "eq"}, "complete": true}),
            &api.get("/api/v1/errors"),
        );
        assert_eq!(api.get("/api/v1/errors?q=service:payment")["items"].as_array().unwrap().len(), 1);
        holds(
            &json!({"service": "payment", "requests": 2, "error_count": 2,
                "items": [{"service_name": "checkout", "hops": 1, "requests": 2, "reaching": 2, "share": 1.0, "error_count": 2}, {"service_name": "web", "hops": 2, "reaching": 2}],
                "entries": [{"service_name": "web", "name": "POST /buy", "reaching": 2}]}),
            &api.get("/api/v1/services/payment/impact"),
        );
    }
    let nobody = "e0000000000000000000000000000001";
    for path in [format!("{nobody}/links"), format!("{nobody}/story"), format!("{BUY}/compare/{nobody}"), format!("{BUY}/why?span={}", id(99))] {
        assert_eq!(api.ask(&format!("/api/v1/traces/{path}")).0, 404, "{path}");
    }
}

fn compared(answer: &Value) {
    let step = |name: &str, kind: &str| {
        let found = answer["items"].as_array().unwrap().iter().find(|item| item["name"] == name && item["kind"] == kind);
        found.unwrap_or_else(|| panic!("no step {name} in {answer:#}")).clone()
    };
    holds(
        &json!({"change": "slower", "delta_nano": 850_000_000, "a": {"count": 1, "nano": 50_000_000, "errors": 1}, "b": {"count": 1, "nano": 900_000_000},
            "path": "web POST /buy › web POST › checkout POST /orders › checkout POST › payment POST /charge"}),
        &step("POST /charge", "server"),
    );
    assert_eq!(step("send orders", "producer")["change"], "same");
    let added = step("GET /cart", "server");
    assert_eq!((&added["change"], &added["a"]), (&json!("added"), &Value::Null));
    holds(&json!([{"key": "user.plan", "a": "free", "b": "gold"}]), &answer["attributes"]);
}

/// Judging a part of a trace: the same failure, with the hop numbers of the whole.
#[test]
fn a_part_of_a_trace_is_judged() {
    let server = Server::start();
    send_story(&server);
    let api = server.api();
    let whole = api.get(&format!("/api/v1/traces/{BUY}/why"));
    let part = api.get(&format!("/api/v1/traces/{BUY}/why?span={}", id(3)));
    assert_eq!(whole["verdict"], "failed");
    assert_eq!((&part["verdict"], &part["first_cause"]), (&whole["verdict"], &whole["first_cause"]), "{part:#}");
    assert!(part["duration_nano"].as_i64() < whole["duration_nano"].as_i64());
}

fn hopline(server: &Server, arguments: &[&str]) -> Output {
    let output = command(server).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    output
}

fn command(server: &Server) -> Command {
    let mut command = Command::new(binary());
    command.env_remove("HOPLINE_TOKEN").env("HOPLINE_ENDPOINT", server.http()).env("HOPLINE_OTLP_ENDPOINT", server.otlp_http());
    command
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_commands_of_one_request() {
    let server = Server::start();
    send_story(&server);
    let said = |arguments: &[&str]| words(&hopline(&server, arguments));
    let why = said(&["why", BUY]);
    assert!(why.starts_with("failed after 90 ms, first in payment POST /charge (hop 3): CardError: card 4711 declined"), "{why}");
    assert!(why.contains(&format!("span {}", id(5))), "{why}");
    let hops = said(&["trace", BUY, "--hops"]);
    for part in ["web → checkout", "    checkout → payment", "checkout → kafka/orders", "✗ first cause"] {
        assert!(hops.contains(part) || hops.contains(&part.replace("    ", "  ")), "{part} in\n{hops}");
    }
    let impact = said(&["impact", "payment"]);
    assert!(impact.starts_with("payment: 2 requests") && impact.contains("↳ web POST /buy") && impact.contains("100.0 %"), "{impact}");
    // Scripts get the API's answers.
    for (arguments, path) in
        [(["trace", BUY, "--hops"].as_slice(), format!("/api/v1/traces/{BUY}/hops")), (&["why", BUY], format!("/api/v1/traces/{BUY}/why"))]
    {
        let output = hopline(&server, &[arguments, &["--format", "json"]].concat());
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), server.api().get(&path), "{arguments:?}");
        for format in ["ndjson", "csv"] {
            hopline(&server, &[arguments, &["--format", format]].concat());
        }
    }
    let rows = String::from_utf8(hopline(&server, &["impact", "payment", "--format", "ndjson"]).stdout).unwrap();
    assert_eq!(rows.lines().count(), 2, "{rows}");
}

/// A command that sends spans and a log record under the TRACEPARENT it was given.
const SENDS: &str = r#"
trace=$(echo "$TRACEPARENT" | cut -d- -f2); parent=$(echo "$TRACEPARENT" | cut -d- -f3); now=$(date +%s%N)
curl -sf "$HOPLINE_OTLP_ENDPOINT/v1/traces" -H 'content-type: application/json' -d '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"scopeSpans":[{"spans":[
 {"traceId":"'$trace'","spanId":"00000000000000b1","parentSpanId":"'$parent'","name":"GET /cart","kind":2,"startTimeUnixNano":"'$now'","endTimeUnixNano":"'$((now + 5000000))'","status":{"code":2,"message":"no stock"}},
 {"traceId":"'$trace'","spanId":"00000000000000b2","parentSpanId":"00000000000000b1","name":"SELECT","kind":3,"startTimeUnixNano":"'$now'","endTimeUnixNano":"'$((now + 2000000))'","attributes":[{"key":"db.system.name","value":{"stringValue":"postgresql"}},{"key":"db.namespace","value":{"stringValue":"shop"}}]}]}]}]}' >/dev/null
curl -sf "$HOPLINE_OTLP_ENDPOINT/v1/logs" -H 'content-type: application/json' -d '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"scopeLogs":[{"logRecords":[
 {"timeUnixNano":"'$now'","severityNumber":17,"body":{"stringValue":"nothing left of it"},"traceId":"'$trace'","spanId":"00000000000000b1"}]}]}]}' >/dev/null
echo "words of the command"; exit 3
"#;

/// The command's output and exit code are its own; what it caused is shown, with its logs, and judged.
#[test]
fn run_follows_what_a_command_causes() {
    let server = Server::start();
    let output = command(&server).args(["run", "--live", "--", "sh", "-c", SENDS]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*stdout), (Some(3), "words of the command\n"), "{stderr}");
    for part in
        ["→ hopline → web GET /cart", "≡ ", "nothing left of it", "web → postgresql/shop", "failed after 5.0 ms, first in web GET /cart", "no stock"]
    {
        assert!(stderr.contains(part), "{part} in\n{stderr}");
    }
    // Nobody looks: the report alone. As JSON it is the last of standard output.
    let output = command(&server).args(["run", "--format", "ndjson", "--", "sh", "-c", SENDS]).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    holds(&json!({"verdicts": [{"verdict": "failed"}], "hops": [{"callee": {"service": "web"}}, {"kind": "db"}], "linked": []}), &report);
    let stored = server.api().get(&format!("/api/v1/traces/{}", report["trace_id"].as_str().unwrap()));
    holds(&json!({"root_service": "hopline", "root_name": "run sh", "root_status": "error", "span_count": 3}), &stored["trace"]);
    for (program, code) in [("/nowhere/at/all", 127), ("/", 126)] {
        assert_eq!(command(&server).args(["run", "--", program]).output().unwrap().status.code(), Some(code));
    }
}

/// `hopline curl` puts a traceparent on the request and follows it.
#[test]
fn curl_follows_a_request() {
    let server = Server::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (http, grpc) = (server.otlp_http(), server.otlp_grpc());
    let service = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = String::new();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let parent =
            head.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap_or_else(|| panic!("no traceparent in {head}")).to_string();
        let ids: Vec<&str> = parent.split('-').collect();
        let span = json!([{"service": "greeter", "trace": ids[1], "span": id(7), "parent": ids[2], "name": "GET /hello", "kind": 2, "at_ms": -2.0, "ms": 1.0}]);
        crate::harness::otlp::Exporter::new(&http, &grpc).send(&Message::spans(now_nano(), &spans(span)), Encoding::Protobuf);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello").unwrap();
        head
    });
    let output = command(&server).args(["curl", &format!("http://{address}/hello?token=secret"), "-s", "-H", "x-own: kept"]).output().unwrap();
    let head = service.join().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), b"hello".as_slice()), "{stderr}");
    assert!(head.starts_with("GET /hello?token=secret") && head.contains("x-own: kept"), "{head}");
    assert!(stderr.contains("hopline → greeter") && stderr.contains("too few to compare: 0 requests of greeter GET /hello"), "{stderr}");
    let spans = server.api().get("/api/v1/spans?q=service:hopline");
    holds(
        &json!({"items": [{"name": "GET /hello", "kind": "client", "attributes": {"url.full": format!("http://{address}/hello"), "process.exit.code": 0}}]}),
        &spans,
    );
}

#[test]
fn logs_are_followed() {
    let server = Server::start();
    let mut child = command(&server).args(["logs", "service:web", "--follow", "--format", "ndjson"]).stdout(Stdio::piped()).spawn().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let (exporter, began) = (server.exporter(), Instant::now());
    // It shows what comes after its first look: a record every now and then until then.
    let line = loop {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing came");
        let logs: Vec<LogOf> = serde_json::from_value(json!([
            {"service": "web", "at_ms": 0, "severity": 9, "body": "hello"}, {"service": "cart", "at_ms": 0, "severity": 9, "body": "not this"}]))
        .unwrap();
        exporter.send(&Message::logs(now_nano(), &logs), Encoding::Protobuf);
        if let Ok(line) = receiver.recv_timeout(Duration::from_millis(300)) {
            break line;
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    holds(&json!({"service_name": "web", "body": "hello", "severity": "info"}), &serde_json::from_str(&line).unwrap());
    let refused = command(&server).args(["logs", "-f", "--format", "csv"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
}
