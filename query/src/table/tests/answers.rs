//! `answers.txt`: `> query` lines, then the answer's rows as JSON, or `error:` and how the message starts; `params:` before the query.

use super::rows::{ask_with, store};
use crate::table::SqlOptions;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer() {
    let store = store().await;
    let snapshot = store.snapshot();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in
        include_str!("answers.txt").split("\n\n").map(str::trim).filter(|case| !case.is_empty() && !case.lines().all(|line| line.starts_with('#')))
    {
        let mut params = Vec::new();
        let (mut query, mut expect) = (String::new(), String::new());
        for line in case.lines().filter(|line| !line.starts_with('#')) {
            if let Some(rest) = line.strip_prefix("> ") {
                query.push_str(rest);
                query.push('\n');
            } else if let Some(rest) = line.strip_prefix("params: ") {
                params = serde_json::from_str(rest).unwrap();
            } else {
                expect.push_str(line);
                expect.push('\n');
            }
        }
        count += 1;
        let got = match ask_with(&snapshot, query.trim(), &params, &SqlOptions::default()).await {
            Ok(rows) => rows,
            Err(error) => match expect.strip_prefix("error: ") {
                Some(start) if error.message.starts_with(start.trim()) => continue,
                _ => format!("error: {} ({:?} at {:?})\n", error.message, error.kind, error.position),
            },
        };
        if got != expect {
            failures.push(format!("{query}  expected\n{expect}  got\n{got}"));
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 40, "{count} cases");
}

/// The place of a mistake is a byte offset, also behind line breaks and other alphabets.
#[tokio::test(flavor = "multi_thread")]
async fn place_of_a_mistake() {
    let store = store().await;
    let snapshot = store.snapshot();
    for (query, place) in [("select (1 from spans", 10), ("select 'ä',\n (1 from spans", 17), ("selec 1", 0)] {
        let error = ask_with(&snapshot, query, &[], &SqlOptions::default()).await.unwrap_err();
        assert_eq!(error.position, Some(place), "{query}: {error}");
    }
}
