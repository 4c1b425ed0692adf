//! The effective settings as people and programs see them.

use super::super::{Json, Secrets, User, settings_json, settings_text};
use super::machine::config;
use alloc::string::String;

const TEXT: &str = "[supervisord]
environment=DB_PASS=one,PLAIN=two
[inet_http_server]
port=*:9001
username=u
password=three
[unix_http_server]
file=/run/s.sock
chown=web:web
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:a]
command=/bin/a
umask=022
exitcodes=0,2
environment=TEXT=\"four
  lines\"
";

/// The lines of one block.
fn block<'t>(text: &'t str, title: &str) -> &'t str {
    let header = alloc::format!("[{title}]\n");
    let (_, after) = text.split_once(&header).expect("the block");
    after.split("\n\n").next().unwrap_or_default()
}

#[test]
fn settings_are_blocks_of_lines() {
    let text = settings_text(&config(TEXT), Secrets::Masked);
    assert!(
        text.starts_with("[supervisord]\nlogfile = /supervisord.log\n"),
        "{text}"
    );
    let headers = text.lines().filter(|line| line.starts_with('['));
    assert!(headers.eq([
        "[supervisord]",
        "[inet_http_server]",
        "[unix_http_server]",
        "[rpcinterface:supervisor]",
        "[group:a]",
        "[process:a:a]",
    ]));
    // A blank line stands between blocks, and nowhere else.
    assert_eq!(text.matches("\n\n").count(), 5);
    assert_eq!(
        block(&text, "inet_http_server"),
        "port = *:9001\nusername = u\npassword = ***"
    );
    assert_eq!(
        block(&text, "unix_http_server"),
        "file = /run/s.sock\nchmod = 0700\nchown = 33:34\nusername =\npassword ="
    );
    assert_eq!(block(&text, "group:a"), "kind = plain\npriority = 999");
    let process = block(&text, "process:a:a");
    assert!(process.starts_with("command = /bin/a\npriority = 999\nautostart = true\n"));
    for line in [
        "exitcodes = 0,2\n",
        "umask = 0022\n",
        "TEXT=\"four\n  lines\"\n",
    ] {
        assert!(process.contains(line), "{process}");
    }
}

#[test]
fn secrets_are_shown_only_where_they_are_asked_for() {
    let environment = |secrets| {
        let text = settings_text(&config(TEXT), secrets);
        let lines = block(&text, "supervisord").lines();
        let mut lines = lines.filter(|line| line.starts_with("environment"));
        String::from(lines.next().expect("the environment"))
    };
    let masked = "environment = DB_PASS=\"***\",PLAIN=\"two\"";
    let shown = "environment = DB_PASS=\"one\",PLAIN=\"two\"";
    assert_eq!(environment(Secrets::Masked), masked);
    assert_eq!(environment(Secrets::Shown), shown);
    let all = settings_json(&config(TEXT), Secrets::Shown).pretty();
    assert!(all.contains("\"password\": \"three\""), "{all}");
    let some = settings_json(&config(TEXT), Secrets::Masked).pretty();
    assert!(some.contains("\"password\": \"***\""), "{some}");
}

#[test]
fn a_user_without_a_name_is_a_number() {
    let mut config = config("[supervisord]\nuser=web\n");
    let text = settings_text(&config, Secrets::Shown);
    assert!(text.contains("\nuser = web\n"), "{text}");
    config.supervisord.user = Some(User {
        name: String::new(),
        uid: 4711,
        gid: 0,
    });
    let text = settings_text(&config, Secrets::Shown);
    assert!(text.contains("\nuser = 4711\n"), "{text}");
}

#[test]
fn json_is_indented_and_quoted() {
    let empty = Json::object([("none", Json::List([].into())), ("b", Json::object([]))]);
    let wanted = "{\n  \"none\": [],\n  \"b\": {}\n}";
    assert_eq!(empty.pretty(), wanted);
    let text = Json::text("a b\u{1f}\u{0}\t\r\n\"\\\u{7f}");
    let wanted = "\"a b\\u001f\\u0000\\t\\r\\n\\\"\\\\\u{7f}\"";
    assert_eq!(text.pretty(), wanted);
    assert_eq!(
        Json::List([Json::Null, Json::Bool(true)].into()).pretty(),
        "[\n  null,\n  true\n]"
    );
}
