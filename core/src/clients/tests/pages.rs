//! The page, its forms, and who may send them.

use super::SECOND;
use super::world::Daemon;
use crate::config::Credentials;
use crate::http::client::request;
use crate::xmlrpc::{Message, encode};
use alloc::string::String;
use alloc::{format, vec};

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
    assert!(!daemon.received(conn).contains("\\u003ca"));
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
