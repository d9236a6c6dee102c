//! What was calm: the minutes that are not far worse than most.
//!
//! Minutes are taken together until they hold enough to tell something, and the group in the middle is what is usual: half of the time is
//! no worse. Groups count by how long they are, so that a fault does not weigh more because more was asked meanwhile. So up to half of
//! the time may be bad without becoming usual.

use super::usual::Usually;
use crate::edges::Edge;
use hopline_model::UnixNanos;

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
    minutes: u64,
    last: UnixNanos,
    usually: Usually,
}

/// The calls of one edge or operation, of calm minutes: a group is left out when its 90th percentile is over twice that of the group in the
/// middle, or when it fails that much more often.
pub(super) fn calm(mut rows: Vec<&Edge>) -> Usually {
    rows.sort_unstable_by_key(|row| row.key.minute);
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let minute = row.key.minute;
        if groups.last().is_none_or(|group| group.usually.count >= GROUP_COUNT_MIN && group.last != minute) {
            groups.push(Group::default());
        }
        let Some(group) = groups.last_mut() else { continue };
        if group.minutes == 0 || group.last != minute {
            group.minutes += 1;
            group.last = minute;
        }
        group.usually.add(row);
    }
    if groups.len() >= GROUPS_MIN {
        let slow = |group: &Group| group.usually.total.quantile(0.9).unwrap_or(0);
        let errors_percent = |group: &Group| group.usually.errors * 100 / group.usually.count.max(1);
        let usual_slow = middle(groups.iter().map(|group| (slow(group), group.minutes))).unwrap_or(0);
        let usual_errors = middle(groups.iter().map(|group| (errors_percent(group), group.minutes))).unwrap_or(0);
        groups.retain(|group| {
            slow(group) <= usual_slow.saturating_mul(WORSE_TIMES).max(usual_slow.saturating_add(WORSE_NANO))
                && errors_percent(group) <= (usual_errors * WORSE_TIMES).max(usual_errors + WORSE_ERRORS_PERCENT)
        });
    }
    let mut all = Usually::default();
    groups.iter().for_each(|group| all.merge(&group.usually));
    all
}
