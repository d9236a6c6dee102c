//! Bytes in flight: take, wait, or refuse.
//!
//! One budget for all. A sender (a token; without tokens an address) that holds something may grow to its share: three
//! quarters of the budget, divided by the senders that hold something now. The last quarter is what a quiet sender finds free.
//! A sender that holds nothing is let in whenever there is room, so a request larger than its share still gets through, alone.
//!
//! Who waits stands in a queue. When room is given back, those it is enough for are let in, in the order they came; the others sleep
//! on: with a thousand waiting, to wake all of them each time would take more than their requests do.

use parking_lot::Mutex;
use rand::Rng;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

#[derive(Debug)]
pub(crate) struct Admission {
    budget: usize,
    wait: Duration,
    state: Mutex<State>,
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
    waiting: VecDeque<Waiting>,
    /// Who waited so far: each has a number of its own, ascending in the queue.
    numbers: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    sender: u64,
    needed: usize,
    held: usize,
    room: oneshot::Sender<Permit>,
}

/// A place in the queue, left when dropped.
struct Place<'a> {
    admission: &'a Admission,
    number: u64,
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
        Arc::new(Self { budget: budget.max(1), wait, state: Mutex::default(), pressure: AtomicU64::new(0) })
    }

    /// Room for `needed` bytes, of which `held` are taken now: the rest is taken as it arrives, so that a body that never comes
    /// holds little. A request larger than the whole budget takes all of it.
    pub(crate) async fn take(self: &Arc<Self>, sender: u64, needed: usize, held: usize) -> Result<Permit, Overloaded> {
        let needed = needed.clamp(1, self.budget);
        let bytes = held.clamp(1, needed);
        let (place, mut room) = {
            let mut state = self.state.lock();
            if state.take(self.budget, sender, needed, bytes) {
                self.pressure.store(0, Ordering::Relaxed);
                return Ok(self.permit(sender, bytes));
            }
            let (room, given) = oneshot::channel();
            state.numbers += 1;
            let number = state.numbers;
            state.waiting.push_back(Waiting { number, sender, needed, held: bytes, room });
            (Place { admission: self, number }, given)
        };
        if let Ok(Ok(permit)) = tokio::time::timeout(self.wait, &mut room).await {
            return Ok(permit);
        }
        drop(place);
        // Given in the last moment.
        room.try_recv().map_err(|_| self.refuse())
    }

    fn permit(self: &Arc<Self>, sender: u64, bytes: usize) -> Permit {
        Permit { admission: self.clone(), sender, bytes, over: 0 }
    }

    fn give_back(self: &Arc<Self>, sender: u64, bytes: usize, over: usize) {
        let mut state = self.state.lock();
        state.used -= bytes;
        state.over -= over;
        if let Some(mine) = state.by_sender.get_mut(&sender) {
            *mine -= bytes + over;
            if *mine == 0 {
                state.by_sender.remove(&sender);
            }
        }
        let let_in = state.let_in(self.budget);
        drop(state);
        for waiting in let_in {
            // Who is gone by now gives it back.
            drop(waiting.room.send(self.permit(waiting.sender, waiting.held)));
        }
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

impl State {
    /// Takes `held`, if there is room for `needed`.
    fn take(&mut self, budget: usize, sender: u64, needed: usize, held: usize) -> bool {
        // What a sender runs over by counts in its own share; it shuts out the others only beyond the budget again.
        if self.used + self.over.saturating_sub(budget) + needed > budget {
            return false;
        }
        let mine = self.by_sender.get(&sender).copied().unwrap_or(0);
        if mine > 0 && mine + needed > budget / 4 * 3 / self.by_sender.len() {
            return false;
        }
        self.used += held;
        *self.by_sender.entry(sender).or_default() += held;
        true
    }

    /// Those waiting for whom there is room now.
    fn let_in(&mut self, budget: usize) -> Vec<Waiting> {
        let (mut let_in, mut at) = (Vec::new(), 0);
        // Most that wait are one sender's, with its share taken: the next of them need not ask for as much.
        let mut refused = None;
        while let Some(&Waiting { sender, needed, held, .. }) = self.waiting.get(at) {
            let known = refused.is_some_and(|(of, least)| of == sender && least <= needed);
            if !known && self.take(budget, sender, needed, held) {
                let_in.extend(self.waiting.remove(at));
                continue;
            }
            if !known {
                refused = Some((sender, needed));
            }
            at += 1;
        }
        let_in
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.admission.state.lock();
        if let Ok(at) = state.waiting.binary_search_by_key(&self.number, |waiting| waiting.number) {
            state.waiting.remove(at);
        }
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

    /// Those waiting are let in in the order they came, as far as there is room for them; who gave up or went away is in nobody's way.
    #[tokio::test]
    async fn in_the_order_they_came() {
        let admission = Admission::new(1000, Duration::from_millis(500));
        let first = admission.take(1, 1_000, 1_000).await.expect("room");
        let order = Arc::new(Mutex::new(Vec::new()));
        let wait = |name: u64, needed: usize| {
            let (admission, order) = (admission.clone(), order.clone());
            tokio::spawn(async move {
                let permit = admission.take(name, needed, needed).await;
                order.lock().push((name, permit.is_ok()));
                permit
            })
        };
        let gone = wait(2, 100);
        let mut waiting = Vec::new();
        for (name, needed) in [(3, 200), (4, 900), (5, 200), (6, 200), (7, 500)] {
            tokio::time::sleep(Duration::from_millis(10)).await;
            waiting.push(wait(name, needed));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        gone.abort();
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(admission.state.lock().waiting.len(), 5);
        drop(first);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(*order.lock(), [(3, true), (5, true), (6, true)]);
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(*order.lock(), [(3, true), (5, true), (6, true), (4, false), (7, false)]);
        assert!(admission.state.lock().waiting.is_empty());
        drop(waiting);
        tokio::time::sleep(Duration::from_millis(10)).await;
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
