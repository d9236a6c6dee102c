//! Severity and trace of a log record that was sent without: found in its text, and marked as found there.
//!
//! Decided once, when the record arrives, so that counts, pruning, the logs of a trace and SQL agree on it, live and sealed. What was sent is
//! never replaced: a severity number other than 0 and a trace id stay as they are, and reading back as OTLP gives what was sent
//! (`extra.derived` of the row names what was not). Records of before keep what they had.
//!
//! | looked at, in this order | severity |
//! |---|---|
//! | `severity_text` | a known word |
//! | JSON and logfmt | `level`, `severity`, `lvl`, `log.level`, … : a word, or 10 to 60 as pino and bunyan count; journald's `PRIORITY` |
//! | syslog `<30>` | its severity |
//! | glog, klog `E0517 15:04:22` | its letter |
//! | the start of the first line | a level in capitals (`WARN`), in brackets (`[error]`, `[core:error]`) or before a colon (`error:`) |
//! | how traces of stacks start | `Traceback (most recent call last)`, `Exception in thread`, `panic:` |
//!
//! Trace ids are 32 hexadecimal digits (or 16, of a name that says trace id) behind such a name (`trace_id=`, `"traceId":`, `otelTraceID`, …), a
//! `traceparent`, ECS's `trace.id`, or `[service,trace,span]` as Spring writes it. A span's id is taken from beside them.

use hopline_model::body::{self, Found};
use hopline_model::{SpanId, TraceId, severity};
use memchr::memmem;

/// Of the first line, where loggers write the level.
const HEADER_BYTES: usize = 160;

/// Longer bodies are looked at up to here: ids stand near the start.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// The fields that hold a level, most telling first.
const LEVEL_KEYS: [&str; 12] = [
    "level",
    "severity",
    "lvl",
    "log.level",
    "levelname",
    "loglevel",
    "log_level",
    "severity_text",
    "severityText",
    "level_name",
    "eventLogLevel",
    "@l",
];

/// The number of a record that has none.
pub(crate) fn severity(severity_text: &str, text: &str) -> Option<i32> {
    if let Some(number) = severity::number(severity_text.trim()) {
        return Some(number);
    }
    let text = start_of(text);
    by_field(text).or_else(|| by_header(text)).or_else(|| {
        let stack = |start: &str| text.starts_with(start);
        if stack("Traceback (most recent call last)") || stack("Exception in thread ") {
            return Some(17);
        }
        (stack("panic: ") || stack("fatal error: ")).then_some(21)
    })
}

