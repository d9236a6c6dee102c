//! Log patterns: bodies that differ only in numbers, ids and quoted values are one pattern with a count.
//!
//! A word with a digit, a hexadecimal run, an address or a quoted value becomes `<*>`; the rest of the line is the template. Deterministic
//! and in one pass (compare the preprocessing of Drain, He et al., ICWS 2017); templates that differ in one word stay apart.

use super::columns::{self, Texts};
use super::memory::Room;
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Order, Predicate, ScanRequest, ScanStats, fixed_columns};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Records looked at, newest first.
pub(crate) const ROWS_MAX: usize = 50_000;
/// Different patterns held; more come under the last one named `…`.
const PATTERNS_MAX: usize = 5_000;
/// A template is cut here.
const TEMPLATE_BYTES_MAX: usize = 512;
/// Of a pattern, beside its template.
const PATTERN_BYTES: u64 = 128;
const PLACE: &str = "<*>";

#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) template: String,
    pub(crate) count: u64,
    pub(crate) first: UnixNanos,
    pub(crate) last: UnixNanos,
    pub(crate) severity_number: i32,
    pub(crate) sample_seq: u64,
}

pub(crate) struct Patterns {
    pub(crate) items: Vec<Pattern>,
    pub(crate) rows: usize,
    pub(crate) stats: ScanStats,
}

pub(crate) fn patterns(
    snapshot: &Snapshot,
    predicate: Predicate,
    range: TimeRange,
    limit: usize,
    room: &mut Room,
    cancel: &Cancel,
) -> Result<Patterns> {
    let wanted = [column::SEQ, column::TIME, column::SEVERITY_NUMBER, column::BODY].map(Column::Fixed).to_vec();
    let request = ScanRequest {
        signal: Signal::Logs,
        range,
        predicate,
        columns: wanted,
        order: Order::NewestFirst,
        limit: Some(ROWS_MAX),
        after: None,
        cancel: cancel.clone(),
    };
    let mut found: HashMap<String, Pattern> = HashMap::new();
    let (mut rows, mut bytes) = (0, 0);
    let mut add = |batch: arrow::array::RecordBatch| {
        let (times, severities) = (columns::times(&batch, column::TIME), columns::int32s(&batch, column::SEVERITY_NUMBER));
        let (bodies, seqs) = (Texts::of(&batch, column::BODY), columns::uints(&batch, column::SEQ));
        rows += batch.num_rows();
        for row in 0..batch.num_rows() {
            let mut key = template(bodies.get(row).unwrap_or_default());
            if !found.contains_key(&key) {
                bytes += PATTERN_BYTES + 2 * key.len() as u64;
                if found.len() >= PATTERNS_MAX || !room.holds(bytes) {
                    key = "…".into();
                }
            }
            let time = UnixNanos(times[row]);
            let pattern = found.entry(key.clone()).or_insert_with(|| Pattern {
                template: key,
                count: 0,
                first: time,
                last: time,
                severity_number: severities[row],
                sample_seq: seqs[row],
            });
            pattern.count += 1;
            pattern.first = pattern.first.min(time);
            pattern.last = pattern.last.max(time);
            pattern.severity_number = pattern.severity_number.max(severities[row]);
        }
        Ok(ControlFlow::Continue(()))
    };
    let stats = cancel.step("read bodies", || snapshot.scan(&request, &mut add))?;
    let mut items: Vec<Pattern> = found.into_values().collect();
    items.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.template.cmp(&b.template)));
    items.truncate(limit);
    Ok(Patterns { items, rows, stats })
}

/// The first row of each sample, whole.
pub(crate) fn samples(snapshot: &Snapshot, range: TimeRange, seqs: &[u64], cancel: &Cancel) -> Result<Vec<hopline_model::log::Log>> {
    let texts = seqs.iter().map(u64::to_string).collect();
    let request = ScanRequest {
        range,
        predicate: Predicate::Compare { field: hopline_storage::scan::Field::Column(column::SEQ), test: hopline_storage::scan::Test::In(texts) },
        columns: fixed_columns(Signal::Logs),
        limit: Some(seqs.len()),
        cancel: cancel.clone(),
        ..ScanRequest::all(Signal::Logs)
    };
    let (batches, _) = cancel.step("read samples", || snapshot.collect(&request))?;
    Ok(batches.iter().flat_map(hopline_model::log::Log::from_rows).collect())
}

/// What stays of a line when its variable parts are taken out.
pub(crate) fn template(body: &str) -> String {
    let line = body.lines().next().unwrap_or_default();
    let mut out = String::with_capacity(line.len().min(TEMPLATE_BYTES_MAX));
    let mut rest = line;
    while !rest.is_empty() && out.len() < TEMPLATE_BYTES_MAX {
        let start = rest.find(|c: char| c.is_alphanumeric() || c == '"' || c == '\'').unwrap_or(rest.len());
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(first) = rest.chars().next() else { break };
        if first == '"' || first == '\'' {
            // A quote that is closed on the line holds a value; an apostrophe does not.
            let closed = rest[1..].find(first).filter(|_| first == '"' || out.ends_with([' ', '=', ':', '(', '[']) || out.is_empty());
            match closed {
                Some(length) => {
                    push_place(&mut out);
                    rest = &rest[length + 2..];
                }
                None => {
                    out.push(first);
                    rest = &rest[1..];
                }
            }
            continue;
        }
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '.' || c == ':' && rest.starts_with(|d: char| d.is_ascii_digit())))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let core = word.trim_end_matches(['.', '-', ':']);
        if is_variable(core) {
            push_place(&mut out)
        } else {
            out.push_str(core)
        }
        out.push_str(&word[core.len()..]);
        rest = &rest[end..];
    }
    out
}

fn push_place(out: &mut String) {
    // Neighbouring values are one place: `10.0.0.1:80` and `10.0.0.1`.
    if !out.ends_with(PLACE) {
        out.push_str(PLACE);
    }
}

/// Has a digit, or is a long hexadecimal run.
fn is_variable(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) || (word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_parts_are_taken_out() {
        let cases = [
            ("user 42 logged in", "user <*> logged in"),
            ("user 7 logged in", "user <*> logged in"),
            ("GET /cart/1a2b took 12.5ms", "GET /cart/<*> took <*>"),
            ("connect to 10.0.0.1:5432 failed: timeout", "connect to <*> failed: timeout"),
            ("order \"A-1\" of deadbeefcafe", "order <*> of <*>"),
            ("can't open 'x y' now", "can't open <*> now"),
            ("at 2026-11-23T14:00:00.123Z done.", "at <*> done."),
            ("", ""),
            ("first line\nsecond 1", "first line"),
        ];
        for (body, expect) in cases {
            assert_eq!(template(body), expect, "{body}");
        }
    }
}
