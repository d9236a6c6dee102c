//! What was calm: the minutes that are not far worse than most.
//!
//! Minutes are taken together until they hold enough to tell something, and the group in the middle is what is usual: half of the time is
//! no worse. Groups count by how long they last, so that a fault does not weigh more because more was asked meanwhile. So up to half of
//! the time may be bad without becoming usual.
//!
//! First the minutes in which the request itself was bad go, for every call: a call that is made only then has no calm of its own. Then each
//! call's own bad minutes: it may be bad without the request showing it.

use super::usual::Usually;
use crate::edges::Edge;
use hopline_model::UnixNanos;
use std::collections::HashSet;

/// Tells a 90th percentile, or a share.
pub(super) const GROUP_COUNT_MIN: u64 = 30;
/// With fewer groups there is no middle.
pub(super) const GROUPS_MIN: usize = 3;
const WORSE_TIMES: u64 = 2;
const WORSE_NANO: u64 = super::EXCESS_MIN_NANO as u64;
/// Failures of a hundred calls more than in the middle group.
const WORSE_ERRORS_PERCENT: u64 = 5;

/// The value below which lies half of the weight.
pub(super) fn middle<T: Ord + Copy>(values: impl Iterator<Item = (T, u64)>) -> Option<T> {
    let mut values: Vec<(T, u64)> = values.collect();
    values.sort_unstable();
    let half = values.iter().map(|(_, weight)| weight).sum::<u64>().div_ceil(2);
    let mut below = 0;
    values
        .into_iter()
        .find(|(_, weight)| {
            below += weight;
            below >= half
        })
        .map(|(value, _)| value)
}

#[derive(Default)]
struct Group {
    /// Ascending.
    minutes: Vec<UnixNanos>,
    usually: Usually,
}

/// Between rare calls lies time that they stand for; a longer pause is no time at all.
const PAUSE_TIMES: i64 = 4;

/// How long a group lasts, in minutes: from the first to the last of those it has rows of.
pub(super) fn lasts(minutes: &[UnixNanos]) -> u64 {
    let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else { return 0 };
    let span = last.0.saturating_sub(first.0) / super::usual::MINUTE + 1;
    span.clamp(1, (minutes.len() as i64).saturating_mul(PAUSE_TIMES)).unsigned_abs()
}

/// Groups of rows, and of them those that are bad: the 90th percentile is over twice that of the group in the middle, or calls fail that much
/// more often.
fn groups<'a>(mut rows: Vec<&'a Edge>) -> (Vec<Group>, impl Fn(&Group) -> bool + use<'a>) {
    rows.sort_unstable_by_key(|row| row.key.minute);
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let minute = row.key.minute;
        let is_full = |group: &Group| group.usually.count >= GROUP_COUNT_MIN && group.minutes.last() != Some(&minute);
        if groups.last().is_none_or(is_full) {
            groups.push(Group::default());
        }
        let Some(group) = groups.last_mut() else { continue };
        if group.minutes.last() != Some(&minute) {
            group.minutes.push(minute);
        }
        group.usually.add(row);
    }
    let slow = |group: &Group| group.usually.total.quantile(0.9).unwrap_or(0);
    let errors_percent = |group: &Group| group.usually.errors * 100 / group.usually.count.max(1);
    let (mut usual_slow, mut usual_errors) = (u64::MAX, u64::MAX);
    if groups.len() >= GROUPS_MIN {
        let of = |value: &dyn Fn(&Group) -> u64| middle(groups.iter().map(|group| (value(group), lasts(&group.minutes)))).unwrap_or(0);
        (usual_slow, usual_errors) = (of(&slow), of(&errors_percent));
    }
    let is_bad = move |group: &Group| {
        slow(group) > usual_slow.saturating_mul(WORSE_TIMES).max(usual_slow.saturating_add(WORSE_NANO))
            || errors_percent(group) > usual_errors.saturating_mul(WORSE_TIMES).max(usual_errors.saturating_add(WORSE_ERRORS_PERCENT))
    };
    (groups, is_bad)
}

/// The bad minutes of some calls.
pub(super) fn bad_minutes(rows: Vec<&Edge>) -> HashSet<UnixNanos> {
    let (groups, is_bad) = groups(rows);
    groups.iter().filter(|group| is_bad(group)).flat_map(|group| &group.minutes).copied().collect()
}

/// The calls of one edge or operation, of its calm minutes.
pub(super) fn calm(rows: Vec<&Edge>) -> Usually {
    let (groups, is_bad) = groups(rows);
    let mut all = Usually::default();
    groups.iter().filter(|group| !is_bad(group)).for_each(|group| all.merge(&group.usually));
    all
}
