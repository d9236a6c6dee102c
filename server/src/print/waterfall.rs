//! One trace drawn: a line per span, its bar on the time of the trace, log records counted beside it.
//!
//! Whatever arrives is drawn: parents that are missing or stand in a circle make their children roots, with a remark.

use super::table::cut;
use super::{Paint, Screen, clean, value};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use unicode_width::UnicodeWidthStr;

#[cfg(test)]
mod tests;

/// Without a terminal, lines are this wide: fits a chat or an issue.
const WIDTH_DEFAULT: usize = 120;
/// Deeper than this, the indent stays and the depth is written as a number.
const INDENT_DEPTH_MAX: usize = 12;
const SERVICE_WIDTH_MAX: usize = 20;
const DURATION_WIDTH: usize = 9;

/// What of a span is drawn.
#[derive(Debug, Default)]
struct Bar<'a> {
    span_id: &'a str,
    parent: Option<&'a str>,
    service: String,
    name: String,
    start_nano: i64,
    duration_nano: i64,
    error: Option<String>,
    source: Option<&'a Value>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) attributes: bool,
    pub(crate) logs: bool,
}

/// `answer` is `{"trace":…,"spans":[…]}`, `logs` the items of the trace's logs.
pub(crate) fn draw(answer: &Value, logs: &[Value], options: Options, screen: Screen) -> String {
    let bars: Vec<Bar> = answer.get("spans").and_then(Value::as_array).into_iter().flatten().map(read).collect();
    let order = walk(&bars);
    let counts = count_logs(logs);
    let mut out = headline(answer, &bars, logs.len(), screen);
    out.push_str(&rows(&bars, &order, &counts, options, screen));
    let missing = order.iter().filter(|line| line.orphan).count();
    if missing > 0 {
        let words = if missing == 1 { "1 span's parent has".to_string() } else { format!("the parents of {missing} spans have") };
        out.push_str(&Paint::Dim.on(&format!("┄ {words} not arrived: sampled out, still on the way, or not instrumented\n"), screen));
    }
    if options.logs {
        out.push('\n');
        out.push_str(&log_lines(logs, screen));
    }
    out
}

fn read(span: &Value) -> Bar<'_> {
    let text = |name: &str| span.get(name).and_then(Value::as_str);
    let status = text("status_code").unwrap_or_default();
    Bar {
        span_id: text("span_id").unwrap_or_default(),
        parent: text("parent_span_id").filter(|id| !id.is_empty()),
        service: clean(text("service_name").unwrap_or("?")),
        name: clean(text("name").unwrap_or_default()),
        start_nano: text("start_time").and_then(value::time_nanos).unwrap_or(0),
        duration_nano: span.get("duration_nano").and_then(value::integer).unwrap_or(0),
        error: (status == "error").then(|| clean(text("status_message").unwrap_or_default())),
        source: Some(span),
    }
}

struct Line {
    bar: usize,
    depth: usize,
    /// Per level, whether a later sibling follows: what the guides are drawn from.
    guides: Vec<bool>,
    orphan: bool,
}

/// Depth first, children by start; every span exactly once, whatever the parents say.
fn walk(bars: &[Bar]) -> Vec<Line> {
    let known: HashSet<&str> = bars.iter().map(|bar| bar.span_id).collect();
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (at, bar) in bars.iter().enumerate() {
        match bar.parent {
            Some(parent) if known.contains(parent) && parent != bar.span_id => children.entry(parent).or_default().push(at),
            _ => roots.push(at),
        }
    }
    for list in children.values_mut() {
        list.sort_by_key(|&at| (bars[at].start_nano, at));
    }
    roots.sort_by_key(|&at| (bars[at].start_nano, at));
    let mut lines = Vec::with_capacity(bars.len());
    let mut seen = vec![false; bars.len()];
    // A circle has no root: what is left is begun at its earliest span.
    let mut rest: Vec<usize> = (0..bars.len()).collect();
    rest.sort_by_key(|&at| (bars[at].start_nano, at));
    for root in roots.into_iter().chain(rest) {
        if seen[root] {
            continue;
        }
        let mut stack = vec![(root, 0, Vec::new())];
        while let Some((at, depth, guides)) = stack.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let below: Vec<usize> = children.get(bars[at].span_id).into_iter().flatten().copied().filter(|&child| !seen[child]).collect();
            for (place, &child) in below.iter().enumerate().rev() {
                let mut own = if depth < INDENT_DEPTH_MAX { guides.clone() } else { Vec::new() };
                own.push(place + 1 < below.len());
                stack.push((child, depth + 1, own));
            }
            lines.push(Line { bar: at, depth, guides, orphan: depth == 0 && bars[at].parent.is_some() });
        }
    }
    lines
}

