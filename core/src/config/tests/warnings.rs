//! What is allowed, but hardly meant, is said; what is fine is not.

use super::super::{CtlLoader, Diagnostic};
use super::machine::{MAIN, Machine, read};
use alloc::string::{String, ToString as _};
use alloc::{format, vec::Vec};

fn shown(warnings: &[Diagnostic]) -> Vec<String> {
    warnings.iter().map(Diagnostic::to_string).collect()
}

/// The warnings about `[supervisord]`, a program, and `more` from line 4.
fn warnings(more: &str) -> Vec<String> {
    let text = format!("[supervisord]\n[program:a]\ncommand=/bin/a\n{more}\n");
    shown(&read(&text).expect("a configuration").warnings)
}

#[test]
fn names_that_mean_nothing_are_named_with_their_place_and_what_may_be_meant() {
    let cases = [
        (
            "autosatrt=true",
            "'autosatrt' is not an option of [program:a] and is ignored; did you mean autostart=? (/etc/s.conf, line 4)",
        ),
        (
            "colour=red",
            "'colour' is not an option of [program:a] and is ignored (/etc/s.conf, line 4)",
        ),
        (
            "[programm:b]",
            "[programm:b] is not a known section and is ignored; did you mean [program:b]? (/etc/s.conf, line 4)",
        ),
        (
            "[stuff]",
            "[stuff] is not a known section and is ignored (/etc/s.conf, line 4)",
        ),
        (
            "[program:b=x",
            "'[program' in [program:a] is read as an option; the header of a section ends with ] (/etc/s.conf, line 4)",
        ),
    ];
    for (more, warning) in cases {
        assert_eq!(warnings(more), [warning], "{more}");
    }
    // What a plug-in is told is its own matter.
    let open = "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface";
    assert_eq!(warnings(open), [""; 0]);
    assert_eq!(warnings("autostart=true"), [""; 0]);
}

#[test]
fn quotes_around_a_value_are_part_of_it() {
    let warning = |option: &str| {
        format!(
            "the quotes of {option} in [program:a] are part of the value; they are probably not meant (/etc/s.conf, line 4)"
        )
    };
    for odd in ["process_name=\"a\"", "directory='/'", "process_name=\"\""] {
        assert_eq!(warnings(odd), [warning(odd)], "{odd}");
    }
    let fine = [
        "process_name=a\"b",
        "process_name=\"a",
        "process_name=a\"",
        "process_name=\"",
        "process_name=\"a'",
        "environment=A=\"1\"",
        "directory=/",
    ];
    for option in fine {
        assert_eq!(warnings(option), [""; 0], "{option}");
    }
    let quoted = "[supervisord]\n[program:a]\ncommand=\"/bin/a\"\n";
    assert_eq!(read(quoted).expect("a configuration").warnings, []);
}

#[test]
fn a_comment_that_cuts_a_value_is_odd_after_one_space_or_an_open_quote() {
    let cut = |key: &str, kept: &str, cut: &str| {
        format!(
            "{key}= in [program:a] is cut to \"{kept}\", because \"{cut}\" is a comment; put no space before a ; or # that is meant (/etc/s.conf, line 4)"
        )
    };
    let odd = [
        // Free text, and one space.
        ("environment=A=1 ;B=2", "environment", "A=1", ";B=2"),
        // A quote is open, whatever the option.
        ("directory=\"/a  ;b\"", "directory", "\"/a", ";b\""),
        ("directory=/a'b  ;c'", "directory", "/a'b", ";c'"),
    ];
    for (option, key, kept, rest) in odd {
        assert_eq!(warnings(option), [cut(key, kept, rest)], "{option}");
    }
    let fine = [
        "environment=A=1  ; a comment",
        "environment=A=1   ;B=2",
        "directory=/a ; a comment",
        "directory=/a'b'  ; it's closed before",
        "directory=/it's  ; an apostrophe",
        "directory=/a\"b\"\"c\"  ; \"closed\"",
    ];
    for option in fine {
        assert_eq!(warnings(option), [""; 0], "{option}");
    }
}

#[test]
fn a_file_with_a_password_is_not_for_everybody() {
    let warned = |mode: Option<u32>, option: &str| {
        let text = format!("[supervisord]\n[inet_http_server]\nport=1\nusername=u\n{option}\n");
        let mut machine = Machine::with(&[(MAIN, &text)]);
        machine.files.get_mut(MAIN).unwrap().mode = mode;
        shown(&machine.read().expect("a configuration").warnings)
    };
    let warning = "the file has a password and can be read by everybody (/etc/s.conf)";
    for mode in [0o004, 0o644, 0o777] {
        assert_eq!(warned(Some(mode), "password=secret"), [warning], "{mode:o}");
    }
    for mode in [Some(0o600), Some(0o640), Some(0o773), Some(0), None] {
        assert_eq!(warned(mode, "password=secret"), [""; 0], "{mode:?}");
    }
    let hashed = "password={SHA}2346ad27d7568ba9896f1b7da6b5991251debdf2";
    assert_eq!(warned(Some(0o644), hashed), [""; 0]);
    let text = "[supervisord]\n[supervisorctl]\nusername=u\nprompt=secret\n";
    let mut machine = Machine::with(&[(MAIN, text)]);
    machine.files.get_mut(MAIN).unwrap().mode = Some(0o644);
    assert_eq!(machine.read().expect("a configuration").warnings, []);
    let text =
        "[supervisord]\n[supervisorctl]\nusername=u\npassword=%(ENV_HOME)s\n[x]\npassword=\n";
    let mut machine = Machine::with(&[(MAIN, text)]);
    machine.files.get_mut(MAIN).unwrap().mode = Some(0o644);
    assert_eq!(
        shown(&machine.read().expect("a configuration").warnings),
        ["[x] is not a known section and is ignored (/etc/s.conf, line 5)"]
    );
}

#[test]
fn what_is_odd_in_the_clients_section_is_the_clients_matter() {
    let text = "[supervisorctl]\nserverurl=http://h:1\nusername=u\npassword=secret\nprompt=%s\n";
    let mut machine = Machine::with(&[(MAIN, text)]);
    machine.files.get_mut(MAIN).unwrap().mode = Some(0o644);
    let loader = CtlLoader::new(super::machine::options());
    let loaded = machine.run(loader).expect("a configuration");
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    // Nobody reads a password in a message.
    let shown = format!("{:?}", loaded.config);
    assert!(
        shown.contains("http://h:1") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn warnings_come_with_errors_too() {
    let text = "[supervisord]\nlogfile_maxbytes=x\n[program:a]\ncommand=/bin/a %s\nstartsecs=y\n";
    let errors = read(text).expect_err("two errors");
    let all: Vec<String> = errors.all().map(Diagnostic::to_string).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(errors.to_string(), errors.text());
    assert_eq!(errors.all().next().unwrap().text, errors.text());
    let place = errors.place().expect("a place");
    assert_eq!(place.to_string(), "/etc/s.conf, line 2");
    assert!(all[1].ends_with("(/etc/s.conf, line 5)"), "{all:?}");
    assert!(!errors.warnings().is_empty());
}
