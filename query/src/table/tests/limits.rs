//! Deadline, memory, rows, depth, and letting go.

use super::rows::{ask, ask_with, lines_of, store};
use crate::table::guard::DEPTH_MAX;
use crate::table::{SqlErrorKind, SqlOptions, sql};
use std::time::{Duration, Instant};

/// Two hundred million rows, of which a join holds sixteen thousand.
const ENDLESS: &str = "
    select sum(length(x.n || y.n))
    from (select a.name || f.name as n from spans a, spans b, spans c, spans d, spans e, spans f) x
        cross join (select a.name || f.name as n from spans a, spans b, spans c, spans d, spans e, spans f) y";

#[tokio::test(flavor = "multi_thread")]
async fn deadline() {
    let store = store().await;
    let began = Instant::now();
    let options = SqlOptions { timeout: Duration::from_millis(300), ..SqlOptions::default() };
    let error = ask_with(&store.snapshot(), ENDLESS, &[], &options).await.unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Limit, "{error}");
    assert!(error.message.contains("query.timeout_ms"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// A query let go of stops working: its threads come to rest.
#[tokio::test(flavor = "multi_thread")]
async fn let_go() {
    let store = store().await;
    let answer = sql(store.snapshot(), ENDLESS, &[], &SqlOptions::default()).await.unwrap();
    let weak = std::sync::Arc::downgrade(&answer.report);
    let waiting = tokio::time::timeout(Duration::from_millis(200), lines_of(answer)).await;
    assert!(waiting.is_err());
    let began = Instant::now();
    while weak.strong_count() > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "{} parts of the query are still held", weak.strong_count());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    let store = store().await;
    let query = "select a.name, b.body, c.name, d.body, count(*) from spans a, logs b, spans c, logs d, spans e, logs f group by 1, 2, 3, 4 order by 5, 1, 2, 3";
    let options = SqlOptions { memory_bytes: 20_000, ..SqlOptions::default() };
    let error = ask_with(&store.snapshot(), query, &[], &options).await.unwrap_err();
    assert_eq!(error.kind, SqlErrorKind::Limit, "{error}");
    assert!(error.message.contains("query.sql_memory_bytes"), "{error}");
    assert!(ask(&store.snapshot(), query).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows() {
    let store = store().await;
    let options = SqlOptions { rows_max: 3, ..SqlOptions::default() };
    let answer = sql(store.snapshot(), "select name from spans", &[], &options).await.unwrap();
    let report = answer.report.clone();
    assert_eq!(lines_of(answer).await.unwrap().lines().count(), 3);
    assert!(!report.complete());
    assert!(report.warnings()[0].starts_with("only the first 3 rows"), "{:?}", report.warnings());
    let answer = sql(store.snapshot(), "select name from spans limit 3", &[], &options).await.unwrap();
    let report = answer.report.clone();
    assert_eq!(lines_of(answer).await.unwrap().lines().count(), 3);
    assert!(report.complete() && report.warnings().is_empty());
}

/// What is too deep is refused before it is parsed; what is just allowed is answered, on stacks of the usual size.
#[tokio::test(flavor = "multi_thread")]
async fn depth() {
    let store = store().await;
    let snapshot = store.snapshot();
    let chain = |item: &str, between: &str, count: usize| vec![item; count].join(between);
    let refused = [
        format!("select {}", chain("1", "+", 2_000)),
        format!("select {}", chain("duration_nano", " - ", 100_000 / 16)),
        format!("select count(*) from spans where {}", chain("name = 'x'", " or ", 5_000)),
        format!("select {}1{}", "(".repeat(2_000), ")".repeat(2_000)),
        format!("select {} 1", "not ".repeat(2_000)),
        format!("select {}1", "- ".repeat(2_000)),
        format!("select {}1{}", "abs(".repeat(2_000), ")".repeat(2_000)),
        format!("select {}", chain("select 1", " union all ", 2_000).trim_start_matches("select ")),
        format!("select 1{}", "::bigint".repeat(2_000)),
        format!("select {}1{}", "case when true then ".repeat(1_000), " end".repeat(1_000)),
        format!("select {}1{}", "[".repeat(1_000), "]".repeat(1_000)),
        format!("select count(*) from {}", chain("spans", " cross join ", 1_000)),
        format!("select count(*) from {}", chain("spans", ", ", 200)),
        {
            // Each doubles the one before.
            let doubled: Vec<String> = (1..40).map(|i| format!("t{i} as (select a.* from t{} a, t{} b)", i - 1, i - 1)).collect();
            format!("with t0 as (select * from spans), {} select count(*) from t39", doubled.join(", "))
        },
        "x".repeat(300_000),
    ];
    for query in refused {
        let error = ask(&snapshot, &query).await.unwrap_err();
        assert!(matches!(error.kind, SqlErrorKind::Limit | SqlErrorKind::Invalid), "{}: {error}", &query[..40]);
    }
    let allowed = DEPTH_MAX / 2 - 2;
    // `or` and `=` count.
    let terms: Vec<String> = (0..allowed).map(|i| format!("duration_nano = {i}")).collect();
    let answer = ask(&snapshot, &format!("select count(*) as n from spans where {}", terms.join(" or "))).await.unwrap();
    assert_eq!(answer, "{\"n\":0}\n");
    let sum = chain("duration_nano", " + ", DEPTH_MAX - 2);
    let answer = ask(&snapshot, &format!("select max({sum}) as n from spans where upper(name) = 'TICK'")).await.unwrap();
    assert_eq!(answer, format!("{{\"n\":{}}}\n", 5_000 * (DEPTH_MAX - 2)));
    let many: Vec<String> = (0..5_000).map(|i| format!("'{i}'")).collect();
    let answer = ask(&snapshot, &format!("select count(*) as n from spans where name in ({})", many.join(","))).await.unwrap();
    assert_eq!(answer, "{\"n\":0}\n");
}
