//! What is handed down to the scan, as `EXPLAIN` shows it.

use super::rows::{ask, store};

#[tokio::test(flavor = "multi_thread")]
async fn handed_down() {
    let store = store().await;
    let snapshot = store.snapshot();
    // (query, what the plan holds, what it does not hold)
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("select name from spans where service_name = 'web'", &["Column(\"service_name\")", "columns=[name]"], &["FilterExec"]),
        ("select name from spans where attributes['http.route'] = '/cart'", &["Attribute(\"http.route\")", "columns=[name]"], &["FilterExec"]),
        ("select attributes['http.route'] as r, count(*) from spans group by 1", &["attributes['http.route']"], &["attribute("]),
        ("select attributes['code']::bigint + 1 as r from spans", &["attributes['code']"], &["attribute_integer("]),
        ("select resource['host.name'] from spans", &["SnapshotScan: spans columns=["], &["attribute("]),
        ("select name from spans where attributes['code']::bigint > 400", &["Range", "FilterExec"], &[]),
        ("select name from spans where start_time >= '2026-01-01T00:00:10Z'", &["time=[2026-01-01T00:00:10.000000000Z, "], &["FilterExec"]),
        ("select name from spans where start_time > now() - interval '1 hour' and duration_nano > 5", &["time=[", "Range"], &["FilterExec"]),
        ("select name from spans order by start_time desc limit 5", &["order=NewestFirst", "limit=5"], &["SortExec"]),
        ("select name, attributes['k'] from spans where name = 'x' order by start_time desc limit 5", &["order=NewestFirst"], &["SortExec"]),
        ("select * from logs order by time limit 5", &["order=OldestFirst", "limit=5"], &["SortExec"]),
        ("select name from spans order by start_time desc", &["SortExec"], &["order=NewestFirst"]),
        ("select name from spans where upper(name) = 'X' order by start_time desc limit 5", &["SortExec"], &["order=NewestFirst"]),
        ("select name from spans limit 3", &["limit=3"], &[]),
        ("select name from spans where status_code = 'error' limit 3", &["limit=3"], &["FilterExec"]),
        ("select body from logs where match(body, 'card declined')", &["Text(TextQuery"], &["FilterExec"]),
        ("select time from logs where body_field(body, 'user.id') = '42'", &["Body(\"user.id\")", "Text(TextQuery", "FilterExec"], &[]),
        ("select time from logs where body_field(body, 'user.id') <> '42'", &["FilterExec"], &["Body("]),
        ("select count(*) from logs where trace_id = '01010101010101010101010101010101'", &["Column(\"trace_id\")", "columns=[]"], &["FilterExec"]),
        ("select name from spans where name like 'GET%' or name in ('tick', 'tock')", &["Like(\"GET*\")"], &["FilterExec"]),
    ];
    let mut failures = Vec::new();
    for (query, holds, lacks) in cases {
        let plan = ask(&snapshot, &format!("explain {query}")).await.unwrap().replace("\\\"", "\"").replace("\\n", "\n");
        let physical = plan.split("physical_plan").nth(1).unwrap_or_default();
        for text in *holds {
            if !physical.contains(text) {
                failures.push(format!("{query}: no {text} in\n{physical}"));
            }
        }
        for text in *lacks {
            if physical.contains(text) {
                failures.push(format!("{query}: {text} in\n{physical}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
