//! Settings of the collector, with their defaults. `server` fills them from file, environment and flags.

use serde::{Deserialize, Serialize};

/// `[collector]` of the configuration file. The addresses stand at the top level of the file: `otlp_grpc`, `otlp_http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A prefix of the HTTP paths: `/x` serves `/x/v1/traces` too. Empty for none.
    pub base_path: String,
    /// A request may be this large after decompression (OTLP recommends 64 MiB); at most 256 MiB.
    pub body_bytes_max: usize,
    /// Answers are cut to this (OTLP recommends 4 MiB).
    pub response_bytes_max: usize,
    /// Bytes of requests being worked on, decompressed. Over it requests wait, then are refused.
    pub in_flight_bytes_max: usize,
    /// How long a request waits for room before it is refused.
    pub admission_wait_ms: u64,
    /// A body must have arrived whole by then.
    pub body_timeout_ms: u64,
    /// A body of which nothing arrives for so long is given up.
    pub body_stall_timeout_ms: u64,
    /// A connection must send its first byte, and finish its TLS handshake, by then.
    pub first_byte_timeout_ms: u64,
    /// An HTTP/1.1 connection without a request is closed after this.
    pub idle_timeout_ms: u64,
    /// Answers in progress get this long after a stop.
    pub drain_timeout_ms: u64,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams_per_connection_max: u32,
    /// Origins of web pages that may send (`https://shop.example`, or `*`). Empty: none.
    pub cors_origins: Vec<String>,
    /// Records of one request beyond this are rejected.
    pub records_per_request_max: usize,
    /// A record with more attributes, or with a map of more members in a value, is rejected.
    pub attributes_per_record_max: usize,
    /// A span with more events, or more links, is rejected; a data point with more exemplars too.
    pub events_per_span_max: usize,
    /// Names of services in an hour or two. Records of further ones are rejected. 0: no limit.
    pub services_per_tenant_max: usize,
    /// Metric series (name, attributes, resource) in an hour or two. Points of further ones are rejected. 0: no limit.
    pub series_per_tenant_max: usize,
    /// Severity, trace and span of log records sent without are looked for in their text, and marked as found there.
    pub derive: bool,
    /// Exporters shown in the status; the one longest unseen goes first.
    pub exporters_max: usize,
    pub redaction: Redaction,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_path: String::new(),
            body_bytes_max: 64 << 20,
            response_bytes_max: 4 << 20,
            in_flight_bytes_max: 32 << 20,
            admission_wait_ms: 250,
            body_timeout_ms: 30_000,
            body_stall_timeout_ms: 5_000,
            first_byte_timeout_ms: 10_000,
            idle_timeout_ms: 120_000,
            drain_timeout_ms: 10_000,
            connections_max: 8_192,
            connections_per_address_max: 4_096,
            streams_per_connection_max: 256,
            cors_origins: Vec::new(),
            records_per_request_max: 262_144,
            attributes_per_record_max: 1_024,
            events_per_span_max: 10_000,
            services_per_tenant_max: 10_000,
            series_per_tenant_max: 200_000,
            derive: true,
            exporters_max: 1_024,
            redaction: Redaction::default(),
        }
    }
}

/// What must not reach the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redaction {
    pub rules: Vec<Rule>,
    /// Mixed into hashes, so that they cannot be looked up in a table of common values.
    #[serde(skip_serializing)]
    pub salt: String,
}

/// One rule: values whose key, start or content match are replaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    /// Attribute keys in any case; one `*` at the start or the end stands for anything.
    pub keys: Vec<String>,
    /// Text values that start so, in any case: the whole value is replaced.
    pub prefixes: Vec<String>,
    /// Regular expressions over text values and log bodies: what matches is replaced.
    pub patterns: Vec<String>,
    pub action: Action,
}

#[cfg(test)]
impl Rule {
    pub(crate) fn of(keys: &[&str], patterns: &[&str], action: Action) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self { name: "own".into(), keys: texts(keys), patterns: texts(patterns), action, ..Self::default() }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// `[redacted]` stands in its place.
    #[default]
    Replace,
    /// `[hash:…]`, equal for equal values.
    Hash,
    /// The attribute is left out.
    Drop,
}

impl Default for Redaction {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Self {
            rules: vec![
                Rule {
                    name: "headers".into(),
                    keys: texts(&[
                        "*header.authorization",
                        "*header.proxy-authorization",
                        "*header.proxy_authorization",
                        "*header.cookie",
                        "*header.set-cookie",
                        "*header.set_cookie",
                        "*header.x-api-key",
                        "*header.x_api_key",
                        "*header.x-auth-token",
                        "*metadata.authorization",
                        "*metadata.cookie",
                        "authorization",
                        "proxy-authorization",
                        "cookie",
                        "set-cookie",
                        "x-api-key",
                    ]),
                    ..Rule::default()
                },
                Rule {
                    name: "tokens".into(),
                    keys: texts(&[
                        "password",
                        "*.password",
                        "access_token",
                        "*.access_token",
                        "refresh_token",
                        "*.refresh_token",
                        "api_key",
                        "*.api_key",
                        "client_secret",
                        "*.client_secret",
                    ]),
                    prefixes: texts(&["bearer ", "basic ", "eyJhbGci"]),
                    ..Rule::default()
                },
            ],
            salt: String::new(),
        }
    }
}

impl Config {
    /// What must hold before the doors open, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.body_bytes_max > 256 << 20 {
            return Err(format!("collector.body_bytes_max = {} is more than 256 MiB", self.body_bytes_max));
        }
        if !self.base_path.is_empty() && (!self.base_path.starts_with('/') || self.base_path.ends_with('/')) {
            return Err(format!("collector.base_path = {:?} must start with / and not end with it", self.base_path));
        }
        crate::process::Redactor::new(&self.redaction).map(drop)
    }
}
