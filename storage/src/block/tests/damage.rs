//! Damaged files: an error or the same answer, never other rows and never a panic.

use super::*;
use crate::scan::{Cancel, Column};
use crate::text::TextQuery;

fn logs() -> Vec<Log> {
    (0..3000u64)
        .map(|i| Log {
            time: UnixNanos(i as i64 * 1_000_000),
            trace_id: Some(TraceId([(i % 200) as u8 + 1; 16])),
            body: Some(format!("request {i} of user {} done", i % 17)),
            attributes: format!("{{\"code\":{},\"path\":\"/p/{}\"}}", i % 3, i % 40),
            ..Log::default()
        })
        .collect()
}

fn spans() -> Vec<Span> {
    (0..3000u64)
        .map(|i| Span {
            trace_id: TraceId([(i / 16) as u8 + 1; 16]),
            start_time: UnixNanos(i as i64 * 1_000_000),
            name: format!("step {}", i % 17),
            attributes: format!("{{\"code\":{},\"path\":\"/p/{}\"}}", i % 3, i % 40),
            ..Span::default()
        })
        .collect()
}

/// What a block answers: every row, a trace, a word, a value. `None`: it says that something is missing.
fn answers(shelf: &Shelf, block: &Block) -> Option<Vec<Vec<u64>>> {
    // Opened anew: nothing is cached, and no handle holds a file that was replaced.
    let objects: Arc<dyn ObjectIo> = Arc::new(LocalObjects::open(shelf.dir.path(), Arc::new(OsFiles)).unwrap());
    let block = Arc::new(Block::new(block.meta.clone(), objects));
    let signal = block.meta.signal;
    let seen = snapshot(&[block]);
    let text = |text: &str| Predicate::Text(TextQuery { text: text.into(), phrase: false, prefix: false });
    let value = Predicate::Compare { field: crate::scan::Field::Attribute("path".into()), test: crate::scan::Test::Equals("/p/7".into()) };
    let predicates = [Predicate::All, Predicate::TraceIds(vec![TraceId([9; 16])]), text("request 8"), text("step 3"), value];
    let mut answers = Vec::new();
    for predicate in predicates {
        let columns = vec![Column::Fixed("seq"), Column::Fixed("attributes"), Column::Fixed("resource")];
        let request = ScanRequest { predicate, columns, cancel: Cancel::default(), ..ScanRequest::all(signal) };
        let (batches, stats) = seen.collect(&request).unwrap();
        if !stats.damaged.is_empty() {
            return None;
        }
        let mut seqs = Vec::new();
        for batch in &batches {
            let rows = batch.column(0).to_data();
            assert_eq!(rows.len(), batch.num_rows());
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|column| crate::scan::value::cell_text(column, row).unwrap_or_default().into_owned());
                seqs.push(xxhash_rust::xxh3::xxh3_64(cells.collect::<Vec<_>>().join("|").as_bytes()));
            }
        }
        seqs.sort_unstable();
        answers.push(seqs);
    }
    Some(answers)
}

fn flip_everywhere(signal: Signal, chunks: &[Chunk]) {
    let mut shelf = Shelf::new();
    let first = shelf.write(signal, 0, chunks);
    let block = shelf.merge(&[first], 1, 1 << 20).remove(0);
    let expect = answers(&shelf, &block).expect("an undamaged block answers");
    assert!(expect.iter().take(2).all(|rows| !rows.is_empty()));
    for file in block.meta.files.clone() {
        let path = shelf.path(&block, file.kind);
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.len() as u64, file.bytes);
        let (mut same, mut missing) = (0, 0);
        // Places all over the file, and closely at its end, where lengths and tables are.
        let step = (whole.len() / 60).max(1);
        let places = (0..whole.len()).step_by(step).chain(whole.len().saturating_sub(30)..whole.len());
        for at in places {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bytes).unwrap();
            match answers(&shelf, &block) {
                None => missing += 1,
                Some(got) => {
                    assert_eq!(got, expect, "{:?} at {at}", file.kind);
                    same += 1;
                }
            }
        }
        for len in [0, 10, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(answers(&shelf, &block).is_none_or(|got| got == expect), "{:?} cut to {len}", file.kind);
        }
        // Rows are lost only with the rows' file.
        assert_eq!(missing > 0, file.kind == FileKind::Parquet, "{:?}: {same} same, {missing} missing", file.kind);
        std::fs::remove_file(&path).unwrap();
        assert!(answers(&shelf, &block).is_none_or(|got| got == expect), "{:?} gone", file.kind);
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(answers(&shelf, &block), Some(expect));
}