fn start_of(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn by_field(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if ["evel", "everity", "lvl", "@l"].iter().any(|part| memmem::find(bytes, part.as_bytes()).is_some()) {
        for key in LEVEL_KEYS {
            let mut number = None;
            if body::matches(text, key, &mut |found| {
                number = level(found);
                number.is_some()
            }) {
                return number;
            }
        }
    }
    // journald: severities of syslog.
    memmem::find(bytes, b"PRIORITY").and_then(|_| severity::of_syslog(body::get(text, "PRIORITY")?.parse().ok()?))
}

fn level(found: &Found<'_>) -> Option<i32> {
    let word = found.text();
    if let Some(number) = severity::number(word) {
        return Some(number);
    }
    match word {
        "E" | "e" => Some(17),
        "W" | "w" => Some(13),
        "I" | "i" => Some(9),
        "D" | "d" => Some(5),
        "F" | "f" => Some(21),
        "10" => Some(1),
        "20" => Some(5),
        "30" => Some(9),
        "40" => Some(13),
        "50" => Some(17),
        "60" => Some(21),
        _ => None,
    }
}

fn by_header(text: &str) -> Option<i32> {
    let line = text.lines().next().unwrap_or_default();
    let bytes = &line.as_bytes()[..line.len().min(HEADER_BYTES)];
    let priority = line.strip_prefix('<').and_then(|rest| rest.split_once('>')?.0.parse::<u8>().ok()).filter(|priority| *priority <= 191);
    if let Some(priority) = priority {
        return severity::of_syslog(priority % 8);
    }
    if let [letter @ (b'I' | b'W' | b'E' | b'F'), b'0' | b'1', b'0'..=b'9', b'0'..=b'3', b'0'..=b'9', b' ', ..] = bytes {
        return Some(match letter {
            b'I' => 9,
            b'W' => 13,
            b'E' => 17,
            _ => 21,
        });
    }
    if matches!(bytes.first(), Some(b'{')) {
        return None;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let start = at;
        while bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
            at += 1;
        }
        let found = header_word(bytes, start, at).or_else(|| header_word(bytes, after_escape(bytes, start), at));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The `m` that ends a colour (`ESC [ 31 m`) stands before the word.
fn after_escape(bytes: &[u8], start: usize) -> usize {
    let digits = bytes[..start].iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    let open = start - digits;
    if bytes[start] == b'm' && bytes[..open].ends_with(b"\x1b[") { start + 1 } else { start }
}

fn header_word(bytes: &[u8], start: usize, end: usize) -> Option<i32> {
    let word = std::str::from_utf8(&bytes[start..end]).ok().filter(|word| (3..=13).contains(&word.len()))?;
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let after = bytes.get(end).copied();
    let number = severity::number(word)?;
    let capitals = word.bytes().all(|byte| byte.is_ascii_uppercase());
    let bracketed = matches!((before, after), (Some(b'[' | b'(' | b'<'), Some(b']' | b')' | b'>')))
        || (matches!(after, Some(b']')) && before == Some(b':') && bytes[..start].contains(&b'['));
    let at_start = start == 0 && after == Some(b':');
    // Words that capitals alone do not make a level.
    let plain = matches!(word, "FINE" | "CONFIG" | "FAILURE" | "VERBOSE");
    let opens = matches!(before, None | Some(b' ' | b'\t' | b'[' | b'(' | b'{' | b'|' | b':' | b'<' | b',' | b'*' | b'm' | b'='))
        || (before == Some(b'.') && after == Some(b':'));
    let closes = matches!(after, None | Some(b' ' | b'\t' | b']' | b')' | b'}' | b'|' | b':' | b'>' | b',' | b'*' | 0x1b));
    (bracketed || at_start || (capitals && !plain && opens && closes)).then_some(number)
}

/// The trace that a text names, and the span beside it.
pub(crate) fn trace(text: &str) -> Option<(TraceId, Option<SpanId>)> {
    let text = start_of(text);
    let bytes = text.as_bytes();
    for at in memmem::find_iter(bytes, b"race").chain(memmem::find_iter(bytes, b"RACE")) {
        if at > 0
            && bytes[at - 1].eq_ignore_ascii_case(&b't')
            && let Some(found) = named(text, at - 1)
        {
            return Some(found);
        }
    }
    spring(bytes)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/' | b'@')
}

/// The name around a place, in lower-case letters and digits, and where it ends.
fn name_at(bytes: &[u8], at: usize) -> (String, usize) {
    let start = at - bytes[..at].iter().rev().take(48).take_while(|byte| is_name(**byte)).count();
    let end = at + bytes[at..].iter().take(48).take_while(|byte| is_name(**byte)).count();
    (bytes[start..end].iter().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| byte.to_ascii_lowercase() as char).collect(), end)
}

/// The value behind a name: past `=` or `:`, quotes and brackets.
fn value_at(bytes: &[u8], end: usize) -> Option<usize> {
    let signs = bytes[end..].iter().take(8).take_while(|byte| matches!(byte, b'"' | b'\'' | b' ' | b':' | b'=' | b'\\' | b'[' | b'(')).count();
    bytes[end..end + signs].iter().any(|byte| matches!(byte, b':' | b'=')).then_some(end + signs)
}

fn named(text: &str, at: usize) -> Option<(TraceId, Option<SpanId>)> {
    let bytes = text.as_bytes();
    let (name, end) = name_at(bytes, at);
    if name.contains("parenttrace") || name.contains("link") {
        return None;
    }
    let start = value_at(bytes, end);
    if name.ends_with("traceparent") {
        let value = &bytes[start?..];
        let id = TraceId(hex::<16>(value.get(3..35)?)?);
        let bounds = value.get(2) == Some(&b'-') && value.get(35) == Some(&b'-');
        return bounds.then(|| (id, value.get(36..52).and_then(hex).map(SpanId)));
    }
    let says_id = name.ends_with("traceid");
    if !says_id && !name.ends_with("trace") {
        return None;
    }
    if let Some(start) = start
        && let Some(id) = trace_id(bytes, start, says_id)
    {
        return Some((id, span_beside(text)));
    }
    // Google Cloud: `"logging.googleapis.com/trace":"projects/P/traces/ID"`.
    if let Some(start) = start.filter(|start| bytes[*start..].starts_with(b"projects/")) {
        let near = &bytes[start..bytes.len().min(start + 128)];
        let id = start + memmem::find(near, b"/traces/")? + 8;
        return Some((trace_id(bytes, id, false)?, span_beside(text)));
    }
    // ECS: `{"trace":{"id":"…"},"span":{"id":"…"}}`.
    let id = if says_id { None } else { body::get(text, "trace.id") }?;
    let span = || body::get(text, "span.id").or_else(|| body::get(text, "transaction.id"));
    Some((trace_id(id.as_bytes(), 0, true)?, span().and_then(|span| hex(span.as_bytes())).map(SpanId)))
}

/// The id that starts at a place, with or without dashes; 16 digits only where the name says that they are a trace's.
fn trace_id(bytes: &[u8], start: usize, short: bool) -> Option<TraceId> {
    let run = bytes[start..].iter().take(40).take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'-').count();
    if bytes.get(start + run).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut run = &bytes[start..start + run];
    while let Some(shorter) = run.strip_suffix(b"-") {
        run = shorter;
    }
    let digits: Vec<u8> = run.iter().copied().filter(|byte| *byte != b'-').collect();
    let dashes = run.len() - digits.len();
    match digits.len() {
        32 if matches!(dashes, 0 | 4) => hex(&digits).map(TraceId),
        16 if short && dashes == 0 => {
            let half: [u8; 8] = hex(&digits)?;
            let mut id = [0; 16];
            id[8..].copy_from_slice(&half);
            Some(TraceId(id))
        }
        _ => None,
    }
}