fn count_logs(logs: &[Value]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for id in logs.iter().filter_map(|log| log.get("span_id").and_then(Value::as_str)) {
        *counts.entry(id).or_insert(0) += 1;
    }
    counts
}

fn headline(answer: &Value, bars: &[Bar], logs: usize, screen: Screen) -> String {
    let id = answer.pointer("/trace/trace_id").or_else(|| answer.pointer("/spans/0/trace_id")).and_then(Value::as_str).unwrap_or_default();
    let (start, end) = extent(bars);
    let services: HashSet<&str> = bars.iter().map(|bar| bar.service.as_str()).collect();
    let errors = bars.iter().filter(|bar| bar.error.is_some()).count();
    let plural = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let mut parts = vec![
        Paint::Bold.on(id, screen),
        hopline_model::UnixNanos(start).to_string().get(..23).unwrap_or_default().replace('T', " "),
        value::duration(end - start),
        plural(bars.len(), "span"),
        plural(services.len(), "service"),
    ];
    if errors > 0 {
        parts.push(Paint::Bad.on(&plural(errors, "error"), screen));
    }
    if logs > 0 {
        parts.push(plural(logs, "log"));
    }
    parts.join(" · ") + "\n"
}

fn extent(bars: &[Bar]) -> (i64, i64) {
    let start = bars.iter().map(|bar| bar.start_nano).min().unwrap_or(0);
    let end = bars.iter().map(|bar| bar.start_nano.saturating_add(bar.duration_nano.max(0))).max().unwrap_or(start);
    (start, end.max(start))
}

fn rows(bars: &[Bar], order: &[Line], counts: &HashMap<&str, usize>, options: Options, screen: Screen) -> String {
    let width = screen.width.unwrap_or(WIDTH_DEFAULT);
    let (start, end) = extent(bars);
    let names: Vec<String> = order.iter().map(|line| format!("{}{}", guide(line), bars[line.bar].name)).collect();
    let service_width = bars.iter().map(|bar| bar.service.width()).max().unwrap_or(0).clamp(4, SERVICE_WIDTH_MAX);
    let name_width = names.iter().map(|name| name.width()).max().unwrap_or(0).min((width * 2 / 5).max(16));
    let logs_width = if counts.is_empty() { 0 } else { 4 };
    let bar_width = width.saturating_sub(service_width + 1 + name_width + 1 + logs_width + DURATION_WIDTH + 3).max(10);
    let mut out = String::new();
    for (line, name) in order.iter().zip(&names) {
        let bar = &bars[line.bar];
        let paint = Paint::service(&bar.service);
        let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(text.width()));
        let service = cut(&bar.service, service_width);
        let name = cut(name, name_width);
        out.push_str(&format!("{}{} {}{} ", paint.on(&service, screen), pad(&service, service_width), name, pad(&name, name_width)));
        if logs_width > 0 {
            let count = counts.get(bar.span_id).map_or(String::new(), |count| format!("≡{count}"));
            out.push_str(&format!("{}{}", Paint::Dim.on(&count, screen), pad(&count, logs_width)));
        }
        let (before, length) = place(bar, start, end, bar_width);
        let drawn = if length == 0 { "▏".to_string() } else { "█".repeat(length) };
        let after = bar_width.saturating_sub(before + length.max(1));
        let bar_paint = if bar.error.is_some() { Paint::Bad } else { paint };
        out.push_str(&format!("{}{}{} ", " ".repeat(before), bar_paint.on(&drawn, screen), " ".repeat(after)));
        let duration = value::duration(bar.duration_nano);
        out.push_str(&format!("{}{duration}", pad(&duration, DURATION_WIDTH)));
        if bar.error.is_some() {
            out.push_str(&Paint::Bad.on(" ✗", screen));
        }
        out.push('\n');
        if let Some(message) = bar.error.as_deref().filter(|message| !message.is_empty()) {
            let text = cut(message, width.saturating_sub(service_width + 4));
            out.push_str(&format!("{}   {}\n", " ".repeat(service_width), Paint::Bad.on(&text, screen)));
        }
        if options.attributes {
            out.push_str(&attributes(bar, service_width, screen));
        }
    }
    out
}

