//! One value against one test: what equality, globs, expressions and ranges mean for each type.
//!
//! This file is the meaning; `evaluate` only asks it for fewer values (once per dictionary entry, or not at all where a
//! search over the whole column shows that a row cannot match).

use super::predicate::{Bound, Test};
use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, DictionaryArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt32Type, UInt64Type};
use hopline_model::UnixNanos;
use hopline_model::attributes;
use hopline_model::body::{self, Found};
use hopline_model::ids::encode_hex;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A number as it was written: integers stay exact.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Int(i128),
    Double(f64),
}

impl Number {
    /// The number a text reads as; words such as `nan` and `inf` are no numbers.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let first = *text.as_bytes().first()?;
        if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) || text.len() > 400 {
            return None;
        }
        if let Ok(value) = text.parse::<i64>() {
            return Some(Self::Int(value.into()));
        }
        if let Ok(value) = text.parse::<u64>() {
            return Some(Self::Int(value.into()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')) {
            return None;
        }
        text.parse().ok().map(Self::Double)
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Int(a), Self::Double(b)) => compare_int(a, b),
            (Self::Double(a), Self::Int(b)) => compare_int(b, a).map(Ordering::reverse),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(&b),
        }
    }
}

/// Exact: a double beyond every integer is larger or smaller than all of them.
fn compare_int(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b.abs() >= 1e30 {
        return Some(if b > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = b.trunc();
    Some(a.cmp(&(whole as i128)).then_with(|| 0.0.partial_cmp(&(b - whole)).unwrap_or(Ordering::Equal)))
}

#[derive(Debug, Clone)]
pub(crate) struct Constant {
    pub(crate) text: String,
    pub(crate) number: Option<Number>,
}

/// A [`Test`] made ready to run many times.
#[derive(Debug, Clone)]
pub(crate) enum Compiled {
    Exists,
    /// Equal to any.
    Any(Vec<Constant>),
    Glob(Glob),
    Regex(regex::Regex),
    Range {
        min: Option<Bound>,
        max: Option<Bound>,
    },
}

impl Compiled {
    pub(crate) fn new(test: &Test) -> Self {
        let constant = |text: &String| Constant { text: text.clone(), number: Number::parse(text) };
        match test {
            Test::Exists => Self::Exists,
            Test::Equals(text) => Self::Any(vec![constant(text)]),
            Test::In(texts) => Self::Any(texts.iter().map(constant).collect()),
            Test::Like(pattern) => Self::Glob(Glob::new(pattern)),
            Test::Matches(regex) => Self::Regex(regex.clone()),
            Test::Range { min, max } => Self::Range { min: *min, max: *max },
        }
    }

    /// A text; `number` is asked only where it can matter.
    fn text_with(&self, text: &str, number: impl FnOnce() -> Option<Number>) -> bool {
        match self {
            Self::Exists => true,
            Self::Any(constants) => {
                if constants.iter().any(|constant| constant.text == text) {
                    return true;
                }
                if constants.iter().all(|constant| constant.number.is_none()) {
                    return false;
                }
                number().is_some_and(|value| {
                    constants.iter().any(|constant| constant.number.is_some_and(|number| value.compare(number) == Some(Ordering::Equal)))
                })
            }
            Self::Glob(glob) => glob.matches(text),
            Self::Regex(regex) => regex.is_match(text),
            Self::Range { .. } => number().is_some_and(|number| self.number(number)),
        }
    }

    pub(crate) fn text(&self, text: &str) -> bool {
        self.text_with(text, || Number::parse(text))
    }

    /// A raw canonical JSON value.
    pub(crate) fn raw(&self, raw: &str) -> bool {
        match raw.as_bytes().first() {
            Some(b'"') => self.text(&attributes::plain_text(raw)),
            Some(b'-' | b'0'..=b'9') => self.text(raw),
            // Booleans, null, arrays, maps, bytes, special doubles: no numbers.
            _ => self.text_with(raw, || None),
        }
    }

    /// A value inside a body, which is text as somebody wrote it.
    pub(crate) fn written(&self, found: &Found<'_>) -> bool {
        let text = found.text();
        let number = match found {
            Found::Raw(raw) => raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            Found::Text(_) => true,
        };
        // Equal numbers share a word of the index.
        let counts = number && (matches!(self, Self::Range { .. }) || body::decimal(text));
        self.text_with(text, || if counts { Number::parse(text) } else { None })
    }

    /// Whether a number lies in the range; only for [`Self::Range`].
    fn number(&self, number: Number) -> bool {
        let Self::Range { min, max } = self else { return false };
        let above = min.is_none_or(|min| match number.compare(Number::Double(min.value)) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => min.inclusive,
            _ => false,
        });
        above
            && max.is_none_or(|max| match number.compare(Number::Double(max.value)) {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => max.inclusive,
                _ => false,
            })
    }

    /// Whether a number between two can hold; `as_text`: unless asked for a range, values are compared as other text.
    pub(crate) fn may_hold(&self, min: Number, max: Number, as_text: bool) -> bool {
        let above = |number: Number| max.compare(number).is_none_or(|order| order != Ordering::Less);
        let below = |number: Number| min.compare(number).is_none_or(|order| order != Ordering::Greater);
        match self {
            Self::Any(constants) if !as_text => constants.iter().any(|constant| constant.number.is_none_or(|number| above(number) && below(number))),
            Self::Range { min: from, max: to } => {
                from.is_none_or(|from| above(Number::Double(from.value))) && to.is_none_or(|to| below(Number::Double(to.value)))
            }
            _ => true,
        }
    }

    /// The integers a range holds, as a closed interval; `None` when it is no range or holds none.
    fn int_interval(&self) -> Option<(i128, i128)> {
        let Self::Range { min, max } = self else { return None };
        let (mut low, mut high) = (i128::MIN, i128::MAX);
        if let Some(min) = min {
            if min.value.is_nan() {
                return Some((1, 0));
            }
            low = min.value.ceil() as i128;
            if !min.inclusive && low as f64 == min.value && min.value.is_finite() {
                low = low.saturating_add(1);
            }
        }
        if let Some(max) = max {
            if max.value.is_nan() {
                return Some((1, 0));
            }
            high = max.value.floor() as i128;
            if !max.inclusive && high as f64 == max.value && max.value.is_finite() {
                high = high.saturating_sub(1);
            }
        }
        Some((low, high))
    }

    /// Every value of a column; nulls are false.
    pub(crate) fn array(&self, array: &ArrayRef) -> BooleanBuffer {
        if matches!(self, Self::Exists) {
            return match array.logical_nulls() {
                Some(nulls) => nulls.inner().clone(),
                None => BooleanBuffer::new_set(array.len()),
            };
        }
        let found = match array.data_type() {
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_dictionary::<Int32Type>();
                let values = dictionary.values().as_string::<i32>();
                let holds: Vec<bool> = (0..values.len()).map(|i| !values.is_null(i) && self.text(values.value(i))).collect();
                return by_code(dictionary, &holds);
            }
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                BooleanBuffer::collect_bool(texts.len(), |i| self.text(texts.value(i)))
            }
            DataType::Int64 => self.ints::<Int64Type>(array),
            DataType::Int32 => self.ints::<Int32Type>(array),
            DataType::UInt64 => self.ints::<UInt64Type>(array),
            DataType::UInt32 => self.ints::<UInt32Type>(array),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                if matches!(self, Self::Range { .. }) {
                    self.ints::<TimestampNanosecondType>(array)
                } else {
                    self.texts(array)
                }
            }
            DataType::Float64 if matches!(self, Self::Range { .. }) => {
                let values = array.as_primitive::<Float64Type>();
                BooleanBuffer::collect_bool(values.len(), |i| self.number(Number::Double(values.value(i))))
            }
            _ => self.texts(array),
        };
        match array.nulls() {
            Some(nulls) => &found & nulls.inner(),
            None => found,
        }
    }

    fn ints<T: ArrowPrimitiveType>(&self, array: &ArrayRef) -> BooleanBuffer
    where
        T::Native: Into<i128> + TryFrom<i128> + PartialOrd,
    {
        let values = array.as_primitive::<T>().values();
        let native = |value: i128| T::Native::try_from(value).ok();
        match self {
            Self::Range { .. } => {
                let Some((low, high)) = self.int_interval() else { return BooleanBuffer::new_unset(values.len()) };
                // Clamp to the type, so that the loop compares plain machine integers.
                let (type_min, type_max) = limits::<T>();
                if low > high || low > type_max || high < type_min {
                    return BooleanBuffer::new_unset(values.len());
                }
                let (Some(low), Some(high)) = (native(low.max(type_min)), native(high.min(type_max))) else {
                    return BooleanBuffer::new_unset(values.len());
                };
                BooleanBuffer::collect_bool(values.len(), |i| low <= values[i] && values[i] <= high)
            }
            Self::Any(constants) => {
                let wanted: Vec<T::Native> = constants
                    .iter()
                    .filter_map(|constant| match constant.number? {
                        Number::Int(value) => native(value),
                        Number::Double(value) if value.fract() == 0.0 && value.abs() < 1e30 => native(value as i128),
                        Number::Double(_) => None,
                    })
                    .collect();
                BooleanBuffer::collect_bool(values.len(), |i| wanted.contains(&values[i]))
            }
            _ => self.texts(array),
        }
    }

    /// The slow way, by each value's text.
    fn texts(&self, array: &ArrayRef) -> BooleanBuffer {
        let mut found = BooleanBufferBuilder::new(array.len());
        for i in 0..array.len() {
            found.append(cell_text(array, i).is_some_and(|text| self.text(&text)));
        }
        found.finish()
    }
}

