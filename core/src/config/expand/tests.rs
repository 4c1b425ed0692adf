use super::*;

/// Expands with these names; an error gives its text.
fn expanded(format: &str) -> String {
    let scope = Scope {
        environment: &BTreeMap::new(),
        names: &[
            ("here", Value::Text("/h")),
            ("process_num", Value::Number(5)),
            ("n", Value::Number(-3)),
            ("zero", Value::Number(0)),
            ("ten", Value::Number(10)),
            ("many", Value::Number(1_234_567)),
            ("letter", Value::Text("é")),
            ("smile", Value::Text("\u{1f600}€é")),
        ],
        own: &[],
    };
    match expand(format, &scope) {
        Ok(expanded) => expanded.text.into_owned(),
        Err(error) => error.text(format, "x.y", &scope),
    }
}

#[test]
fn numbers_are_formatted_as_python_does() {
    let cases = [
        ("%(process_num)02d", "05"),
        ("%(process_num)-5dx", "5    x"),
        ("%(process_num)#x", "0x5"),
        ("%(process_num)+d", "+5"),
        ("%(process_num) d", " 5"),
        ("%(process_num)5.3d", "  005"),
        ("%(process_num)05.3d", "00005"),
        ("%(n)05d", "-0003"),
        ("%(n)#o", "-0o3"),
        ("%(process_num)#10.5x|", "   0x00005|"),
        ("%(process_num)-#10x|", "0x5       |"),
        ("%(process_num)#010x", "0x00000005"),
        ("%(process_num)e", "5.000000e+00"),
        ("%(process_num)E", "5.000000E+00"),
        ("%(process_num)g", "5"),
        ("%(n)G", "-3"),
        ("%(process_num)08.2f", "00005.00"),
        ("%(process_num)#.0f", "5."),
        ("%(process_num)#-+ 010.3f|", "+5.000    |"),
        ("%(process_num)5c|", "    \u{5}|"),
        ("%(process_num)0 5d", " 0005"),
        ("%(process_num)ld", "5"),
        ("%(process_num).0d", "5"),
        ("%(zero)f %(zero)d", "0.000000 0"),
        ("%(process_num)-5c|", "\u{5}    |"),
        ("%(process_num)#X", "0X5"),
        ("%(ten)X", "A"),
        ("%(process_num)#.0e", "5.e+00"),
        ("%(process_num).0e", "5e+00"),
        ("%(process_num)#.1e", "5.0e+00"),
        ("%(process_num)#g", "5.00000"),
        ("%(many)g", "1.23457e+06"),
        ("%(many).1g", "1e+06"),
        ("%(ten).2g", "10"),
        ("%(ten)#.2g", "10."),
    ];
    for (format, wanted) in cases {
        assert_eq!(expanded(format), wanted, "{format}");
    }
}

#[test]
fn text_is_formatted_as_python_does() {
    let cases = [
        ("%(here)5s|", "   /h|"),
        ("%(here)-5s|", "/h   |"),
        ("%(here).1s|", "/|"),
        ("%(here)05s|", "   /h|"),
        ("%(here)r%%", "'/h'%"),
        ("%(process_num).s", ""),
        ("%(letter)3c|", "  é|"),
        ("%(smile)a", "'\\U0001f600\\u20ac\\xe9'"),
    ];
    for (format, wanted) in cases {
        assert_eq!(expanded(format), wanted, "{format}");
    }
}

#[test]
fn bad_formats_have_pythons_reasons() {
    let cases = [
        ("%d", "%d format: a real number is required, not dict"),
        ("%c", "%c requires int or char"),
        ("%x", "%x format: an integer is required, not dict"),
        ("%G", "must be real number, not dict"),
        ("%(n)*d", "not enough arguments for format string"),
        ("%(n)*", "incomplete format"),
        ("%(here)s %s", "not enough arguments for format string"),
        ("%s %s", "not enough arguments for format string"),
        ("%(here)c", "%c requires int or char"),
        ("%(n)c", "%c arg not in range(0x110000)"),
        ("%(here)x", "%x format: an integer is required, not str"),
        ("%(here)f", "must be real number, not str"),
        ("%(here", "incomplete format key"),
        ("%(here)5", "incomplete format"),
        ("%(here)l", "incomplete format"),
        ("%", "incomplete format"),
        ("%5%", "unsupported format character '%' (0x25) at index 2"),
        ("é%z", "unsupported format character 'z' (0x7a) at index 2"),
        ("%\n", "unsupported format character '?' (0xa) at index 1"),
        (
            "%(process_num)hhd",
            "unsupported format character 'h' (0x68) at index 15",
        ),
        ("%(here)*d", "* wants int"),
        ("%*d", "* wants int"),
        ("%(process_num)*d", "not enough arguments for format string"),
        ("%(n)99999999999d", "width too big"),
        ("%(n)10001d", "width too big"),
        ("%(n).10001d", "precision too big"),
    ];
    for (format, reason) in cases {
        let wanted = alloc::format!(
            "Format string {} for 'x.y' is badly formatted: {reason}",
            py_repr(format)
        );
        assert_eq!(expanded(format), wanted);
    }
}

#[test]
fn unknown_names_list_what_there_is() {
    assert_eq!(
        expanded("%(a(b)c)s"),
        "Format string '%(a(b)c)s' for 'x.y' contains names ('a(b)c') which cannot be expanded. \
         Available names: here, letter, many, n, process_num, smile, ten, zero"
    );
}

#[test]
fn parentheses_within_a_name_are_counted() {
    let environment = BTreeMap::from([("ENV_a(b".to_owned(), "value".to_owned())]);
    let scope = Scope {
        environment: &environment,
        names: &[],
        own: &[],
    };
    let unknown = ExpandError::UnknownName("ENV_a(b)s".to_owned());
    assert_eq!(expand("%(ENV_a(b)s)s", &scope), Err(unknown));
}

#[test]
fn a_field_is_as_wide_as_it_may_be() {
    assert_eq!(expanded("%(here)10000s").len(), 10_000);
    assert_eq!(expanded("%(n).10000d").len(), 10_001);
}

#[test]
fn a_conversion_without_a_name_stays_as_it_is() {
    let scope = Scope {
        environment: &BTreeMap::new(),
        names: &[],
        own: &[],
    };
    let date = expand("date +%s", &scope).unwrap();
    assert_eq!(date.text, "date +%s");
    assert!(date.bare_conversion);
}

#[test]
fn the_programs_own_environment_hides_the_daemons() {
    let environment = BTreeMap::from([("ENV_A".to_owned(), "daemon".to_owned())]);
    let own = [("A".to_owned(), "own".to_owned())];
    let scope = Scope {
        environment: &environment,
        names: &[],
        own: &own,
    };
    assert_eq!(expand("%(ENV_A)s", &scope).unwrap().text, "own");
}