fn guide(line: &Line) -> String {
    if line.orphan {
        return "┄ ".into();
    }
    if line.depth > INDENT_DEPTH_MAX {
        return format!("{}…{} ", "  ".repeat(INDENT_DEPTH_MAX - 2), line.depth);
    }
    let Some((&last, above)) = line.guides.split_last() else { return String::new() };
    let mut text: String = above.iter().map(|&more| if more { "│ " } else { "  " }).collect();
    text.push_str(if last { "├ " } else { "└ " });
    text
}

/// Columns before the bar and its length; 0 for less than half a column.
fn place(bar: &Bar, start: i64, end: i64, width: usize) -> (usize, usize) {
    let whole = (end - start).max(1) as f64;
    let scale = |nanos: i64| nanos.max(0) as f64 / whole * width as f64;
    let before = (scale(bar.start_nano - start).floor() as usize).min(width - 1);
    let length = (scale(bar.duration_nano).round() as usize).min(width - before);
    (before, length)
}

fn attributes(bar: &Bar, indent: usize, screen: Screen) -> String {
    let mut out = String::new();
    let parsed;
    let object = match bar.source.and_then(|span| span.get("attributes")) {
        Some(Value::Object(object)) => object,
        Some(Value::String(text)) => {
            parsed = serde_json::from_str::<Value>(text).ok();
            match parsed.as_ref().and_then(Value::as_object) {
                Some(object) => object,
                None => return out,
            }
        }
        _ => return out,
    };
    for (key, value) in object {
        out.push_str(&format!("{}   {} {}\n", " ".repeat(indent), Paint::Dim.on(&clean(key), screen), clean(&value::plain(value))));
    }
    out
}

/// The records in order, with the service that wrote them.
pub(crate) fn log_lines(logs: &[Value], screen: Screen) -> String {
    let text = |log: &Value, name: &str| clean(&log.get(name).map(value::plain).unwrap_or_default());
    let mut sorted: Vec<&Value> = logs.iter().collect();
    sorted.sort_by_key(|log| log.get("time").and_then(Value::as_str).and_then(value::time_nanos));
    let mut out = String::new();
    for log in sorted {
        let service = text(log, "service_name");
        let time = value::time(log.get("time").and_then(Value::as_str).unwrap_or_default());
        let line = format!(
            "{} {} {} {}",
            Paint::Dim.on(time.get(11..).unwrap_or(&time), screen),
            severity(log, screen),
            Paint::service(&service).on(&service, screen),
            text(log, "body"),
        );
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Five letters, coloured by OpenTelemetry's severity number.
pub(crate) fn severity(log: &Value, screen: Screen) -> String {
    let number = log.get("severity_number").and_then(value::integer).unwrap_or(0);
    let (name, paint) = match number {
        1..=4 => ("TRACE", Paint::Dim),
        5..=8 => ("DEBUG", Paint::Dim),
        9..=12 => ("INFO ", Paint::Good),
        13..=16 => ("WARN ", Paint::Warn),
        17..=20 => ("ERROR", Paint::Bad),
        21..=24 => ("FATAL", Paint::Bad),
        _ => ("-    ", Paint::Dim),
    };
    paint.on(name, screen)
}
