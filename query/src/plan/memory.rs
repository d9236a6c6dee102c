//! Memory of questions outside SQL: what they gather in maps and lists is counted against one bound for all of them.
//!
//! Rows of a page, and what SQL holds in its own pool, are not in it. A question that finds no room answers with what it has, and says so.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Asked for in steps of this size, so that counting costs nothing.
const STEP_BYTES: u64 = 256 << 10;

#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: u64,
    used: AtomicU64,
    most: AtomicU64,
    refused: AtomicU64,
}

impl Memory {
    pub(crate) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { bytes_max, used: AtomicU64::new(0), most: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// Room for one question, empty yet.
    pub(crate) fn room(self: &Arc<Self>) -> Room {
        Room { memory: self.clone(), taken: 0 }
    }

    pub(crate) fn metrics(&self, out: &mut String) {
        let mut family = |name: &str, kind: &str, help: &str, value: u64| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "# HELP hopline_query_memory_{name} {help}\n# TYPE hopline_query_memory_{name} {kind}\nhopline_query_memory_{name} {value}"
            );
        };
        family("bytes", "gauge", "Memory that questions outside SQL gather in.", self.used.load(Ordering::Relaxed));
        family("bytes_most", "gauge", "The most of it at once.", self.most.load(Ordering::Relaxed));
        family("refused_total", "counter", "Times there was no room for more.", self.refused.load(Ordering::Relaxed));
    }
}

/// What one question holds; given back when it ends.
#[derive(Debug)]
pub(crate) struct Room {
    memory: Arc<Memory>,
    taken: u64,
}

impl Room {
    /// Whether it may hold so much in all.
    pub(crate) fn holds(&mut self, bytes: u64) -> bool {
        if bytes <= self.taken {
            return true;
        }
        let wanted = bytes.next_multiple_of(STEP_BYTES) - self.taken;
        let memory = &self.memory;
        let room =
            memory.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| used.checked_add(wanted).filter(|used| *used <= memory.bytes_max));
        match room {
            Ok(before) => {
                memory.most.fetch_max(before + wanted, Ordering::Relaxed);
                self.taken += wanted;
                true
            }
            Err(_) => {
                memory.refused.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_and_given_back() {
        let memory = Memory::new(4 * STEP_BYTES);
        let (mut a, mut b) = (memory.room(), memory.room());
        assert!(a.holds(1) && a.holds(STEP_BYTES) && a.holds(3 * STEP_BYTES));
        assert!(b.holds(STEP_BYTES) && !b.holds(STEP_BYTES + 1));
        assert!(!b.holds(2 * STEP_BYTES));
        drop(a);
        assert!(b.holds(4 * STEP_BYTES));
        drop(b);
        assert_eq!((memory.used.load(Ordering::Relaxed), memory.most.load(Ordering::Relaxed)), (0, 4 * STEP_BYTES));
        let mut out = String::new();
        memory.metrics(&mut out);
        assert!(out.contains("hopline_query_memory_refused_total 2"), "{out}");
    }
}
