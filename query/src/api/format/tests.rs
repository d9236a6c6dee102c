//! Every form of body, read back.
#![allow(clippy::unwrap_used)]

use super::{Batches, Nulls, batches_to};
use crate::api::reply::Format;
use crate::table::SqlError;
use crate::table::columns::json_field;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringViewArray,
    StringViewBuilder, StructArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

fn batch() -> RecordBatch {
    let mut list = ListBuilder::new(StringViewBuilder::new());
    list.values().append_value("a");
    list.values().append_null();
    list.append(true);
    list.append(false);
    let part =
        StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int64, true)), Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef)]);
    let columns: Vec<(Field, ArrayRef)> = vec![
        (Field::new("text", DataType::Utf8View, true), Arc::new(StringViewArray::from(vec![Some("a \"quoted\",\n one"), None]))),
        (
            json_field(Field::new("attributes", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some(r#"{"$$k":9007199254740993}"#), Some("no json")])),
        ),
        (Field::new("int", DataType::Int64, true), Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(-5)]))),
        (Field::new("uint", DataType::UInt64, true), Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(1 << 53)]))),
        (Field::new("double", DataType::Float64, true), Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(0.1)]))),
        (
            Field::new("time", DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some("UTC".into())), true),
            Arc::new(TimestampNanosecondArray::from(vec![Some(1), None]).with_timezone("UTC")),
        ),
        (Field::new("yes", DataType::Boolean, true), Arc::new(BooleanArray::from(vec![Some(true), None]))),
        (
            Field::new("word", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), true),
            Arc::new([Some("w"), None].into_iter().collect::<DictionaryArray<Int32Type>>()),
        ),
        (Field::new("list", DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true))), true), Arc::new(list.finish())),
        (Field::new("part", part.data_type().clone(), true), Arc::new(part)),
    ];
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

async fn written(format: Format, schema: &SchemaRef, batches: Vec<Result<RecordBatch, SqlError>>, nulls: Nulls) -> Result<Vec<u8>, SqlError> {
    let batches: Batches = stream::iter(batches).boxed();
    Ok(batches_to(format, schema, batches, nulls).try_collect::<Vec<_>>().await?.concat())
}

const ROWS: [&str; 2] = [
    r#"{"text":"a \"quoted\",\n one","attributes":{"$k":"9007199254740993"},"int":"-9223372036854775808","uint":"18446744073709551615","double":"NaN","time":"1970-01-01T00:00:00.000000001Z","yes":true,"word":"w","list":["a",null],"part":{"x":1}}"#,
    r#"{"text":null,"attributes":"no json","int":-5,"uint":9007199254740992,"double":0.1,"time":null,"yes":null,"word":null,"list":null,"part":{"x":null}}"#,
];

#[tokio::test]
async fn json_and_lines() {
    let (batch, schema) = (batch(), batch().schema());
    let text = String::from_utf8(
        written(Format::Json, &schema, vec![Ok(batch.clone()), Ok(batch.slice(0, 0)), Ok(batch.clone())], Nulls::Kept).await.unwrap(),
    )
    .unwrap();
    assert_eq!(text, format!("[{},{},{},{}]", ROWS[0], ROWS[1], ROWS[0], ROWS[1]));
    let text = String::from_utf8(written(Format::Ndjson, &schema, vec![Ok(batch.clone())], Nulls::LeftOut).await.unwrap()).unwrap();
    assert_eq!(text.lines().next(), Some(ROWS[0]));
    assert_eq!(text.lines().nth(1), Some(r#"{"attributes":"no json","int":-5,"uint":9007199254740992,"double":0.1,"part":{"x":null}}"#));
    assert_eq!(written(Format::Json, &schema, vec![], Nulls::Kept).await.unwrap(), b"[]");
}

#[tokio::test]
async fn csv_has_a_header_without_rows() {
    let (batch, schema) = (batch(), batch().schema());
    let text = String::from_utf8(written(Format::Csv, &schema, vec![Ok(batch)], Nulls::Kept).await.unwrap()).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(
        rows[0].iter().collect::<Vec<_>>(),
        [
            "a \"quoted\",\n one",
            "{\"$k\":\"9007199254740993\"}",
            "-9223372036854775808",
            "18446744073709551615",
            "NaN",
            "1970-01-01T00:00:00.000000001Z",
            "true",
            "w",
            "[\"a\",null]",
            "{\"x\":1}"
        ]
    );
    assert_eq!(rows[1].iter().collect::<Vec<_>>(), ["", "no json", "-5", "9007199254740992", "0.1", "", "", "", "", "{\"x\":null}"]);
    assert_eq!(written(Format::Csv, &schema, vec![], Nulls::Kept).await.unwrap(), b"text,attributes,int,uint,double,time,yes,word,list,part\n");
}

/// Batches with different dictionaries, and views, read back by plain readers.
#[tokio::test]
async fn arrow_and_parquet() {
    let (batch, schema) = (batch(), batch().schema());
    let bytes = written(Format::ArrowStream, &schema, vec![Ok(batch.clone()), Ok(batch.slice(1, 1))], Nulls::Kept).await.unwrap();
    let read: Vec<RecordBatch> = arrow::ipc::reader::StreamReader::try_new(&bytes[..], None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
    assert_eq!(read[0].column(0).as_string::<i32>().value(0), "a \"quoted\",\n one");
    assert_eq!(read[0].schema().field(1).metadata()["ARROW:extension:name"], "arrow.json");
    let many = vec![Ok(batch.clone()); 40_000];
    let bytes = written(Format::Parquet, &schema, many, Nulls::Kept).await.unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    assert!(reader.metadata().num_row_groups() > 1);
    let read: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 80_000);
    assert_eq!(read[0].column_by_name("int").unwrap().as_primitive::<Int64Type>().value(1), -5);
    for format in [Format::ArrowStream, Format::Parquet] {
        assert!(!written(format, &schema, vec![], Nulls::Kept).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_error_ends_the_body() {
    let (batch, schema) = (batch(), batch().schema());
    let batches: Batches = stream::iter([Ok(batch.clone()), Err(SqlError::internal("broken")), Ok(batch)]).boxed();
    let pieces: Vec<_> = batches_to(Format::Ndjson, &schema, batches, Nulls::Kept).collect().await;
    assert_eq!(pieces.len(), 2);
    assert!(pieces[0].is_ok() && pieces[1].is_err());
    assert!(written(Format::Protobuf, &schema, vec![], Nulls::Kept).await.is_err());
}
