//! What `/metrics` says of questions: how many by route and status class, and how long they took.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    routes: Mutex<BTreeMap<(String, u16), (u64, Duration)>>,
}

impl Counters {
    /// `route` is the pattern, so that there are few.
    pub(crate) fn add(&self, route: &str, status: u16, elapsed: Duration) {
        let mut routes = self.routes.lock();
        let cell = routes.entry((route.to_owned(), status / 100)).or_default();
        cell.0 += 1;
        cell.1 += elapsed;
    }

    pub(crate) fn metrics(&self, out: &mut String) {
        let routes = self.routes.lock();
        out.push_str("# HELP hopline_query_requests_total Questions answered.\n# TYPE hopline_query_requests_total counter\n");
        // Writing to a String cannot fail.
        for ((route, class), (count, _)) in routes.iter() {
            let _ = writeln!(out, "hopline_query_requests_total{{route=\"{route}\",status=\"{class}xx\"}} {count}");
        }
        out.push_str("# HELP hopline_query_seconds_total Time spent on questions.\n# TYPE hopline_query_seconds_total counter\n");
        for ((route, class), (_, elapsed)) in routes.iter() {
            let _ = writeln!(out, "hopline_query_seconds_total{{route=\"{route}\",status=\"{class}xx\"}} {:.6}", elapsed.as_secs_f64());
        }
    }
}
