//! What is offered where; `|` is the place in the text.

use crate::language::Target;
use crate::language::complete::{What, context, field_text, known_values, value_text, values_field};
use hopline_storage::scan::Field;

fn show(marked: &str) -> String {
    let at = marked.find('|').unwrap();
    let text = marked.replacen('|', "", 1);
    let found = context(&text, at);
    let what = match &found.what {
        What::Field { prefix } => format!("field {prefix:?}"),
        What::Value { field, prefix, negated } => format!("value of {}{field} {prefix:?}", if *negated { "-" } else { "" }),
        What::Keyword => "keyword".into(),
        What::Nothing => "nothing".into(),
    };
    format!("{what} for {:?} with {}", &text[found.from..found.to], found.rest)
}

#[test]
fn places() {
    let cases = [
        ("|", "field \"\" for \"\" with "),
        ("ser|", "field \"ser\" for \"ser\" with "),
        ("status:error ser|", "field \"ser\" for \"ser\" with status:error"),
        ("status:error |", "field \"\" for \"\" with status:error"),
        ("ser|vice:cart status:error", "field \"ser\" for \"service:\" with status:error"),
        ("service:|", "value of service \"\" for \"\" with "),
        ("service:| status:error", "value of service \"\" for \"\" with status:error"),
        ("service:ch|eck status:error", "value of service \"ch\" for \"check\" with status:error"),
        ("-service:ch|", "value of -service \"ch\" for \"ch\" with "),
        ("a NOT service:ch|", "value of -service \"ch\" for \"ch\" with a"),
        ("a -(b service:ch|)", "value of service \"ch\" for \"ch\" with a"),
        ("http.route:\"/a b|", "value of http.route \"/a b\" for \"\\\"/a b\" with "),
        ("http.route:\"/a b|c\" x:1", "value of http.route \"/a b\" for \"\\\"/a bc\\\"\" with x:1"),
        ("\"my key\":v|", "value of \"my key\" \"v\" for \"v\" with "),
        ("duration:>5|", "value of duration \"5\" for \"5\" with "),
        ("duration:>|", "value of duration \"\" for \"\" with "),
        ("name:~a|", "nothing for \"\" with "),
        ("\"some te|", "nothing for \"\" with "),
        ("service:(a OR b|) x:1", "value of service \"b\" for \"b\" with x:1"),
        ("service:(a OR | x:1", "value of service \"\" for \"\" with "),
        ("service:(|", "value of service \"\" for \"\" with "),
        ("service:(a |", "keyword for \"\" with "),
        ("a O|", "keyword for \"O\" with a"),
        ("O|", "field \"O\" for \"O\" with "),
        ("(a OR b)|", "keyword for \"\" with a OR b"),
        ("x:1 OR y:2 z:|", "value of z \"\" for \"\" with y:2"),
        ("w:1 (x:1 OR y:2 z:|)", "value of z \"\" for \"\" with w:1 y:2"),
        ("w:1 (x:1 OR y:2 z:|", "value of z \"\" for \"\" with w:1 y:2"),
        ("{x:1 y:|} {z:2} w:3", "value of y \"\" for \"\" with x:1"),
        ("{x:1} y:|", "value of y \"\" for \"\" with "),
        ("{x:1 y:|", "value of y \"\" for \"\" with x:1"),
        ("x:1 y:| OR OR", "value of y \"\" for \"\" with x:1"),
    ];
    for (marked, expect) in cases {
        assert_eq!(show(marked), expect, "{marked}");
    }
}

#[test]
fn columns_and_values() {
    assert_eq!(values_field("service", Target::Logs), Some(Field::Column("service_name")));
    assert_eq!(values_field("http.route", Target::Spans), Some(Field::Any("http.route".into())));
    assert_eq!(values_field("\"my key\"", Target::Spans), Some(Field::Any("my key".into())));
    assert_eq!(values_field("body.user.id", Target::Logs), Some(Field::Body("user.id".into())));
    assert_eq!(values_field("severity", Target::Logs), Some(Field::Column("severity_number")));
    assert_eq!(values_field("duration", Target::Spans), None);
    assert_eq!(values_field("event.name", Target::Spans), None);
    assert_eq!(values_field("a b", Target::Spans), None);
    assert_eq!(known_values("status", Target::Spans), ["unset", "ok", "error"]);
    assert_eq!(known_values("severity", Target::Logs)[3], "warn");
    assert!(known_values("service", Target::Logs).is_empty());
    for (value, expect) in
        [("cart", "cart"), ("a b", "\"a b\""), ("a*", "\"a\\*\""), ("OR", "\"OR\""), (">5", "\">5\""), ("a..b", "\"a..b\""), ("", "\"\"")]
    {
        assert_eq!(value_text(value), expect);
    }
    for (key, expect) in
        [("http.route", "http.route"), ("my key", "\"my key\""), ("status", "\"status\""), ("resource.x", "\"resource.x\""), ("1a", "\"1a\"")]
    {
        assert_eq!(field_text(key, Target::Spans), expect);
    }
}
