//! What is refused, in the words of the reference; and what is at a bound.

use super::super::schema::Kind;
use super::super::{GroupKind, LoadOptions, Loader, LogTarget, Need, ServerAddress};
use super::machine::{MAIN, Machine, config, error, options, read};
use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use alloc::{format, vec::Vec};

#[test]
fn bytes_that_are_no_text_are_named_as_python_does() {
    let cases: [(&[u8], &str); 6] = [
        (b"\xff", "byte 0xff in position 3: invalid start byte"),
        (
            b"\xe2A",
            "byte 0xe2 in position 3: invalid continuation byte",
        ),
        (
            b"\xe2\x82A",
            "bytes in position 3-4: invalid continuation byte",
        ),
        (
            b"\xf0\x9f\x98A",
            "bytes in position 3-5: invalid continuation byte",
        ),
        (b"\xe2", "byte 0xe2 in position 3: unexpected end of data"),
        (b"\xe2\x82", "bytes in position 3-4: unexpected end of data"),
    ];
    for (bytes, why) in cases {
        let mut machine = Machine::with(&[(MAIN, "[a]")]);
        machine.files.get_mut(MAIN).unwrap().bytes.extend(bytes);
        let error = machine.read().expect_err("no text");
        assert_eq!(error.text(), format!("'utf-8' codec can't decode {why}"));
    }
}

#[test]
fn a_pools_buffer_holds_at_least_one_event() {
    let with = |size: &str| {
        format!("[supervisord]\n[eventlistener:x]\ncommand=x\nevents=TICK_5\nbuffer_size={size}\n")
    };
    for size in ["0", "-1"] {
        let text = format!("[eventlistener:x] section sets invalid buffer_size ({size})");
        assert_eq!(error(&with(size)), text);
    }
    let pool = config(&with("1")).groups.remove(0);
    assert!(matches!(
        pool.kind,
        GroupKind::Listener { buffer_size: 1, .. }
    ));
}

#[test]
fn a_socket_has_a_host_and_a_port() {
    let with = |socket: &str| format!("[supervisord]\n[fcgi-program:x]\ncommand=x\n{socket}\n");
    for odd in [
        "tcp://:9000",
        "tcp://a b:9000",
        "tcp://h:+9",
        "tcp://h:9:9",
        "tcp://h:",
        "x",
    ] {
        let text = format!("Bad socket format {odd} in [fcgi-program:x] socket");
        assert_eq!(error(&with(&format!("socket={odd}"))), text);
    }
    let group = config(&with("socket=tcp://h:09000")).groups.remove(0);
    let GroupKind::Fcgi(socket) = group.kind else {
        panic!("no socket")
    };
    let (host, port) = ("h".to_owned(), 9000);
    assert_eq!(socket.address, ServerAddress::Tcp { host, port });
    // What cannot be expanded is one error, not two.
    let count = |text: &str| read(text).expect_err("an error").all().count();
    assert_eq!(count(&with("socket=%(nonsense)s")), 1);
    let none = "[fcgi-program:x] section requires a \"socket\" line";
    assert_eq!(error(&with("")), none);
    assert_eq!(error(&with("socket=")), none);
}

#[test]
fn what_is_wrong_with_all_processes_of_a_program_is_said_once() {
    let with = |count: &str, command: &str| {
        format!(
            "[supervisord]\n[program:x]\nprocess_name=x%(process_num)d\nnumprocs={count}\ncommand={command}\n"
        )
    };
    let texts = |text: &str| {
        let errors = read(text).expect_err("an error");
        let all = errors.all().map(|one| one.text.clone());
        all.collect::<Vec<String>>()
    };
    let bad = "Format string '%(nonsense)s' for 'program:x.command' contains names";
    for count in ["2", "3", "100000"] {
        let all = texts(&with(count, "%(nonsense)s"));
        assert!(all.len() == 1 && all[0].starts_with(bad), "{all:?}");
    }
    for count in ["100001", "100002"] {
        let text = format!(
            "numprocs is {count}, and at most 100000 are supported in section 'program:x' (file: '/etc/s.conf')"
        );
        assert_eq!(texts(&with(count, "/bin/x")), [text]);
    }
    assert_eq!(config(&with("3", "/bin/x")).groups[0].processes.len(), 3);
}

#[test]
fn processes_of_a_group_are_sorted_by_priority_and_name() {
    let text = "[supervisord]
[group:g]
programs=c,b,a
[program:a]
command=a
priority=2
[program:b]
command=b
priority=1
[program:c]
command=c
priority=1
";
    let names = |text: &str| -> Vec<String> {
        let groups = config(text).groups;
        let group = groups.iter().find(|group| group.name == "g");
        let group = group.expect("the group");
        group.processes.iter().map(|one| one.name.clone()).collect()
    };
    assert_eq!(names(text), ["b", "c", "a"]);
    let two = text
        .replace("[program:c]", "[program:other]")
        .replace("c,b,a", "a,b");
    assert_eq!(names(&two), ["b", "a"]);
    // Of one name, the last is meant.
    let twice = text.replace("[program:c]", "[program:c]\nprocess_name=b");
    assert_eq!(names(&twice), ["b", "a"]);
    assert_eq!(config(&twice).groups[0].processes[0].command, "b");
    let warning = "group 'g' has more than one process named 'b'; the last one is used";
    let warnings = read(&twice).expect("a configuration").warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].to_string(), warning);
}

