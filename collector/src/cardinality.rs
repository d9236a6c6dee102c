//! How many different names one tenant may send: services, and series of metrics.
//!
//! Remembered are hashes alone, in two generations of an hour: a name that was not seen for one to two hours is forgotten. So the
//! memory is bounded by the settings (about 20 bytes for each of the allowed names), however many names are sent.

use crate::config::Config;
use hopline_model::{TenantId, UnixNanos};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const GENERATION_NANO: i64 = 3_600 * 1_000_000_000;

/// Of all tenants.
#[derive(Debug)]
pub(crate) struct Cardinality {
    services_max: usize,
    series_max: usize,
    tenants: Mutex<HashMap<TenantId, Arc<Names>>>,
}

/// Of one tenant.
#[derive(Debug)]
pub struct Names {
    services: Mutex<Seen>,
    series: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    max: usize,
    since: UnixNanos,
    now: HashSet<u64>,
    before: HashSet<u64>,
}

impl Cardinality {
    pub(crate) fn new(config: &Config) -> Self {
        Self { services_max: config.services_per_tenant_max, series_max: config.series_per_tenant_max, tenants: Mutex::default() }
    }

    pub(crate) fn of(&self, tenant: TenantId) -> Arc<Names> {
        self.tenants.lock().entry(tenant).or_insert_with(|| Arc::new(Names::new(self.services_max, self.series_max))).clone()
    }

    /// Services and series that are known now, of all tenants.
    pub(crate) fn known(&self) -> (usize, usize) {
        let tenants: Vec<Arc<Names>> = self.tenants.lock().values().cloned().collect();
        tenants.iter().fold((0, 0), |(services, series), names| (services + names.services.lock().known(), series + names.series.lock().known()))
    }
}

impl Names {
    pub fn new(services_max: usize, series_max: usize) -> Self {
        let seen = |max| Mutex::new(Seen { max, since: UnixNanos(0), now: HashSet::new(), before: HashSet::new() });
        Self { services: seen(services_max), series: seen(series_max) }
    }

    /// Whether the service with this hash is known or may still be.
    pub(crate) fn service(&self, hash: u64, at: UnixNanos) -> bool {
        self.services.lock().admit(hash, at)
    }

    /// Whether the series with this hash is known or may still be.
    pub(crate) fn series(&self, hash: u64, at: UnixNanos) -> bool {
        self.series.lock().admit(hash, at)
    }
}

impl Seen {
    fn admit(&mut self, hash: u64, at: UnixNanos) -> bool {
        if self.max == 0 {
            return true;
        }
        if at.0.saturating_sub(self.since.0) >= GENERATION_NANO {
            // After a long silence both are old.
            let silent = at.0.saturating_sub(self.since.0) >= 2 * GENERATION_NANO;
            self.before = std::mem::take(&mut self.now);
            if silent {
                self.before.clear();
            }
            self.since = at;
        }
        if self.now.contains(&hash) {
            return true;
        }
        if !self.before.remove(&hash) && self.known() >= self.max {
            return false;
        }
        self.now.insert(hash)
    }

    fn known(&self) -> usize {
        self.now.len() + self.before.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known names stay welcome, new ones over the limit are not, and room comes back with time; ten million names cost no more.
    #[test]
    fn bounded_and_forgetting() {
        let names = Names::new(0, 3);
        let at = |hours: i64| UnixNanos(1_700_000_000_000_000_000 + hours * GENERATION_NANO);
        assert!((1..=3).all(|hash| names.series(hash, at(0))));
        assert!(!names.series(4, at(0)) && names.series(1, at(0)));
        // 1 is seen again an hour later, 2 and 3 are not: two hours later there is room for two.
        assert!(names.series(1, at(1)) && !names.series(4, at(1)));
        assert!(names.series(1, at(2)) && names.series(4, at(2)) && names.series(5, at(2)) && !names.series(6, at(2)));
        assert!((10..13).all(|hash| names.series(hash, at(9))));
        let many = Names::new(1_000, 0);
        let taken = (0..10_000_000_u64).filter(|hash| many.service(*hash, at(0))).count();
        assert_eq!((taken, many.services.lock().known()), (1_000, 1_000));
        assert!((0..10_000).all(|hash| names.service(hash, at(0))), "0 is no limit");
    }
}
