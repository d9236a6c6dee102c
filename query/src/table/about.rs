//! Tables and columns in words, for `/api/v1/sql/schema` and the documentation.

use super::SqlError;
use super::columns::table_schema;
use super::derived::Derived;
use super::report::Report;
use super::session::session;
use super::sql::SqlOptions;
use super::views::VIEWS;
use arrow::datatypes::FieldRef;
use hopline_model::schema::column;
use hopline_model::{Signal, TenantId};
use hopline_storage::Snapshot;
use std::sync::Arc;
use std::time::Instant;

/// A table with what its columns are.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: &'static str,
    pub about: &'static str,
    pub columns: Vec<(FieldRef, &'static str)>,
}

/// Every table a query may name.
pub async fn tables() -> Result<Vec<Table>, SqlError> {
    let described = |fields: &arrow::datatypes::Fields| fields.iter().map(|field| (field.clone(), about(field.name()))).collect();
    let mut tables: Vec<Table> = Signal::ALL
        .map(|signal| Table { name: signal.name(), about: about_signal(signal), columns: described(table_schema(signal).fields()) })
        .into();
    tables.extend(Derived::ALL.map(|derived| Table { name: derived.name(), about: derived.about(), columns: described(derived.schema().fields()) }));
    // The views' columns are what their SQL gives, over nothing.
    let nothing =
        Snapshot { tenant: TenantId(0), chunks: Default::default(), blocks: Default::default(), complete: true, live_edges: Default::default() };
    let state = session(Arc::new(nothing), Arc::new(Report::new(Instant::now(), Default::default())), &SqlOptions::default())?;
    for view in &VIEWS {
        let plan = state.create_logical_plan(view.sql).await.map_err(|error| SqlError::internal(format!("view {}: {error}", view.name)))?;
        tables.push(Table { name: view.name, about: view.about, columns: described(plan.schema().fields()) });
    }
    Ok(tables)
}

fn about_signal(signal: Signal) -> &'static str {
    match signal {
        Signal::Spans => "one row per span",
        Signal::Logs => "one row per log record",
        Signal::Metrics => "one row per data point of a metric",
    }
}

