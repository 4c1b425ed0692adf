//! Documents of many clients, and what the reference makes of them.

use super::*;
use alloc::{format, string::ToString as _, vec};
use proptest::prelude::*;

/// A call of `a.b` with these parameters' XML.
fn call(params: &str) -> String {
    format!("<methodCall><methodName>a.b</methodName><params>{params}</params></methodCall>")
}

fn one(value: &str) -> String {
    call(&format!("<param>{value}</param>"))
}

/// The result in short: `a.b(5, 'x')`, `= 5`, `fault 10 'text'`, or `error`.
fn read(document: &[u8]) -> String {
    match decode(document) {
        Ok(Message::Call { method, params }) => {
            let params: Vec<String> = params.iter().map(short).collect();
            format!("{method}({})", params.join(", "))
        }
        Ok(Message::Response(value)) => format!("= {}", short(&value)),
        Ok(Message::Fault { code, text }) => format!("fault {code} {text:?}"),
        Err(_) => "error".to_string(),
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_string(),
        Value::Int(i) => i.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Double(d) => format!("{d:?}"),
        Value::Str(s) => format!("{s:?}"),
        Value::DateTime(s) => format!("date {s}"),
        Value::Base64(b) => format!("b64 {b:?}"),
        Value::Array(a) => {
            format!("{:?}", a.iter().map(short).collect::<Vec<_>>()).replace('"', "'")
        }
        Value::Struct(m) => {
            let members: Vec<String> = m
                .iter()
                .map(|(k, v)| format!("{k}: {}", short(v)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

const XY: &str = "<methodCall><methodName>x.y</methodName></methodCall>";

#[test]
fn documents_are_read_as_the_reference_reads_them() {
    let xy = |head: &str| format!("{head}{XY}");
    let cases: Vec<(&str, String, &str)> = vec![
        ("declared iso-8859-1, ascii", format!("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>{}", one("<value>abc</value>")), r#"a.b("abc")"#),
        ("declared iso-8859-1, reference", format!("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n{}", one("<value><string>caf&#233;</string></value>")), r#"a.b("café")"#),
        ("declared UTF-8", xy("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), "x.y()"),
        ("declared utf8", xy("<?xml version=\"1.0\" encoding=\"utf8\"?>"), "x.y()"),
        ("declared us-ascii", xy("<?xml version='1.0' encoding='us-ascii'?>"), "x.y()"),
        ("standalone no", xy("<?xml version='1.0' standalone='no'?>"), "x.y()"),
        ("version 1.1", xy("<?xml version='1.1'?>"), "x.y()"),
        ("no declaration", xy(""), "x.y()"),
        ("byte order mark", xy("\u{feff}"), "x.y()"),
        ("byte order mark and declaration", xy("\u{feff}<?xml version='1.0'?>"), "x.y()"),
        ("leading line break", xy("\n"), "x.y()"),
        ("line break before the declaration", xy("\n<?xml version='1.0'?>"), "error"),
        ("two declarations", xy("<?xml version='1.0'?><?xml version='1.0'?>"), "error"),
        ("endless declaration", xy(&format!("<?xml {}?>", "x".repeat(300))), "error"),
        ("trailing line break", format!("{XY}\n"), "x.y()"),
        ("trailing comment", format!("{XY}<!-- a - b -->\n"), "x.y()"),
        ("trailing instruction", format!("{XY}<?php ?? ?>"), "x.y()"),
        ("unfinished trailing comment", format!("{XY}<!-- a"), "error"),
        ("text behind the root", format!("{XY}x"), "error"),
        ("two roots", format!("{XY}{XY}"), "error"),
        ("comment", call("<!-- c --><param><value><int>1</int></value></param>"), "a.b(1)"),
        ("comment within text", one("<value><string>a<!-- c -->b</string></value>"), r#"a.b("ab")"#),
        ("document type", format!("<!DOCTYPE methodCall>{XY}"), "x.y()"),
        ("document type behind a declaration", format!("<?xml version='1.0'?>\n<!DOCTYPE methodCall SYSTEM 'x.dtd'>\n{XY}"), "x.y()"),
        ("document type without an end", format!("<!DOCTYPE {}>{XY}", "x".repeat(600)), "error"),
        ("document type with entity", "<!DOCTYPE m [<!ENTITY e 'boo'>]><methodCall><methodName>x.y</methodName><params><param><value>&e;</value></param></params></methodCall>".into(), "error"),
        ("unknown entity", one("<value>&nope;</value>"), "error"),
        ("bare text", one("<value>hello</value>"), r#"a.b("hello")"#),
        ("bare text with spaces", one("<value>  hello \n</value>"), r#"a.b("  hello \n")"#),
        ("empty value", one("<value></value>"), r#"a.b("")"#),
        ("self-closing value", one("<value/>"), r#"a.b("")"#),
        ("empty string", one("<value><string></string></value>"), r#"a.b("")"#),
        ("self-closing string", one("<value><string/></value>"), r#"a.b("")"#),
        ("spaces around the type", one("<value>\n <int>5</int> </value>"), "a.b(5)"),
        ("i4", one("<value><i4>-7</i4></value>"), "a.b(-7)"),
        ("i8", one("<value><i8>99999999999</i8></value>"), "a.b(99999999999)"),
        ("ex:i8", one("<value><ex:i8 xmlns:ex=\"http://ws.apache.org/xmlrpc/namespaces/extensions\">9</ex:i8></value>"), "a.b(9)"),
        ("ex:nil", one("<value><ex:nil xmlns:ex=\"http://ws.apache.org/xmlrpc/namespaces/extensions\"/></value>"), "a.b(nil)"),
        ("prefix without a declaration", one("<value><ex:nil/></value>"), "a.b(nil)"),
        ("int with spaces", one("<value><int> 5\n</int></value>"), "a.b(5)"),
        ("int with a plus", one("<value><int>+5</int></value>"), "a.b(5)"),
        ("int empty", one("<value><int></int></value>"), "error"),
        ("int junk", one("<value><int>x</int></value>"), "error"),
        ("int as float", one("<value><int>5.0</int></value>"), "error"),
        ("int huge", one("<value><int>99999999999999999999999</int></value>"), "a.b(9223372036854775807)"),
        ("int with underscore", one("<value><int>1_0</int></value>"), "a.b(10)"),
        ("true", one("<value><boolean>1</boolean></value>"), "a.b(true)"),
        ("false", one("<value><boolean>0</boolean></value>"), "a.b(false)"),
        ("boolean word", one("<value><boolean>true</boolean></value>"), "a.b(false)"),
        ("boolean with spaces", one("<value><boolean> 1 </boolean></value>"), "a.b(false)"),
        ("double", one("<value><double>1.25e3</double></value>"), "a.b(1250.0)"),
        ("not a number", one("<value><double>nan</double></value>"), "a.b(NaN)"),
        ("infinity", one("<value><double>inf</double></value>"), "a.b(inf)"),
        ("double with spaces", one("<value><double> 1.5 </double></value>"), "a.b(1.5)"),
        ("double junk", one("<value><double>x</double></value>"), "error"),
    ];
    assert_read(cases);
}

#[test]
fn values_and_answers_are_read_as_the_reference_reads_them() {
    let cases: Vec<(&str, String, &str)> = vec![
        ("date", one("<value><dateTime.iso8601>20260101T12:34:56</dateTime.iso8601></value>"), "a.b(date 20260101T12:34:56)"),
        ("base64 in lines", one("<value><base64>aGVs\n bG8=\n</base64></value>"), "a.b(b64 [104, 101, 108, 108, 111])"),
        ("base64 empty", one("<value><base64/></value>"), "a.b(b64 [])"),
        ("base64 binary", one("<value><base64>AP8=</base64></value>"), "a.b(b64 [0, 255])"),
        ("base64 junk", one("<value><base64>A</base64></value>"), "error"),
        ("nil", one("<value><nil/></value>"), "a.b(nil)"),
        ("array", one("<value><array><data><value>1</value><value><int>2</int></value></data></array></value>"), r"a.b(['\'1\'', '2'])"),
        ("array empty", one("<value><array><data/></array></value>"), "a.b([])"),
        ("array with spaces", one("<value> <array> <data> </data> </array> </value>"), "a.b([])"),
        ("array without data", one("<value><array></array></value>"), "error"),
        ("struct", one("<value><struct><member><name>a</name><value>1</value></member></struct></value>"), r#"a.b({a: "1"})"#),
        ("struct empty", one("<value><struct></struct></value>"), "a.b({})"),
        ("member twice", one("<value><struct><member><name>a</name><value>1</value></member><member><name>b</name><value>3</value></member><member><name>a</name><value>2</value></member></struct></value>"), r#"a.b({a: "2", b: "3"})"#),
        ("value before name", one("<value><struct><member><value>1</value><name>a</name></member></struct></value>"), r#"a.b({a: "1"})"#),
        ("member without a name", one("<value><struct><member><name></name><value>1</value></member></struct></value>"), r#"a.b({: "1"})"#),
        ("name with spaces and reference", one("<value><struct><member><name>a b&amp;</name><value><int>3</int></value></member></struct></value>"), "a.b({a b&: 3})"),
        ("cdata", one("<value><string><![CDATA[a<b>&amp;]]></string></value>"), r#"a.b("a<b>&amp;")"#),
        ("cdata within text", one("<value>x<![CDATA[<]]>y</value>"), r#"a.b("x<y")"#),
        ("references", one("<value>&#65;&#x42;&lt;&quot;&apos;</value>"), r#"a.b("AB<\"'")"#),
        ("reference to NUL", one("<value>&#0;</value>"), "error"),
        ("reference to ESC", one("<value>&#27;</value>"), "error"),
        ("raw ESC", one("<value>\u{1b}</value>"), "error"),
        ("raw line ends", one("<value>a\r\nb\rc</value>"), r#"a.b("a\nb\nc")"#),
        ("reference to CR", one("<value>a&#13;b</value>"), r#"a.b("a\rb")"#),
        ("emoji", one("<value>😀</value>"), r#"a.b("😀")"#),
        ("reference to a surrogate", one("<value>&#xd83d;</value>"), "error"),
        ("U+FFFE", one("<value>\u{fffe}</value>"), "error"),
        ("attributes", one("<value x=\"1\" y='2'><string z=\"\">q</string></value>"), r#"a.b("q")"#),
        ("repeated attribute", one("<value x=\"1\" x=\"2\">q</value>"), "error"),
        ("too many attributes", one(&format!("<value {}>q</value>", (0..17).map(|i| format!("a{i}='' ")).collect::<String>())), "error"),
        ("unknown type", one("<value><foo>1</foo></value>"), r#"a.b("1")"#),
        ("unknown wrapper", "<methodCall><foo/><methodName>x.y</methodName></methodCall>".into(), "x.y()"),
        ("method name with spaces", "<methodCall><methodName> x.y </methodName></methodCall>".into(), " x.y ()"),
        ("no method name", "<methodCall><params/></methodCall>".into(), "error"),
        ("empty method name", "<methodCall><methodName/></methodCall>".into(), "error"),
        ("parameters before the name", "<methodCall><params><param><value>1</value></param></params><methodName>x.y</methodName></methodCall>".into(), r#"x.y("1")"#),
        ("mismatched", "<methodCall><methodName>x.y</methodCall></methodName>".into(), "error"),
        ("truncated", "<methodCall><methodName>x.y</methodName>".into(), "error"),
        ("empty", String::new(), "error"),
        ("spaces only", " \n ".into(), "error"),
        ("not XML", "hello".into(), "error"),
        ("self-closing root", "<methodCall/>".into(), "error"),
        ("two types", one("<value><int>1</int><int>2</int></value>"), "a.b(1)"),
        ("text then type", one("<value>x<int>1</int></value>"), "a.b(1)"),
        ("value out of place", "<methodCall><value>1</value></methodCall>".into(), "error"),
        ("response", "<methodResponse><params><param><value><boolean>1</boolean></value></param></params></methodResponse>".into(), "= true"),
        ("response without a value", "<methodResponse><params/></methodResponse>".into(), "error"),
        ("fault", "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value><string>BAD_NAME: x&lt;y</string></value></member></struct></value></fault></methodResponse>".into(), r#"fault 10 "BAD_NAME: x<y""#),
        ("fault without a code", "<methodResponse><fault><value>x</value></fault></methodResponse>".into(), "error"),
    ];
    assert_read(cases);
}

fn assert_read(cases: Vec<(&str, String, &str)>) {
    for (name, document, expected) in cases {
        assert_eq!(read(document.as_bytes()), expected, "{name}: {document}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_errors() {
    let raw = [one("<value>caf").as_bytes().split_at(80).0, b"\xe9</value>"].concat();
    assert_eq!(read(&raw), "error");
    assert_eq!(read(b"\xff\xfe<\0m\0"), "error");
    assert_eq!(read(b"<?xml version='1.0'\xff?><methodCall/>"), "error");
}

fn nested(depth: usize) -> String {
    let open = "<value><array><data>".repeat(depth);
    one(&format!(
        "{open}{}",
        "</data></array></value>".repeat(depth)
    ))
}

#[test]
fn nesting_is_limited() {
    assert!(decode(nested(64).as_bytes()).is_ok());
    assert_eq!(decode(nested(65).as_bytes()), Err(DecodeError::TooDeep));
    assert_eq!(decode(nested(50_000).as_bytes()), Err(DecodeError::TooDeep));
    let unknown = "<x>".repeat(100_000);
    assert_eq!(decode(unknown.as_bytes()), Err(DecodeError::TooDeep));
}

#[test]
fn size_and_number_of_values_are_limited() {
    let limits = Limits {
        depth: 64,
        bytes: 1000,
        values: 10,
    };
    let feed = |document: &str| Decoder::new(limits).feed(document.as_bytes());
    assert_eq!(feed(&" ".repeat(1001)), Err(DecodeError::TooBig));
    assert_eq!(feed(&call(&"<param><value/></param>".repeat(10))), Ok(()));
    assert_eq!(
        feed(&call(&"<param><value/></param>".repeat(11))),
        Err(DecodeError::TooBig)
    );
}

#[test]
fn a_struct_of_many_members_costs_no_more_than_its_size() {
    let members: String = (0..20_000)
        .map(|i| format!("<member><name>{i}</name><value/></member>"))
        .collect();
    let document = one(&format!("<value><struct>{members}</struct></value>"));
    let Ok(Message::Call { params, .. }) = decode(document.as_bytes()) else {
        panic!("it is well-formed");
    };
    assert!(matches!(&params[..], [Value::Struct(m)] if m.len() == 20_000));
}

#[test]
fn large_texts_come_through_whole() {
    let text = "x".repeat(1 << 20);
    let read = decode(one(&format!("<value>{text}</value>")).as_bytes());
    assert!(matches!(read, Ok(Message::Call { params, .. }) if params == [Value::from(text)]));
}

#[test]
fn answers_are_laid_out_as_python_lays_them_out() {
    let value = Value::Struct(vec![
        ("a<".into(), Value::Int(-5)),
        (
            "l".into(),
            Value::Array(vec![Value::Bool(true), Value::Nil, Value::from("x&y>\t\r")]),
        ),
        ("d".into(), Value::Double(1e16)),
        ("b".into(), Value::Base64(vec![b'x'; 60])),
        ("t".into(), Value::DateTime("20260101T00:00:00".into())),
        ("e".into(), Value::Array(vec![])),
    ]);
    assert_eq!(
        encode(&Message::Response(value)),
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><struct>\n\
         <member>\n<name>a&lt;</name>\n<value><int>-5</int></value>\n</member>\n\
         <member>\n<name>l</name>\n<value><array><data>\n<value><boolean>1</boolean></value>\n<value><nil/></value><value><string>x&amp;y&gt;\t\r</string></value>\n</data></array></value>\n</member>\n\
         <member>\n<name>d</name>\n<value><double>1e+16</double></value>\n</member>\n\
         <member>\n<name>b</name>\n<value><base64>\neHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\neHh4\n</base64></value>\n</member>\n\
         <member>\n<name>t</name>\n<value><dateTime.iso8601>20260101T00:00:00</dateTime.iso8601></value>\n</member>\n\
         <member>\n<name>e</name>\n<value><array><data>\n</data></array></value>\n</member>\n\
         </struct></value>\n</param>\n</params>\n</methodResponse>\n"
    );
    assert_eq!(
        encode(&Message::Fault {
            code: 10,
            text: "BAD_NAME: a".into()
        }),
        "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>10</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>BAD_NAME: a</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n"
    );
    assert_eq!(
        encode(&Message::Call {
            method: "a.b".into(),
            params: vec![Value::from(1)]
        }),
        "<?xml version='1.0'?>\n<methodCall>\n<methodName>a.b</methodName>\n<params>\n<param>\n<value><int>1</int></value>\n</param>\n</params>\n</methodCall>\n"
    );
}

#[test]
fn floats_are_written_as_python_writes_them() {
    let written = |d: f64| {
        let text = encode(&Message::Response(Value::Double(d)));
        let (_, rest) = text.split_once("<double>").unwrap();
        rest.split_once('<').unwrap().0.to_string()
    };
    let pairs = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.25e-7, "1.25e-07"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
    ];
    for (number, text) in pairs {
        assert_eq!(written(number), text);
    }
}

#[test]
fn whatever_a_log_holds_the_answer_can_be_read() {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut answer = Vec::new();
    response_into(&mut answer, &Value::from_bytes(&bytes));
    assert!(matches!(
        decode(&answer),
        Ok(Message::Response(Value::Str(_)))
    ));
    let mut answer = Vec::from(b"head".as_slice());
    response_into(&mut answer, &Value::from("\0\u{fffe}\u{1f}"));
    let text = String::from_utf8(answer).unwrap();
    assert!(text.starts_with("head<?xml"));
    assert!(text.contains("<string>\u{fffd}\u{fffd}\u{fffd}</string>"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<i64>().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>()
            .prop_filter("equal to itself", |d| !d.is_nan())
            .prop_map(Value::Double),
        "[ -~\\n\\té😀]{0,12}".prop_map(Value::Str),
        "[0-9T:]{0,17}".prop_map(Value::DateTime),
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(Value::Base64),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::btree_map("[ -~]{0,6}", inner, 0..6)
                .prop_map(|m| Value::Struct(m.into_iter().map(|(k, v)| (k.into(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_however_it_is_split(params in proptest::collection::vec(value(), 0..4), step in 1..50_usize) {
        let message = Message::Call { method: "a.b".into(), params };
        let text = encode(&message);
        prop_assert_eq!(decode(text.as_bytes()), Ok(message.clone()));
        let mut decoder = Decoder::new(Limits::default());
        for piece in text.as_bytes().chunks(step) {
            decoder.feed(piece).unwrap();
        }
        prop_assert_eq!(decoder.finish(), Ok(message));
    }

    #[test]
    fn no_document_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), tags in "(<|</)(value|int|array|data|struct|member|name|fault|param|methodName|x)/?>") {
        let _ = decode(&bytes);
        let _ = decode(&[tags.as_bytes(), &bytes].concat());
    }
}
