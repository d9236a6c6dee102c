//! Asks for a trace while it grows: new hops and log records are shown as they come, until nothing new has come for a while.

use crate::client::{Client, Parameters};
use crate::print::{Screen, clean, ledger, note, value, waterfall};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::time::{Duration, Instant};

/// A call whose other side sends no spans is shown after this long: mostly they are on the way.
const HOLD: Duration = Duration::from_millis(1500);
/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);
/// Nothing new for this long after the end, and the trace is whole.
const QUIET: Duration = Duration::from_secs(2);
/// So long when spans are known to be missing: SDKs send every 5 s by default (`OTEL_BSP_SCHEDULE_DELAY`).
const QUIET_GAPS: Duration = Duration::from_secs(6);
/// Then it ends in any case.
const WAIT_MAX: Duration = Duration::from_secs(30);
const LOGS_MAX: u32 = 1000;
/// Bits of the tree's `marks`: a parent that never came, or a span in progress.
const GAPS: i64 = 1 | 4;

pub(crate) struct Watch<'a> {
    client: &'a Client,
    trace_id: &'a str,
    /// Where hops and records are shown while they come; `None`: nobody looks.
    screen: Option<Screen>,
    shown_hops: HashSet<String>,
    shown_logs: HashSet<String>,
    /// Calls that wait for their other side.
    held: HashMap<String, Instant>,
    seen: Seen,
    changed: Instant,
    /// The last failure to ask, said once.
    trouble: Option<String>,
}

/// What the trace consisted of at the last look.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    spans: i64,
    logs: usize,
    gaps: bool,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(client: &'a Client, trace_id: &'a str, screen: Option<Screen>) -> Self {
        Self {
            client,
            trace_id,
            screen,
            shown_hops: HashSet::new(),
            shown_logs: HashSet::new(),
            held: HashMap::new(),
            seen: Seen::default(),
            changed: Instant::now(),
            trouble: None,
        }
    }

    /// Looks while the command runs; `ended` says whether it has.
    pub(crate) fn until(&mut self, mut ended: impl FnMut() -> bool) {
        // Nobody looks: the command needs no company.
        while !ended() {
            let next = Instant::now() + EVERY;
            if self.screen.is_some() {
                self.look();
            }
            while Instant::now() < next {
                if ended() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Looks until the trace is quiet. `own` spans are known to be there, as they were sent from here.
    pub(crate) fn until_quiet(&mut self, own: i64) {
        let began = Instant::now();
        self.changed = began;
        while began.elapsed() < WAIT_MAX {
            self.look();
            let patience = if self.seen.gaps || self.seen.spans <= own { QUIET_GAPS } else { QUIET };
            if self.changed.elapsed() >= patience {
                return;
            }
            std::thread::sleep(EVERY);
        }
        note(&format!("still growing after {} s: see the rest with `hopline trace {}`", WAIT_MAX.as_secs(), self.trace_id));
    }

    fn look(&mut self) {
        let path = format!("/api/v1/traces/{}", self.trace_id);
        // Before the first span there is nothing to find.
        let tree = match self.client.find(&path, &Parameters::default().set("view", Some("tree"))) {
            Ok(tree) => tree,
            Err(error) => return self.say(format!("{error:#}")),
        };
        let logs = self.client.find(&format!("{path}/logs"), &Parameters::default().set("limit", Some(LOGS_MAX))).ok().flatten();
        let logs = logs.as_ref().and_then(|found| found.get("items")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let Some(tree) = tree else { return };
        let marks = tree.pointer("/columns/marks").and_then(Value::as_array).into_iter().flatten();
        let seen = Seen {
            spans: tree.pointer("/trace/span_count").and_then(value::integer).unwrap_or(0),
            logs: logs.len(),
            gaps: marks.filter_map(value::integer).any(|marks| marks & GAPS != 0),
        };
        if seen == self.seen && self.held.is_empty() {
            return;
        }
        if (seen.spans, seen.logs) != (self.seen.spans, self.seen.logs) {
            self.changed = Instant::now();
        }
        self.seen = seen;
        if let Some(screen) = self.screen {
            self.show(screen, logs);
        }
    }

    /// Shows what was not shown yet, in the order of time.
    fn show(&mut self, screen: Screen, logs: &[Value]) {
        let answer = self.client.find(&format!("/api/v1/traces/{}/hops", self.trace_id), &Parameters::default()).ok().flatten();
        let hops = answer.as_ref().and_then(|answer| answer.get("items")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut lines: Vec<(i64, String)> = Vec::new();
        let at = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).and_then(value::time_nanos).unwrap_or(0);
        for hop in hops {
            let text = |pointer: &str| hop.pointer(pointer).map(value::plain).unwrap_or_default();
            // A hop whose other side has come is another line.
            let key = format!("{} {} {}", text("/caller/span_id"), text("/callee/span_id"), text("/callee/service"));
            let caller = text("/caller/span_id");
            let alone = text("/pairing") == "peer" && text("/kind") == "external";
            if alone && (self.shown_hops.contains(&key) || self.held.entry(caller.clone()).or_insert_with(Instant::now).elapsed() < HOLD) {
                continue;
            }
            self.held.remove(&caller);
            if self.shown_hops.insert(key) {
                lines.push((at(hop, "start"), ledger::line(hop, screen)));
            }
        }
        for log in logs.iter().filter(|log| self.shown_logs.insert(log.get("id").map(value::plain).unwrap_or_default())) {
            lines.push((at(log, "time"), format!("  ≡ {}", clean_line(&waterfall::log_lines(std::slice::from_ref(log), screen)))));
        }
        lines.sort_by_key(|(time, _)| *time);
        let text: String = lines.into_iter().map(|(_, line)| line).collect();
        // Nobody is left to be told when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn say(&mut self, words: String) {
        if self.trouble.as_ref() != Some(&words) {
            note(&clean(&words));
            self.trouble = Some(words);
        }
    }
}

fn clean_line(text: &str) -> String {
    format!("{}\n", text.trim_end())
}