#[test]
fn users_are_asked_for_first_and_by_the_names_they_come_to() {
    let text = "[supervisord]
[program:a]
command=a
user=web
[program:b]
command=b
user=%(ENV_HOME)s
";
    let mut machine = Machine::with(&[(MAIN, text)]);
    let error = machine.read().expect_err("no such user");
    assert!(
        error.text().starts_with("Invalid user name /root"),
        "{error}"
    );
    let user = |name: &str| Need::UserNamed {
        name: name.to_owned(),
    };
    // Where the log goes is found out later.
    assert_eq!(machine.asked[1], user("web"));
    let users = machine.asked.iter();
    let users = users.filter(|need| matches!(need, Need::UserNamed { .. }));
    assert!(users.eq([&user("web"), &user("/root")]));
}

#[test]
fn kinds_of_values_have_names() {
    assert_eq!(Kind::ByteSize.describe(), "byte size");
    assert_eq!(Kind::Integer.describe(), "integer");
}

#[test]
fn what_is_wrong_with_events_is_said_once() {
    let with = |events: &str| format!("[supervisord]\n[eventlistener:x]\ncommand=x\n{events}\n");
    let count = |text: &str| read(text).expect_err("an error").all().count();
    assert_eq!(count(&with("events=%(nonsense)s")), 1);
    assert_eq!(count(&with("events=NONSENSE")), 1);
    let none = "[eventlistener:x] section requires an \"events\" line";
    assert_eq!(error(&with("")), none);
}

#[test]
fn a_socket_belongs_to_its_programs_user_unless_that_is_ours() {
    let text = "[supervisord]\n[fcgi-program:x]\ncommand=x\nsocket=unix:///s\nuser=web\n";
    let owner = |uid: u32| {
        let options = LoadOptions { uid, ..options() };
        let mut machine = Machine::with(&[(MAIN, text)]);
        let loaded = machine.run(Loader::new(options)).expect("a configuration");
        let GroupKind::Fcgi(socket) = &loaded.config.groups[0].kind else {
            panic!("no socket")
        };
        let ServerAddress::Unix { owner, .. } = &socket.address else {
            panic!("another socket")
        };
        owner.as_ref().map(|owner| (owner.uid, owner.gid))
    };
    assert_eq!(owner(0), Some((33, Some(34))));
    assert_eq!(owner(33), None);
    for option in ["socket_owner=web", "socket_mode=0700"] {
        let text =
            format!("[supervisord]\n[fcgi-program:x]\ncommand=x\nsocket=tcp://h:1\n{option}\n");
        let wrong = "socket_owner and socket_mode params should only be used with a Unix domain socket in [fcgi-program:x] socket";
        assert_eq!(error(&text), wrong);
    }
}

#[test]
fn the_place_of_a_byte_that_is_no_text_is_its_line() {
    let mut machine = Machine::with(&[(MAIN, "[a]\n\nb=")]);
    let bytes = &mut machine.files.get_mut(MAIN).unwrap().bytes;
    bytes.extend(b"\xff");
    let error = machine.read().expect_err("no text");
    assert_eq!(error.place().map(|place| place.line), Some(3));
}

#[test]
fn variables_of_the_daemon_are_for_its_programs_too() {
    let text = "[supervisord]\nenvironment=WHERE=/opt\nlogfile=~/log\n[program:a]\ncommand=%(ENV_WHERE)s/a\n";
    let config = config(text);
    assert_eq!(config.groups[0].processes[0].command, "/opt/a");
    assert_eq!(
        config.supervisord.logfile,
        LogTarget::File("/root/log".into())
    );
}

#[test]
fn patterns_of_further_files_are_separated_by_any_space() {
    let main = "[supervisord]\n[include]\nfiles=/b*   c*\n";
    let files = [
        (MAIN, main),
        ("/b1", "[program:b]\ncommand=b\n"),
        ("/etc/c", "[program:c]\ncommand=c\n"),
    ];
    let mut machine = Machine::with(&files);
    let loaded = machine.read().expect("a configuration");
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.groups.len(), 2);
}

#[test]
fn the_built_in_interface_takes_no_arguments_where_there_is_a_server() {
    let interface = "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n";
    let with =
        |server: &str, argument: &str| format!("[supervisord]\n{server}{interface}{argument}");
    let server = "[unix_http_server]\nfile=/s\n";
    let wrong = "Could not make supervisor rpc interface";
    assert_eq!(error(&with(server, "a=1\n")), wrong);
    assert_eq!(config(&with("", "a=1\n")).rpc_interfaces, ["supervisor"]);
    assert_eq!(config(&with(server, "")).rpc_interfaces, ["supervisor"]);
    // What [DEFAULT] says is an argument as well.
    let default = format!("[DEFAULT]\na=1\n{}", with(server, ""));
    assert_eq!(error(&default), wrong);
    let own = format!(
        "[DEFAULT]\nsupervisor.rpcinterface_factory=x\n{}",
        with(server, "")
    );
    assert_eq!(config(&own).rpc_interfaces, ["supervisor"]);
}
