//! Which fault acts when. A pure function of seed and time, so that a run can be repeated.

use crate::options::Faults;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde::Serialize;
use std::time::Duration;

/// What can go wrong in the shop. Each is behaviour of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// inventory's statements take 0.7 s longer
    SlowDatabase,
    /// a stock-take holds inventory's lock for 0.9 s at a time
    Lock,
    /// the payment service answers 503 and checkout tries again up to four times
    RetryStorm,
    /// the queue loses order messages
    LostMessage,
    /// cart's connections are given back late, so that others wait
    PoolExhaustion,
    /// the bank behind payment takes 2 s
    SlowUpstream,
    /// one of the three instances of recommendations fails
    BadInstance,
    /// payment 1.5.0, one instance of two, refuses cards of one brand
    BadVersion,
    /// search in us-east-1 is 0.8 s slower
    BadRegion,
    /// cart's clock is 400 ms ahead; nothing is slower
    SkewedClock,
}

impl Fault {
    pub const ALL: [Self; 10] = [
        Self::SlowDatabase,
        Self::Lock,
        Self::RetryStorm,
        Self::LostMessage,
        Self::PoolExhaustion,
        Self::SlowUpstream,
        Self::BadInstance,
        Self::BadVersion,
        Self::BadRegion,
        Self::SkewedClock,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::SlowDatabase => "slow-database",
            Self::Lock => "lock",
            Self::RetryStorm => "retry-storm",
            Self::LostMessage => "lost-message",
            Self::PoolExhaustion => "pool-exhaustion",
            Self::SlowUpstream => "slow-upstream",
            Self::BadInstance => "bad-instance",
            Self::BadVersion => "bad-version",
            Self::BadRegion => "bad-region",
            Self::SkewedClock => "skewed-clock",
        }
    }
}

/// `fault` acts in `[from, to)` after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub fault: Fault,
    pub from: Duration,
    pub to: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub windows: Vec<Window>,
}

impl Plan {
    /// For a run of `length` (zero: without end). A planned run starts calm; then each fault acts once per round, in the
    /// seed's order, with calm of the same length after it.
    pub fn new(faults: &Faults, seed: u64, length: Duration) -> Self {
        let windows = match faults {
            Faults::Always(faults) => faults.iter().map(|&fault| Window { fault, from: Duration::ZERO, to: Duration::MAX }).collect(),
            Faults::Plan => {
                let mut order = Fault::ALL;
                order.shuffle(&mut SmallRng::seed_from_u64(seed));
                // Room for every fault and its calm, within 20 s and 30 min each.
                let slots = 2 * order.len() as u32 + 1;
                let length = if length.is_zero() { Duration::from_secs(30) * slots } else { length };
                let slot = (length / slots).clamp(Duration::from_secs(20), Duration::from_secs(1800));
                (0..)
                    .map(|index: u32| {
                        let from = slot * (2 * index + 1);
                        Window { fault: order[index as usize % order.len()], from, to: from + slot }
                    })
                    // A run without end goes through the faults for a week.
                    .take_while(|window| window.from < length.max(Duration::from_secs(7 * 86400)))
                    .take(20_000)
                    .collect()
            }
        };
        Self { windows }
    }

    pub fn is_active(&self, fault: Fault, since_start: Duration) -> bool {
        self.windows.iter().any(|window| window.fault == fault && window.from <= since_start && since_start < window.to)
    }
}
