//! Attributes of one list → one canonical object: redacted, sorted by key. What was seen in lists before comes from [`Known`].

use super::attributes::{Context, Trouble, write_value};
use super::known::{Hint, Known};
use super::reject::Reject;
use super::wire::{Fields, Malformed, merge};
use crate::process::Verdict;
use hopline_model::attributes::{write_key, write_string};
use std::borrow::Cow;

/// Attributes of one list: those over the limit are counted and not kept.
#[derive(Debug, Default)]
pub(crate) struct Pairs<'a> {
    pub(crate) pairs: Vec<Pair<'a>>,
    more: bool,
    order: Vec<u32>,
    /// From the second list on.
    known: Option<Box<Known<'a>>>,
    /// Whether a list was read.
    read: bool,
}

impl<'a> Pairs<'a> {
    /// Another list follows.
    pub(crate) fn clear(&mut self) {
        match &mut self.known {
            Some(known) => known.clear(),
            None if self.read => self.known = Some(Box::new(Known::new())),
            None => {}
        }
        self.pairs.clear();
        self.more = false;
    }

    /// Reads a `KeyValue`.
    #[inline]
    pub(crate) fn read(&mut self, message: &'a [u8], context: &Context<'_>) -> Result<(), Malformed> {
        if self.pairs.len() >= context.limits.attributes_max {
            self.more = true;
            return pair(message, context).map(drop);
        }
        self.read = true;
        let known = self.known.as_mut().and_then(|known| known.read(message, context));
        self.pairs.push(match known {
            Some(pair) => pair,
            None => pair(message, context)?,
        });
        Ok(())
    }

    /// Whether all of them were kept.
    pub(crate) fn check(&self) -> Result<(), Reject> {
        if self.more { Err(Reject::Attributes) } else { Ok(()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// One attribute: its key, and its `AnyValue` undecoded.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Cow<'a, [u8]>,
    pub(crate) hint: Hint,
}

/// Reads a `KeyValue`.
#[inline]
fn pair<'a>(message: &'a [u8], context: &Context<'_>) -> Result<Pair<'a>, Malformed> {
    let mut key = "";
    let mut value = None;
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.text()?,
            2 => merge(&mut value, field.bytes()?),
            3 if field.varint()? as i32 != 0 => context.count_string_index(),
            _ => {}
        }
    }
    Ok(Pair { key, value: value.unwrap_or_default(), hint: Hint::Nothing })
}

/// Writes pairs as one object: redacted, sorted by key, `$pairs` when a key stands twice.
pub(crate) fn write_pairs(out: &mut String, pairs: &mut Pairs<'_>, context: &Context<'_>) -> Result<(), Trouble> {
    pairs.check()?;
    out.push('{');
    write_members(out, pairs, context, 0, "")?;
    out.push('}');
    Ok(())
}

/// The members of an object without its braces. `first` stands before them: members of our own, without a comma at the end.
pub(crate) fn write_members(out: &mut String, pairs: &mut Pairs<'_>, context: &Context<'_>, depth: usize, first: &str) -> Result<(), Trouble> {
    let Pairs { pairs, order, known, .. } = pairs;
    let mut known = known.as_deref_mut();
    if let Some(places) = known.as_deref().and_then(|known| known.order(pairs.len())) {
        order.clear();
        order.extend_from_slice(places);
    } else {
        order.clear();
        order.extend(0..pairs.len() as u32);
        let key = |at: &u32| pairs[*at as usize].key.as_bytes();
        // Exporters often send sorted keys already.
        if !order.is_sorted_by(|a, b| key(a) < key(b)) {
            order.sort_unstable_by(|a, b| key(a).cmp(key(b)));
            // Sorted and still not ascending: a key stands twice.
            if !order.is_sorted_by(|a, b| key(a) < key(b)) {
                return write_twice(out, pairs, context, depth, first);
            }
        }
        if let Some(known) = &mut known {
            known.remember(order);
        }
    }
    out.push_str(first);
    let mut comma = !first.is_empty();
    for at in order.iter() {
        let before = out.len();
        if comma {
            out.push(',');
        }
        if write_pair(out, &pairs[*at as usize], known.as_deref_mut(), context, depth)? {
            comma = true;
        } else {
            out.truncate(before);
        }
    }
    Ok(())
}

/// `"key":value`. False when a rule drops the pair.
#[inline]
fn write_pair<'a>(out: &mut String, pair: &Pair<'a>, known: Option<&mut Known<'a>>, context: &Context<'_>, depth: usize) -> Result<bool, Trouble> {
    match (&pair.hint, known) {
        (Hint::Text(text), Some(known)) => {
            out.push_str(known.text(text));
            Ok(true)
        }
        (Hint::Key(number, slot), Some(known)) => {
            let (start, counted) = (out.len(), context.counted());
            let (key, rule) = known.written_key(*number);
            out.push_str(key);
            let written = match rule {
                Some(rule) => redacted_by_key(out, rule, pair, context),
                None => write_value(out, &pair.value, context, depth)?,
            };
            if let (Some(slot), Cow::Borrowed(value)) = (slot, &pair.value)
                && context.counted() == counted
            {
                known.keep(*number, *slot, value, &out[start..]);
            }
            Ok(written)
        }
        _ => {
            write_key(out, pair.key);
            out.push(':');
            redacted_value(out, pair, context, depth)
        }
    }
}

/// `"$pairs":[[key,value],…]` in the order sent; our own members stand before them as `["$own",{…}]`: no value sent can look like it.
fn write_twice(out: &mut String, pairs: &[Pair<'_>], context: &Context<'_>, depth: usize, first: &str) -> Result<(), Trouble> {
    out.push_str("\"$pairs\":[");
    let mut comma = false;
    if !first.is_empty() {
        out.push_str("[\"$own\",{");
        out.push_str(first);
        out.push_str("}]");
        comma = true;
    }
    for pair in pairs {
        let before = out.len();
        out.push_str(if comma { ",[" } else { "[" });
        write_string(out, pair.key);
        out.push(',');
        if redacted_value(out, pair, context, depth)? {
            out.push(']');
            comma = true;
        } else {
            out.truncate(before);
        }
    }
    out.push(']');
    Ok(())
}

/// False when a rule drops the pair.
fn redacted_value(out: &mut String, pair: &Pair<'_>, context: &Context<'_>, depth: usize) -> Result<bool, Trouble> {
    match context.redactor.by_key(pair.key) {
        Some(rule) => Ok(redacted_by_key(out, rule, pair, context)),
        None => write_value(out, &pair.value, context, depth),
    }
}

fn redacted_by_key(out: &mut String, rule: usize, pair: &Pair<'_>, context: &Context<'_>) -> bool {
    context.count_redacted();
    match context.redactor.apply(rule, &pair.value) {
        Verdict::Text(text) => {
            write_string(out, &text);
            true
        }
        Verdict::Keep => true,
        Verdict::Drop => false,
    }
}
