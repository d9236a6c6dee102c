//! Resource and scope → the columns they fill, the same in each signal.

use super::Visit;
use super::attributes::{Context, Trouble, Value, hash_all, value};
use super::columns::Dictionary;
use super::pairs::{Pairs, write_members};
use super::wire::{Fields, Malformed};
use arrow::array::ArrayRef;
use hopline_model::attributes::{write_int, write_string};
use hopline_model::schema::SERVICE_UNKNOWN;
use std::borrow::Cow;
use std::collections::HashMap;

/// Senders told apart in one request; records of further ones are counted together.
const VISITS_MAX: usize = 64;

/// The eight columns, in the schema's order.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    service: [Dictionary; 5],
    resource: Dictionary,
    scope: Dictionary,
    scope_name: Dictionary,
    now: Now,
    text: String,
    visits: HashMap<(String, String), (u64, u64)>,
}

/// What the rows being read belong to.
#[derive(Debug, Default)]
struct Now {
    service: [Option<i32>; 5],
    resource: i32,
    scope: i32,
    scope_name: Option<i32>,
    visit: (String, String),
}

const SERVICE_KEYS: [&str; 5] = ["service.name", "service.namespace", "service.version", "service.instance.id", "deployment.environment.name"];

impl Origin {
    /// The rows that follow belong to this `Resource`.
    pub(crate) fn resource(&mut self, message: &[u8], schema_url: &str, context: &Context<'_>) -> Result<(), Trouble> {
        // Until the name is read: a resource that is refused whole is nobody else's.
        self.now.visit = (SERVICE_UNKNOWN.to_owned(), String::new());
        let mut pairs = Pairs::default();
        let mut dropped = 0;
        let mut entities = String::new();
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => pairs.read(field.bytes()?, context)?,
                2 => dropped = field.varint()? as u32,
                3 => entity(&mut entities, field.bytes()?)?,
                _ => {}
            }
        }
        pairs.check()?;
        let mut service = [const { None }; 5];
        let mut sdk = [""; 3];
        let mut environment = Cow::Borrowed("");
        for pair in &pairs.pairs {
            let known = SERVICE_KEYS.iter().position(|key| *key == pair.key);
            let of_sdk = ["telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"].iter().position(|key| *key == pair.key);
            if known.is_none() && of_sdk.is_none() && pair.key != "deployment.environment" {
                continue;
            }
            let Value::Text(text) = value(&pair.value, context)? else { continue };
            match (known, of_sdk) {
                (Some(known), _) if service[known].is_none() && !text.is_empty() => {
                    // What a rule takes out of the resource must not stand in its column.
                    service[known] = Some(context.attribute(pair, text)).filter(|text| !text.is_empty());
                }
                (_, Some(of_sdk)) => sdk[of_sdk] = text,
                (None, None) => environment = context.attribute(pair, text),
                _ => {}
            }
        }
        if service[4].is_none() && !environment.is_empty() {
            service[4] = Some(environment);
        }
        let name = service[0].get_or_insert(Cow::Borrowed(SERVICE_UNKNOWN));
        let name = name.clone().into_owned();
        for (column, (now, text)) in self.service.iter_mut().zip(self.now.service.iter_mut().zip(service)) {
            *now = text.map(|text| column.intern(&text));
        }
        let sdk = [sdk[0], sdk[1], sdk[2]].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let admitted = context.service(&name);
        self.now.visit = (name, sdk);
        admitted?;
        let mut own = Own::default();
        own.number("$dropped_attributes_count", dropped);
        if !entities.is_empty() {
            own.raw("$entity_refs", &format!("[{entities}]"));
        }
        own.text("$schema_url", schema_url);
        self.now.resource = self.object(&mut pairs, &own.0, context, true)?;
        Ok(())
    }

    /// The rows that follow belong to this `InstrumentationScope`.
    pub(crate) fn scope(&mut self, message: &[u8], schema_url: &str, context: &Context<'_>) -> Result<(), Trouble> {
        let mut pairs = Pairs::default();
        let (mut name, mut version, mut dropped) = ("", "", 0);
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => name = field.text()?,
                2 => version = field.text()?,
                3 => pairs.read(field.bytes()?, context)?,
                4 => dropped = field.varint()? as u32,
                _ => {}
            }
        }
        let mut own = Own::default();
        own.number("$dropped_attributes_count", dropped);
        own.text("$name", name);
        own.text("$schema_url", schema_url);
        own.text("$version", version);
        self.now.scope_name = (!name.is_empty()).then(|| self.scope_name.intern(name));
        self.now.scope = self.object(&mut pairs, &own.0, context, false)?;
        Ok(())
    }

    /// One number for the resource and scope of the rows being read.
    pub(crate) fn hash(&self) -> u64 {
        hash_all(&[self.resource.value(self.now.resource as usize), self.scope.value(self.now.scope as usize)])
    }

    fn object(&mut self, pairs: &mut Pairs<'_>, own: &str, context: &Context<'_>, resource: bool) -> Result<i32, Trouble> {
        pairs.check()?;
        self.text.clear();
        self.text.push('{');
        write_members(&mut self.text, pairs, context, 0, own)?;
        self.text.push('}');
        let column = if resource { &mut self.resource } else { &mut self.scope };
        Ok(column.intern(&self.text))
    }

    /// Rows of the current resource and scope were pushed, others rejected.
    pub(crate) fn fill(&mut self, rows: usize, rejected: u64) {
        for (column, key) in self.service.iter_mut().zip(self.now.service) {
            column.fill(key, rows);
        }
        self.resource.fill(Some(self.now.resource), rows);
        self.scope.fill(Some(self.now.scope), rows);
        self.scope_name.fill(self.now.scope_name, rows);
        if rows > 0 || rejected > 0 {
            let many = self.visits.len() >= VISITS_MAX;
            let visit = match self.visits.get_mut(&self.now.visit) {
                Some(visit) => visit,
                None if many => self.visits.entry(("(further services)".into(), String::new())).or_default(),
                None => self.visits.entry(self.now.visit.clone()).or_default(),
            };
            visit.0 += rows as u64;
            visit.1 += rejected;
        }
    }

    pub(crate) fn visits(&mut self) -> Vec<Visit> {
        let visits = std::mem::take(&mut self.visits).into_iter();
        visits.map(|((service, sdk), (accepted, rejected))| Visit { service, sdk, accepted, rejected }).collect()
    }

    pub(crate) fn finish(self, columns: &mut Vec<ArrayRef>) -> Result<(), Malformed> {
        for column in self.service.into_iter().chain([self.resource, self.scope, self.scope_name]) {
            columns.push(column.finish()?);
        }
        Ok(())
    }
}

