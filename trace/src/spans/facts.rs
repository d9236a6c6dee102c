//! From attributes and events to what hops and causes need of a span. Old and new semantic conventions alike.

use super::{Kind, Status, Text, Texts};
use hopline_model::attributes::{entries, get, items, plain_text};

/// What a span's attributes say it talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Class {
    /// An answer is awaited: HTTP, gRPC, or nothing said.
    #[default]
    Call,
    Db,
    Message,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) class: Class,
    /// `http`, `grpc`, `kafka`, `postgresql`, …
    pub(crate) protocol: Text,
    /// The name of the other side where it is no service of the trace: `postgresql/shop`, `kafka/orders`, `api.example.com`.
    pub(crate) peer: Text,
    /// Where the other side was reached.
    pub(crate) peer_address: Text,
    /// How many times this very request was sent before.
    pub(crate) resends: u16,
    /// A proxy or sidecar wrote this span.
    pub(crate) proxy: bool,
    /// A message is taken here, whatever the span's kind.
    pub(crate) receives: bool,
    pub(crate) exception_type: Text,
    pub(crate) exception_message: Text,
}

/// What facts are read from.
pub(super) struct Source<'a> {
    pub(super) kind: Kind,
    pub(super) status: Status,
    pub(super) attributes: &'a str,
    pub(super) events: &'a str,
}

/// The raw values of the keys that count; later conventions win over earlier ones.
#[derive(Default)]
struct Said<'a> {
    peer_service: &'a str,
    db_system: &'a str,
    db_name: &'a str,
    address: &'a str,
    socket_address: &'a str,
    messaging_system: &'a str,
    destination: &'a str,
    operation: &'a str,
    url: &'a str,
    host: &'a str,
    http: bool,
    rpc_system: &'a str,
    rpc_service: &'a str,
    component: &'a str,
    upstream: bool,
    resends: &'a str,
    exception_type: &'a str,
    exception_message: &'a str,
    error_type: &'a str,
    error_message: &'a str,
}

/// The attributes that [`Said::read`] looks at, sorted; without the others a trace comes to the same.
pub const ATTRIBUTES_READ: &[&str] = &[
    "component",
    "db.name",
    "db.namespace",
    "db.system",
    "db.system.name",
    "error.message",
    "error.type",
    "exception.message",
    "exception.type",
    "http.host",
    "http.method",
    "http.request.method",
    "http.request.resend_count",
    "http.resend_count",
    "http.url",
    "messaging.destination",
    "messaging.destination.name",
    "messaging.operation",
    "messaging.operation.type",
    "messaging.system",
    "net.peer.ip",
    "net.peer.name",
    "net.sock.peer.addr",
    "network.peer.address",
    "peer.service",
    "rpc.service",
    "rpc.system",
    "rpc.system.name",
    "server.address",
    "upstream_cluster",
    "upstream_cluster.name",
    "url.full",
];

impl<'a> Said<'a> {
    fn read(attributes: &'a str) -> Self {
        let mut said = Self::default();
        for (key, raw) in entries(attributes) {
            let field = match &*key {
                "peer.service" => &mut said.peer_service,
                "db.system.name" | "db.system" => &mut said.db_system,
                "db.namespace" | "db.name" => &mut said.db_name,
                "server.address" | "net.peer.name" => &mut said.address,
                "network.peer.address" | "net.sock.peer.addr" | "net.peer.ip" => &mut said.socket_address,
                "messaging.system" => &mut said.messaging_system,
                "messaging.destination.name" | "messaging.destination" => &mut said.destination,
                "messaging.operation.type" | "messaging.operation" => &mut said.operation,
                "url.full" | "http.url" => &mut said.url,
                "http.host" => &mut said.host,
                "http.request.method" | "http.method" => {
                    said.http = true;
                    continue;
                }
                "rpc.system.name" | "rpc.system" => &mut said.rpc_system,
                "rpc.service" => &mut said.rpc_service,
                "component" => &mut said.component,
                "upstream_cluster" | "upstream_cluster.name" => {
                    said.upstream = true;
                    continue;
                }
                "http.request.resend_count" | "http.resend_count" => &mut said.resends,
                "exception.type" => &mut said.exception_type,
                "exception.message" => &mut said.exception_message,
                "error.type" => &mut said.error_type,
                "error.message" => &mut said.error_message,
                _ => continue,
            };
            // Keys stand sorted: of two conventions the one with the longer, newer name comes last, but for `server.address` over
            // `net.peer.name` and `url.full` over `http.url`, which do too. An empty text says nothing.
            if raw != "\"\"" {
                *field = raw;
            }
        }
        said
    }
}