/// The bytes of hexadecimal digits, unless they are all zero.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut id = [0; N];
    hopline_model::ids::decode_hex(std::str::from_utf8(digits).ok()?, &mut id)?;
    (id != [0; N]).then_some(id)
}

/// `span_id=…` in any spelling; not a parent's.
fn span_beside(text: &str) -> Option<SpanId> {
    let bytes = text.as_bytes();
    memmem::find_iter(bytes, b"pan").chain(memmem::find_iter(bytes, b"PAN")).find_map(|at| {
        let (name, end) = name_at(bytes, at);
        if !(name.ends_with("spanid") || name.ends_with("span")) || name.contains("parent") || name.contains("link") {
            return None;
        }
        let start = value_at(bytes, end)?;
        let run = bytes[start..].iter().take(17).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        (run == 16).then(|| hex(&bytes[start..start + 16]).map(SpanId))?
    })
}

/// `[service,trace,span]` and `[trace-span]`: how Spring Boot writes them into the pattern of the line.
fn spring(bytes: &[u8]) -> Option<(TraceId, Option<SpanId>)> {
    let header = &bytes[..bytes.len().min(2 * HEADER_BYTES)];
    memchr::memchr_iter(b'[', header).find_map(|open| {
        let close = open + memchr::memchr(b']', &bytes[open..bytes.len().min(open + 160)])?;
        let mut parts = bytes[open + 1..close].split(|byte| matches!(byte, b',' | b'-')).map(<[u8]>::trim_ascii).skip_while(|part| part.len() != 32);
        let trace = hex(parts.next()?).map(TraceId)?;
        let span = parts.next().filter(|part| part.len() == 16).and_then(hex).map(SpanId)?;
        Some((trace, Some(span)))
    })
}

#[cfg(test)]
mod tests;
