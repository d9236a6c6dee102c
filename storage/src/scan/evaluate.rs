//! A filter over the rows of a part → which rows hold.
//!
//! Conditions are asked only for the rows still in question (the mask), so a part that reads columns from a file
//! reads only the pages of those rows. Dictionary columns are tested once per value; JSON columns are searched as
//! one stretch of bytes for the key (and the value, where it is known), and only rows with a hit are walked.

use super::filter::Filter;
use super::part::{Loaded, Part, known_column};
use super::predicate::Field;
use super::value::{Compiled, by_code};
use crate::error::Result;
use crate::text::TextMatcher;
use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Int32Type};
use hopline_model::schema::column;
use hopline_model::{Signal, attributes, body};

/// The rows of `mask` that hold.
pub(crate) fn evaluate(filter: &Filter, part: &dyn Part, signal: Signal, mask: &BooleanBuffer) -> Result<BooleanBuffer> {
    if mask.count_set_bits() == 0 {
        return Ok(mask.clone());
    }
    Ok(match filter {
        Filter::All => mask.clone(),
        Filter::Nothing => BooleanBuffer::new_unset(mask.len()),
        Filter::And(filters) => {
            let mut rows = mask.clone();
            for filter in filters {
                rows = evaluate(filter, part, signal, &rows)?;
            }
            rows
        }
        Filter::Or(filters) => {
            let mut found = BooleanBuffer::new_unset(mask.len());
            for filter in filters {
                let open = without(mask, &found);
                found = &found | &evaluate(filter, part, signal, &open)?;
            }
            found
        }
        Filter::Not(filter) => without(mask, &evaluate(filter, part, signal, mask)?),
        Filter::Compare { field, test } => compare(field, test, part, signal, mask)?,
        Filter::Text(text) => text_rows(text, part, signal, mask)?,
        Filter::TraceIds(ids) => ids_in(ids, part, signal, column::TRACE_ID, mask)?,
        Filter::SpanIds(ids) => ids_in(ids, part, signal, column::SPAN_ID, mask)?,
    })
}

/// `a` and not `b`.
pub(crate) fn without(a: &BooleanBuffer, b: &BooleanBuffer) -> BooleanBuffer {
    a & &!b
}

fn nothing(mask: &BooleanBuffer) -> BooleanBuffer {
    BooleanBuffer::new_unset(mask.len())
}

/// Marks of a loaded column's values as marks of the part's rows.
pub(crate) fn scatter(found: BooleanBuffer, loaded: &Loaded, mask: &BooleanBuffer) -> BooleanBuffer {
    match &loaded.rows {
        None => &found & mask,
        Some(rows) => {
            let mut out = BooleanBufferBuilder::new(mask.len());
            out.append_n(mask.len(), false);
            for i in found.set_indices() {
                out.set_bit(rows[i] as usize, true);
            }
            &out.finish() & mask
        }
    }
}

/// The mask as marks of a loaded column's values.
fn gather(mask: &BooleanBuffer, loaded: &Loaded) -> BooleanBuffer {
    match &loaded.rows {
        None => mask.clone(),
        Some(rows) => BooleanBuffer::collect_bool(rows.len(), |i| mask.value(rows[i] as usize)),
    }
}

