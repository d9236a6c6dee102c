//! OTLP/JSON → protobuf bytes, by the tables of `json_schema`.
//!
//! OTLP's rules on top of ProtoJSON: ids are hexadecimal, enums are numbers, keys are lowerCamelCase, unknown keys are ignored.
//! ProtoJSON's: 64-bit numbers as number or text, exponents where the value is whole, `null` is unset, `"NaN"` and `"Infinity"`.
//! Broken: what is no JSON, a value of another type, nesting over 200 levels: the request is refused. Time and memory grow with
//! the bytes sent alone (at most 9 bytes of protobuf for 2 of JSON).

use super::json_schema::{Field, Kind, Message};
use super::wire::Malformed;
use base64::Engine;
use std::borrow::Cow;

/// Objects and arrays inside each other, known or not.
const DEPTH_MAX: usize = 200;

pub(crate) fn to_protobuf(bytes: &[u8], request: &'static Message) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(bytes.len());
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed(format!("JSON: not UTF-8 at byte {}", error.valid_up_to()).into()))?;
    if text.trim_ascii().is_empty() {
        return Ok(out);
    }
    let mut reader = Reader { text, at: 0 };
    reader.space();
    reader.message(request, &mut out, 0)?;
    reader.space();
    if reader.at != text.len() {
        return Err(reader.expected("the end of the request"));
    }
    Ok(out)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn expected(&self, expected: &str) -> Malformed {
        Malformed(format!("JSON: expected {expected} at byte {}", self.at).into())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word) && !self.text.as_bytes().get(self.at + word.len()).is_some_and(u8::is_ascii_alphanumeric);
        if found {
            self.at += word.len();
        }
        found
    }

    fn message(&mut self, message: &'static Message, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed(format!("JSON: more than {DEPTH_MAX} levels deep at byte {}", self.at).into()));
        }
        if !self.take(b'{') {
            return Err(self.expected("an object"));
        }
        self.space();
        if self.take(b'}') {
            return Ok(());
        }
        // Exporters write the fields in order: the next one is asked first.
        let mut guess = 0;
        loop {
            let key = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.expected("a colon"));
            }
            self.space();
            let known = message.fields.get(guess).filter(|field| field.name == key).map(|_| guess);
            match known.or_else(|| message.fields.iter().position(|field| field.name == key)) {
                Some(at) => {
                    guess = at + 1;
                    self.field(&message.fields[at], out, depth)?;
                }
                None => self.skip(depth)?,
            }
            self.space();
            if self.take(b',') {
                self.space();
            } else if self.take(b'}') {
                return Ok(());
            } else {
                return Err(self.expected("a comma or the end of the object"));
            }
        }
    }

    fn field(&mut self, field: &'static Field, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        if self.word("null") {
            return Ok(());
        }
        if !field.repeated {
            return self.value(field, out, depth);
        }
        if !self.take(b'[') {
            return Err(self.expected(&format!("an array for {}", field.name)));
        }
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(field, out, depth + 1)?;
            self.space();
            if self.take(b',') {
                self.space();
            } else if self.take(b']') {
                return Ok(());
            } else {
                return Err(self.expected("a comma or the end of the array"));
            }
        }
    }

    fn value(&mut self, field: &'static Field, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        let wrong =
            |reader: &Self, at: usize, what: &str| Malformed(format!("JSON: {} must be {what} at byte {}", field.name, at.min(reader.at)).into());
        let start = self.at;
        match field.kind {
            Kind::Message(message) => {
                key(out, field.number, 2);
                // The length is known afterwards: five bytes hold any, with continuation bits where they are not needed.
                let length_at = out.len();
                out.extend_from_slice(&[0; 5]);
                self.message(message, out, depth + 1)?;
                let mut length = out.len() - length_at - 5;
                for byte in &mut out[length_at..length_at + 4] {
                    *byte = (length as u8 & 0x7f) | 0x80;
                    length >>= 7;
                }
                out[length_at + 4] = length as u8;
            }
            Kind::Text => {
                let text = self.string().map_err(|_| wrong(self, start, "a text"))?;
                bytes(out, field.number, text.as_bytes());
            }
            Kind::Id => {
                let text = self.string().map_err(|_| wrong(self, start, "hexadecimal digits"))?;
                let mut id = vec![0; text.len() / 2];
                hopline_model::ids::decode_hex(&text, &mut id).ok_or_else(|| wrong(self, start, "an even number of hexadecimal digits"))?;
                bytes(out, field.number, &id);
            }
            Kind::Bytes => {
                let text = self.string().map_err(|_| wrong(self, start, "base64"))?;
                let decoded = base64_any(&text).ok_or_else(|| wrong(self, start, "base64"))?;
                bytes(out, field.number, &decoded);
            }
            Kind::Bool => {
                let value = match (self.word("true"), self.word("false")) {
                    (true, _) => 1,
                    (_, true) => 0,
                    _ => return Err(wrong(self, start, "true or false")),
                };
                key(out, field.number, 0);
                out.push(value);
            }
            Kind::Double => {
                let text = self.number_text().ok_or_else(|| wrong(self, start, "a number"))?;
                let value = match &*text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    text if is_number(text) => {
                        text.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| wrong(self, start, "a number in range"))?
                    }
                    _ => return Err(wrong(self, start, "a number")),
                };
                key(out, field.number, 1);
                out.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            Kind::Enum if self.peek() == Some(b'"') => return Err(wrong(self, start, "the number of an enum value, not its name")),
            Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Int64 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 | Kind::Sfixed64 | Kind::Enum => {
                let text = self.number_text().ok_or_else(|| wrong(self, start, "a whole number"))?;
                let value = whole(&text).ok_or_else(|| wrong(self, start, "a whole number"))?;
                let (low, high) = match field.kind {
                    Kind::Int32 | Kind::Sint32 | Kind::Enum => (i128::from(i32::MIN), i128::from(i32::MAX)),
                    Kind::Uint32 | Kind::Fixed32 => (0, i128::from(u32::MAX)),
                    Kind::Int64 | Kind::Sfixed64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
                    _ => (0, i128::from(u64::MAX)),
                };
                if !(low..=high).contains(&value) {
                    return Err(wrong(self, start, "a whole number in the range of its type"));
                }
                match field.kind {
                    Kind::Fixed32 => {
                        key(out, field.number, 5);
                        out.extend_from_slice(&(value as u32).to_le_bytes());
                    }
                    Kind::Fixed64 | Kind::Sfixed64 => {
                        key(out, field.number, 1);
                        out.extend_from_slice(&(value as u64).to_le_bytes());
                    }
                    Kind::Sint32 => {
                        let value = value as i32;
                        key(out, field.number, 0);
                        varint(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
                    }
                    _ => {
                        key(out, field.number, 0);
                        varint(out, value as i64 as u64);
                    }
                }
            }
        }
        Ok(())
    }

    /// A number as it stands, or the content of a text.
    fn number_text(&mut self) -> Option<Cow<'a, str>> {
        if self.peek() == Some(b'"') {
            return self.string().ok();
        }
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        is_number(text).then_some(Cow::Borrowed(text))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        if !self.take(b'"') {
            return Err(self.expected("a text"));
        }
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        let mut owned: Option<String> = None;
        loop {
            match bytes.get(self.at) {
                None => return Err(self.expected("a closing quote")),
                Some(b'"') => {
                    let rest = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(mut owned) => {
                            owned.push_str(rest);
                            Cow::Owned(owned)
                        }
                    });
                }
                Some(b'\\') => {
                    let owned = owned.get_or_insert_default();
                    owned.push_str(&self.text[start..self.at]);
                    self.at += 1;
                    let character = self.escape()?;
                    owned.push(character);
                    start = self.at;
                }
                Some(0..0x20) => return Err(self.expected("no control character in a text")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let byte = self.peek().ok_or_else(|| self.expected("an escape"))?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if !self.text[self.at..].starts_with("\\u") {
                        return Err(self.expected("the second half of a surrogate pair"));
                    }
                    self.at += 2;
                    let second = self.hex4()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(self.expected("the second half of a surrogate pair"));
                    }
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.expected("a Unicode character"))?
            }
            _ => return Err(self.expected("an escape")),
        })
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or_else(|| self.expected("4 hexadecimal digits"))?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16).ok_or_else(|| self.expected("4 hexadecimal digits"))?;
        }
        self.at += 4;
        Ok(code)
    }

    /// Steps over a value nobody knows. Iterative: nesting costs a bit each.
    fn skip(&mut self, depth: usize) -> Result<(), Malformed> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space();
            if depth + open.len() > DEPTH_MAX {
                return Err(Malformed(format!("JSON: more than {DEPTH_MAX} levels deep at byte {}", self.at).into()));
            }
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(b'{') => {
                    self.at += 1;
                    self.space();
                    if !self.take(b'}') {
                        open.push(b'}');
                        self.skipped_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.space();
                    if !self.take(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                Some(b'-' | b'0'..=b'9') => drop(self.number_text().ok_or_else(|| self.expected("a number"))?),
                _ if self.word("true") || self.word("false") || self.word("null") => {}
                _ => return Err(self.expected("a value")),
            }
            // A value has ended: what follows it, and which objects and arrays end with it.
            loop {
                let Some(&closing) = open.last() else { return Ok(()) };
                self.space();
                if self.take(b',') {
                    self.space();
                    if closing == b'}' {
                        self.skipped_key()?;
                    }
                    break;
                }
                if !self.take(closing) {
                    return Err(self.expected("a comma or an end"));
                }
                open.pop();
            }
        }
    }

    fn skipped_key(&mut self) -> Result<(), Malformed> {
        self.string()?;
        self.space();
        if self.take(b':') { Ok(()) } else { Err(self.expected("a colon")) }
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn key(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    varint(out, u64::from(number << 3 | wire_type));
}

fn bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    key(out, number, 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn base64_any(text: &str) -> Option<Vec<u8>> {
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
    const ENGINES: [GeneralPurpose; 2] = [GeneralPurpose::new(&STANDARD, CONFIG), GeneralPurpose::new(&URL_SAFE, CONFIG)];
    ENGINES[usize::from(text.contains(['-', '_']))].decode(text).ok()
}

/// JSON's grammar of numbers.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

/// The exact value of a number that is whole, whatever its form: `1e3`, `5.0`.
fn whole(text: &str) -> Option<i128> {
    if let Ok(value) = text.parse::<i64>()
        && !text.starts_with('+')
    {
        return Some(i128::from(value));
    }
    if !is_number(text) || text.len() > 60 {
        return None;
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok().filter(|exponent| (-40..=40).contains(exponent))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let mut shift = exponent - fraction.len() as i32;
    while shift < 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
    for _ in 0..shift {
        value = value.checked_mul(10)?;
    }
    Some(value)
}
