//! Who sent what, and what was taken out of it: what a person sees.

use crate::harness::{BOTH, Server, Way, request};
use hopline_collector::Config;
use hopline_collector::config::{Action, Redaction, Rule};
use hopline_model::Signal;
use serde_json::{Value, json};

fn log(service: &str, sdk: bool, record: &str) -> String {
    let sdk = if sdk {
        r#",{"key":"telemetry.sdk.language","value":{"stringValue":"go"}},{"key":"telemetry.sdk.name","value":{"stringValue":"opentelemetry"}},{"key":"telemetry.sdk.version","value":{"stringValue":"1.47.0"}}"#
    } else {
        ""
    };
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}{sdk}]}},"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#
    )
}

fn exporter<'a>(status: &'a Value, service: &str) -> &'a Value {
    let exporters = status["exporters"].as_array().unwrap();
    exporters.iter().find(|exporter| exporter["service"] == service).unwrap_or_else(|| panic!("{service} in {status}"))
}

/// Per exporter: last seen, accepted, rejected with the last reason in words, refused.
#[tokio::test(flavor = "multi_thread")]
async fn every_exporter_is_seen() {
    let server = Server::start().await;
    assert!(server.json(Signal::Logs, &log("cart", true, "{},{}")).await.is_full_success());
    let agent = [("user-agent", "OTel-OTLP-Exporter-Python/1.45.0")];
    let bytes = hopline_collector::decode::to_protobuf(Signal::Logs, log("web", false, "{}").as_bytes()).unwrap();
    for way in BOTH {
        assert!(server.send_compressed(way, Signal::Logs, &bytes, "", &agent).await.is_full_success());
    }
    assert_eq!(server.send_compressed(Way::Grpc, Signal::Spans, &request(3, 2), "", &agent).await.partial.unwrap().0, 2);
    let status = server.collector.status();
    let cart = exporter(&status, "cart");
    assert_eq!((&cart["sdk"], &cart["address"], &cart["transport"]), (&json!("go opentelemetry 1.47.0"), &json!("127.0.0.1"), &json!("http/json")));
    assert_eq!((&cart["accepted"], &cart["refused_requests"]), (&json!({"spans": 0, "logs": 2, "metrics": 0}), &json!(0)));
    assert!(cart["last_seen"].as_str().unwrap().starts_with("20"));
    // Without telemetry.sdk.*, the client's name stands in.
    assert_eq!((&exporter(&status, "web")["sdk"], &exporter(&status, "web")["accepted"]["logs"]), (&json!(agent[0].1), &json!(2)));
    let unnamed = exporter(&status, "unknown_service");
    assert_eq!((&unnamed["accepted"]["spans"], &unnamed["rejected"]["spans"]), (&json!(3), &json!(2)));
    assert_eq!(unnamed["last_reason"], "2 of 5 spans rejected: 2 × trace_id must be 16 bytes and not all zero");
    assert_eq!((&status["accepted"], &status["rejected"]["spans"]), (&json!({"spans": 3, "logs": 4, "metrics": 0}), &json!(2)));
    // Refused over a connection that nobody was seen on: by address and client name, with the reason, among the newest errors too.
    let fresh = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let post = http::Request::post(format!("http://{}/v1/traces", server.address(Way::Http)))
        .header("content-type", "text/plain")
        .header("user-agent", "curl/8");
    let refused = fresh.request(post.body(http_body_util::Full::new(bytes::Bytes::new())).unwrap()).await.unwrap();
    assert_eq!(refused.status(), 415);
    let status = server.collector.status();
    let curl = status["exporters"].as_array().unwrap().iter().find(|exporter| exporter["sdk"] == "curl/8").unwrap();
    assert_eq!((&curl["service"], &curl["refused_requests"]), (&json!(""), &json!(1)));
    assert!(curl["last_reason"].as_str().unwrap().contains("content type"));
    assert!(status["errors"][0]["message"].as_str().unwrap().contains("content type"));
    // Over one that is known, it is put down to who sent there last, and to nobody else at the address.
    assert_eq!(server.send_compressed(Way::Grpc, Signal::Spans, b"\x0a\xff", "", &agent).await.code, 3);
    let status = server.collector.status();
    assert_eq!(exporter(&status, "unknown_service")["refused_requests"], 1);
    assert_eq!((&exporter(&status, "cart")["refused_requests"], &exporter(&status, "web")["refused_requests"]), (&json!(0), &json!(0)));
}

/// However many names are sent, the list stays short, and a request with ten thousand of them is quick.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_exporters_is_bounded() {
    let server = Server::with(Config { exporters_max: 20, ..Config::default() }).await;
    // Requests one after the other are one request.
    let one = |at: usize| hopline_collector::decode::to_protobuf(Signal::Logs, log(&format!("s{at}"), false, "{}").as_bytes()).unwrap();
    let all: Vec<u8> = (0..5_000).flat_map(one).collect();
    let answer = server.send(Way::Http, Signal::Logs, &all).await;
    assert!(answer.is_full_success(), "{answer:?}");
    let status = server.collector.status();
    assert!(status["exporters"].as_array().unwrap().len() <= 20);
    assert_eq!(status["accepted"]["logs"], 5_000);
}