#[test]
fn damaged_logs() {
    flip_everywhere(Signal::Logs, &log_chunks(&mut logs(), 1000));
}

#[test]
fn damaged_spans() {
    flip_everywhere(Signal::Spans, &span_chunks(&mut spans(), 1000));
}

/// A merge builds anew what it cannot read of the side files, and refuses damaged rows.
#[test]
fn merges_of_damaged_blocks() {
    for kind in [FileKind::Tix, FileKind::Idx, FileKind::Parquet] {
        for signal in [Signal::Spans, Signal::Logs] {
            let mut shelf = Shelf::new();
            let chunks = if signal == Signal::Spans { span_chunks(&mut spans(), 1000) } else { log_chunks(&mut logs(), 1000) };
            let blocks: Vec<Arc<Block>> = chunks.chunks(1).map(|chunks| shelf.write(signal, 0, chunks)).collect();
            let path = shelf.path(&blocks[1], kind);
            let Ok(mut bytes) = std::fs::read(&path) else { continue };
            bytes[20] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            let inputs: Vec<Input> = blocks.iter().map(|block| Input { block: block.clone(), rows: block.meta.windows[0] }).collect();
            let id = shelf.id();
            let target = Target { objects: &shelf.objects, id, tenant: TenantId(0), signal, level: 1, created: UnixNanos(0) };
            let merged = merge_blocks(target, &inputs, 1 << 20, &|| Ok(()));
            if kind == FileKind::Parquet {
                assert!(merged.is_err());
                continue;
            }
            let merged = Block::new(merged.unwrap(), shelf.objects.clone());
            let whole = shelf.write(signal, 1, &chunks);
            let sorted = answers(&shelf, &merged);
            assert!(sorted.is_some() && sorted == answers(&shelf, &whole), "{kind:?} {signal}");
        }
    }
}

/// An index of another tokenizer, or a side file of a newer format, is passed over; a merge builds the index anew.
#[test]
fn indexes_of_another_version() {
    use crate::block::checked::{FileWriter, finish_side};
    use std::io::Write;
    let mut shelf = Shelf::new();
    let block = shelf.write(Signal::Logs, 0, &log_chunks(&mut logs(), 1000));
    let expect = answers(&shelf, &block);
    for (header, version) in
        [(&br#"{"tokenizer":999,"tantivy":"0.27","files":[]}"#[..], 1), (br#"{"tokenizer":1,"tantivy":"9.9","files":[]}"#, 1), (b"{}", 200)]
    {
        let name = names::block_file(block.meta.tenant, block.meta.signal, block.meta.id, FileKind::Idx);
        std::fs::remove_file(shelf.path(&block, FileKind::Idx)).unwrap();
        let mut file = FileWriter::create(shelf.objects.as_ref(), &name).unwrap();
        file.write_all(header).and_then(|()| file.write_all(&(header.len() as u32).to_le_bytes())).unwrap();
        let file = finish_side(file, FileKind::Idx, version).unwrap();
        let mut meta = block.meta.clone();
        meta.files.retain(|old| old.kind != FileKind::Idx);
        meta.files.push(file);
        // Objects are opened by name once: another handle sees the new file.
        let objects: Arc<dyn ObjectIo> = Arc::new(LocalObjects::open(shelf.dir.path(), Arc::new(OsFiles)).unwrap());
        let other = Arc::new(Block::new(meta, objects));
        assert!(other.text_index().is_none());
        assert_eq!(answers(&shelf, &other), expect);
        let merged = shelf.merge(&[other], 1, 1 << 20).remove(0);
        assert!(merged.text_index().is_some());
        assert_eq!(answers(&shelf, &merged), expect);
    }
}
