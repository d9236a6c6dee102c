//! The page, embedded from `ui/dist`; where it was not built, a page that says how.
//!
//! Every path that is no file answers `index.html`, so that the page's own addresses can be opened and reloaded.
//! Hashed files under `assets/` never change and are cached for good; the rest is asked for again each time.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "../ui/dist"]
#[allow_missing = true]
struct Dist;

/// Nothing from elsewhere, no inline script; styles may be set on elements (the waterfall's rows are placed by them).
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

const NOT_BUILT: &str = include_str!("assets/not_built.html");

/// Answers what no route of the API has taken.
pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return text(StatusCode::NOT_FOUND, "no such endpoint; the API is described at /docs\n");
    }
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(response) = file(path, &headers) {
        return response;
    }
    // A missing script must not answer with a page, and neither must a mistyped endpoint.
    if path.starts_with("assets/") || path.starts_with("api/") {
        return text(StatusCode::NOT_FOUND, "no such address; the API is described at /docs\n");
    }
    file("index.html", &headers)
        .unwrap_or_else(|| secured(Response::builder().status(StatusCode::OK), "text/html; charset=utf-8", "no-cache", NOT_BUILT))
}

/// The file in the best encoding that was built and that the client takes.
fn file(path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    if path.ends_with(".br") || path.ends_with(".gz") {
        return None;
    }
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoded = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(name, _)| accepts(accepted, name))
        .find_map(|(name, ending)| Dist::get(&format!("{path}{ending}")).map(|file| (Some(name), file)));
    let (encoding, found) = encoded.or_else(|| Dist::get(path).map(|file| (None, file)))?;
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = tag(&found);
    let mut builder = Response::builder().header(header::ETAG, &tag).header(header::VARY, "Accept-Encoding");
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes()) {
        return Some(secured(builder.status(StatusCode::NOT_MODIFIED), content_type(path), cache, ""));
    }
    if let Some(encoding) = encoding {
        builder = builder.header(header::CONTENT_ENCODING, encoding);
    }
    let body = match found.data {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    };
    Some(secured(builder, content_type(path), cache, body))
}

/// Whether an `Accept-Encoding` lists `name` without refusing it by `q=0`.
fn accepts(header: &str, name: &str) -> bool {
    header.split(',').any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        pieces.next() == Some(name) && !pieces.any(|q| matches!(q, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn secured(builder: axum::http::response::Builder, content_type: &'static str, cache: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = builder.body(body.into()).unwrap_or_else(|_| Response::new(Body::empty()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

fn text(status: StatusCode, words: &'static str) -> Response<Body> {
    secured(Response::builder().status(status), "text/plain; charset=utf-8", "no-store", words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn get(path: &str, encoding: &str) -> Response<Body> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(encoding).unwrap());
        page(Method::GET, path.parse().unwrap(), headers).await
    }

    /// Whether or not the page was built, its addresses answer a page under the strict policy, and wrong ones do not.
    #[tokio::test]
    async fn addresses_of_the_page() {
        for path in ["/", "/traces", "/trace/4bf92f3577b34da6a3ce929d0e0e4736"] {
            let response = get(path, "gzip").await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
            assert!(response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'self'"));
        }
        for path in ["/api/v1/nothing", "/assets/nothing.js"] {
            assert_eq!(get(path, "").await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(page(Method::POST, "/".parse().unwrap(), HeaderMap::new()).await.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn encodings() {
        let cases = [("gzip, br", "br", true), ("gzip;q=1.0", "gzip", true), ("br;q=0", "br", false), ("", "br", false), ("brx", "br", false)];
        for (header, name, expect) in cases {
            assert_eq!(accepts(header, name), expect, "{header} {name}");
        }
    }
}
