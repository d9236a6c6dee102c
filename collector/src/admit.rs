//! Bytes in flight: take, wait, or refuse.
//!
//! One budget for all. A sender (a token; without tokens an address) that holds something may grow to its share: three
//! quarters of the budget, divided by the senders that hold something now. The last quarter is what a quiet sender finds free.
//! A sender that holds nothing is let in whenever there is room, so a request larger than its share still gets through, alone.

use parking_lot::Mutex;
use rand::Rng;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Admission {
    budget: usize,
    wait: Duration,
    state: Mutex<State>,
    freed: Notify,
    /// Refusals since room was last found at once: the hint grows with them.
    pressure: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Taken within the budget.
    used: usize,
    /// What decoded requests take beyond that, until they are stored.
    over: usize,
    by_sender: HashMap<u64, usize>,
}

/// Bytes taken, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    sender: u64,
    bytes: usize,
    over: usize,
}

/// No room: come back after this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overloaded {
    pub(crate) retry_after: Duration,
}

impl Admission {
    pub(crate) fn new(budget: usize, wait: Duration) -> Arc<Self> {
        Arc::new(Self { budget: budget.max(1), wait, state: Mutex::default(), freed: Notify::new(), pressure: AtomicU64::new(0) })
    }

    /// Room for `needed` bytes, of which `held` are taken now: the rest is taken as it arrives, so that a body that never comes
    /// holds little. A request larger than the whole budget takes all of it.
    pub(crate) async fn take(self: &Arc<Self>, sender: u64, needed: usize, held: usize) -> Result<Permit, Overloaded> {
        let needed = needed.clamp(1, self.budget);
        let bytes = held.clamp(1, needed);
        if self.try_take(sender, needed, bytes) {
            self.pressure.store(0, Ordering::Relaxed);
            return Ok(Permit { admission: self.clone(), sender, bytes, over: 0 });
        }
        let deadline = tokio::time::Instant::now() + self.wait;
        loop {
            // Listened to before it is asked: what is freed in between is not missed.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.try_take(sender, needed, bytes) {
                return Ok(Permit { admission: self.clone(), sender, bytes, over: 0 });
            }
            if tokio::time::timeout_at(deadline, freed).await.is_err() {
                return Err(self.refuse());
            }
        }
    }

    fn try_take(&self, sender: u64, needed: usize, held: usize) -> bool {
        let mut state = self.state.lock();
        let mine = state.by_sender.get(&sender).copied().unwrap_or(0);
        // What a sender runs over by counts in its own share; it shuts out the others only beyond the budget again.
        if state.used + state.over.saturating_sub(self.budget) + needed > self.budget {
            return false;
        }
        if mine > 0 && mine + needed > self.budget / 4 * 3 / state.by_sender.len() {
            return false;
        }
        state.used += held;
        *state.by_sender.entry(sender).or_default() += held;
        true
    }

    fn give_back(&self, sender: u64, bytes: usize, over: usize) {
        let mut state = self.state.lock();
        state.used -= bytes;
        state.over -= over;
        if let Some(mine) = state.by_sender.get_mut(&sender) {
            *mine -= bytes + over;
            if *mine == 0 {
                state.by_sender.remove(&sender);
            }
        }
        drop(state);
        self.freed.notify_waiters();
    }

    fn refuse(&self) -> Overloaded {
        let pressure = self.pressure.fetch_add(1, Ordering::Relaxed);
        Overloaded { retry_after: hint(pressure) }
    }

    pub(crate) fn used(&self) -> usize {
        let state = self.state.lock();
        state.used + state.over
    }

    pub(crate) fn budget(&self) -> usize {
        self.budget
    }
}

/// One to eight seconds by how many were refused lately, spread by half so that they do not all come back at once.
pub(crate) fn hint(pressure: u64) -> Duration {
    let base_ms = (1_000 + pressure * 10).min(8_000);
    Duration::from_millis(base_ms + rand::rng().random_range(0..=base_ms / 2))
}

impl Permit {
    /// More for the same request, at once or not at all.
    pub(crate) fn grow(&mut self, to: usize) -> Result<(), Overloaded> {
        let to = to.min(self.admission.budget);
        if to <= self.bytes {
            return Ok(());
        }
        let more = to - self.bytes;
        let mut state = self.admission.state.lock();
        if state.used + more > self.admission.budget {
            drop(state);
            return Err(self.admission.refuse());
        }
        state.used += more;
        *state.by_sender.entry(self.sender).or_default() += more;
        self.bytes = to;
        Ok(())
    }

    /// What the request takes by now, above the budget too: the work is done and will end soon. Until then its sender gets no more in,
    /// and the others' room is what it was.
    pub(crate) fn cover(&mut self, to: usize) {
        let over = to.saturating_sub(self.bytes);
        if over > self.over {
            let mut state = self.admission.state.lock();
            state.over += over - self.over;
            *state.by_sender.entry(self.sender).or_default() += over - self.over;
            self.over = over;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.give_back(self.sender, self.bytes, self.over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A noisy sender fills its share and is refused; a quiet one gets in; what is given back can be taken again.
    #[tokio::test]
    async fn fair_between_senders() {
        let admission = Admission::new(1000, Duration::from_millis(20));
        let mut held = Vec::new();
        while let Ok(permit) = admission.take(1, 100, 100).await {
            held.push(permit);
        }
        assert_eq!(held.len(), 7);
        let quiet = admission.take(2, 200, 200).await.expect("the reserve");
        assert!(admission.take(3, 500, 500).await.is_err());
        drop(held);
        drop(quiet);
        assert_eq!(admission.used(), 0);
        let mut whole = admission.take(4, 5_000, 5_000).await.expect("clamped to the budget");
        assert_eq!(admission.used(), 1000);
        assert!(whole.grow(9_000).is_ok());
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move { admission.take(5, 10, 10).await.map(drop) }
        });
        tokio::task::yield_now().await;
        whole.cover(3_000);
        assert_eq!(admission.used(), 3_000);
        drop(whole);
        assert!(waiting.await.expect("no panic").is_ok());
        let refused = hint(0);
        assert!(Duration::from_secs(1) <= refused && refused <= Duration::from_millis(1500));
        assert!(hint(u64::MAX / 100) <= Duration::from_secs(12));
    }

    /// A body that never comes holds what was taken for it, not what it promised.
    #[tokio::test]
    async fn promises_hold_little() {
        let admission = Admission::new(1000, Duration::from_millis(20));
        let silent = admission.take(1, 900, 50).await.expect("room");
        assert_eq!(admission.used(), 50);
        let mut other = admission.take(2, 900, 50).await.expect("room still");
        assert!(other.grow(900).is_ok() && other.grow(960).is_err());
        assert!(admission.take(3, 100, 10).await.is_err(), "what is needed is asked for, not what is held");
        drop((silent, other));
        assert_eq!(admission.used(), 0);
    }

    /// Decoded rows larger than their request keep their own sender out, not the others.
    #[tokio::test]
    async fn running_over_is_ones_own_trouble() {
        let admission = Admission::new(1000, Duration::from_millis(20));
        let mut noisy = admission.take(1, 300, 300).await.expect("room");
        noisy.cover(1_200);
        assert_eq!(admission.used(), 1_200);
        assert!(admission.take(1, 100, 100).await.is_err());
        let quiet = admission.take(2, 100, 100).await.expect("room for who holds nothing");
        noisy.cover(2_500);
        assert!(admission.take(3, 100, 100).await.is_err(), "twice the budget is the end");
        drop((noisy, quiet));
        assert_eq!(admission.used(), 0);
    }
}
