//! The page, its forms, and who may send them.

use super::SECOND;
use super::world::Daemon;
use crate::config::Credentials;
use crate::http::client::request;
use crate::xmlrpc::{Message, encode};
use alloc::string::String;
use alloc::{format, vec, vec::Vec};

fn web() -> Daemon {
    super::web()
}

#[test]
fn the_page_acts_by_forms_that_other_sites_cannot_send() {
    let mut daemon = web();
    let page = daemon.get("/", &[("Host", "h")]);
    assert!(page.contains("frame-ancestors 'none'"));
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
    let token = &rest[..40];
    let post = |daemon: &mut Daemon, body: &str, headers: &[(&str, &str)]| {
        let conn = daemon.connect();
        daemon.send(conn, &request("POST", "/", headers, Some(body.as_bytes())));
        daemon.advance(SECOND * 2);
        daemon.received(conn)
    };
    let start = format!("token={token}&processname=web&action=start");
    let foreign = [("Host", "h"), ("Origin", "http://evil.example")];
    assert!(post(&mut daemon, &start, &foreign).contains("403 Forbidden"));
    let without = "processname=web&action=start";
    assert!(post(&mut daemon, without, &[("Host", "h")]).contains("403 Forbidden"));
    assert!(daemon.children.is_empty());
    let done = post(
        &mut daemon,
        &start,
        &[("Host", "h"), ("Origin", "http://h")],
    );
    assert!(done.contains("303 See Other"));
    assert!(done.contains("Location: /?message=Process%20web%20started\r\n"));
    let json = [("Host", "h"), ("Accept", "application/json")];
    let again = post(&mut daemon, &start, &json);
    assert!(again.contains("{\"message\":\"ERROR: Process web: already started\",\"ok\":false}"));
    let restart = format!("token={token}&action=restartall");
    assert!(post(&mut daemon, &restart, &json).contains("All restarted at "));
}

#[test]
fn scripts_act_by_get_as_with_the_reference() {
    let mut daemon = web();
    let get = |daemon: &mut Daemon, query: &str| {
        let conn = daemon.connect();
        let target = format!("/?{query}");
        daemon.send(conn, &request("GET", &target, &[("Host", "h:80")], None));
        daemon.advance(SECOND * 2);
        let answer = daemon.received(conn);
        assert!(answer.starts_with("HTTP/1.1 301 Moved Permanently\r\n"));
        let (_, rest) = answer.split_once("Location: http://h/?message=").unwrap();
        String::from(rest.split_once("\r\n").unwrap().0)
    };
    let of = |action: &str| format!("processname=web&action={action}");
    assert_eq!(get(&mut daemon, &of("start")), "Process%20web%20started");
    assert_eq!(
        get(&mut daemon, &of("restart")),
        "Process%20web%20restarted"
    );
    assert_eq!(
        get(&mut daemon, &of("clearlog")),
        "Log%20for%20web%20cleared"
    );
    assert_eq!(get(&mut daemon, &of("stop")), "Process%20web%20stopped");
    assert_eq!(
        get(&mut daemon, &of("stop")),
        "unexpected%20rpc%20fault%20%5B70%5D%20NOT_RUNNING%3A%20web"
    );
    assert_eq!(
        get(&mut daemon, "processname=x&action=stop"),
        "No%20such%20process%20named%20x"
    );
    assert!(get(&mut daemon, "action=stopall").starts_with("All%20stopped%20at%20"));
    let browser = [("Host", "h"), ("User-Agent", "Mozilla/5.0")];
    let refused = daemon.get("/?processname=web&action=start", &browser);
    assert!(refused.contains("403 Forbidden"));
}

#[test]
fn pages_are_told_what_changes() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "<a>")]);
    let conn = daemon.connect();
    daemon.send(conn, &request("GET", "/events", &[], None));
    let first = daemon.received(conn);
    assert!(first.contains("event: snapshot\n"));
    assert!(first.contains("\"id\":\"g:\\u003ca\\u003e\""));
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    daemon.advance(SECOND * 2);
    let then = daemon.received(conn);
    assert_eq!(then.matches("event: process\n").count(), 2);
    assert!(then.contains("\"state\":\"RUNNING\""));
    daemon.call("supervisor.removeProcessGroup", &["g".into()]);
    let without = daemon.received(conn);
    assert!(without.contains("event: snapshot\n") && !without.contains("\\u003ca"));
}

