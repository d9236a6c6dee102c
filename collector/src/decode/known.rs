//! What is known of attributes from the lists before: records of one sender have the same keys again and again, and often the same values.
//!
//! - A **key** is known by its bytes: how it is written, and which rule takes its values.
//! - A **value** is known by its key and its bytes: the text of both is copied. Not what a rule took, which is counted each time; not
//!   values of a key of which one after the other is new.
//! - An **order** is known by the keys: lists of the same keys in the same places are sorted once.
//!
//! All of it is compared byte by byte before it is believed, so that clients cannot choose bytes that are taken for others. What does not
//! fit is read as if nothing were known.

use super::attributes::Context;
use super::pairs::Pair;
use hopline_model::attributes::write_key;
use std::borrow::Cow;
use std::ops::Range;

/// Keys told apart; a key's number fits one byte, and `FREE` is none.
const KEYS_MAX: usize = 240;
const FREE: u8 = u8::MAX;
const KEY_SLOTS: usize = 512;
/// Places looked at for one key: what clients choose to collide is not known.
const PROBES_MAX: usize = 4;

const VALUE_SLOTS: usize = 256;
/// Longer ones hardly repeat.
const VALUE_BYTES_MAX: usize = 128;
/// A key with so many new values one after the other is not asked for values any more.
const MISSES_MAX: u8 = 32;
/// Beyond it everything is forgotten.
const TEXT_BYTES_MAX: usize = 256 << 10;

const ORDERS: usize = 16;

#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// `"key":` and `"key":value`, as they are written.
    text: String,
    keys: Vec<Key<'a>>,
    key_slots: [u8; KEY_SLOTS],
    values: Vec<Value<'a>>,
    orders: [Order; ORDERS],
    /// The keys of the list that is being read, by number, as long as all of them are known; and a hash of them.
    list: Vec<u8>,
    list_hash: usize,
}

#[derive(Debug)]
struct Key<'a> {
    /// Tag, length and bytes, as they stand in the message.
    prefix: &'a [u8],
    key: &'a str,
    rule: Option<usize>,
    text: Range<u32>,
    /// Where the value stands that was seen last.
    last: u16,
    misses: u8,
}

#[derive(Debug, Clone)]
struct Value<'a> {
    key: u8,
    value: &'a [u8],
    text: Range<u32>,
}

#[derive(Debug, Default)]
struct Order {
    keys: Vec<u8>,
    places: Vec<u32>,
}

/// What is known of a pair that was read.
#[derive(Debug, Clone)]
pub(crate) enum Hint {
    Nothing,
    /// Its key; its value belongs in that place, if anywhere.
    Key(u8, Option<u16>),
    /// All of it.
    Text(Range<u32>),
}

impl<'a> Known<'a> {
    pub(crate) fn new() -> Self {
        let free = Value { key: FREE, value: &[], text: 0..0 };
        Self {
            text: String::new(),
            keys: Vec::new(),
            key_slots: [FREE; KEY_SLOTS],
            values: vec![free; VALUE_SLOTS],
            orders: Default::default(),
            list: Vec::new(),
            list_hash: 0,
        }
    }

