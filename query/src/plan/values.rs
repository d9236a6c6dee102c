//! Values of a field with how many rows have them, whatever the field is: what facets list and completion offers.
//!
//! A bare key is the row's attribute, else its resource's; both are counted. Resources are few and stand in dictionaries, so their values come from
//! the counts of whole resources; a body's fields are read out of the bodies.

use super::columns::Texts;
use super::kept::{Kept, plus};
use super::memory::Room;
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{attributes, body};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Column, Field, Predicate, ScanRequest, ScanStats, Test};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Distinct texts and their rows. What there is no room for is counted as such.
#[derive(Debug)]
pub(crate) struct Counts<'a> {
    counts: HashMap<String, u64>,
    bytes: u64,
    room: &'a mut Room,
    /// Rows whose value is not among the counts.
    pub(crate) left_out: u64,
}

/// Of an entry, beside its text.
const ENTRY_BYTES: u64 = 64;

impl<'a> Counts<'a> {
    pub(crate) fn new(room: &'a mut Room) -> Self {
        Self { counts: HashMap::new(), bytes: 0, room, left_out: 0 }
    }

    pub(crate) fn add(&mut self, text: &str, rows: u64) {
        if let Some(count) = self.counts.get_mut(text) {
            *count += rows;
            return;
        }
        let bytes = self.bytes + ENTRY_BYTES + text.len() as u64;
        if self.left_out > 0 || !self.room.holds(bytes) {
            // From here on: a value that is counted is counted from its first row.
            self.left_out += rows;
            return;
        }
        self.bytes = bytes;
        self.counts.insert(text.to_owned(), rows);
    }

    /// Most first, at most `limit`.
    pub(crate) fn most(self, limit: usize) -> Vec<(String, u64)> {
        let mut values: Vec<(String, u64)> = self.counts.into_iter().collect();
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(limit);
        values
    }
}

/// The values of `field` in the rows of `request`.
pub(crate) fn values(snapshot: &Snapshot, kept: &Kept, request: &ScanRequest, field: &Field, counts: &mut Counts<'_>) -> Result<ScanStats> {
    match field {
        Field::Column(name) => kept.values(snapshot, request, &Column::Fixed(name), counts),
        Field::Attribute(key) => kept.values(snapshot, request, &Column::Attribute(key.clone()), counts),
        Field::Resource(key) => members(snapshot, kept, request, column::RESOURCE, key, counts),
        Field::Scope(key) => members(snapshot, kept, request, column::SCOPE, key, counts),
        Field::Any(key) => {
            let mut stats = kept.values(snapshot, request, &Column::Attribute(key.clone()), counts)?;
            let own = Predicate::Compare { field: Field::Attribute(key.clone()), test: Test::Exists };
            let behind = |field: Field| Predicate::Compare { field, test: Test::Exists };
            let without = |others: Vec<Predicate>| {
                let hidden = others.into_iter().map(|other| Predicate::Not(Box::new(other)));
                let predicate = Predicate::And(std::iter::once(request.predicate.clone()).chain(hidden).collect());
                ScanRequest { predicate, ..request.clone() }
            };
            plus(&mut stats, members(snapshot, kept, &without(vec![own.clone()]), column::RESOURCE, key, counts)?);
            plus(&mut stats, members(snapshot, kept, &without(vec![own, behind(Field::Resource(key.clone()))]), column::SCOPE, key, counts)?);
            Ok(stats)
        }
        Field::Body(path) => bodies(snapshot, request, path, counts),
        // Lists of them stand in one row.
        Field::Event(_) | Field::Link(_) => Ok(ScanStats::default()),
    }
}

/// Values of a member of the resource or scope.
fn members(snapshot: &Snapshot, kept: &Kept, request: &ScanRequest, name: &'static str, key: &str, counts: &mut Counts<'_>) -> Result<ScanStats> {
    let has = Predicate::Compare {
        field: if name == column::SCOPE { Field::Scope(key.to_owned()) } else { Field::Resource(key.to_owned()) },
        test: Test::Exists,
    };
    let request = ScanRequest { predicate: Predicate::And(vec![request.predicate.clone(), has]), ..request.clone() };
    let mut add = |text: &str, rows: u64| {
        if let Some(raw) = attributes::get(text, key) {
            counts.add(&attributes::plain_text(raw), rows);
        }
    };
    kept.values_each(snapshot, &request, &Column::Fixed(name), &mut add)
}

/// Values of a field inside the body, each of a list's items too.
fn bodies(snapshot: &Snapshot, request: &ScanRequest, path: &str, counts: &mut Counts<'_>) -> Result<ScanStats> {
    let has = Predicate::Compare { field: Field::Body(path.to_owned()), test: Test::Exists };
    let predicate = Predicate::And(vec![request.predicate.clone(), has]);
    let request = ScanRequest { predicate, columns: vec![Column::Fixed(column::BODY)], ..request.clone() };
    let stats = snapshot.scan(&request, &mut |batch| {
        let texts = Texts::of(&batch, column::BODY);
        for text in (0..batch.num_rows()).filter_map(|row| texts.get(row)) {
            body::matches(text, path, &mut |found| {
                counts.add(found.text(), 1);
                false
            });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(stats)
}
