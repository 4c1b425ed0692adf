//! What a document may cost and how it may begin, to the byte; and how errors read.

use super::*;
use alloc::{format, string::ToString as _};

const XY: &str = "<methodCall><methodName>x.y</methodName></methodCall>";

/// Reads a document that comes in pieces of this size; an error gives its text.
fn read(document: &str, piece: usize, limits: Limits) -> Result<Message, String> {
    let mut decoder = Decoder::new(limits);
    for piece in document.as_bytes().chunks(piece) {
        decoder.feed(piece).map_err(|error| error.to_string())?;
    }
    decoder.finish().map_err(|error| error.to_string())
}

/// The error that is known once this much has come.
fn known(document: &str) -> Option<String> {
    let mut decoder = Decoder::new(Limits::default());
    let error = decoder.feed(document.as_bytes()).err()?;
    Some(error.to_string())
}

#[test]
fn a_document_has_so_many_bytes() {
    let bytes = |bytes: usize| Limits {
        bytes,
        ..Limits::default()
    };
    for piece in [1, 7, 1000] {
        assert!(read(XY, piece, bytes(XY.len())).is_ok());
        let short = read(XY, piece, bytes(XY.len() - 1));
        assert_eq!(short, Err("too big".into()));
    }
}

#[test]
fn so_many_elements_are_open_at_once() {
    // One level has three elements, and there are eight around.
    let depth = |depth: usize| Limits {
        depth,
        ..Limits::default()
    };
    for (levels, most) in [(1, 11), (2, 14), (64, 200)] {
        let open = |count: usize| {
            let document = "<a>".repeat(count);
            read(&document, 1000, depth(levels)).expect_err("no call")
        };
        assert_eq!(open(most), "the document is incomplete");
        assert_eq!(open(most + 1), "nested too deeply");
    }
}

#[test]
fn so_many_values_are_read() {
    let values = |values: usize| Limits {
        values,
        ..Limits::default()
    };
    let call = XY.replace(
        "</methodCall>",
        "<params><param><value/></param><param><value/></param></params></methodCall>",
    );
    assert!(read(&call, 1000, values(2)).is_ok());
    assert_eq!(read(&call, 1000, values(1)), Err("too big".into()));
}

#[test]
fn what_comes_before_a_document_may_come_byte_by_byte() {
    for before in [
        "",
        " \n",
        "\u{feff}",
        "<?xml version='1.0'?>",
        "\u{feff}<?xml version='1.0'?>\n",
        "<!DOCTYPE methodCall>",
        "<!DOCTYPE methodCall> \n",
        "\u{feff}<?xml version='1.0'?><!DOCTYPE methodCall SYSTEM 'x'>\n",
    ] {
        for piece in 1..20 {
            let document = format!("{before}{XY}");
            let message = read(&document, piece, Limits::default());
            assert!(message.is_ok(), "{before:?} by {piece}: {message:?}");
        }
    }
}

#[test]
fn a_declaration_is_short_and_plain() {
    let malformed = "not well-formed XML: malformed declaration";
    let declaration = |length: usize| format!("<?xml {}?>", "x".repeat(length - 8));
    for length in [8, 100, 256, 257] {
        assert_eq!(known(&declaration(length)), None, "{length}");
        let document = declaration(length) + XY;
        assert!(read(&document, 1, Limits::default()).is_ok(), "{length}");
    }
    assert_eq!(known(&declaration(258)).as_deref(), Some(malformed));
    // An end that has not come yet may still be in time, or may not.
    let open = |length: usize| known(&format!("<?xml {}", "x".repeat(length - 6)));
    assert_eq!(open(256), None);
    assert_eq!(open(257).as_deref(), Some(malformed));
    let accented = format!("<?xml version='1.0' encoding='é'?>{XY}");
    assert_eq!(known(&accented).as_deref(), Some(malformed));
}

#[test]
fn a_document_type_is_short_and_defines_nothing() {
    let refused = "not well-formed XML: a document type that defines things";
    let named = |length: usize| format!("<!DOCTYPE {}>", "x".repeat(length - 11));
    for length in [12, 100, 511, 512] {
        let document = named(length) + XY;
        for piece in [1, 1000] {
            assert!(
                read(&document, piece, Limits::default()).is_ok(),
                "{length}"
            );
        }
    }
    assert_eq!(known(&named(513)).as_deref(), Some(refused));
    let open = |length: usize| known(&format!("<!DOCTYPE {}", "x".repeat(length - 10)));
    assert_eq!(open(511), None);
    assert_eq!(open(512).as_deref(), Some(refused));
    let defines = "<!DOCTYPE m [<!ENTITY e 'boo'>]>";
    assert_eq!(known(defines).as_deref(), Some(refused));
    // There is one.
    assert!(known(&format!("<!DOCTYPE a><!DOCTYPE b>{XY}")).is_some());
}

#[test]
fn a_document_can_be_appended_to_what_is_there() {
    let message = decode(XY.as_bytes()).expect("a call");
    let mut out = Vec::from(b"head".as_slice());
    encode_into(&mut out, &message);
    assert_eq!(out, format!("head{}", encode(&message)).into_bytes());
}

#[test]
fn what_no_document_may_hold_is_replaced_even_where_there_is_nothing_else() {
    for (text, written) in [
        ("\u{1}", "\u{fffd}"),
        ("\u{ffff}", "\u{fffd}"),
        ("&", "&amp;"),
        ("\t", "\t"),
        ("plain", "plain"),
    ] {
        let mut out = Vec::new();
        response_into(&mut out, &Value::from(text));
        let out = String::from_utf8(out).expect("text");
        let element = format!("<string>{written}</string>");
        assert!(out.contains(&element), "{out}");
    }
}