    /// Another list follows.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.list_hash = 0;
        if self.text.len() > TEXT_BYTES_MAX {
            *self = Self::new();
        }
    }

    /// Reads a `KeyValue` of the usual shape, a short key and then a value, with a key that is known or can be.
    #[inline]
    pub(crate) fn read(&mut self, message: &'a [u8], context: &Context<'_>) -> Option<Pair<'a>> {
        let (prefix, value) = split(message)?;
        let number = self.key(prefix, context)?;
        self.list.push(number);
        self.list_hash = self.list_hash.wrapping_mul(31).wrapping_add(usize::from(number));
        let key = &mut self.keys[usize::from(number)];
        let pair = |hint| Pair { key: key.key, value: Cow::Borrowed(value), hint };
        if key.misses == MISSES_MAX {
            return Some(pair(Hint::Key(number, None)));
        }
        let is = |known: &Value<'_>| known.key == number && known.value == value;
        let last = &self.values[usize::from(key.last)];
        if is(last) {
            key.misses = 0;
            return Some(Pair { key: key.key, value: Cow::Borrowed(value), hint: Hint::Text(last.text.clone()) });
        }
        let slot = (xxhash_rust::xxh3::xxh3_64(value) as usize).wrapping_add(usize::from(number) * 7) % VALUE_SLOTS;
        key.last = slot as u16;
        let known = &self.values[slot];
        let hint = if is(known) {
            key.misses = 0;
            Hint::Text(known.text.clone())
        } else {
            key.misses += 1;
            Hint::Key(number, (value.len() <= VALUE_BYTES_MAX).then_some(slot as u16))
        };
        Some(Pair { key: key.key, value: Cow::Borrowed(value), hint })
    }

    #[inline]
    fn key(&mut self, prefix: &'a [u8], context: &Context<'_>) -> Option<u8> {
        let mut slot = key_slot(prefix);
        for _ in 0..PROBES_MAX {
            let number = self.key_slots[slot];
            if number == FREE {
                return self.learn(slot, prefix, context);
            }
            if self.keys[usize::from(number)].prefix == prefix {
                return Some(number);
            }
            slot = (slot + 1) % KEY_SLOTS;
        }
        None
    }

    #[cold]
    fn learn(&mut self, slot: usize, prefix: &'a [u8], context: &Context<'_>) -> Option<u8> {
        let number = self.keys.len();
        // Not UTF-8: whoever reads it next says so.
        let key = std::str::from_utf8(prefix.get(2..)?).ok()?;
        if number >= KEYS_MAX {
            return None;
        }
        let before = self.text.len();
        write_key(&mut self.text, key);
        self.text.push(':');
        let text = before as u32..self.text.len() as u32;
        self.keys.push(Key { prefix, key, rule: context.redactor.by_key(key), text, last: 0, misses: 0 });
        self.key_slots[slot] = number as u8;
        Some(number as u8)
    }

    /// What is written of a pair all of which is known.
    #[inline]
    pub(crate) fn text(&self, range: &Range<u32>) -> &str {
        &self.text[range.start as usize..range.end as usize]
    }

    /// `"key":`, and the rule that takes the key's values.
    #[inline]
    pub(crate) fn written_key(&self, number: u8) -> (&str, Option<usize>) {
        let key = &self.keys[usize::from(number)];
        (self.text(&key.text), key.rule)
    }

    /// That is how this value of this key is written, together with the key.
    pub(crate) fn keep(&mut self, number: u8, slot: u16, value: &'a [u8], text: &str) {
        let before = self.text.len() as u32;
        self.text.push_str(text);
        self.values[usize::from(slot)] = Value { key: number, value, text: before..self.text.len() as u32 };
    }

    /// The places of these pairs sorted by key, when such a list was seen before.
    #[inline]
    pub(crate) fn order(&self, pairs: usize) -> Option<&[u32]> {
        let order = &self.orders[self.list_hash % ORDERS];
        (self.list.len() == pairs && order.keys == self.list).then_some(order.places.as_slice())
    }

    /// In that order the keys of the list are ascending.
    pub(crate) fn remember(&mut self, places: &[u32]) {
        if places.len() == self.list.len() {
            let order = &mut self.orders[self.list_hash % ORDERS];
            order.keys.clone_from(&self.list);
            order.places.clear();
            order.places.extend_from_slice(places);
        }
    }
}

/// The key with its tag and length, and the `AnyValue`: of messages that have just these fields, each in under 128 bytes or, the value, 16 KiB.
#[inline]
fn split(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, length @ ..0x80, ..] = message else { return None };
    let (prefix, rest) = message.split_at_checked(2 + usize::from(*length))?;
    match rest {
        [0x12, length @ ..0x80, value @ ..] if value.len() == usize::from(*length) => Some((prefix, value)),
        [0x12, low @ 0x80..=0xff, high @ ..0x80, value @ ..] if value.len() == usize::from(low & 0x7f) | usize::from(*high) << 7 => {
            Some((prefix, value))
        }
        _ => None,
    }
}

/// By length and the last eight bytes: where keys of one sender differ.
#[inline]
fn key_slot(prefix: &[u8]) -> usize {
    let end =
        prefix.last_chunk::<8>().map_or_else(|| prefix.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte)), |end| u64::from_le_bytes(*end));
    (end.wrapping_add(prefix.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize
}