fn compare(field: &Field, test: &Compiled, part: &dyn Part, signal: Signal, mask: &BooleanBuffer) -> Result<BooleanBuffer> {
    if !known_column(signal, field) {
        return Ok(nothing(mask));
    }
    match field {
        Field::Column(column::ATTRIBUTES) => {
            let loaded = part.attributes(mask)?;
            Ok(scatter(test.array(&loaded.array), &loaded, mask))
        }
        Field::Column(name) => {
            let loaded = part.column(name, mask)?;
            Ok(scatter(test.array(&loaded.array), &loaded, mask))
        }
        Field::Attribute(key) => attribute(key, test, part, mask),
        Field::Resource(key) => Ok(origin(column::RESOURCE, key, test, part, mask)?.1),
        Field::Scope(key) => Ok(origin(column::SCOPE, key, test, part, mask)?.1),
        Field::Any(key) => {
            let (resource_has, resource_holds) = origin(column::RESOURCE, key, test, part, mask)?;
            let (_, scope_holds) = origin(column::SCOPE, key, test, part, mask)?;
            let found = attribute(key, test, part, mask)?;
            let behind = &resource_holds | &without(&scope_holds, &resource_has);
            // Where the row has the attribute itself, what stands behind it does not count.
            let behind = without(&behind, &found);
            let hidden = attribute(key, &Compiled::Exists, part, &behind)?;
            Ok(&found | &without(&behind, &hidden))
        }
        Field::Body(_) if signal != Signal::Logs => Ok(nothing(mask)),
        Field::Body(path) => {
            let loaded = part.column(column::BODY, mask)?;
            // A key may be written with escapes: then every row is walked.
            let escaped = memchr::memmem::find(bytes_of(loaded.array.as_string::<i32>()), b"\\u00").is_some();
            let key = if escaped { "" } else { last_key(path) };
            let needle = Needle { key: key.as_bytes().to_vec(), values: Vec::new() };
            json(&loaded, mask, &needle, |text| body::matches(text, path, &mut |found| test.written(found)))
        }
        Field::Event(_) | Field::Link(_) if signal != Signal::Spans => Ok(nothing(mask)),
        Field::Event(key) => {
            let loaded = part.column(column::EVENTS, mask)?;
            json(&loaded, mask, &Needle::key(key), |text| {
                attributes::items(text).any(|event| nested(event, key, key == "name").is_some_and(|raw| test.raw(raw)))
            })
        }
        Field::Link(key) => {
            let loaded = part.column(column::LINKS, mask)?;
            let own = key == "trace_id" || key == "span_id";
            json(&loaded, mask, &Needle::key(key), |text| attributes::items(text).any(|link| nested(link, key, own).is_some_and(|raw| test.raw(raw))))
        }
    }
}

/// What every body that holds a path contains, however it is written: the last plain characters of its key.
fn last_key(path: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    let end = path.trim_end_matches(plain);
    &path[end.len()..]
}

/// A member of an event or link, or one of its attributes.
fn nested<'a>(item: &'a str, key: &str, own: bool) -> Option<&'a str> {
    if own { attributes::get(item, key) } else { attributes::get(attributes::get(item, "attributes")?, key) }
}

/// Which rows' resource (or scope) has the key, and in which it holds.
fn origin(name: &str, key: &str, test: &Compiled, part: &dyn Part, mask: &BooleanBuffer) -> Result<(BooleanBuffer, BooleanBuffer)> {
    let loaded = part.column(name, mask)?;
    let dictionary = loaded.array.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    let raws: Vec<Option<&str>> = (0..values.len()).map(|i| if values.is_null(i) { None } else { attributes::get(values.value(i), key) }).collect();
    let has: Vec<bool> = raws.iter().map(Option::is_some).collect();
    let holds: Vec<bool> = raws.iter().map(|raw| raw.is_some_and(|raw| test.raw(raw))).collect();
    Ok((scatter(by_code(dictionary, &has), &loaded, mask), scatter(by_code(dictionary, &holds), &loaded, mask)))
}

fn attribute(key: &str, test: &Compiled, part: &dyn Part, mask: &BooleanBuffer) -> Result<BooleanBuffer> {
    let mut found = nothing(mask);
    let mut open = mask.clone();
    if let Some(dense) = part.dense(key) {
        let loaded = part.column(&dense.column, mask)?;
        found = scatter(test.array(&loaded.array), &loaded, mask);
        if dense.whole {
            return Ok(found);
        }
        open = without(mask, &scatter(Compiled::Exists.array(&loaded.array), &loaded, mask));
    }
    if open.count_set_bits() > 0 {
        let loaded = part.column(column::ATTRIBUTES, &open)?;
        let rest = json(&loaded, &open, &Needle::pair(key, test), |text| attributes::get(text, key).is_some_and(|raw| test.raw(raw)))?;
        found = &found | &rest;
    }
    Ok(found)
}

/// What every row that may match contains.
struct Needle {
    key: Vec<u8>,
    /// One of these follows the key and its `:`, unless empty.
    values: Vec<Vec<u8>>,
}

impl Needle {
    fn key(key: &str) -> Self {
        let mut text = String::new();
        attributes::write_string(&mut text, key);
        // A leading `$` may be doubled: search from it on.
        let text = if key.starts_with('$') { &text[1..] } else { &text };
        Self { key: text.as_bytes().to_vec(), values: Vec::new() }
    }

    fn pair(key: &str, test: &Compiled) -> Self {
        let mut needle = Self::key(key);
        let quoted = |text: &str| {
            let mut out = String::new();
            attributes::write_string(&mut out, text);
            out.into_bytes()
        };
        match test {
            Compiled::Any(constants) if constants.iter().all(|constant| constant.number.is_none()) => {
                for constant in constants {
                    needle.values.push(quoted(&constant.text));
                    if !constant.text.is_empty() {
                        needle.values.push(constant.text.as_bytes().to_vec());
                    }
                }
            }
            Compiled::Glob(glob) if !glob.prefix().is_empty() => {
                let mut start = quoted(glob.prefix());
                start.pop();
                needle.values.push(start);
                needle.values.push(glob.prefix().as_bytes().to_vec());
            }
            _ => {}
        }
        needle
    }

