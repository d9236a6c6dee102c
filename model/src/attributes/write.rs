//! Values → canonical text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends a key-value list: sorted by key, or `$pairs` when a key stands twice.
pub fn write_map<'a, V: Copy>(out: &mut String, pairs: impl Iterator<Item = (&'a str, V)>, write_value: impl Fn(&mut String, V)) {
    let mut pairs: Vec<(&str, V)> = pairs.collect();
    let in_order = pairs.clone();
    pairs.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        out.push_str("{\"$pairs\":[");
        for (i, (key, value)) in in_order.into_iter().enumerate() {
            out.push_str(if i > 0 { ",[" } else { "[" });
            write_string(out, key);
            out.push(',');
            write_value(out, value);
            out.push(']');
        }
        out.push_str("]}");
        return;
    }
    out.push('{');
    for (i, (key, value)) in pairs.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_key(out, key);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

/// Appends an object key as it stands in the text: quoted, a leading `$` doubled.
pub fn write_key(out: &mut String, key: &str) {
    if key.starts_with('$') {
        out.push_str("\"$");
        write_escaped(out, key);
        out.push('"');
    } else {
        write_string(out, key);
    }
}

/// Appends a quoted, escaped string.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    write_escaped(out, text);
    out.push('"');
}

/// Escapes only what JSON demands: quote, backslash and control characters.
fn write_escaped(out: &mut String, mut text: &str) {
    loop {
        let plain = plain_len(text.as_bytes());
        out.push_str(&text[..plain]);
        let Some(&byte) = text.as_bytes().get(plain) else { return };
        text = &text[plain + 1..];
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(DIGITS[(byte >> 4) as usize] as char);
                out.push(DIGITS[(byte & 15) as usize] as char);
            }
        }
    }
}

/// How many bytes from the start need no escape. Eight at a time: nearly every text needs none.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of every byte below `n` is set, and of no byte before the first such one.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = (below(word, 0x20) | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1)) & HIGH;
        if special != 0 {
            return at * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let special = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
    words.len() * 8 + special.unwrap_or(rest.len())
}

pub fn write_int(out: &mut String, value: i64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Shortest text that reads back as the same bits, always with `.` or `e` so that it is no int.
pub fn write_double(out: &mut String, value: f64) {
    if value.is_finite() {
        out.push_str(ryu::Buffer::new().format_finite(value));
        return;
    }
    out.push_str("{\"$double\":\"");
    if value.is_nan() {
        if value.to_bits() == f64::NAN.to_bits() {
            out.push_str("NaN");
        } else {
            out.push_str(&crate::ids::encode_hex(&value.to_bits().to_be_bytes()));
        }
    } else {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    out.push_str("\"}");
}

pub fn write_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("{\"$bytes\":\"");
    STANDARD.encode_string(bytes, out);
    out.push_str("\"}");
}
