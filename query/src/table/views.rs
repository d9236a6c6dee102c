//! Tables derived from the signals, as SQL.

pub(crate) struct View {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) sql: &'static str,
}

pub(crate) const VIEWS: [View; 4] = [
    View {
        name: "traces",
        about: "one row per trace: its root, its length, how many spans and errors, which services",
        sql: "
            SELECT trace_id, root_service, root_name, root_span_id, root_status, start_time,
                end_nano - CAST(start_time AS BIGINT) AS duration_nano, span_count, error_count, services
            FROM (SELECT trace_id,
                first_value(root_service ORDER BY root_start_nano NULLS LAST, root_seq) AS root_service,
                first_value(root_name ORDER BY root_start_nano NULLS LAST, root_seq) AS root_name,
                first_value(root_span_id ORDER BY root_start_nano NULLS LAST, root_seq) AS root_span_id,
                first_value(root_status ORDER BY root_start_nano NULLS LAST, root_seq) AS root_status,
                min(start_time) AS start_time,
                max(end_nano) AS end_nano,
                sum(span_count) AS span_count,
                sum(error_count) AS error_count,
                array_sort(array_distinct(flatten(array_agg(services)))) AS services
            FROM trace_parts
            GROUP BY trace_id)",
    },
    View {
        name: "services",
        about: "one row per service: its versions, what it sent, when it was first and last seen",
        sql: "
            SELECT name, namespace, environment,
                array_agg(DISTINCT version ORDER BY version) FILTER (WHERE version IS NOT NULL) AS versions,
                sum(spans) AS span_count, sum(errors) AS error_count, sum(logs) AS log_count, sum(points) AS metric_point_count,
                min(first_seen) AS first_seen, max(last_seen) AS last_seen
            FROM (
                SELECT service_name AS name, service_namespace AS namespace, deployment_environment_name AS environment, service_version AS version,
                    count(*) AS spans, count(*) FILTER (WHERE status_code = 'error') AS errors, 0 AS logs, 0 AS points,
                    min(start_time) AS first_seen, max(start_time) AS last_seen
                FROM spans GROUP BY 1, 2, 3, 4
                UNION ALL
                SELECT service_name, service_namespace, deployment_environment_name, service_version,
                    0, 0, count(*), 0, min(time), max(time)
                FROM logs GROUP BY 1, 2, 3, 4
                UNION ALL
                SELECT service_name, service_namespace, deployment_environment_name, service_version,
                    0, 0, 0, count(*), min(time), max(time)
                FROM metrics GROUP BY 1, 2, 3, 4
            )
            GROUP BY name, namespace, environment",
    },
    View {
        name: "links",
        about: "one row per span link: the span that links, and the span it links to",
        sql: "
            SELECT trace_id, span_id, start_time, service_name, name,
                attribute(link, 'trace_id') AS linked_trace_id, attribute(link, 'span_id') AS linked_span_id,
                attribute(link, 'trace_state') AS linked_trace_state, json_member(link, 'attributes') AS attributes
            FROM (SELECT trace_id, span_id, start_time, service_name, name, unnest(json_items(links)) AS link FROM spans WHERE links IS NOT NULL)",
    },
    View {
        name: "exemplars",
        about: "one row per exemplar: a measurement with the trace it was made in",
        sql: "
            SELECT metric_name, service_name,
                to_timestamp_nanos(CAST(attribute(exemplar, 'time_unix_nano') AS BIGINT), 'UTC') AS time,
                attribute_number(exemplar, 'value') AS value,
                attribute(exemplar, 'trace_id') AS trace_id, attribute(exemplar, 'span_id') AS span_id,
                json_member(exemplar, 'attributes') AS attributes
            FROM (SELECT name AS metric_name, service_name, unnest(json_items(exemplars)) AS exemplar FROM metrics WHERE exemplars IS NOT NULL)",
    },
];