/// Members that stand beside the attributes; empty and zero are left out.
#[derive(Default)]
pub(crate) struct Own(pub(crate) String);

impl Own {
    pub(crate) fn key(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    pub(crate) fn raw(&mut self, key: &str, raw: &str) {
        self.key(key);
        self.0.push_str(raw);
    }

    fn number(&mut self, key: &str, number: u32) {
        if number != 0 {
            self.key(key);
            write_int(&mut self.0, i64::from(number));
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.key(key);
            write_string(&mut self.0, text);
        }
    }
}

/// `{"description_keys":[…],"id_keys":[…],"schema_url":"…","type":"…"}`
fn entity(out: &mut String, message: &[u8]) -> Result<(), Malformed> {
    let (mut schema_url, mut kind) = ("", "");
    let (mut ids, mut descriptions) = (String::new(), String::new());
    let mut fields = Fields::new(message);
    let push = |list: &mut String, text: &str| {
        list.push(if list.is_empty() { '[' } else { ',' });
        write_string(list, text);
    };
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => schema_url = field.text()?,
            2 => kind = field.text()?,
            3 => push(&mut ids, field.text()?),
            4 => push(&mut descriptions, field.text()?),
            _ => {}
        }
    }
    let mut own = Own::default();
    for (key, list) in [("description_keys", &descriptions), ("id_keys", &ids)] {
        if !list.is_empty() {
            own.raw(key, &format!("{list}]"));
        }
    }
    own.text("schema_url", schema_url);
    own.text("type", kind);
    if !out.is_empty() {
        out.push(',');
    }
    out.push('{');
    out.push_str(&own.0);
    out.push('}');
    Ok(())
}
