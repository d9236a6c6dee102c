//! What an operator may ask for: settle, verify, retention, deletion. Scope admin.

use super::caller::Operator;
use super::params;
use super::reply::json;
use crate::Query;
use crate::error::{Error, Result};
use crate::language::{self, Target};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use hopline_model::{Signal, TimeRange, UnixNanos};
use hopline_storage::{Delete, Deleted};
use serde::Deserialize;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn settle(State(query): State<Arc<Query>>, _operator: Operator) -> Result<Response> {
    query.storage.settle().await?;
    Ok(json("{\"settled\":true}".into()))
}

/// Body: nothing, or `{"repair": true}`.
pub(crate) async fn verify(State(query): State<Arc<Query>>, _operator: Operator, body: Bytes) -> Result<Response> {
    let repair = flag(&body, "repair")?;
    let storage = query.storage.clone();
    blocking("verifying", move || if repair { storage.repair() } else { Ok(storage.verify().report()) }).await
}

/// What retention would do now, and when it will next do something.
pub(crate) async fn retention(State(query): State<Arc<Query>>, _operator: Operator) -> Result<Response> {
    let storage = query.storage.clone();
    blocking("looking at retention", move || storage.retention()).await
}

/// Body: `{"run": true}`. Answers with what is left to do.
pub(crate) async fn run_retention(State(query): State<Arc<Query>>, _operator: Operator, body: Bytes) -> Result<Response> {
    if !flag(&body, "run")? {
        return Err(Error::Invalid("the body is {\"run\": true}: GET shows what would go".into()));
    }
    let storage = query.storage.clone();
    blocking("retention", move || storage.run_retention().and_then(|()| storage.retention())).await
}

/// What is to be deleted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    signal: String,
    q: String,
    from: Option<String>,
    to: Option<String>,
    dry_run: bool,
    all: bool,
}

/// Body: `{"signal":"logs","q":"…","from":…,"to":…,"dry_run":true}`; `all` with an empty query. Without a range, of all time.
/// Answers `{"rows":…,"blocks_rewritten":…,"blocks_removed":…,"dry_run":…}`.
pub(crate) async fn delete(State(query): State<Arc<Query>>, operator: Operator, body: Bytes) -> Result<Response> {
    let wanted: Wanted = serde_json::from_slice(&body)
        .map_err(|error| Error::Invalid(format!("the body is {{\"signal\":\"logs\",\"q\":\"…\",\"from\":…,\"to\":…,\"dry_run\":true}}: {error}")))?;
    let delete = compile(&wanted, query.clock.now())?;
    let Some(tenant) = query.storage.known_tenant(&operator.tenant) else { return answer(Deleted::default(), wanted.dry_run) };
    let storage = query.storage.clone();
    if wanted.dry_run {
        let counted = query.runner.run(move |cancel| Ok(storage.would_delete(tenant, &delete, cancel)?)).await?;
        return answer(counted, true);
    }
    tracing::warn!(tenant = %operator.tenant, signal = %wanted.signal, q = %wanted.q, from = ?wanted.from, to = ?wanted.to, "deletes what a query matches");
    // Not on a question's place and not within its deadline; a client that goes away does not stop it half-way.
    let deleted = tokio::spawn(async move { storage.delete(tenant, delete).await });
    let deleted = deleted.await.map_err(|error| Error::Internal(format!("deleting broke off, ask again: {error}")))??;
    answer(deleted, false)
}

fn compile(wanted: &Wanted, now: UnixNanos) -> Result<Delete> {
    let signal: Signal =
        wanted.signal.parse().map_err(|()| Error::Invalid(format!("signal is `spans`, `logs` or `metrics`, not `{}`", wanted.signal)))?;
    if wanted.q.trim().is_empty() && !wanted.all {
        return Err(Error::Invalid("an empty q matches everything: set \"all\": true if that is meant".into()));
    }
    let target = match signal {
        Signal::Spans => Target::Spans,
        Signal::Logs => Target::Logs,
        Signal::Metrics => Target::Metrics,
    };
    let compiled = language::compile(&wanted.q, target)?;
    let time = |name: &str, text: &Option<String>| text.as_deref().map(|text| params::time(name, text, now)).transpose();
    let range =
        TimeRange { start: time("from", &wanted.from)?.unwrap_or(TimeRange::ALL.start), end: time("to", &wanted.to)?.unwrap_or(TimeRange::ALL.end) };
    if range.end < range.start {
        return Err(Error::Invalid(format!("the range ends before it starts: from is {}, to is {}", range.start, range.end)));
    }
    Ok(Delete { signal, predicate: crate::plan::rows::predicate(compiled), range })
}

fn answer(deleted: Deleted, dry_run: bool) -> Result<Response> {
    let Deleted { rows, blocks_rewritten, blocks_removed } = deleted;
    Ok(json(json!({"rows": rows, "blocks_rewritten": blocks_rewritten, "blocks_removed": blocks_removed, "dry_run": dry_run}).to_string()))
}

/// A body of nothing, or of one boolean.
fn flag(body: &[u8], name: &str) -> Result<bool> {
    let wanted: Value = if body.is_empty() { json!({}) } else { serde_json::from_slice(body).unwrap_or_default() };
    match wanted.get(name) {
        None if wanted.is_object() => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        _ => Err(Error::Invalid(format!("the body is nothing or {{\"{name}\": true}}"))),
    }
}

async fn blocking<T: Serialize + Send + 'static>(what: &str, work: impl FnOnce() -> hopline_storage::Result<T> + Send + 'static) -> Result<Response> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(format!("{what} broke off: {error}")))??;
    Ok(json(serde_json::to_string(&done).map_err(|error| Error::Internal(error.to_string()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a wish to delete is said before anything is touched.
    #[test]
    fn wishes() {
        let check = |wanted: Wanted| {
            compile(&wanted, UnixNanos(10_000_000_000)).map(|delete| (delete.signal, delete.range)).map_err(|error| error.to_string())
        };
        let logs = |q: &str| Wanted { signal: "logs".into(), q: q.into(), ..Wanted::default() };
        assert_eq!(check(logs("service:a")).unwrap(), (Signal::Logs, TimeRange::ALL));
        let ranged = Wanted { from: Some("now-5s".into()), to: Some("now".into()), ..logs("a") };
        assert_eq!(check(ranged).unwrap().1, TimeRange::new(UnixNanos(5_000_000_000), UnixNanos(10_000_000_000)));
        assert!(check(Wanted { all: true, ..logs("") }).is_ok());
        for (wanted, words) in [
            (logs(" "), "matches everything"),
            (Wanted { signal: "log".into(), ..logs("a") }, "not `log`"),
            (logs("service:"), "expected"),
            (Wanted { from: Some("now".into()), to: Some("now-1h".into()), ..logs("a") }, "ends before it starts"),
        ] {
            let error = check(wanted).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
