//! `hopline curl URL …`: runs curl with a traceparent and follows the request.

use crate::cli::Curl;
use crate::follow::root::{CLIENT, Root};
use anyhow::Result;
use std::process::{Command, ExitCode};

pub(crate) fn run(arguments: &Curl) -> Result<ExitCode> {
    let url = &arguments.url;
    let rest = &arguments.arguments;
    let Place { host, port, path } = place(url);
    let method = method(rest);
    let mut root = Root::begin(format!("{method} {path}"), CLIENT)?;
    root.set("http.request.method", method);
    root.set("url.full", without_secrets(url));
    root.set("server.address", host);
    if let Some(port) = port {
        root.set("server.port", port);
    }
    let mut command = Command::new("curl");
    command.arg("--header").arg(format!("traceparent: {}", root.traceparent())).arg(url).args(rest);
    super::run::follow(&mut command, root, &arguments.follow)
}

/// The method curl will use for these arguments.
fn method(arguments: &[String]) -> String {
    let mut method = "GET";
    for (at, argument) in arguments.iter().enumerate() {
        match argument.as_str() {
            "-X" | "--request" => return arguments.get(at + 1).map_or_else(|| method.to_owned(), |name| name.to_ascii_uppercase()),
            "-I" | "--head" => method = "HEAD",
            "-T" | "--upload-file" => method = "PUT",
            text if text.starts_with("-d") || text.starts_with("--data") || text.starts_with("--json") || text == "-F" || text == "--form" => {
                method = "POST";
            }
            text => {
                if let Some(name) = text.strip_prefix("--request=").or_else(|| text.strip_prefix("-X")).filter(|name| !name.is_empty()) {
                    return name.to_ascii_uppercase();
                }
            }
        }
    }
    method.to_owned()
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: Option<u16>,
    path: String,
}

/// Host, port and path without the query: what stays the same from request to request.
fn place(url: &str) -> Place {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()),
        _ => (authority, None),
    };
    Place { host: host.trim_matches(['[', ']']).to_owned(), port, path: path.to_owned() }
}

/// User and password, and the query's values, are nobody's business.
fn without_secrets(url: &str) -> String {
    let Place { host, port, path } = place(url);
    let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{scheme}://{host}{}{path}", port.map(|port| format!(":{port}")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_curl_will_do() {
        let cases: [(&[&str], &str); 7] = [
            (&[], "GET"),
            (&["-s"], "GET"),
            (&["-d", "a=b"], "POST"),
            (&["--json", "{}"], "POST"),
            (&["-d", "x", "-X", "put"], "PUT"),
            (&["--request=DELETE"], "DELETE"),
            (&["-I"], "HEAD"),
        ];
        for (arguments, expect) in cases {
            assert_eq!(method(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>()), expect, "{arguments:?}");
        }
    }

    #[test]
    fn places_of_urls() {
        let cases = [
            ("http://127.0.0.1:8080/cart?id=7", "127.0.0.1", Some(8080), "/cart", "http://127.0.0.1:8080/cart"),
            ("https://me:secret@shop.example", "shop.example", None, "/", "https://shop.example/"),
            ("shop.example/a/b#c", "shop.example", None, "/a/b", "http://shop.example/a/b"),
            ("http://[::1]:80/x", "::1", Some(80), "/x", "http://[::1]:80/x"),
        ];
        for (url, host, port, path, shown) in cases {
            assert_eq!(place(url), Place { host: host.into(), port, path: path.into() }, "{url}");
            assert_eq!(without_secrets(url), shown);
        }
    }
}
