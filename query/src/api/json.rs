//! JSON text written straight from columns, and canonical attribute JSON as clients see it.

use hopline_model::attributes::{self, Value};

/// Writes one object, member by member.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// The place of a value: what is written to it must be one JSON value.
    pub(crate) fn value(&mut self, name: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        attributes::write_string(self.out, name);
        self.out.push(':');
        self.out
    }

    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.value(name).push_str(json);
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        attributes::write_string(self.value(name), text);
    }

    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    pub(crate) fn int(&mut self, name: &str, value: i64) {
        int(self.value(name), value);
    }

    pub(crate) fn uint(&mut self, name: &str, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.int(name, value),
            Err(_) => self.text(name, &value.to_string()),
        }
    }

    pub(crate) fn time(&mut self, name: &str, time: hopline_model::UnixNanos) {
        self.text(name, &time.to_string());
    }

    /// Canonical JSON of the store, as [`plain`] shows it.
    pub(crate) fn plain(&mut self, name: &str, canonical: &str) {
        plain(self.value(name), canonical);
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }
}

/// JavaScript reads numbers as doubles: beyond 2^53 an integer goes as text.
pub(crate) fn int(out: &mut String, value: i64) {
    if value.unsigned_abs() <= 1 << 53 {
        attributes::write_int(out, value);
    } else {
        out.push('"');
        attributes::write_int(out, value);
        out.push('"');
    }
}

/// Canonical typed JSON → JSON for people: doubled `$` undone, integers beyond 2^53 and doubles that JSON has no word for as text,
/// bytes as base64 text. Lists with a key twice stay `{"$pairs":…}`.
pub(crate) fn plain(out: &mut String, canonical: &str) {
    if !needs_work(canonical) {
        out.push_str(canonical);
        return;
    }
    match Value::parse(canonical) {
        Ok(value) => write_plain(out, &value),
        Err(_) => out.push_str("null"),
    }
}

/// A `$`, or 16 digits in a row.
fn needs_work(text: &str) -> bool {
    let mut digits = 0;
    text.bytes().any(|byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        byte == b'$' || digits >= 16
    })
}

fn write_plain(out: &mut String, value: &Value) {
    match value {
        Value::Int(number) => int(out, *number),
        Value::Double(number) if !number.is_finite() => {
            attributes::write_string(
                out,
                if number.is_nan() {
                    "NaN"
                } else if *number > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                },
            );
        }
        Value::Bytes(bytes) => {
            use base64::Engine;
            attributes::write_string(out, &base64::engine::general_purpose::STANDARD.encode(bytes));
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_plain(out, item);
            }
            out.push(']');
        }
        Value::Map(pairs) => {
            let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                out.push_str("{\"$pairs\":[");
                for (at, (key, value)) in pairs.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push('[');
                    attributes::write_string(out, key);
                    out.push(',');
                    write_plain(out, value);
                    out.push(']');
                }
                out.push_str("]}");
                return;
            }
            let mut object = Object::new(out);
            for (key, value) in pairs {
                write_plain(object.value(key), value);
            }
            object.end();
        }
        other => out.push_str(&other.to_text()),
    }
}

/// Items as CSV: columns are the union of the keys in order of appearance, nested values are JSON.
pub(crate) fn csv(items: &[String]) -> String {
    let rows: Vec<serde_json::Map<String, serde_json::Value>> = items.iter().filter_map(|item| serde_json::from_str(item).ok()).collect();
    let mut header: Vec<&String> = Vec::new();
    for key in rows.iter().flat_map(serde_json::Map::keys) {
        if !header.contains(&key) {
            header.push(key);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(header.iter().map(|key| key.as_bytes()));
    for row in &rows {
        let cells = header.iter().map(|key| match row.get(*key) {
            None | Some(serde_json::Value::Null) => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        });
        let _ = writer.write_record(cells);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_as_people_read_it() {
        let cases = [
            (r#"{"a":1,"b":"x"}"#, r#"{"a":1,"b":"x"}"#),
            (r#"{"n":9007199254740993}"#, r#"{"n":"9007199254740993"}"#),
            (r#"{"n":9007199254740992}"#, r#"{"n":9007199254740992}"#),
            (r#"{"d":{"$double":"NaN"}}"#, r#"{"d":"NaN"}"#),
            (r#"{"b":{"$bytes":"aGk="}}"#, r#"{"b":"aGk="}"#),
            (r#"{"$$key":1}"#, r#"{"$key":1}"#),
            (r#"{"$pairs":[["a",1],["a",2]]}"#, r#"{"$pairs":[["a",1],["a",2]]}"#),
            (r#"{"a":null,"l":[1,{"$double":"Infinity"}]}"#, r#"{"a":null,"l":[1,"Infinity"]}"#),
        ];
        for (canonical, expect) in cases {
            let mut out = String::new();
            plain(&mut out, canonical);
            assert_eq!(out, expect, "{canonical}");
        }
    }

    #[test]
    fn csv_has_every_key() {
        let items = [r#"{"a":1,"b":"x,y"}"#.to_string(), r#"{"c":{"d":1}}"#.to_string()];
        assert_eq!(csv(&items), "a,b,c\n1,\"x,y\",\n,,\"{\"\"d\"\":1}\"\n");
    }
}
