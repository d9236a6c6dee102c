//! Retries are stored once: the hashes of recent requests, and of those that are on their way.
//!
//! A hash is kept for the duplicate window; after a confirmed answer (the client has it, so it will not retry) only 60 s,
//! so that equal data sent on purpose is kept. After a restart nothing counts as confirmed.

use hopline_model::{Clock, TenantId, UnixNanos};
use parking_lot::Mutex;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

type Key = (TenantId, u128);

const CONFIRMED_NANO: u64 = 60_000_000_000;

#[derive(Debug)]
pub(crate) struct Dedupe {
    clock: Arc<dyn Clock>,
    window_nano: u64,
    hashes_max: usize,
    state: Mutex<State>,
    duplicates: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<Key, Known>,
    /// When to look at a hash again, in order.
    unconfirmed: VecDeque<(u64, Key)>,
    confirmed: VecDeque<(u64, Key)>,
}

#[derive(Debug)]
enum Known {
    /// Its sender is dropped when the request is stored or refused.
    OnItsWay(watch::Sender<()>),
    Stored {
        until: u64,
    },
}

/// The right and duty to store a request. Dropped without [`Claim::stored`], the next try may store it.
#[derive(Debug)]
pub(crate) struct Claim {
    dedupe: Arc<Dedupe>,
    key: Key,
}

impl Dedupe {
    pub(crate) fn new(clock: Arc<dyn Clock>, window_ms: u64, hashes_max: usize) -> Arc<Self> {
        Arc::new(Self { clock, window_nano: window_ms.saturating_mul(1_000_000), hashes_max, state: Mutex::default(), duplicates: AtomicU64::new(0) })
    }

    /// `None`: it was stored before. Waits while the same request is on its way.
    pub(crate) async fn claim(self: &Arc<Self>, tenant: TenantId, hash: u128) -> Option<Claim> {
        let key = (tenant, hash);
        loop {
            let mut on_its_way = {
                let now = self.clock.monotonic_nano();
                let mut state = self.state.lock();
                state.expire(now, self.hashes_max);
                match state.known.entry(key) {
                    Entry::Occupied(entry) => match entry.get() {
                        Known::OnItsWay(sender) => sender.subscribe(),
                        Known::Stored { .. } => {
                            self.duplicates.fetch_add(1, Ordering::Relaxed);
                            return None;
                        }
                    },
                    Entry::Vacant(entry) => {
                        entry.insert(Known::OnItsWay(watch::Sender::new(())));
                        return Some(Claim { dedupe: self.clone(), key });
                    }
                }
            };
            let _ = on_its_way.changed().await;
        }
    }

    /// A request found in the log or the catalog at start.
    pub(crate) fn restore(&self, mut hashes: Vec<(TenantId, u128, UnixNanos)>) {
        if self.window_nano == 0 {
            return;
        }
        hashes.sort_by_key(|(_, _, received)| *received);
        let (wall, now) = (self.clock.now(), self.clock.monotonic_nano());
        let mut state = self.state.lock();
        for (tenant, hash, received) in hashes {
            // A clock that jumped back makes ages negative: then the full window.
            let age = u64::try_from(wall.0.saturating_sub(received.0)).unwrap_or(0);
            if age < self.window_nano {
                let until = now + self.window_nano - age;
                state.known.insert((tenant, hash), Known::Stored { until });
                state.unconfirmed.push_back((until, (tenant, hash)));
            }
        }
    }

    pub(crate) fn confirm(&self, tenant: TenantId, hash: u128) {
        let now = self.clock.monotonic_nano();
        let mut state = self.state.lock();
        if let Some(Known::Stored { until }) = state.known.get_mut(&(tenant, hash)) {
            *until = (*until).min(now + CONFIRMED_NANO);
            let until = *until;
            state.confirmed.push_back((until, (tenant, hash)));
        }
    }

    /// What the hashes take in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let state = self.state.lock();
        let entry = size_of::<(Key, Known)>() + 1;
        let queued = size_of::<(u64, Key)>();
        (state.known.capacity() * entry + (state.unconfirmed.capacity() + state.confirmed.capacity()) * queued) as u64
    }

    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    pub(crate) fn window_nano(&self) -> u64 {
        self.window_nano
    }
}

impl State {
    fn expire(&mut self, now: u64, hashes_max: usize) {
        let Self { known, unconfirmed, confirmed } = self;
        // Most are confirmed and gone long before their place in the queue comes: then the queue is most of the memory.
        if unconfirmed.len() > 1024 && unconfirmed.len() > 4 * known.len() {
            unconfirmed.retain(|(_, key)| known.contains_key(key));
            unconfirmed.shrink_to_fit();
        }
        for queue in [confirmed, unconfirmed] {
            while let Some((until, key)) = queue.front() {
                if *until > now && known.len() <= hashes_max && queue.len() <= 2 * hashes_max {
                    break;
                }
                let forced = *until > now;
                if let Some(Known::Stored { until }) = known.get(key)
                    && (forced || *until <= now)
                {
                    known.remove(key);
                }
                queue.pop_front();
            }
        }
    }
}

