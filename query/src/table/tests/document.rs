//! The examples of `docs/sql.md` run.

use super::rows::{ask, store};

#[tokio::test(flavor = "multi_thread")]
async fn every_example() {
    let store = store().await;
    let snapshot = store.snapshot();
    let text = include_str!("../../../../docs/sql.md");
    let mut count = 0;
    for block in text.split("```sql\n").skip(1) {
        let query = block.split("```").next().unwrap();
        count += 1;
        if let Err(error) = ask(&snapshot, query).await {
            panic!("{query}{error}");
        }
    }
    assert!(count >= 10, "{count} examples");
}

/// Every table and column has words, and stands in the document.
#[tokio::test(flavor = "multi_thread")]
async fn every_column() {
    let text = include_str!("../../../../docs/sql.md");
    for table in crate::table::tables().await.unwrap() {
        assert!(text.contains(&format!("### {}", table.name)), "no section on {}", table.name);
        for (field, about) in table.columns {
            assert!(!about.is_empty(), "{}.{} has no words", table.name, field.name());
            assert!(text.contains(&format!("`{}`", field.name())), "{}.{} is not in docs/sql.md", table.name, field.name());
        }
    }
}