#[test]
fn passwords_lock_everything() {
    let mut daemon = Daemon::with(&[("web", "web")], |config| {
        config.servers[0].credentials = Some(Credentials {
            username: "u".into(),
            password: "p".into(),
        });
    });
    for target in [
        "/",
        "/RPC2",
        "/logtail/web",
        "/events",
        "/static/visor.css",
        "/nope",
    ] {
        assert!(daemon.get(target, &[]).contains("401 Unauthorized"));
    }
    let authorized = daemon.get("/ok.html", &[("Authorization", "Basic dTpw")]);
    assert!(authorized.ends_with("\r\n\r\nOK"));
}

#[test]
fn paths_are_names_of_ours_and_nothing_else() {
    let mut daemon = web();
    for target in [
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/static/",
        "/static/../x",
        "/nope",
    ] {
        assert!(
            daemon.get(target, &[]).contains("404 Not Found"),
            "{target}"
        );
    }
    let status = |daemon: &mut Daemon, method: &str, target: &str| {
        let conn = daemon.connect();
        daemon.send(conn, &request(method, target, &[], Some(b"")));
        String::from(&daemon.received(conn)[9..12])
    };
    assert_eq!(status(&mut daemon, "HEAD", "/"), "404");
    assert_eq!(status(&mut daemon, "GET", "/RPC2"), "400");
    assert_eq!(status(&mut daemon, "DELETE", "/"), "400");
    assert_eq!(status(&mut daemon, "HEAD", "/static/visor.css"), "200");
    assert_eq!(status(&mut daemon, "POST", "/RPC2"), "400");
    assert_eq!(status(&mut daemon, "POST", "/nope"), "404");
}

#[test]
fn a_form_of_another_site_cannot_call_methods() {
    let mut daemon = web();
    let conn = daemon.connect();
    let body = encode(&Message::Call {
        method: "supervisor.shutdown".into(),
        params: vec![],
    });
    let headers = [("Host", "h"), ("Origin", "http://evil.example")];
    daemon.send(
        conn,
        &request("POST", "/RPC2", &headers, Some(body.as_bytes())),
    );
    assert!(daemon.received(conn).contains("403 Forbidden"));
    assert!(!daemon.ended);
}

#[test]
fn the_log_page_shows_the_end_of_the_log() {
    let mut daemon = web();
    let mut log = vec![b'-'; 5000];
    log.extend(b"<b>end");
    daemon.files.insert("/log/web-web".into(), log);
    let page = daemon.get("/tail.html?processname=web&limit=1", &[]);
    assert!(page.contains("&lt;b&gt;end"));
    assert_eq!(page.matches("-----").count(), 1018 / 5);
    assert!(
        daemon
            .get("/tail.html?processname=x", &[])
            .contains("BAD_NAME: x")
    );
    assert!(
        daemon
            .get("/tail.html", &[])
            .contains("No process name found")
    );
}

#[test]
fn groups_have_a_row_and_buttons_of_their_own() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a"), ("g", "b"), ("h", "x")]);
    let page = daemon.get("/", &[]);
    let group =
        |name: &str, count: &str| format!("{name} <span class=\"count\">{count}</span></th>");
    assert!(page.contains(&group("g", "2 processes")));
    assert!(page.contains(&group("h", "1 process")));
    assert!(!page.contains(&group("web", "1 process")));
    assert!(page.contains("value=\"start\" aria-label=\"Start group g\""));
    assert!(page.contains("<input type=\"hidden\" name=\"group\" value=\"h\">"));
    assert_eq!(page.matches("class=\"member\"").count(), 3);
}

#[test]
fn the_filter_hides_what_does_not_match() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a"), ("g", "b")]);
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    let mut shown = |query: &str| {
        let page = daemon.get(&format!("/?{query}"), &[]);
        let rows = page.split("<tr data-id=\"").skip(1);
        let rows = rows.filter(|row| !row.split_once('>').unwrap().0.contains(" hidden"));
        let names: alloc::vec::Vec<String> = rows
            .map(|row| row.split_once('"').unwrap().0.into())
            .collect();
        (names.join(" "), page.matches("<tbody hidden>").count())
    };
    assert_eq!(shown(""), ("g:a g:b web".into(), 0));
    assert_eq!(shown("filter=G%3A"), ("g:a g:b".into(), 1));
    assert_eq!(shown("filter=start"), ("web".into(), 1));
    assert_eq!(shown("filter=b&state=stopped"), ("g:b".into(), 1));
    assert_eq!(shown("state=STARTING"), ("web".into(), 1));
    assert_eq!(shown("filter=b&state=starting"), ("web".into(), 1));
    assert_eq!(shown("filter=x"), (String::new(), 2));
}

