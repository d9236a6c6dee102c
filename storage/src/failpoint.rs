//! Named points between the steps of a commit at which a test makes the process die: `HOPLINE_FAILPOINT=seal.committed`
//! or `seal.committed:3` for the third time. In every profile but release.

#[cfg(debug_assertions)]
pub(crate) fn hit(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let wanted = std::env::var("HOPLINE_FAILPOINT").ok()?;
        match wanted.split_once(':') {
            Some((name, count)) => Some((name.to_owned(), count.parse().unwrap_or(1))),
            None => Some((wanted, 1)),
        }
    });
    static HITS: AtomicU64 = AtomicU64::new(0);

    if let Some((wanted, count)) = &*WANTED
        && wanted == name
        && HITS.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        tracing::error!("failpoint {name}: the process dies here");
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn hit(_name: &str) {}
