//! The verdict in one sentence.

use super::excess::NAMED_SHARE_MIN;
use super::{COUNT_MIN, Excess, Finding, FirstCause, Verdict};
use crate::defect::Nano;
use crate::spans::Trace;

/// Error messages are cut here in the headline; they stand whole beside it.
const MESSAGE_CHARS_MAX: usize = 120;

pub(super) fn headline(trace: &Trace, root: usize, verdict: &Verdict) -> String {
    let duration = Nano(verdict.duration_nano);
    let mut parts: Vec<String> = Vec::new();
    match (verdict.verdict, verdict.usual_nano) {
        (Finding::TooFew, _) => {
            let what = format!("{} {}", trace.service_name(root), trace.name(root));
            parts.push(format!("too few to compare: {} of {what}, {COUNT_MIN} are needed", requests(verdict.compared_with)));
        }
        (Finding::Ordinary, Some(usual)) => {
            parts.push(format!("ordinary: answered after {duration}, usually {}, against {}", Nano(usual), requests(verdict.compared_with)));
        }
        (Finding::Degraded, Some(usual)) => parts.push(format!("answered after {duration}, usually {}", Nano(usual))),
        (Finding::Slow | Finding::SlowAndFailed, Some(usual)) => parts.push(format!("{duration}, usually {}", Nano(usual))),
        _ => {}
    }
    if matches!(verdict.verdict, Finding::Failed | Finding::SlowAndFailed) {
        let took = format!("failed after {}", Nano(verdict.duration_nano));
        parts.push(verdict.first_cause.as_ref().map_or(took.clone(), |cause| failure(&format!("{took}, first in"), cause)));
    }
    if let Some(most) = verdict.excess.first() {
        let mut text = format!("{:.0} % of the excess is {}", most.share * 100.0, where_to(most));
        if let Some(second) = verdict.excess.get(1).filter(|second| second.share >= NAMED_SHARE_MIN) {
            text.push_str(&format!(", {:.0} % {}", second.share * 100.0, where_to(second)));
        }
        parts.push(text);
    }
    if let (Finding::Slow | Finding::Degraded, Some(cause)) = (verdict.verdict, &verdict.first_cause) {
        parts.push(failure("but a call inside failed:", cause));
    }
    if let Some(seen) = &verdict.first_seen {
        parts.push(format!("first seen with {} {}", seen.service, seen.version));
    }
    if let Some(alike) = verdict.alike.filter(|alike| *alike > 1) {
        parts.push(format!("{alike} requests alike"));
    }
    if let Some(missing) = verdict.missing_hops.first() {
        parts.push(format!("{}→{} is missing, made in {:.1} % otherwise", missing.caller, missing.callee, missing.usual_share * 100.0));
    }
    parts.join("; ")
}

fn requests(count: u64) -> String {
    if count == 1 { "1 request".into() } else { format!("{count} requests") }
}

fn failure(what: &str, cause: &FirstCause) -> String {
    let hop = cause.hop.map(|hop| format!(" (hop {hop})")).unwrap_or_default();
    let mut text = format!("{what} {} {}{hop}", cause.service_name, cause.name);
    let message: String = cause.message.chars().take(MESSAGE_CHARS_MAX).collect();
    match (&cause.exception_type, message.is_empty()) {
        (Some(kind), false) => text.push_str(&format!(": {kind}: {message}")),
        (Some(kind), true) => text.push_str(&format!(": {kind}")),
        (None, false) => text.push_str(&format!(": {message}")),
        (None, true) => {}
    }
    text
}

fn where_to(most: &Excess) -> String {
    if most.hop == 0 {
        return format!("{} itself", most.callee);
    }
    let mut text = format!("hop {} {}→{}", most.hop, most.caller, most.callee);
    if most.attempts > 1 {
        text.push_str(&format!(", {} attempts", most.attempts));
    } else if most.calls as f64 >= 2.0 * most.usual_calls.max(1.0) {
        text.push_str(&format!(", called {} times, usually {:.0}", most.calls, most.usual_calls));
    }
    text
}
