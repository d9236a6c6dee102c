#![allow(clippy::unwrap_used)]

use super::*;
use arrow::array::{ArrayData, make_array, new_null_array};
use arrow::datatypes::DataType;
use hopline_model::Batch;
use hopline_model::log::Log;
use hopline_model::span::Span;
use proptest::prelude::*;

fn round_trip(signal: Signal, rows: &RecordBatch) {
    let mut bytes = vec![7];
    let (raw_len, compressed) = encode(signal, rows, &mut bytes).unwrap();
    let back = decode(signal, Lsn(9), &bytes[1..], raw_len, compressed).unwrap();
    assert_eq!(back, with_seq(signal, Lsn(9), rows).unwrap());
    if rows.num_rows() > 0 {
        assert_eq!(back.column(0).to_data().buffers()[0].typed_data::<u64>()[0], 9 << 20);
    }
}

/// A batch of any signal whose optional columns are null and whose required ones are zeros or empty.
fn bare(signal: Signal, rows: usize) -> RecordBatch {
    let columns = schema(signal).fields().iter().map(|field| match field.data_type() {
        kind if field.is_nullable() => new_null_array(kind, rows),
        DataType::Dictionary(..) => arrow::compute::cast(&arrow::array::StringArray::from(vec![""; rows]), field.data_type()).unwrap(),
        DataType::Utf8 => Arc::new(arrow::array::StringArray::from(vec!["{}"; rows])) as ArrayRef,
        kind => {
            let zeros = ArrayData::builder(kind.clone()).len(rows).add_buffer(Buffer::from_vec(vec![0_u64; rows * 2 + 1])).build().unwrap();
            make_array(zeros)
        }
    });
    RecordBatch::try_new(schema(signal).clone(), columns.collect()).unwrap()
}

#[test]
fn every_signal() {
    for signal in Signal::ALL {
        for rows in [0, 1, 7, 8, 9, 5000] {
            round_trip(signal, &bare(signal, rows));
        }
        round_trip(signal, &bare(signal, 100).slice(13, 50));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any texts, ids, times and absences, also in slices, survive; a flipped or missing byte never panics.
    #[test]
    fn any_rows(
        texts in prop::collection::vec((".*", prop::option::of("[a-c]{0,3}"), any::<i64>(), any::<[u8; 16]>(), any::<u32>()), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let logs: Vec<Log> = texts
            .iter()
            .map(|(text, option, number, id, flags)| Log {
                body: Some(text.clone()),
                event_name: option.clone(),
                time: hopline_model::UnixNanos(*number),
                trace_id: hopline_model::TraceId::from_bytes(id),
                resource: text.as_str().into(),
                flags: *flags,
                ..Log::default()
            })
            .collect();
        let spans: Vec<Span> = texts
            .iter()
            .map(|(text, option, number, ..)| Span { name: text.clone(), events: option.clone(), duration_nano: *number, ..Span::default() })
            .collect();
        for Batch { signal, rows } in [Log::to_batch(&logs), Span::to_batch(&spans)] {
            round_trip(signal, &rows);
            let at = cut.index(rows.num_rows() + 1);
            round_trip(signal, &rows.slice(at, rows.num_rows() - at));
            let mut bytes = Vec::new();
            let (raw_len, compressed) = encode(signal, &rows, &mut bytes).unwrap();
            let at = cut.index(bytes.len());
            prop_assert!(decode(signal, Lsn(1), &bytes[..at], raw_len, compressed).is_err() || at == bytes.len());
        }
    }
}