#[test]
fn the_page_counts_states_and_offers_what_makes_sense() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a"), ("g", "b")]);
    daemon.call("supervisor.startProcess", &["web".into(), false.into()]);
    let page = daemon.get("/?state=stopped", &[]);
    assert!(page.contains("href=\"/?state=starting\">1 starting</a> "));
    assert!(page.contains("href=\"/?state=stopped\">2 stopped</a> "));
    assert!(!page.contains("href=\"/?state=fatal\""));
    assert!(page.contains("<option value=\"stopped\" selected data-state=\"STOPPED\">stopped (2)"));
    assert!(page.contains("<option value=\"fatal\" data-state=\"FATAL\">fatal (0)"));
    let off = |text: &str, of: &str| {
        page.contains(&format!("aria-label=\"{text} {of}\" disabled>{text}<"))
    };
    assert!(off("Start", "web") && !off("Restart", "web") && !off("Stop", "web"));
    assert!(!off("Start", "g:a") && off("Restart", "g:a") && off("Stop", "g:a"));
    assert!(!off("Clear log", "g:a"));
    assert!(page.contains("<span id=\"mood\" class=\"mood\">running</span>"));
    assert!(!page.contains("No programs are configured."));
    assert!(
        Daemon::new(&[])
            .get("/", &[])
            .contains("No programs are configured.")
    );
}

#[test]
fn messages_about_failures_stand_out() {
    let mut daemon = web();
    let mut class = |message: &str| {
        let page = daemon.get(&format!("/?message={message}"), &[]);
        let (_, rest) = page.split_once("id=\"message\" class=\"").unwrap();
        String::from(rest.split_once('"').unwrap().0)
    };
    assert_eq!(class("Process%20web%20started"), "message");
    for bad in ["ERROR%3A%20x", "unexpected%20x", "No%20such%20x"] {
        assert_eq!(class(bad), "message bad");
    }
}

#[test]
fn assets_are_sent_once() {
    let mut daemon = web();
    for (path, kind) in [
        ("/static/visor.css", "text/css"),
        ("/static/page.js", "text/javascript"),
        ("/static/log.js", "text/javascript"),
        ("/static/icon.svg", "image/svg+xml"),
        ("/favicon.ico", "image/svg+xml"),
    ] {
        let first = daemon.get(path, &[]);
        assert!(first.contains(&format!("Content-Type: {kind}")), "{path}");
        let (_, rest) = first.split_once("ETag: ").unwrap();
        let tag = rest.split_once('\r').unwrap().0;
        let known = format!("\"x\", {tag}");
        let again = daemon.get(path, &[("If-None-Match", &known)]);
        assert!(again.contains("304 Not Modified"), "{again}");
        let other = daemon.get(path, &[("If-None-Match", "\"x\"")]);
        assert!(other.contains("200 OK"));
    }
}

/// What a form for a group, for all or for a process leads to.
fn done(daemon: &mut Daemon, form: &str) -> String {
    let page = daemon.get("/", &[("Host", "h")]);
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
    let body = format!("token={}&{form}", &rest[..40]);
    let conn = daemon.connect();
    let json = [("Host", "h"), ("Accept", "application/json")];
    daemon.send(conn, &request("POST", "/", &json, Some(body.as_bytes())));
    daemon.advance(SECOND * 3);
    let answer = daemon.received(conn);
    String::from(answer.split_once("\r\n\r\n").map_or("", |(_, body)| body))
}

#[test]
fn forms_act_on_groups_and_on_all() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a"), ("g", "b")]);
    let good = |text: &str| format!("{{\"message\":\"{text}\",\"ok\":true}}");
    let mut act = |form: &str| done(&mut daemon, form);
    assert_eq!(act("group=g&action=start"), good("Group g started"));
    assert_eq!(act("group=g&action=restart"), good("Group g restarted"));
    assert_eq!(
        act("group=g&action=clearlog"),
        good("Logs of group g cleared")
    );
    assert_eq!(act("group=g&action=stop"), good("Group g stopped"));
    assert!(act("action=startall").starts_with("{\"message\":\"All started at "));
    assert!(act("action=stopall").starts_with("{\"message\":\"All stopped at "));
    assert!(act("action=clearall").starts_with("{\"message\":\"All logs cleared at "));
    assert_eq!(
        act("action=refresh"),
        good("Page refreshed at Mon Nov 23 17:13:41 2026")
    );
    assert_eq!(
        act("group=x&action=start"),
        "{\"message\":\"No such group named x\",\"ok\":false}"
    );
    for odd in ["action=nope", "group=g&action=nope", "action=start", ""] {
        assert!(act(odd).contains("400"), "{odd}");
    }
}