fn limits<T: ArrowPrimitiveType>() -> (i128, i128) {
    match T::DATA_TYPE {
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::UInt32 => (0, u32::MAX.into()),
        DataType::UInt64 => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

/// Rows whose dictionary code is marked.
pub(crate) fn by_code(dictionary: &DictionaryArray<Int32Type>, holds: &[bool]) -> BooleanBuffer {
    let keys = dictionary.keys();
    let codes = keys.values();
    if !holds.contains(&true) {
        return BooleanBuffer::new_unset(codes.len());
    }
    // Under a null any code may stand, beyond the dictionary too.
    let found = BooleanBuffer::collect_bool(codes.len(), |i| holds.get(codes[i] as usize).copied().unwrap_or(false));
    match keys.nulls() {
        Some(nulls) => &found & nulls.inner(),
        None => found,
    }
}

/// A cell as text: ids in hex, times in RFC 3339, lists as JSON.
pub(crate) fn cell_text(array: &ArrayRef, row: usize) -> Option<Cow<'_, str>> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8 => Cow::Borrowed(array.as_string::<i32>().value(row)),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            let values = dictionary.values().as_string::<i32>();
            let code = dictionary.keys().value(row) as usize;
            if values.is_null(code) {
                return None;
            }
            Cow::Borrowed(values.value(code))
        }
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string().into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string().into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string().into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string().into(),
        DataType::Float64 => {
            let mut text = String::new();
            attributes::write_double(&mut text, array.as_primitive::<Float64Type>().value(row));
            text.into()
        }
        DataType::Boolean => if array.as_boolean().value(row) { "true" } else { "false" }.into(),
        DataType::Timestamp(_, _) => UnixNanos(array.as_primitive::<TimestampNanosecondType>().value(row)).to_string().into(),
        DataType::FixedSizeBinary(_) => encode_hex(array.as_fixed_size_binary().value(row)).into(),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let texts: Vec<_> = (0..items.len()).filter_map(|i| cell_text(&items, i).map(Cow::into_owned)).collect();
            format!("[{}]", texts.join(",")).into()
        }
        _ => return None,
    })
}

