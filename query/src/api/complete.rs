//! `/api/v1/complete`: what may be typed next in the query box: fields by use, values by count, only such as can match.

use super::caller::Caller;
use super::json::Object;
use super::params::Params;
use super::reply::{array, json};
use crate::Query;
use crate::error::{Error, Result};
use crate::language::complete::{self, What};
use crate::language::{self, Target};
use crate::plan::logs::{Keys, classes, frequent_keys};
use crate::plan::values::{Counts, values};
use axum::extract::State;
use axum::response::Response;
use hopline_model::Signal;
use hopline_storage::scan::{Order, Predicate, ScanRequest};
use std::sync::Arc;

/// Suggestions of one answer.
const ITEMS_MAX: usize = 50;
/// Values looked at for one field.
const VALUES_MAX: usize = 500;
/// Attribute keys suggested beside the built-in fields.
const KEYS_MAX: usize = 100;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct CompleteParams {
    q: String,
    pos: Option<usize>,
    signal: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

struct Item {
    insert: String,
    label: String,
    kind: &'static str,
    count: Option<u64>,
    about: Option<String>,
}

pub(crate) async fn complete(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<CompleteParams>) -> Result<Response> {
    let (target, signal) = match params.signal.as_deref() {
        None | Some("" | "traces") => (Target::Traces, Signal::Spans),
        Some("spans") => (Target::Spans, Signal::Spans),
        Some("logs") => (Target::Logs, Signal::Logs),
        Some("metrics") => (Target::Metrics, Signal::Metrics),
        Some(other) => return Err(Error::Invalid(format!("signal is traces, spans, logs or metrics, not `{other}`"))),
    };
    let pos = params.pos.unwrap_or(params.q.len());
    let place = complete::context(&params.q, pos);
    let range = super::params::range(params.from.as_deref(), params.to.as_deref(), query.clock.now())?;
    // The rest of the query narrows what is suggested; while it cannot be read, everything may match.
    let rest = language::compile(&place.rest, if signal == Signal::Spans { Target::Spans } else { target })
        .map_or(Predicate::All, crate::plan::rows::predicate);
    let snapshot = query.snapshot(&caller.tenant);
    let (from, to) = (place.from, place.to);
    let (kept, mut room) = (query.kept.clone(), query.memory.room());
    let items = query
        .runner
        .run(move |cancel| {
            let request =
                ScanRequest { range, predicate: rest, columns: Vec::new(), order: Order::Any, cancel: cancel.clone(), ..ScanRequest::all(signal) };
            Ok(match place.what {
                What::Field { prefix } => {
                    let keys = frequent_keys(&snapshot, &request, KEYS_MAX)?;
                    fields(target, &prefix, &keys)
                }
                What::Value { field, prefix, .. } => {
                    let mut counts = Counts::new(&mut room);
                    let values = match complete::values_field(&field, target) {
                        Some(field) => {
                            values(&snapshot, &kept, &request, &field, &mut counts)?;
                            classes(&field, counts.most(VALUES_MAX))
                        }
                        // Such a field has no values that could be listed.
                        None => Vec::new(),
                    };
                    values_of(&prefix, values)
                }
                What::Nothing => Vec::new(),
                What::Keyword => ["AND", "OR", "NOT"]
                    .map(|word| Item { insert: format!("{word} "), label: word.into(), kind: "keyword", count: None, about: None })
                    .into_iter()
                    .collect(),
            })
        })
        .await?;
    let items: Vec<String> = items.iter().take(ITEMS_MAX).map(item_json).collect();
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.uint("from", from as u64);
    object.uint("to", to as u64);
    object.raw("items", &array(&items));
    object.end();
    Ok(json(out))
}

fn fields(target: Target, prefix: &str, keys: &Keys) -> Vec<Item> {
    let folded = prefix.to_lowercase();
    // Names of the language stand as they are; a key that could be read as one is put in quotes.
    let known = complete::fields(target)
        .map(|field| (field.name.to_owned(), field.name.to_owned(), Some(field.about.to_owned())))
        .chain(keys.attributes.iter().map(|key| (complete::field_text(key, target), key.clone(), None)))
        .chain(
            keys.resource
                .iter()
                .filter(|key| !complete::is_field(key, target))
                .map(|key| (complete::field_text(key, target), key.clone(), Some("of the resource".to_owned()))),
        )
        .chain(keys.body.iter().map(|path| (format!("body.{path}"), format!("body.{path}"), Some("inside the body".to_owned()))));
    let mut items: Vec<Item> = known
        .filter(|(_, name, _)| name.to_lowercase().contains(&folded))
        .map(|(text, name, about)| Item { insert: format!("{text}:"), label: name, kind: "field", count: None, about })
        .collect();
    items.sort_by_key(|item| !item.label.to_lowercase().starts_with(&folded));
    items
}

fn values_of(prefix: &str, values: Vec<(String, u64)>) -> Vec<Item> {
    let folded = prefix.to_lowercase();
    values
        .into_iter()
        .filter(|(value, _)| value.to_lowercase().contains(&folded))
        .map(|(value, count)| Item {
            insert: format!("{} ", complete::value_text(&value)),
            label: value,
            kind: "value",
            count: Some(count),
            about: None,
        })
        .collect()
}

fn item_json(item: &Item) -> String {
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.text("insert", &item.insert);
    object.text("label", &item.label);
    object.text("kind", item.kind);
    if let Some(count) = item.count {
        object.uint("count", count);
    }
    object.optional("about", item.about.as_deref());
    object.end();
    out
}
