//! The services of the shop, in the way of a request.
//!
//! ```text
//!  customer ─► web ─► search                     (HTTP; one instance per region)
//!                ├──► recommendations ─► search   (HTTP; three instances)
//!                ├──► cart ─► SQLite              (gRPC; a pool of connections)
//!                └──► checkout ─► cart            (gRPC)
//!                        ├──────► inventory ─► SQLite   (gRPC; a lock on the stock)
//!                        ├──────► payment ─► bank       (HTTP; two versions; the bank is not ours)
//!                        └──────► orders queue ─► worker ─► SQLite, inventory
//! ```

pub(crate) mod bank;
pub(crate) mod build;
pub(crate) mod cart;
pub(crate) mod checkout;
pub(crate) mod database;
pub(crate) mod inventory;
pub(crate) mod payment;
pub(crate) mod queue;
pub(crate) mod recommendations;
pub(crate) mod search;
pub(crate) mod web;
pub(crate) mod worker;

pub(crate) const PRODUCTS: [&str; 12] =
    ["anchor", "binnacle", "compass", "davit", "ensign", "fender", "gimbal", "halyard", "jib", "keel", "lantern", "mainsail"];

/// The product's number, if the shop sells it.
pub(crate) fn product(name: &str) -> Option<usize> {
    PRODUCTS.iter().position(|known| *known == name)
}

/// A small wait that differs from time to time, from the service's own seeded source.
#[derive(Debug)]
pub(crate) struct Jitter(std::sync::Mutex<rand::rngs::SmallRng>);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(std::sync::Mutex::new(rand::SeedableRng::seed_from_u64(seed)))
    }

    /// Around `millis`: ± 30 %, with a thin tail up to twice as long.
    pub(crate) fn millis(&self, millis: f64) -> std::time::Duration {
        use rand::Rng;
        let mut random = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let factor = random.random_range(0.7..1.3) * if random.random_bool(0.02) { 1.6 } else { 1.0 };
        std::time::Duration::from_secs_f64(millis * factor / 1000.0)
    }
}
