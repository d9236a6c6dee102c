//! How spans and logs look to a client: flat objects, SQL's names, null fields left out.

use super::json::{Object, plain};
use hopline_model::attributes;
use hopline_model::log::Log;
pub(crate) use hopline_model::severity::class as severity;
use hopline_model::span::Span;
use hopline_model::{Seq, UnixNanos};

/// Fields of resource and scope that have columns of their own, the same in both.
macro_rules! origin {
    ($object:ident, $row:ident) => {
        $object.text("service_name", &$row.service_name);
        $object.optional("service_namespace", $row.service_namespace.as_deref());
        $object.optional("service_version", $row.service_version.as_deref());
        $object.optional("service_instance_id", $row.service_instance_id.as_deref());
        $object.optional("deployment_environment_name", $row.deployment_environment_name.as_deref());
        $object.optional("scope_name", $row.scope_name.as_deref());
    };
}

pub(crate) fn span(row: &Span) -> String {
    let mut out = String::with_capacity(512 + row.attributes.len() + row.resource.len());
    let mut object = Object::new(&mut out);
    object.text("trace_id", &row.trace_id.to_string());
    object.text("span_id", &row.span_id.to_string());
    object.optional("parent_span_id", row.parent_span_id.map(|id| id.to_string()).as_deref());
    object.time("start_time", row.start_time);
    object.int("duration_nano", row.duration_nano);
    object.text("name", &row.name);
    object.text("kind", &row.kind);
    object.text("status_code", &row.status_code);
    object.optional("status_message", row.status_message.as_deref());
    origin!(object, row);
    object.plain("attributes", &row.attributes);
    object.plain("resource", &row.resource);
    object.plain("scope", &row.scope);
    if let Some(text) = &row.events {
        events(object.value("events"), text);
    }
    if let Some(text) = &row.links {
        links(object.value("links"), text);
    }
    object.optional("trace_state", row.trace_state.as_deref());
    object.uint("flags", row.flags.into());
    for (name, count) in [
        ("dropped_attributes_count", row.dropped_attributes_count),
        ("dropped_events_count", row.dropped_events_count),
        ("dropped_links_count", row.dropped_links_count),
    ] {
        if count > 0 {
            object.uint(name, count.into());
        }
    }
    object.end();
    out
}

/// `[{"attributes":{…},"dropped_attributes_count":n,"name":"…","time_unix_nano":"n"},…]` → `[{"name","time","attributes",…}]`.
fn events(out: &mut String, canonical: &str) {
    list(out, canonical, |object, item| {
        object.raw("name", attributes::get(item, "name").unwrap_or("\"\""));
        let nano: u64 = attributes::get(item, "time_unix_nano").map(attributes::plain_text).and_then(|text| text.parse().ok()).unwrap_or(0);
        object.time("time", UnixNanos::from_otlp(nano));
        rest(object, item, &["name", "time_unix_nano"]);
    });
}

/// `[{"attributes":{…},"flags":n,"span_id":"hex","trace_id":"hex","trace_state":"…"},…]`, ids first.
fn links(out: &mut String, canonical: &str) {
    list(out, canonical, |object, item| {
        for name in ["trace_id", "span_id"] {
            object.raw(name, attributes::get(item, name).unwrap_or("\"\""));
        }
        rest(object, item, &["trace_id", "span_id"]);
    });
}

fn list(out: &mut String, canonical: &str, write: impl Fn(&mut Object<'_>, &str)) {
    out.push('[');
    for (at, item) in attributes::items(canonical).enumerate() {
        if at > 0 {
            out.push(',');
        }
        let mut object = Object::new(out);
        write(&mut object, item);
        object.end();
    }
    out.push(']');
}

fn rest(object: &mut Object<'_>, item: &str, without: &[&str]) {
    for (name, raw) in attributes::entries(item).filter(|(name, _)| !without.contains(&&**name)) {
        object.plain(&name, raw);
    }
}

pub(crate) fn log(row: &Log) -> String {
    let mut out = String::with_capacity(512 + row.attributes.len() + row.resource.len() + row.body.as_ref().map_or(0, String::len));
    let mut object = Object::new(&mut out);
    object.text("id", &seq_text(row.seq));
    object.time("time", row.time);
    if let Some(time) = row.observed_time {
        object.time("observed_time", time);
    }
    object.int("severity_number", row.severity_number.into());
    object.optional("severity_text", row.severity_text.as_deref());
    object.text("severity", severity(row.severity_number));
    if let Some(body) = &row.body {
        if is_json_body(row) { plain(object.value("body"), body) } else { object.text("body", body) }
    }
    object.optional("trace_id", row.trace_id.map(|id| id.to_string()).as_deref());
    object.optional("span_id", row.span_id.map(|id| id.to_string()).as_deref());
    if let Some(derived) = derived(row) {
        object.raw("derived", derived);
    }
    object.optional("event_name", row.event_name.as_deref());
    origin!(object, row);
    object.plain("attributes", &row.attributes);
    object.plain("resource", &row.resource);
    object.plain("scope", &row.scope);
    object.uint("flags", row.flags.into());
    if row.dropped_attributes_count > 0 {
        object.uint("dropped_attributes_count", row.dropped_attributes_count.into());
    }
    object.end();
    out
}

/// The body was not a string: its column holds canonical JSON.
pub(crate) fn is_json_body(row: &Log) -> bool {
    row.extra.as_deref().is_some_and(|extra| attributes::get(extra, "body") == Some("\"json\""))
}

/// Fields that were not sent but found in the text, as a JSON list of their names.
fn derived(row: &Log) -> Option<&str> {
    attributes::get(row.extra.as_deref()?, "derived")
}

/// Whether a field was found in the text, and so was not sent.
pub(crate) fn is_derived(row: &Log, field: &str) -> bool {
    derived(row).is_some_and(|names| attributes::items(names).any(|name| attributes::plain_text(name) == field))
}

pub(crate) fn seq_text(seq: Seq) -> String {
    seq.0.to_string()
}
