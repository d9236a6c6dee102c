//! Which tables are to be sealed now: a pure function of their sizes and ages.

use crate::version::TableKey;

/// What the decision needs to know of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableState {
    pub(crate) key: TableKey,
    /// Active rows; those already sealing do not count.
    pub(crate) bytes: u64,
    /// Monotonic time of the oldest active row.
    pub(crate) oldest: Option<u64>,
    /// A seal of it was begun and has not been committed.
    pub(crate) sealing: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) table_bytes_max: u64,
    pub(crate) live_bytes_max: u64,
    pub(crate) age_nano_max: u64,
    pub(crate) edges_rows_max: u64,
}

/// In the order they should be sealed: unfinished seals, then too large, then too old, then the largest until all fit.
pub(crate) fn due(tables: &[TableState], now: u64, limits: &Limits) -> Vec<TableKey> {
    let mut due: Vec<TableKey> = tables.iter().filter(|table| table.sealing).map(|table| table.key).collect();
    let mut rest: Vec<&TableState> = tables.iter().filter(|table| !table.sealing).collect();
    rest.sort_by_key(|table| std::cmp::Reverse(table.bytes));
    let mut live: u64 = rest.iter().map(|table| table.bytes).sum();
    for table in rest {
        let old = table.oldest.is_some_and(|oldest| now.saturating_sub(oldest) >= limits.age_nano_max);
        if table.bytes >= limits.table_bytes_max || old || live >= limits.live_bytes_max {
            due.push(table.key);
            live -= table.bytes;
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopline_model::{Signal, TenantId};

    /// Size, age and the sum of all sizes each make a table due; the largest goes first and only as many as needed.
    #[test]
    fn what_is_due() {
        let limits = Limits { table_bytes_max: 100, live_bytes_max: 150, age_nano_max: 10, edges_rows_max: 0 };
        let check = |tables: &[(u64, u64, bool)], now: u64, expect: &[u32]| {
            let states: Vec<_> = (0..)
                .zip(tables)
                .map(|(i, (bytes, oldest, sealing))| TableState {
                    key: TableKey { tenant: TenantId(i), signal: Signal::Logs, replayed: false },
                    bytes: *bytes,
                    oldest: Some(*oldest),
                    sealing: *sealing,
                })
                .collect();
            let due: Vec<u32> = due(&states, now, &limits).iter().map(|key| key.tenant.0).collect();
            assert_eq!(due, expect, "{tables:?} at {now}");
        };
        check(&[], 0, &[]);
        check(&[(99, 0, false)], 9, &[]);
        check(&[(100, 0, false)], 0, &[0]);
        check(&[(1, 0, false), (1, 5, false)], 10, &[0]);
        check(&[(50, 0, false), (60, 0, false), (40, 0, false)], 0, &[1]);
        check(&[(5, 0, false), (1, 0, true)], 0, &[1]);
    }
}