/// `*` stands for any characters, everything else for itself.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    /// The texts between the stars; one more than there are stars.
    parts: Vec<String>,
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self { parts: pattern.split('*').map(str::to_owned).collect() }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let (first, rest) = self.parts.split_first().expect("split gives at least one part");
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()).and_then(|text| text.strip_suffix(last.as_str())) else { return false };
        for part in middle {
            match text.find(part.as_str()) {
                Some(at) => text = &text[at + part.len()..],
                None => return false,
            }
        }
        true
    }

    /// The text every match starts with.
    pub(crate) fn prefix(&self) -> &str {
        &self.parts[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_values() {
        let equals = |text: &str| Compiled::new(&Test::Equals(text.into()));
        let cases = [
            ("500", "500", true),
            ("500", "\"500\"", true),
            ("500", "500.0", true),
            ("500", "501", false),
            ("1", "1.0", true),
            ("1e3", "1000", true),
            ("true", "true", true),
            ("1", "true", false),
            ("nan", "\"nan\"", true),
            ("9007199254740993", "9007199254740992", false),
            ("[1]", "[1]", true),
            ("a\"b", "\"a\\\"b\"", true),
            ("", "\"\"", true),
        ];
        for (constant, raw, expect) in cases {
            assert_eq!(equals(constant).raw(raw), expect, "{raw} equals {constant}");
        }
    }

    #[test]
    fn ranges_and_globs() {
        let bound = |value, inclusive| Some(Bound { value, inclusive });
        let range = |min, max| Compiled::new(&Test::Range { min, max });
        assert!(range(bound(5.0, true), None).raw("5"));
        assert!(!range(bound(5.0, false), None).raw("5"));
        assert!(range(None, bound(5.5, false)).raw("\"5\""));
        assert!(!range(None, None).raw("\"x\""));
        assert!(!range(None, None).raw("true"));
        let ints: ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(vec![Some(4), Some(5), None, Some(6)]));
        let rows = |test: Compiled| test.array(&ints).iter().collect::<Vec<_>>();
        assert_eq!(rows(range(bound(4.5, true), bound(6.0, false))), [false, true, false, false]);
        assert_eq!(rows(range(bound(5.0, false), None)), [false, false, false, true]);
        assert_eq!(rows(Compiled::new(&Test::Equals("5.0".into()))), [false, true, false, false]);
        for (pattern, text, expect) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("abc", "abcd", false),
            ("/cart/*", "/cart/1", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expect, "{pattern} {text}");
        }
    }
}
