//! `/openapi.json` and `/docs`: made from the table of routes. The page is plain HTML: no script, nothing from elsewhere.

use super::reply::json;
use super::routes::{Endpoint, endpoints};
use axum::response::{Html, Response};
use serde_json::{Map, Value, json};
use std::fmt::Write;

pub(crate) async fn document() -> Response {
    json(build().to_string())
}

pub(crate) fn build() -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let path = paths.entry(endpoint.path.to_owned()).or_insert_with(|| json!({}));
        path[endpoint.method] = operation(&endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Hopline", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Traces, logs and metrics of your services. Lists are newest first and carry `cursor`, `total`, `complete` and `warnings`. Times are RFC 3339 with nine digits; `_nano` durations are numbers; integers beyond 2^53 are text."},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "List": {"type": "object", "required": ["items", "complete", "warnings"], "properties": {
                    "items": {"type": "array", "items": {"type": "object"}}, "cursor": {"type": ["string", "null"]},
                    "total": {"type": "object", "properties": {"value": {"type": "integer"}, "relation": {"enum": ["eq", "gte"]}}},
                    "complete": {"type": "boolean"}, "warnings": {"type": "array", "items": {"type": "string"}}}},
                "Problem": {"type": "object", "required": ["title", "status"], "properties": {
                    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
                    "position": {"type": "integer"}, "length": {"type": "integer"}, "expected": {"type": "string"}}}
            }
        },
        "security": [{}, {"token": []}]
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> =
        path_names(endpoint.path).map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect();
    parameters.extend(
        endpoint.params.iter().map(|param| json!({"name": param.name, "in": "query", "description": param.about, "schema": {"type": param.kind}})),
    );
    let is_list = endpoint.params.iter().any(|param| param.name == "cursor");
    let schema = if is_list { json!({"$ref": "#/components/schemas/List"}) } else { json!({"type": "object"}) };
    let mut content = Map::new();
    if endpoint.path.starts_with("/api") {
        content.insert("application/json".into(), json!({"schema": schema}));
    } else {
        content.insert("text/plain".into(), json!({"schema": {"type": "string"}}));
    }
    for format in endpoint.formats {
        content.insert((*format).into(), json!({}));
    }
    let problem = json!({"description": "What is wrong and what to do", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
    json!({"tags": [endpoint.tag], "summary": endpoint.about, "parameters": parameters, "responses": {"200": {"description": "The answer", "content": content}, "default": problem}})
}

/// Names in braces.
fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}code{font:14px ui-monospace,monospace}\
h2{margin-top:2.5rem}section{margin:1.2rem 0;padding:.2rem 0 .2rem 1rem;border-left:3px solid #8884}section p{margin:.2rem 0}table{border-collapse:collapse;font-size:14px}td{padding:.1rem 1rem .1rem 0;vertical-align:top}";

pub(crate) async fn page() -> Html<String> {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Hopline API</title><style>{STYLE}</style><h1>Hopline API</h1>\
         <p>The same as a document for machines: <a href=\"openapi.json\">openapi.json</a>. Errors are <code>application/problem+json</code>. With a token set, send <code>Authorization: Bearer …</code>.</p>"
    );
    let mut tag = "";
    for endpoint in endpoints() {
        // Writing to a String cannot fail. Every text is ours: nothing to escape.
        if endpoint.tag != tag {
            tag = endpoint.tag;
            let _ = write!(out, "<h2>{tag}</h2>");
        }
        let _ = write!(out, "<section><p><code>{} {}</code></p><p>{}</p>", endpoint.method.to_uppercase(), endpoint.path, endpoint.about);
        if !endpoint.params.is_empty() {
            out.push_str("<table>");
            for param in endpoint.params {
                let _ = write!(out, "<tr><td><code>{}</code></td><td>{}</td></tr>", param.name, param.about);
            }
            out.push_str("</table>");
        }
        if !endpoint.formats.is_empty() {
            let _ = write!(out, "<p>Accept: application/json, {}</p>", endpoint.formats.join(", "));
        }
        out.push_str("</section>");
    }
    out.push_str("</html>");
    Html(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_described() {
        let document = build();
        for endpoint in endpoints() {
            let operation = &document["paths"][endpoint.path][endpoint.method];
            assert!(operation["summary"].is_string(), "{} {}", endpoint.method, endpoint.path);
            for name in path_names(endpoint.path) {
                assert!(operation["parameters"].as_array().unwrap().iter().any(|param| param["name"] == name && param["in"] == "path"));
            }
        }
    }
}
