//! What encodings, levels and page sizes are worth on given files: bytes a row, CPU seconds per 1 M rows to write, and to read all of it.
//!
//! `HOPLINE_BLOCKS=DIR` names the folder with the blocks of a store (`DATA_DIR/blocks`); every Parquet file of spans and of logs in it is
//! written anew in each way. The figures are those of `docs/decisions/0006-encodings.md`.

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::io::Write;
use std::path::{Path, PathBuf};

type Failure = Box<dyn std::error::Error>;

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A file as it was written: its rows, and how each column was encoded.
struct Written {
    rows: Vec<RecordBatch>,
    columns: Vec<(ColumnPath, Option<Encoding>, bool)>,
}

fn read(path: &Path) -> Result<Written, Failure> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path)?)?;
    let columns = columns(reader.metadata());
    Ok(Written { rows: reader.with_batch_size(8192).build()?.collect::<Result<_, _>>()?, columns })
}

/// Encoding and dictionary of each column, by the first group of rows.
fn columns(metadata: &ParquetMetaData) -> Vec<(ColumnPath, Option<Encoding>, bool)> {
    let group = metadata.row_group(0);
    let of = |column: &parquet::file::metadata::ColumnChunkMetaData| {
        let special = column.encodings().find(|encoding| matches!(encoding, Encoding::BYTE_STREAM_SPLIT | Encoding::DELTA_BINARY_PACKED));
        (column.column_path().clone(), special, column.dictionary_page_offset().is_some())
    };
    group.columns().iter().map(of).collect()
}

fn usual(columns: &[(ColumnPath, Option<Encoding>, bool)]) -> WriterPropertiesBuilder {
    let mut properties = WriterProperties::builder()
        .set_compression(zstd(1))
        .set_data_page_row_count_limit(2048)
        .set_write_batch_size(2048)
        .set_max_row_group_row_count(Some(32 << 10))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_page_size_limit(64 << 10);
    for (path, encoding, dictionary) in columns {
        properties = properties.set_column_dictionary_enabled(path.clone(), *dictionary);
        if let Some(encoding) = encoding {
            properties = properties.set_column_encoding(path.clone(), *encoding);
        }
    }
    properties
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default())
}

/// Every column that has such an encoding, another one.
fn instead(columns: &[(ColumnPath, Option<Encoding>, bool)], of: Encoding, with: Option<Encoding>) -> WriterPropertiesBuilder {
    let replaced =
        columns.iter().map(|(path, encoding, dictionary)| (path.clone(), if *encoding == Some(of) { with } else { *encoding }, *dictionary));
    usual(&replaced.collect::<Vec<_>>())
}

type Way = (&'static str, fn(&[(ColumnPath, Option<Encoding>, bool)]) -> WriterPropertiesBuilder);

const WAYS: [Way; 13] = [
    ("as blocks are written: zstd 1, pages of 2,048 rows", usual),
    ("zstd 3", |columns| usual(columns).set_compression(zstd(3))),
    ("zstd 6", |columns| usual(columns).set_compression(zstd(6))),
    ("not compressed", |columns| usual(columns).set_compression(Compression::UNCOMPRESSED)),
    ("split bytes → plain", |columns| instead(columns, Encoding::BYTE_STREAM_SPLIT, Some(Encoding::PLAIN))),
    ("split bytes → differences", |columns| instead(columns, Encoding::BYTE_STREAM_SPLIT, Some(Encoding::DELTA_BINARY_PACKED))),
    ("differences → plain", |columns| instead(columns, Encoding::DELTA_BINARY_PACKED, Some(Encoding::PLAIN))),
    ("differences → split bytes", |columns| instead(columns, Encoding::DELTA_BINARY_PACKED, Some(Encoding::BYTE_STREAM_SPLIT))),
    ("no dictionaries", |columns| usual(&columns.iter().map(|(path, encoding, _)| (path.clone(), *encoding, false)).collect::<Vec<_>>())),
    ("dictionaries wherever there is no other encoding", |columns| {
        usual(&columns.iter().map(|(path, encoding, _)| (path.clone(), *encoding, encoding.is_none())).collect::<Vec<_>>())
    }),
    ("pages of 4,096 rows", |columns| usual(columns).set_data_page_row_count_limit(4096).set_write_batch_size(4096)),
    ("pages of 8,192 rows", |columns| usual(columns).set_data_page_row_count_limit(8192).set_write_batch_size(8192)),
    ("groups of 128 Ki rows", |columns| usual(columns).set_max_row_group_row_count(Some(128 << 10))),
];

fn main() -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let Some(dir) = std::env::var_os("HOPLINE_BLOCKS").map(PathBuf::from) else {
        writeln!(out, "encodings: HOPLINE_BLOCKS=DATA_DIR/blocks names the blocks to measure; nothing was measured")?;
        return Ok(());
    };
    for signal in ["spans", "logs"] {
        let mut files = Vec::new();
        for tenant in std::fs::read_dir(&dir)? {
            let Ok(entries) = std::fs::read_dir(tenant?.path().join(signal)) else { continue };
            for entry in entries {
                files.push(entry?.path());
            }
        }
        files.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
        files.sort();
        let written = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let rows: usize = written.iter().flat_map(|file| &file.rows).map(RecordBatch::num_rows).sum();
        if rows == 0 {
            writeln!(out, "{signal}: none in {}", dir.display())?;
            continue;
        }
        writeln!(out, "{signal}: {rows} rows in {} files; without side files", files.len())?;
        for (name, way) in WAYS {
            let (mut bytes, before) = (Vec::new(), cpu());
            for file in &written {
                let Some(first) = file.rows.first() else { continue };
                let mut writer = ArrowWriter::try_new(Vec::new(), first.schema(), Some(way(&file.columns).build()))?;
                file.rows.iter().try_for_each(|rows| writer.write(rows))?;
                bytes.push(bytes::Bytes::from(writer.into_inner()?));
            }
            let (wrote, between) = (cpu() - before, cpu());
            for file in &bytes {
                for batch in ParquetRecordBatchReaderBuilder::try_new(file.clone())?.with_batch_size(8192).build()? {
                    std::hint::black_box(batch?.num_rows());
                }
            }
            let million = 1e6 / rows as f64;
            let size = bytes.iter().map(bytes::Bytes::len).sum::<usize>() as f64 / rows as f64;
            writeln!(out, "  {name}: {size:.2} B a row, written in {:.2} s, read in {:.2} s per 1 M", wrote * million, (cpu() - between) * million)?;
        }
    }
    Ok(())
}
