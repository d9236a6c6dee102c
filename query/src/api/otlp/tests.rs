use super::*;
use hopline_model::Seq;
use std::sync::Arc;

fn text(value: &str) -> Option<any_value::Value> {
    Some(any_value::Value::StringValue(value.into()))
}

#[test]
fn spans_by_resource_and_scope() {
    let resource: Arc<str> = r#"{"$schema_url":"https://s","service.name":"web"}"#.into();
    let scope: Arc<str> = r#"{"$name":"lib","$version":"1","$$name":"user"}"#.into();
    let row = |n: u8| Span { seq: Seq(n.into()), span_id: SpanId([n; 8]), resource: resource.clone(), scope: scope.clone(), ..Span::default() };
    let mut special = row(2);
    special.extra = Some(r#"{"end_time_unix_nano":"5","parent_span_id":{"$bytes":"AQI="},"start_time_unix_nano":"18446744073709551615"}"#.into());
    special.attributes = r#"{"b":{"$bytes":"aGk="},"n":{"$double":"NaN"}}"#.into();
    special.events = Some(r#"[{"attributes":{"k":1},"name":"e","time_unix_nano":"7"}]"#.into());
    special.links = Some(r#"[{"flags":1,"span_id":"0102030405060708","trace_id":"0a"}]"#.into());
    let other = Span { scope: "{}".into(), ..row(3) };
    let data = TracesData::decode(&*traces(&[row(1), other, special])).unwrap();
    assert_eq!(data.resource_spans.len(), 1);
    let group = &data.resource_spans[0];
    assert_eq!(group.schema_url, "https://s");
    assert_eq!(group.resource.as_ref().unwrap().attributes[0].value.as_ref().unwrap().value, text("web"));
    assert_eq!(group.scope_spans.iter().map(|scope| scope.spans.len()).collect::<Vec<_>>(), [2, 1]);
    let scope = group.scope_spans[0].scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str(), scope.attributes[0].key.as_str()), ("lib", "1", "$name"));
    let seen = &group.scope_spans[0].spans[1];
    assert_eq!((seen.start_time_unix_nano, seen.end_time_unix_nano, &seen.parent_span_id[..]), (u64::MAX, 5, &[1u8, 2][..]));
    assert_eq!(seen.attributes[0].value.as_ref().unwrap().value, Some(any_value::Value::BytesValue(b"hi".to_vec())));
    assert!(matches!(seen.attributes[1].value.as_ref().unwrap().value, Some(any_value::Value::DoubleValue(n)) if n.is_nan()));
    assert_eq!((seen.events[0].name.as_str(), seen.events[0].time_unix_nano), ("e", 7));
    assert_eq!((&seen.links[0].trace_id[..], seen.links[0].span_id.len(), seen.links[0].flags), (&[10u8][..], 8, 1));
}

#[test]
fn bodies_keep_their_type() {
    let log = |body: Option<&str>, extra: Option<&str>| Log { body: body.map(Into::into), extra: extra.map(Into::into), ..Log::default() };
    let rows =
        [log(None, None), log(Some(""), None), log(Some("{\"a\":1}"), None), log(Some("{\"a\":1}"), Some(r#"{"body":"json","time_unix_nano":"0"}"#))];
    let data = LogsData::decode(&*logs(&rows)).unwrap();
    let seen: Vec<_> = data.resource_logs[0].scope_logs[0].log_records.iter().map(|record| record.body.clone().map(|body| body.value)).collect();
    assert_eq!(seen[..3], [None, Some(text("")), Some(text("{\"a\":1}"))]);
    assert!(matches!(&seen[3], Some(Some(any_value::Value::KvlistValue(list))) if list.values[0].key == "a"));
    assert_eq!(data.resource_logs[0].scope_logs[0].log_records[3].time_unix_nano, 0);
}
