//! Where the bytes go: by dataset exactly, by service and by attribute estimated.
//!
//! A service has the share of a block's bytes that it has of its rows. An attribute that is a column of its own has the bytes
//! that the footer says; those in the rest share its bytes by the lengths of their texts in the first rows of some blocks.
//! Footers are read of so many blocks at most, spread evenly, and what they say is scaled to all.

use crate::block::{Block, BlockId, FileKind};
use crate::error::Result;
use crate::snapshot::Snapshot;
use arrow::array::{Array, AsArray};
use hopline_model::schema::column;
use hopline_model::{Signal, TenantId, UnixNanos, attributes};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::RowSelection;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Footers read for one dataset at most.
const BLOCKS_SAMPLED_MAX: usize = 24;
/// Rows of each of them whose rest is looked into.
const ROWS_SAMPLED: usize = 512;
const SERVICES_MAX: usize = 50;
const ATTRIBUTES_MAX: usize = 50;
/// A changed store is looked at again after this at the earliest.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// What starts the name of a column of one attribute.
const DENSE: &str = "attributes.";

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sizes {
    pub bytes: u64,
    pub datasets: Vec<DatasetBytes>,
    /// Most bytes first.
    pub services: Vec<ServiceBytes>,
    /// Most bytes first.
    pub attributes: Vec<AttributeBytes>,
    /// What to drop first, for a person.
    pub advice: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DatasetBytes {
    pub dataset: String,
    pub blocks: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Of them, what finds rows and is made of them.
    pub index_bytes: u64,
    pub bytes_per_row: f64,
    /// Oldest and newest event time, RFC 3339.
    pub oldest: String,
    pub newest: String,
    /// How many of the blocks the figures by attribute come from.
    pub blocks_sampled: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceBytes {
    pub service: String,
    pub dataset: String,
    pub rows: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AttributeBytes {
    pub dataset: String,
    pub attribute: String,
    pub bytes: u64,
    /// Of the dataset.
    pub percent: f64,
}

/// The last answer by tenant, with what it was made of.
pub(crate) type SizesCache = HashMap<TenantId, (Key, Instant, Arc<Sizes>)>;
/// (blocks, the newest of them): a set of blocks that changed has another.
type Key = (usize, BlockId);

pub(crate) fn cached(cache: &Mutex<SizesCache>, snapshot: &Snapshot) -> Arc<Sizes> {
    let key = (snapshot.blocks.len(), snapshot.blocks.iter().map(|block| block.meta.id).max().unwrap_or_default());
    if let Some((known, at, sizes)) = cache.lock().get(&snapshot.tenant)
        && (*known == key || at.elapsed() < KEPT_FOR)
    {
        return sizes.clone();
    }
    let sizes = Arc::new(sizes(snapshot));
    cache.lock().insert(snapshot.tenant, (key, Instant::now(), sizes.clone()));
    sizes
}

pub(crate) fn sizes(snapshot: &Snapshot) -> Sizes {
    let mut sizes = Sizes::default();
    let mut services: BTreeMap<(&str, &str), (u64, f64)> = BTreeMap::new();
    for signal in Signal::ALL {
        let mut blocks: Vec<&Arc<Block>> = snapshot.blocks(signal).collect();
        blocks.sort_by_key(|block| block.meta.id);
        if blocks.is_empty() {
            continue;
        }
        let mut dataset = dataset(signal, &blocks);
        for block in &blocks {
            let bytes_per_row = block.meta.bytes() as f64 / block.meta.rows.max(1) as f64;
            for service in &block.meta.services {
                let sum = services.entry((&service.service_name, signal.name())).or_default();
                sum.0 += service.rows;
                sum.1 += service.rows as f64 * bytes_per_row;
            }
        }
        let (found, sampled) = attributes_of(&blocks);
        dataset.blocks_sampled = sampled;
        sizes.attributes.extend(found.into_iter().map(|(attribute, bytes)| AttributeBytes {
            dataset: signal.name().into(),
            attribute,
            bytes: bytes as u64,
            percent: round(100.0 * bytes / dataset.bytes.max(1) as f64),
        }));
        sizes.bytes += dataset.bytes;
        sizes.datasets.push(dataset);
    }
    sizes.services = services
        .into_iter()
        .map(|((service, dataset), (rows, bytes))| ServiceBytes { service: service.into(), dataset: dataset.into(), rows, bytes: bytes as u64 })
        .collect();
    sizes.services.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.service.cmp(&b.service)));
    sizes.services.truncate(SERVICES_MAX);
    sizes.attributes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.attribute.cmp(&b.attribute)));
    sizes.attributes.truncate(ATTRIBUTES_MAX);
    sizes.advice = advice(&sizes);
    sizes
}