    fn follows(&self, after: &[u8]) -> bool {
        if self.values.is_empty() {
            return true;
        }
        // `:` in an object, `,` in a list of pairs.
        matches!(after.first(), Some(b':' | b',')) && self.values.iter().any(|value| after[1..].starts_with(value))
    }
}

/// Rows of a JSON column that hold the needle and then satisfy `holds`.
fn json(loaded: &Loaded, mask: &BooleanBuffer, needle: &Needle, holds: impl Fn(&str) -> bool) -> Result<BooleanBuffer> {
    let texts = loaded.array.as_string::<i32>();
    let wanted = gather(mask, loaded);
    let finder = memchr::memmem::Finder::new(&needle.key);
    let bytes = bytes_of(texts);
    let find = |from: usize| finder.find_iter(&bytes[from..]).map(|at| from + at).find(|at| needle.follows(&bytes[at + needle.key.len()..]));
    let found = rows_at(texts, find, |row| wanted.value(row) && !texts.is_null(row) && holds(texts.value(row)));
    Ok(scatter(found, loaded, mask))
}

/// The bytes of all values, one behind the other.
fn bytes_of(texts: &StringArray) -> &[u8] {
    let offsets = texts.value_offsets();
    &texts.value_data()[offsets[0] as usize..offsets[texts.len()] as usize]
}

/// Rows in which a place lies and `holds` is true. `find` gives the first place at or behind an offset; it is asked again from the next row on,
/// so a place that reaches over the end of its row hides nothing.
fn rows_at(texts: &StringArray, find: impl Fn(usize) -> Option<usize>, holds: impl Fn(usize) -> bool) -> BooleanBuffer {
    let offsets = texts.value_offsets();
    let base = offsets[0];
    let mut found = BooleanBufferBuilder::new(texts.len());
    found.append_n(texts.len(), false);
    let mut row = 0;
    while row < texts.len() {
        let Some(place) = find((offsets[row] - base) as usize) else { break };
        let at = place as i32 + base;
        while row < texts.len() && offsets[row + 1] <= at {
            row += 1;
        }
        if row < texts.len() && holds(row) {
            found.set_bit(row, true);
        }
        row += 1;
    }
    found.finish()
}

fn ids_in<const N: usize>(ids: &[[u8; N]], part: &dyn Part, signal: Signal, name: &'static str, mask: &BooleanBuffer) -> Result<BooleanBuffer> {
    if !known_column(signal, &Field::Column(name)) {
        return Ok(nothing(mask));
    }
    let loaded = part.column(name, mask)?;
    let values = loaded.array.as_fixed_size_binary();
    let bytes = values.value_data();
    let value = |i: usize| bytes.get(i * N..(i + 1) * N);
    let found = match ids {
        [id] => BooleanBuffer::collect_bool(values.len(), |i| value(i) == Some(&id[..])),
        ids => BooleanBuffer::collect_bool(values.len(), |i| value(i).is_some_and(|bytes| ids.binary_search_by(|id| id[..].cmp(bytes)).is_ok())),
    };
    let found = match values.nulls() {
        Some(nulls) => &found & nulls.inner(),
        None => found,
    };
    Ok(scatter(found, &loaded, mask))
}