/// What a column holds; columns of one name hold one thing, in whatever table.
fn about(name: &str) -> &'static str {
    match name {
        column::SEQ => "number of the row in the order of arrival; identifies it",
        column::TRACE_ID => "hex text, 32 digits",
        column::SPAN_ID => "hex text, 16 digits",
        column::PARENT_SPAN_ID => "hex text; null for a root",
        column::TRACE_STATE => "W3C tracestate",
        column::FLAGS => "flags as sent",
        column::SERVICE_NAME => "service.name of the resource",
        column::SERVICE_NAMESPACE => "service.namespace of the resource",
        column::SERVICE_VERSION => "service.version of the resource",
        column::SERVICE_INSTANCE_ID => "service.instance.id of the resource",
        column::DEPLOYMENT_ENVIRONMENT_NAME => "deployment.environment.name of the resource",
        column::NAME => "name of the span, metric or service",
        column::KIND => "of a span internal, server, client, producer, consumer or unspecified; of a call rpc, message, db or external",
        column::START_TIME => "when it began",
        column::DURATION_NANO => "end less start, nanoseconds",
        column::STATUS_CODE => "unset, ok or error",
        column::STATUS_MESSAGE => "what went wrong, as the span says",
        column::ATTRIBUTES => "attributes['key'] is one of them as text",
        column::RESOURCE => "attributes of the resource; resource['key']",
        column::SCOPE => "attributes of the instrumentation scope; scope['key']",
        column::SCOPE_NAME => "name of the instrumentation scope",
        column::EVENTS => "events of the span",
        column::LINKS => "links of the span; see the table links",
        column::DROPPED_ATTRIBUTES_COUNT | column::DROPPED_EVENTS_COUNT | column::DROPPED_LINKS_COUNT => "dropped by the sender",
        column::EXTRA => "what was sent and fits no column",
        column::TIME => "when it happened",
        column::OBSERVED_TIME => "when it was collected",
        column::SEVERITY_NUMBER => "1 to 24; severity_name(severity_number) names it",
        column::SEVERITY_TEXT => "severity as the source wrote it",
        column::BODY => "text of the record; JSON when it was no string; match(body, 'words') searches it",
        column::EVENT_NAME => "name of the event the record is",
        column::TYPE => "gauge, sum, histogram, exponential_histogram or summary",
        column::UNIT => "unit of the metric (UCUM)",
        column::DESCRIPTION => "what the metric measures",
        column::TEMPORALITY => "delta, cumulative or unspecified",
        column::IS_MONOTONIC => "whether a sum only grows",
        column::VALUE => "number of a gauge, sum or exemplar",
        column::VALUE_INT => "the number, when an integer was sent",
        column::COUNT => "measurements of a histogram or summary; calls",
        column::SUM => "their sum",
        column::MIN => "their smallest",
        column::MAX => "their largest",
        column::BUCKET_COUNTS => "measurements per bucket",
        column::EXPLICIT_BOUNDS => "upper bounds of the buckets but the last",
        column::EXPONENTIAL => "buckets of an exponential histogram",
        column::QUANTILES => "quantiles of a summary",
        column::EXEMPLARS => "exemplars of the point; see the table exemplars",
        column::METADATA => "metadata of the metric",
        "minute" => "start of the minute in which the calls began",
        "caller_service" => "who calls; null: nobody in the trace, so a request from outside",
        "caller_namespace" => "service.namespace of the caller",
        "caller_environment" => "deployment.environment.name of the caller",
        "caller_operation" => "what the caller was doing",
        "caller_version" => "service.version of the caller",
        "caller_instance" => "service.instance.id of the caller",
        "caller_span_id" => "the calling span",
        "callee_service" => "who is called: a service, or the name of a database, queue or host",
        "callee_namespace" => "service.namespace of the callee",
        "callee_environment" => "deployment.environment.name of the callee",
        "callee_operation" => "what it was asked for",
        "callee_version" => "service.version of the callee",
        "callee_instance" => "service.instance.id of the callee; of a database or host its address",
        "callee_span_id" => "the span that answers",
        "status" => "unset, ok or error: the worse of both sides",
        "adjusted_count" => "count, with sampled calls weighted by how many they stand for",
        "first_calls" => "calls that were the first of this callee and operation in their caller's work",
        "reaches" => "calls that were the first of this callee in their caller's work",
        "first_causes" => "calls in which a failure began",
        "total_nano_sum" => "what callers waited, all together",
        "total_nano_p50" | "total_nano_p95" | "total_nano_p99" => "quantile of what callers waited, within 3.1 %",
        "self_nano_sum" => "the same without the callee's own calls",
        "self_nano_p50" | "self_nano_p95" | "self_nano_p99" => "quantile of that, within 3.1 %",
        "hop" => "number of the call in its trace, from 1",
        "parent_hop" => "the call in whose work it was made",
        "depth" => "calls from the service the request came in by",
        "pairing" => "how the two sides were found: kind, link, service, peer or inferred",
        "protocol" => "http, grpc, kafka, postgresql, …",
        "client_nano" => "what the caller waited",
        "server_nano" => "what the callee worked",
        "network_nano" => "client less server",
        "queue_nano" => "how long a message lay",
        "self_nano" => "the callee's work without its own calls",
        "critical_nano" => "its part of the critical path",
        "attempt" => "1, or more when the same call failed right before",
        "is_first_cause" => "whether the trace's failure began here",
        "skew_nano" => "to be added to the callee's times",
        "root_service" => "service of the first span without a parent; null while it has not come",
        "root_name" => "name of that span",
        "root_span_id" => "id of that span",
        "root_status" => "status_code of that span",
        "root_start_nano" => "when that span started",
        "root_seq" => "seq of that span: decides between spans that start together",
        "end_nano" => "the last end of its spans",
        "span_count" => "how many spans",
        "error_count" => "spans with status_code error",
        "log_count" => "log records",
        "metric_point_count" => "data points of metrics",
        "services" => "names of the services in it",
        "namespace" => "service.namespace",
        "environment" => "deployment.environment.name",
        "versions" => "service.version, each once",
        "first_seen" => "time of the oldest row",
        "last_seen" => "time of the newest row",
        "linked_trace_id" => "trace linked to",
        "linked_span_id" => "span linked to",
        "linked_trace_state" => "tracestate of the span linked to",
        "metric_name" => "name of the metric",
        _ => "",
    }
}