/// Reads the facts of span after span; holds what it would otherwise allocate anew.
#[derive(Default)]
pub(super) struct FactsReader {
    name: String,
}

impl FactsReader {
    pub(super) fn read(&mut self, texts: &mut Texts, source: &Source<'_>) -> Facts {
        let mut facts = Facts::default();
        // Internal spans have no peer: their attributes matter only when they failed.
        if source.kind == Kind::Internal && source.status != Status::Error {
            return facts;
        }
        let said = Said::read(source.attributes);
        facts.class = class(source.kind, &said);
        facts.protocol = self.intern(texts, &[protocol(facts.class, &said)]);
        facts.peer_address = self.intern(texts, &[first(&[said.address, said.socket_address])]);
        facts.peer = self.peer(texts, facts.class, &said);
        facts.resends = said.resends.parse().unwrap_or(0);
        facts.proxy = said.upstream || plain_text(said.component) == "proxy";
        facts.receives = matches!(&*plain_text(said.operation), "receive" | "process" | "deliver");
        if source.status == Status::Error {
            let (kind, message) = exception(source.events);
            facts.exception_type = self.intern(texts, &[first(&[kind, said.exception_type, said.error_type])]);
            facts.exception_message = self.intern(texts, &[first(&[message, said.exception_message, said.error_message])]);
        }
        facts
    }

    fn peer(&mut self, texts: &mut Texts, class: Class, said: &Said<'_>) -> Text {
        if !said.peer_service.is_empty() {
            return self.intern(texts, &[said.peer_service]);
        }
        match class {
            Class::Db if !said.db_name.is_empty() => self.intern(texts, &[said.db_system, "/", said.db_name]),
            Class::Db if !said.address.is_empty() => self.intern(texts, &[said.db_system, "@", said.address]),
            Class::Db => self.intern(texts, &[said.db_system]),
            Class::Message if !said.destination.is_empty() && !said.messaging_system.is_empty() => {
                self.intern(texts, &[said.messaging_system, "/", said.destination])
            }
            Class::Message if !said.destination.is_empty() => self.intern(texts, &[said.destination]),
            Class::Message if !said.messaging_system.is_empty() => self.intern(texts, &[said.messaging_system]),
            _ => {
                let (url, host) = (plain_text(said.url), plain_text(said.host));
                let named = first(&[said.address, url_host(&url), url_host(&host), said.rpc_service, said.socket_address]);
                self.intern(texts, &[named])
            }
        }
    }

    /// The parts put together, each unquoted.
    fn intern(&mut self, texts: &mut Texts, parts: &[&str]) -> Text {
        self.name.clear();
        parts.iter().for_each(|part| self.name.push_str(&plain_text(part)));
        texts.intern(&self.name)
    }
}

fn first<'a>(candidates: &[&'a str]) -> &'a str {
    candidates.iter().find(|text| !text.is_empty()).copied().unwrap_or("")
}

fn class(kind: Kind, said: &Said<'_>) -> Class {
    if !said.db_system.is_empty() {
        Class::Db
    } else if matches!(kind, Kind::Producer | Kind::Consumer) || !said.messaging_system.is_empty() {
        Class::Message
    } else {
        Class::Call
    }
}

fn protocol<'a>(class: Class, said: &Said<'a>) -> &'a str {
    match class {
        Class::Db => said.db_system,
        Class::Message => said.messaging_system,
        Class::Call if !said.rpc_system.is_empty() => said.rpc_system,
        Class::Call if said.http || !said.url.is_empty() => "http",
        Class::Call => "",
    }
}

/// The host of a URL, or of a bare `host:port`: without user, port and brackets.
fn url_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or("");
    }
    host.split(':').next().unwrap_or("")
}

/// Type and message of the last recorded exception: the one that got out.
fn exception(events: &str) -> (&str, &str) {
    if !events.contains("exception") {
        return ("", "");
    }
    items(events)
        .filter(|event| get(event, "name").is_some_and(|name| plain_text(name) == "exception"))
        .last()
        .and_then(|event| get(event, "attributes"))
        .map_or(("", ""), |attributes| (get(attributes, "exception.type").unwrap_or(""), get(attributes, "exception.message").unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key that is matched on stands in the list, and no other.
    #[test]
    fn all_keys_are_listed() {
        let source = include_str!("facts.rs");
        let arms = source.split_once("match &*key {").and_then(|(_, rest)| rest.split_once("_ => continue,")).map(|(arms, _)| arms).unwrap_or("");
        let mut matched: Vec<&str> = arms.split('"').skip(1).step_by(2).collect();
        matched.sort_unstable();
        assert_eq!(matched, ATTRIBUTES_READ);
    }
}
