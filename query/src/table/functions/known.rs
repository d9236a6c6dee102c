//! Every function a query may call: DataFusion's and ours, less those that make much memory out of few words.

use super::{attribute, items, match_text, member, number, severity, time_bucket};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use std::sync::{Arc, LazyLock};

/// Each makes a value of any size from a number (`repeat('x', 1000000000)`), outside of the memory budget, or speaks of files.
const REFUSED: [&str; 10] =
    ["repeat", "lpad", "rpad", "array_repeat", "array_resize", "range", "generate_series", "input_file_name", "file_row_index", "with_metadata"];

pub(crate) fn scalar() -> Vec<Arc<ScalarUDF>> {
    static KNOWN: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
        let mut known = SessionStateDefaults::default_scalar_functions();
        known.retain(|function| !REFUSED.contains(&function.name()));
        known.extend([
            attribute::udf(),
            number::udf(number::NumberKind::Integer),
            number::udf(number::NumberKind::Double),
            match_text::udf(),
            time_bucket::udf(),
            severity::udf(),
            items::udf(),
            member::udf(member::Kind::JsonMember),
            member::udf(member::Kind::BodyField),
        ]);
        known
    });
    KNOWN.clone()
}

pub(crate) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    static KNOWN: LazyLock<Vec<Arc<AggregateUDF>>> = LazyLock::new(|| {
        let mut known = SessionStateDefaults::default_aggregate_functions();
        if let Some(approximate) = known.iter_mut().find(|function| function.name() == "approx_percentile_cont") {
            *approximate = Arc::new(AggregateUDF::clone(approximate).with_aliases(["quantile"]));
        }
        known
    });
    KNOWN.clone()
}

pub(crate) fn window() -> Vec<Arc<WindowUDF>> {
    static KNOWN: LazyLock<Vec<Arc<WindowUDF>>> = LazyLock::new(SessionStateDefaults::default_window_functions);
    KNOWN.clone()
}