impl Claim {
    /// The request is durable: from now on it is a duplicate.
    pub(crate) fn stored(self) {
        let until = self.dedupe.clock.monotonic_nano() + self.dedupe.window_nano;
        let mut state = self.dedupe.state.lock();
        state.known.insert(self.key, Known::Stored { until });
        state.unconfirmed.push_back((until, self.key));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.dedupe.state.lock();
        if let Entry::Occupied(entry) = state.known.entry(self.key)
            && matches!(entry.get(), Known::OnItsWay(_))
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use hopline_model::time::{ManualClock, NANOS_PER_MINUTE, NANOS_PER_SECOND};

    const TENANT: TenantId = TenantId(3);
    const NOW: UnixNanos = UnixNanos(1_750_000_000_000_000_000);

    fn new(hashes_max: usize) -> (Arc<ManualClock>, Arc<Dedupe>) {
        let clock = ManualClock::at(NOW);
        (clock.clone(), Dedupe::new(clock, 15 * 60 * 1000, hashes_max))
    }

    /// The full window without a confirmation, 60 s with one; a jump of the wall clock changes nothing.
    #[tokio::test]
    async fn windows() {
        let (clock, dedupe) = new(100);
        for hash in [1, 2] {
            dedupe.claim(TENANT, hash).await.unwrap().stored();
        }
        dedupe.confirm(TENANT, 2);
        clock.jump_to(UnixNanos(0));
        clock.advance(59 * NANOS_PER_SECOND);
        assert!(dedupe.claim(TENANT, 1).await.is_none() && dedupe.claim(TENANT, 2).await.is_none());
        clock.advance(2 * NANOS_PER_SECOND);
        assert!(dedupe.claim(TENANT, 1).await.is_none() && dedupe.claim(TENANT, 2).await.is_some());
        clock.advance(14 * NANOS_PER_MINUTE);
        assert!(dedupe.claim(TENANT, 1).await.is_some());
        assert_eq!(dedupe.duplicates(), 3);
    }

    /// A request that was refused may be stored by its retry, which waited meanwhile.
    #[tokio::test]
    async fn refused() {
        let (_, dedupe) = new(100);
        let first = dedupe.claim(TENANT, 1).await.unwrap();
        let second = tokio::spawn({
            let dedupe = dedupe.clone();
            async move { dedupe.claim(TENANT, 1).await.map(Claim::stored) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(second.await.unwrap().is_some());
        assert!(dedupe.claim(TENANT, 1).await.is_none());
    }

    /// Hashes of before a restart keep what is left of their window; those from the future (a clock went back) all of it.
    #[tokio::test]
    async fn restored() {
        let (clock, dedupe) = new(100);
        let ago = |minutes: i64| NOW.saturating_sub(minutes * NANOS_PER_MINUTE);
        dedupe.restore(vec![(TENANT, 1, ago(16)), (TENANT, 2, ago(10)), (TENANT, 3, ago(-1000))]);
        assert!(dedupe.claim(TENANT, 1).await.is_some());
        assert!(dedupe.claim(TENANT, 2).await.is_none());
        clock.advance(6 * NANOS_PER_MINUTE);
        assert!(dedupe.claim(TENANT, 2).await.is_some());
        assert!(dedupe.claim(TENANT, 3).await.is_none());
    }

    /// Memory follows what is still known, not what came within the window.
    #[tokio::test]
    async fn queues_are_bounded() {
        let (clock, dedupe) = new(1_000_000);
        for hash in 0..50_000 {
            dedupe.claim(TENANT, hash).await.unwrap().stored();
            dedupe.confirm(TENANT, hash);
            clock.advance(10_000_000);
        }
        // 60 s of 100 a second are known.
        let state = dedupe.state.lock();
        assert!(state.known.len() < 6_100 && state.unconfirmed.len() < 25_000, "{} {}", state.known.len(), state.unconfirmed.len());
        drop(state);
        assert!(dedupe.bytes() < 4 << 20, "{}", dedupe.bytes());
    }

    /// The oldest go when there are too many.
    #[tokio::test]
    async fn bounded() {
        let (_, dedupe) = new(10);
        for hash in 0..100 {
            dedupe.claim(TENANT, hash).await.unwrap().stored();
            dedupe.confirm(TENANT, hash);
        }
        assert!(dedupe.state.lock().known.len() <= 11);
        assert!(dedupe.claim(TENANT, 99).await.is_none() && dedupe.claim(TENANT, 1).await.is_some());
    }
}