fn text_rows(text: &TextMatcher, part: &dyn Part, signal: Signal, mask: &BooleanBuffer) -> Result<BooleanBuffer> {
    match signal {
        Signal::Logs => {
            let mut mask = mask.clone();
            if let Some(rows) = part.text_rows(text)? {
                mask = &mask & &rows;
                // A phrase of one word is that word.
                if !text.query.phrase || text.words.len() == 1 {
                    return Ok(mask);
                }
            }
            if mask.count_set_bits() == 0 {
                return Ok(mask);
            }
            let loaded = part.column(column::BODY, &mask)?;
            let bodies = loaded.array.as_string::<i32>();
            let wanted = gather(&mask, &loaded);
            let holds = |row: usize| wanted.value(row) && !bodies.is_null(row) && text.matches(bodies.value(row));
            let found = if text.has_prefilter() {
                rows_at(bodies, |from| text.place(bytes_of(bodies), from), holds)
            } else {
                BooleanBuffer::collect_bool(bodies.len(), holds)
            };
            Ok(scatter(found, &loaded, &mask))
        }
        Signal::Spans => {
            let mask = match part.text_rows(text)? {
                Some(rows) => mask & &rows,
                None => mask.clone(),
            };
            let mut candidates = nothing(&mask);
            let dense = part.dense_keys();
            let mut names =
                vec![column::NAME, column::STATUS_MESSAGE, column::EVENTS, column::ATTRIBUTES].into_iter().map(str::to_owned).collect::<Vec<_>>();
            names.extend(dense.iter().filter_map(|key| part.dense(key)).map(|dense| dense.column));
            for name in names {
                let open = without(&mask, &candidates);
                if open.count_set_bits() == 0 {
                    break;
                }
                let loaded = part.column(&name, &open)?;
                candidates = &candidates | &scatter(may_hold(text, &loaded.array), &loaded, &open);
            }
            verify_spans(text, part, &candidates)
        }
        Signal::Metrics => {
            let name = part.column(column::NAME, mask)?;
            let description = part.column(column::DESCRIPTION, mask)?;
            each_row(mask, |row| {
                let mut texts = text.row();
                add_text(&mut texts, &name, row);
                add_text(&mut texts, &description, row);
                texts.matched()
            })
        }
    }
}

/// Values in which the longest word may stand; every value where there is no cheap test.
fn may_hold(text: &TextMatcher, array: &ArrayRef) -> BooleanBuffer {
    let all = || Compiled::Exists.array(array);
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            if text.has_prefilter() { rows_at(texts, |from| text.place(bytes_of(texts), from), |_| true) } else { all() }
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            let values = dictionary.values().as_string::<i32>();
            let holds: Vec<bool> = (0..values.len()).map(|i| !text.has_prefilter() || text.place(values.value(i).as_bytes(), 0).is_some()).collect();
            by_code(dictionary, &holds)
        }
        // Numbers and booleans as text hold digits, `e`, `true` and `false`.
        _ => {
            let may = text.is_literal()
                || text
                    .words
                    .iter()
                    .any(|word| word.starts_with(|c: char| c.is_ascii_digit()) || "true false e".contains(word.as_str()) || text.query.prefix);
            if may { all() } else { BooleanBuffer::new_unset(array.len()) }
        }
    }
}

/// The truth for few rows: every text of the span, decoded.
fn verify_spans(text: &TextMatcher, part: &dyn Part, candidates: &BooleanBuffer) -> Result<BooleanBuffer> {
    if candidates.count_set_bits() == 0 {
        return Ok(candidates.clone());
    }
    let name = part.column(column::NAME, candidates)?;
    let message = part.column(column::STATUS_MESSAGE, candidates)?;
    let events = part.column(column::EVENTS, candidates)?;
    let own = part.attributes(candidates)?;
    each_row(candidates, |row| {
        let mut texts = text.row();
        add_text(&mut texts, &name, row);
        add_text(&mut texts, &message, row);
        with_text(&own, row, |json| add_values(&mut texts, json));
        with_text(&events, row, |json| {
            for event in attributes::items(json) {
                if let Some(name) = attributes::get(event, "name") {
                    texts.add(&attributes::plain_text(name));
                }
                if let Some(own) = attributes::get(event, "attributes") {
                    add_values(&mut texts, own);
                }
            }
        });
        texts.matched()
    })
}

fn add_values(texts: &mut crate::text::TextRow<'_>, json: &str) {
    for (_, raw) in attributes::entries(json) {
        if texts.matched() {
            return;
        }
        texts.add(&attributes::plain_text(raw));
    }
}

fn add_text(texts: &mut crate::text::TextRow<'_>, loaded: &Loaded, row: usize) {
    with_text(loaded, row, |text| texts.add(text));
}

fn with_text(loaded: &Loaded, row: usize, each: impl FnOnce(&str)) {
    let at = match &loaded.rows {
        None => row,
        Some(rows) => match rows.binary_search(&(row as u32)) {
            Ok(at) => at,
            Err(_) => return,
        },
    };
    if let Some(text) = super::value::cell_text(&loaded.array, at) {
        each(&text);
    }
}

fn each_row(mask: &BooleanBuffer, mut holds: impl FnMut(usize) -> bool) -> Result<BooleanBuffer> {
    let mut found = BooleanBufferBuilder::new(mask.len());
    found.append_n(mask.len(), false);
    for row in mask.set_indices() {
        if holds(row) {
            found.set_bit(row, true);
        }
    }
    Ok(found.finish())
}
