//! The command as an operator meets it: ready line, taken ports, tokens, mistakes, start time, idle memory, TLS, stop.

use crate::harness::{Encoding, Message, Server, binary};
use serde_json::json;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// From the process's start to its ready line, on an empty directory.
const READY_WITHIN: Duration = Duration::from_secs(1);
const IDLE_BYTES_MAX: u64 = 100 << 20;

fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).env_remove("HOPLINE_TOKEN").env_remove("HOPLINE_ENDPOINT").output().unwrap()
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn ready_fast_and_small() {
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut server = Server::start();
        times.push(server.ready_after());
        if times.len() == 5 {
            std::thread::sleep(Duration::from_millis(500));
            let idle = server.resident_bytes();
            println!("start to ready {:?} (median of 5), idle memory {} MB, stopped in {:?}", median(&mut times), idle / 1_000_000, server.stop());
            assert!(idle < IDLE_BYTES_MAX, "idle memory {idle}");
        }
    }
    let median = median(&mut times);
    assert!(median < READY_WITHIN, "ready after {median:?}");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_taken_port_says_what_to_do() {
    let server = Server::start();
    let taken = server.http().replace("http://", "");
    let dir = tempfile::tempdir().unwrap();
    let output =
        run(&["serve", "--data-dir", dir.path().to_str().unwrap(), "--http", &taken, "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let said = words(&output);
    assert!(said.contains(&taken) && said.contains("ss -ltnp") && said.contains("--http"), "{said}");
}

#[test]
fn one_directory_one_server() {
    let server = Server::start();
    let data = server.data_dir();
    let output =
        run(&["serve", "--data-dir", data.to_str().unwrap(), "--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("another"), "{}", words(&output));
}

/// Mistakes of whoever types end with 2 and name the way on; failures end with 1.
#[test]
fn exit_codes() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 2, "Usage"),
        (&["nonsense"], 2, "unrecognized subcommand"),
        (&["trace", "xyz"], 2, "32 hex digits"),
        (&["serve", "--htpp", "x"], 2, "--http"),
        (&["serve", "--config", "/nowhere.toml"], 1, "/nowhere.toml"),
        (&["serve", "--http", "0.0.0.0:0"], 1, "HOPLINE_TOKEN"),
        (&["search", "x", "--endpoint", "http://127.0.0.1:1"], 1, "hopline serve"),
        (&["sql", ""], 2, "empty"),
        (&["--version"], 0, "hopline 0."),
        (&["completion", "bash"], 0, "complete"),
    ];
    for (arguments, code, part) in cases {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {}", words(&output));
        assert!(words(&output).contains(part), "{arguments:?}: {}", words(&output));
    }
}

#[test]
fn unknown_settings_are_refused_with_a_suggestion() {
    let output = Command::new(binary()).args(["serve", "--print-config"]).env("HOPLINE_STORAGE__RETENTION_HOUR", "5").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("retention_hours"), "{}", words(&output));
    let output = Command::new(binary())
        .args(["serve", "--print-config"])
        .env("HOPLINE_STORAGE__RETENTION_HOURS", "5")
        .env("HOPLINE_TOKEN", "123")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", words(&output));
    assert!(words(&output).contains("retention_hours = 5") && !words(&output).contains("123"), "{}", words(&output));
}

/// With a token set only the probes answer without one; the page's cookie opens the API, and OTLP needs the token too.
#[test]
fn tokens_guard_every_door() {
    let server = Server::with(&[], &[("HOPLINE_TOKEN", "secret-7")]);
    let (http, client) = (server.http(), reqwest::blocking::Client::new());
    let status = |request: reqwest::blocking::RequestBuilder| request.send().unwrap().status().as_u16();
    for (path, expect) in [("/healthz", 200), ("/readyz", 200), ("/", 200), ("/api/v1/status", 401), ("/api/v1/traces", 401), ("/metrics", 401)] {
        assert_eq!(status(client.get(format!("{http}{path}"))), expect, "{path}");
    }
    assert_eq!(status(client.get(format!("{http}/api/v1/status")).bearer_auth("secret-7")), 200);
    assert_eq!(status(client.get(format!("{http}/api/v1/status")).bearer_auth("wrong")), 401);
    assert_eq!(status(client.post(format!("{http}/login")).json(&json!({"token": "wrong"}))), 401);
    let login = client.post(format!("{http}/login")).json(&json!({"token": "secret-7"})).send().unwrap();
    assert_eq!(login.status().as_u16(), 204);
    let cookie = login.headers()["set-cookie"].to_str().unwrap().to_string();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("secret-7"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_string();
    assert_eq!(status(client.get(format!("{http}/api/v1/status")).header("cookie", pair)), 200);
    let otlp = |token: Option<&str>| {
        let request = client.post(format!("{}/v1/traces", server.otlp_http())).header("content-type", "application/json").body("{}");
        status(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    };
    assert_eq!((otlp(None), otlp(Some("wrong")), otlp(Some("secret-7"))), (401, 401, 200));
    assert!(server.exporter().try_send(&Message::spans(0, &[]), Encoding::Grpc).unwrap_err().contains("authentication"));
}

/// A stop under load is gentle: what was acknowledged is in blocks and the log is empty.
#[test]
fn a_clean_stop_leaves_nothing_to_replay() {
    let mut server = Server::start();
    let span = serde_json::from_value(
        json!({"service": "a", "trace": "4bf92f3577b34da6a3ce929d0e0e4736", "span": "00f067aa0ba902b1", "name": "n", "at_ms": 0}),
    )
    .unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    server.exporter().send(&Message::spans(now, &[span]), Encoding::Protobuf);
    let began = Instant::now();
    server.stop();
    println!("a clean stop took {:?}", began.elapsed());
    server.start_again();
    let status = server.api().get("/api/v1/status");
    assert_eq!(status["storage"]["live_rows"], 0, "{status}");
    assert_eq!(server.api().spans_stored(), 1);
}

/// With certificate files all three doors speak TLS, HTTP/1.1 and HTTP/2, and no longer plain text.
#[test]
fn tls_by_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=hopline",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", words(&made));
    let server = Server::with(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")], &[]);
    let secure = |plain: String| plain.replace("http://", "https://");
    let root = reqwest::Certificate::from_pem(&std::fs::read(path("cert.pem")).unwrap()).unwrap();
    let client = reqwest::blocking::Client::builder().add_root_certificate(root).build().unwrap();
    assert_eq!(client.get(format!("{}/healthz", secure(server.http()))).send().unwrap().status().as_u16(), 200);
    let sent = client.post(format!("{}/v1/traces", secure(server.otlp_http()))).header("content-type", "application/json").body("{}").send().unwrap();
    assert_eq!(sent.status().as_u16(), 200);
    assert!(client.get(format!("{}/healthz", server.http())).send().is_err(), "plain text must not be answered");
    // Both OTLP doors agree on HTTP/2 or HTTP/1.1 in the handshake (O22 of the conformance list).
    for door in [server.otlp_grpc(), server.otlp_http()] {
        for protocol in ["h2", "http/1.1"] {
            let asked = Command::new("openssl")
                .args(["s_client", "-alpn", protocol, "-connect", door.trim_start_matches("http://")])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&asked.stdout);
            assert!(said.contains(&format!("ALPN protocol: {protocol}\n")), "{door} {protocol}: {said}");
        }
    }
    let output = run(&["serve", "--tls-cert", &path("key.pem"), "--tls-key", &path("key.pem"), "--http", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("key.pem"), "{}", words(&output));
}