const SECRETS: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"service.instance.id","value":{"stringValue":"4111111111111111"}},
    {"key":"deployment.environment.name","value":{"stringValue":"customer-42"}}]},
    "scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"pay 4111111111111111","status":{"code":2,"message":"declined 4111111111111111"},
    "attributes":[{"key":"http.request.header.authorization","value":{"arrayValue":{"values":[{"stringValue":"canary-a"}]}}},{"key":"http.request.header.Cookie","value":{"stringValue":"canary-b"}},
    {"key":"note","value":{"stringValue":"Bearer canary-c"}},{"key":"form","value":{"kvlistValue":{"values":[{"key":"db.password","value":{"intValue":7}}]}}},{"key":"debug.dump","value":{"stringValue":"canary-d"}},
    {"key":"user.email","value":{"stringValue":"a@b.example"}},{"key":"fine","value":{"stringValue":"stays"}}],
    "events":[{"name":"card 4111111111111111","attributes":[{"key":"x-api-key","value":{"stringValue":"canary-e"}}]}],
    "links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","attributes":[{"key":"access_token","value":{"stringValue":"canary-f"}}]}]}]}]}]}"#;

/// Nothing a rule names reaches the disk: not in attributes, nested values, events, links, names, messages, nor in the columns made
/// of the resource. Which rules there are, and how often they took something out, is shown.
#[tokio::test(flavor = "multi_thread")]
async fn redaction_at_the_door() {
    let own = |name: &str, keys: &[&str], patterns: &[&str], action| Rule {
        name: name.into(),
        keys: keys.iter().map(|key| (*key).into()).collect(),
        patterns: patterns.iter().map(|pattern| (*pattern).into()).collect(),
        action,
        ..Rule::default()
    };
    let mut redaction = Redaction { salt: "pepper".into(), ..Redaction::default() };
    redaction.rules.extend([
        own("cards", &[], &[r"\b\d{16}\b"], Action::Replace),
        own("dumps", &["debug.*"], &[], Action::Drop),
        own("people", &["user.email", "deployment.environment.name"], &[], Action::Hash),
    ]);
    let server = Server::with(Config { redaction, ..Config::default() }).await;
    let bytes = hopline_collector::decode::to_protobuf(Signal::Spans, SECRETS.as_bytes()).unwrap();
    for way in BOTH {
        assert!(server.send(way, Signal::Spans, &bytes).await.is_full_success());
    }
    assert!(server.json(Signal::Spans, SECRETS).await.is_full_success());
    let rows = server.spans();
    for row in &rows {
        let all = format!("{row:?}");
        for secret in ["canary", "4111111111111111", "a@b.example", "customer-42"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        assert!(row.attributes.contains(r#""fine":"stays""#) && row.attributes.contains(r#""http.request.header.authorization":"[redacted]""#));
        assert!(row.attributes.contains(r#""form":{"db.password":"[redacted]"}"#) && !row.attributes.contains("debug.dump"));
        assert_eq!((row.name.as_str(), row.status_message.as_deref()), ("pay [redacted]", Some("declined [redacted]")));
        assert_eq!(row.service_instance_id.as_deref(), Some("[redacted]"));
        let environment = row.deployment_environment_name.as_deref().unwrap();
        assert!(environment.starts_with("[hash:") && row.resource.contains(environment), "the column and the resource agree: {environment}");
    }
    // Nor on the disk, nor in what is shown.
    let status = server.collector.status().to_string() + &server.metrics();
    assert!(!status.contains("canary") && !status.contains("pepper"));
    let status = server.collector.status();
    let rule = |name: &str| status["redaction"].as_array().unwrap().iter().find(|rule| rule["name"] == name).unwrap().clone();
    assert_eq!((&rule("headers")["redacted"], &rule("tokens")["redacted"]), (&json!(9), &json!(9)));
    assert_eq!((&rule("cards")["redacted"], &rule("dumps")["redacted"], &rule("people")["action"]), (&json!(12), &json!(3), &json!("hash")));
    assert!(rule("headers")["keys"].as_array().unwrap().contains(&json!("*header.authorization")));
    let directory = server.data_dir();
    let mut files = vec![directory];
    let mut looked_at = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            looked_at += 1;
            assert!(
                memchr::memmem::find(&bytes, b"canary").is_none() && memchr::memmem::find(&bytes, b"a@b.example").is_none(),
                "{}",
                path.display()
            );
        }
    }
    assert!(looked_at > 0);
}
