//! What a list says of a trace: `trace/` sums it up, this writes it.

use crate::api::json::Object;
use hopline_trace::Summary;

/// The members of a summary; `matched`: spans that matched the search.
pub(crate) fn write(summary: &Summary, matched: Option<u64>, object: &mut Object<'_>) {
    object.text("trace_id", &summary.trace_id.to_string());
    if let Some(root) = &summary.root {
        object.text("root_service", &root.service);
        object.text("root_name", &root.name);
        object.text("root_span_id", &root.span_id.to_string());
        object.text("root_status", root.status.name());
    }
    object.time("start_time", summary.start);
    object.int("duration_nano", summary.duration_nano());
    object.uint("span_count", summary.span_count);
    object.uint("error_count", summary.error_count);
    let out = object.value("services");
    out.push('[');
    for (at, service) in summary.services_by_spans().iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let mut object = Object::new(out);
        object.text("name", &service.name);
        object.uint("spans", service.spans);
        object.uint("errors", service.errors);
        object.end();
    }
    out.push(']');
    if let Some(matched) = matched {
        object.uint("matched_spans", matched);
    }
}

pub(crate) fn json(summary: &Summary, matched: Option<u64>) -> String {
    let mut out = String::with_capacity(384);
    let mut object = Object::new(&mut out);
    write(summary, matched, &mut object);
    object.end();
    out
}