#[test]
fn forms_tell_what_failed() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a"), ("g", "b")]);
    let bad = |text: &str| format!("{{\"message\":\"{text}\",\"ok\":false}}");
    daemon.missing = vec!["a"];
    assert_eq!(
        done(&mut daemon, "group=g&action=start"),
        bad("Group g started, but one process failed")
    );
    done(&mut daemon, "group=g&action=stop");
    daemon.missing = vec!["a", "b"];
    assert_eq!(
        done(&mut daemon, "group=g&action=start"),
        bad("Group g started, but 2 processes failed")
    );
    assert_eq!(
        done(&mut daemon, "processname=g:a&action=start"),
        bad("ERROR: Process g:a: no such file")
    );
    assert_eq!(
        done(&mut daemon, "processname=g:a&action=stop"),
        bad("unexpected rpc fault [70] NOT_RUNNING: g:a")
    );
}

#[test]
fn what_does_not_run_is_restarted_all_the_same() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a")]);
    let good = "{\"message\":\"Process web restarted\",\"ok\":true}";
    assert_eq!(done(&mut daemon, "processname=web&action=restart"), good);
    assert_eq!(daemon.children.len(), 1);
    assert_eq!(done(&mut daemon, "processname=web&action=restart"), good);
    assert_eq!(daemon.children.len(), 1);
}

#[test]
fn a_program_that_ends_at_once_has_not_started() {
    let mut daemon = web();
    let page = daemon.get("/", &[("Host", "h")]);
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
    let body = format!("token={}&processname=web&action=start", &rest[..40]);
    let conn = daemon.connect();
    let json = [("Host", "h"), ("Accept", "application/json")];
    daemon.send(conn, &request("POST", "/", &json, Some(body.as_bytes())));
    daemon.exit("web", 1);
    let answer = daemon.received(conn);
    assert!(
        answer.contains("\"ERROR: Process web: spawn error\""),
        "{answer}"
    );
}

#[test]
fn a_page_is_told_of_all_processes_in_one_list() {
    let mut daemon = Daemon::new(&[("web", "web"), ("g", "a"), ("g", "b")]);
    let told = daemon.get("/events", &[]);
    let (_, data) = told.split_once("event: snapshot\ndata: ").unwrap();
    let data = data.lines().next().unwrap();
    let list: serde_json::Value = serde_json::from_str(data).expect("a list");
    let ids: Vec<&str> = list["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["g:a", "g:b", "web"]);
}

#[test]
fn the_log_page_shows_whose_log_and_which_it_is() {
    let mut daemon = Daemon::with(&[("web", "web")], |config| {
        config.supervisord.identifier = "shelf".into();
    });
    let mut page = |stream: &str| {
        let target = format!("/tail.html?processname=web&stream={stream}");
        daemon.get(&target, &[])
    };
    let tab = |stream: &str| {
        format!(" aria-current=\"page\" href=\"/tail.html?processname=web&amp;stream={stream}\"")
    };
    for (shown, other) in [("stdout", "stderr"), ("stderr", "stdout")] {
        let page = page(shown);
        assert!(page.contains("<a href=\"/\">shelf</a>"), "{page}");
        assert!(page.contains(&tab(shown)) && !page.contains(&tab(other)));
    }
}

#[test]
fn the_log_page_shows_as_much_as_it_is_asked_for() {
    let mut daemon = web();
    daemon
        .files
        .insert("/log/web-web".into(), vec![b'x'; 2_000_000]);
    let mut note = |limit: &str| {
        let target = format!("/tail.html?processname=web{limit}");
        let page = daemon.get(&target, &[]);
        let (_, note) = page.split_once("id=\"note\">").unwrap();
        String::from(note.split(" of ").next().unwrap())
    };
    assert_eq!(note(""), "The last 65536");
    assert_eq!(note("&limit=2000"), "The last 2000");
    assert_eq!(note("&limit=5"), "The last 1024");
    assert_eq!(note("&limit=1048577"), "The last 1048576");
}