fn dataset(signal: Signal, blocks: &[&Arc<Block>]) -> DatasetBytes {
    let metas = || blocks.iter().map(|block| &block.meta);
    let (rows, bytes) = (metas().map(|meta| meta.rows).sum::<u64>(), metas().map(|meta| meta.bytes()).sum::<u64>());
    let files = metas().flat_map(|meta| &meta.files);
    DatasetBytes {
        dataset: signal.name().into(),
        blocks: blocks.len() as u64,
        rows,
        bytes,
        index_bytes: files.filter(|file| file.kind != FileKind::Parquet).map(|file| file.bytes).sum(),
        bytes_per_row: round(bytes as f64 / rows.max(1) as f64),
        oldest: UnixNanos(metas().map(|meta| meta.time_min).min().unwrap_or(0)).to_string(),
        newest: UnixNanos(metas().map(|meta| meta.time_max).max().unwrap_or(0)).to_string(),
        blocks_sampled: 0,
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Bytes by attribute, scaled to all blocks, and how many blocks were looked into. One that cannot be read is passed over.
fn attributes_of(blocks: &[&Arc<Block>]) -> (Vec<(String, f64)>, u64) {
    let step = blocks.len().div_ceil(BLOCKS_SAMPLED_MAX).max(1);
    let parquet_bytes = |block: &Block| block.meta.files.iter().filter(|file| file.kind == FileKind::Parquet).map(|file| file.bytes).sum::<u64>();
    let (mut sampled, mut sampled_bytes) = (0, 0);
    let mut found: HashMap<String, f64> = HashMap::new();
    // From the newest on: they say what is being sent.
    for block in blocks.iter().rev().step_by(step) {
        match attributes_in(block) {
            Ok(attributes) => {
                sampled += 1;
                sampled_bytes += parquet_bytes(block);
                attributes.into_iter().for_each(|(key, bytes)| *found.entry(key).or_default() += bytes);
            }
            Err(error) => tracing::debug!("block {} is left out of the sizes: {error}", block.meta.id.0),
        }
    }
    let all: u64 = blocks.iter().map(|block| parquet_bytes(block)).sum();
    let scale = all as f64 / sampled_bytes.max(1) as f64;
    (found.into_iter().map(|(key, bytes)| (key, bytes * scale)).collect(), sampled)
}

fn attributes_in(block: &Arc<Block>) -> Result<HashMap<String, f64>> {
    let file = block.rows_file()?;
    let mut found: HashMap<String, f64> = HashMap::new();
    let mut rest = 0.0;
    for (name, bytes) in file.column_bytes() {
        let bytes = bytes as f64;
        if name == column::ATTRIBUTES {
            rest += bytes;
        } else if let Some(key) = name.strip_prefix(DENSE) {
            *found.entry(key.to_owned()).or_default() += bytes;
        }
    }
    let (Some(at), Some(first)) = (file.column_at(column::ATTRIBUTES), file.groups.first()) else { return Ok(found) };
    let rows = ROWS_SAMPLED.min(first.rows);
    let selection = RowSelection::from_consecutive_ranges(std::iter::once(0..rows), first.rows);
    let batch = file.read(0, &[at], Some(selection), &Arc::default())?;
    let texts = batch.column(0).as_string::<i32>();
    let mut lengths: HashMap<String, usize> = HashMap::new();
    for json in (0..texts.len()).filter(|row| texts.is_valid(*row)).map(|row| texts.value(row)) {
        for (key, raw) in attributes::entries(json) {
            // With the quotes, the colon and the comma.
            let bytes = key.len() + raw.len() + 4;
            *lengths.entry(key.into_owned()).or_default() += bytes;
        }
    }
    let all: usize = lengths.values().sum();
    for (key, bytes) in lengths {
        *found.entry(key).or_default() += rest * bytes as f64 / all.max(1) as f64;
    }
    Ok(found)
}

/// The few that would give back most.
fn advice(sizes: &Sizes) -> Vec<String> {
    let telling = sizes.attributes.iter().filter(|attribute| attribute.percent >= 3.0).take(5);
    telling
        .map(|attribute| {
            format!(
                "{} of {}: about {} bytes, {} %; if nobody asks for it, stop sending it or set a redaction rule with keys = [\"{}\"], action = \"drop\"",
                attribute.attribute, attribute.dataset, attribute.bytes, attribute.percent, attribute.attribute
            )
        })
        .collect()
}
