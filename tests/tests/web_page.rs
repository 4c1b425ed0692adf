//! The page in a real browser: Debian's Chromium, without a window.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use visor_tests::browser::{Browser, Options, is_there};
use visor_tests::e2e::{Daemon, Runtime, Setup, free_port, skip, until};

const PROGRAMS: &str = "[program:web]\ncommand=/bin/sh -c 'echo first line; while read line; do echo \"got $line\"; done'\n\
    [program:off]\ncommand=sleep 1000\nautostart=false\nstartsecs=0\n\
    [group:pair]\nprograms=left,right\n[program:left]\ncommand=sleep 1001\nstartsecs=0\n[program:right]\ncommand=sleep 1002\nstartsecs=0\n\
    [program:broken]\ncommand={dir}/nope\nautostart=false";

/// A daemon with a page, and the page's address.
fn daemon(server: &str) -> (Daemon, String) {
    let port = free_port();
    let daemon = Setup::new(Runtime::Smol)
        .server(&format!(
            "[unix_http_server]\nfile={{dir}}/s.sock\n[inet_http_server]\nport=127.0.0.1:{port}\n{server}"
        ))
        .sections(PROGRAMS)
        .start();
    daemon.wait_running("web");
    (daemon, format!("127.0.0.1:{port}"))
}

/// A daemon and a browser that shows its page, live.
fn shown() -> Option<(Daemon, Browser, String)> {
    if !is_there() {
        skip("no chromium and chromedriver");
        return None;
    }
    let (daemon, host) = daemon("");
    let browser = Browser::start(Options::default());
    browser.go(&format!("http://{host}/"));
    browser.wait_text("#live", "live");
    Some((daemon, browser, host))
}

/// What is answered to a client that gives no name and password.
fn get(host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(host).expect("connect");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("receive");
    answer
}

fn row(name: &str) -> String {
    format!("tr[data-id='{name}']")
}

fn press(browser: &Browser, form: &str, action: &str) {
    browser.click(&format!("{form} button[value={action}]"));
}

fn wait_shown(browser: &Browser, name: &str, state: &str) {
    browser.wait_text(&format!("{} .state", row(name)), state);
}

#[test]
fn states_change_as_they_happen_and_nothing_is_loaded_anew() {
    let Some((daemon, browser, _)) = shown() else {
        return;
    };
    wait_shown(&browser, "web", "running");
    let _ = browser.eval("(window.stillHere = true)");
    daemon.rpc(
        "supervisor.stopProcess",
        &[visor_tests::e2e::Value::Text("web".into())],
    );
    wait_shown(&browser, "web", "stopped");
    browser.wait_text("#summary", "stopped");
    assert_eq!(browser.eval("window.stillHere"), true);
    assert_eq!(
        browser.eval("document.querySelector(\"tr[data-id='web'] button[value=stop]\").disabled"),
        true
    );
}

#[test]
fn uptimes_tick() {
    let Some((_daemon, browser, _)) = shown() else {
        return;
    };
    let description = format!("{} .description", row("web"));
    let first = browser.text(&description);
    assert!(first.contains("uptime"), "{first}");
    until("the uptime to grow", || {
        (browser.text(&description) != first).then_some(())
    });
}

#[test]
fn every_button_does_what_it_says() {
    let Some((daemon, browser, _)) = shown() else {
        return;
    };
    press(&browser, &row("off"), "start");
    browser.wait_text("#message", "Process off started");
    wait_shown(&browser, "off", "running");
    let before = daemon.info("off").member("pid").int();
    press(&browser, &row("off"), "restart");
    browser.wait_text("#message", "Process off restarted");
    assert_ne!(daemon.info("off").member("pid").int(), before);
    press(&browser, &row("off"), "stop");
    browser.wait_text("#message", "Process off stopped");
    wait_shown(&browser, "off", "stopped");
    press(&browser, &row("web"), "clearlog");
    browser.wait_text("#message", "Log for web cleared");
    press(&browser, &row("broken"), "start");
    browser.wait_text("#message", "ERROR: Process broken: no such file");

    press(&browser, "tr.group", "stop");
    browser.wait_text("#message", "Group pair stopped");
    wait_shown(&browser, "pair:left", "stopped");
    press(&browser, "tr.group", "start");
    browser.wait_text("#message", "Group pair started");
    wait_shown(&browser, "pair:right", "running");
    press(&browser, "tr.group", "restart");
    browser.wait_text("#message", "Group pair restarted");
    press(&browser, "tr.group", "clearlog");
    browser.wait_text("#message", "Logs of group pair cleared");

    press(&browser, "form.all", "stopall");
    browser.wait_text("#message", "All stopped at");
    wait_shown(&browser, "web", "stopped");
    press(&browser, "form.all", "startall");
    browser.wait_text("#message", "All started at");
    browser.wait_text("#message", "one process failed");
    press(&browser, "form.all", "restartall");
    browser.wait_text("#message", "All restarted at");
    press(&browser, "form.all", "clearall");
    browser.wait_text("#message", "All logs cleared at");
    press(&browser, "form.all", "refresh");
    browser.wait_text("#message", "Page refreshed at");
    wait_shown(&browser, "web", "running");
}

#[test]
fn the_filter_shows_what_is_asked_for() {
    let Some((_daemon, browser, host)) = shown() else {
        return;
    };
    let visible = "[...document.querySelectorAll('tr[data-id]')].filter((r) => r.offsetParent).map((r) => r.dataset.id).join()";
    assert_eq!(browser.eval(visible), "broken,off,pair:left,pair:right,web");
    browser.type_into("#filter-text", "PAIR");
    assert_eq!(browser.eval(visible), "pair:left,pair:right");
    browser.go(&format!("http://{host}/?state=stopped"));
    browser.wait_text("#live", "live");
    assert_eq!(browser.eval(visible), "broken,off");
    browser.click("#summary a.running");
    assert_eq!(browser.eval(visible), "pair:left,pair:right,web");
    browser.type_into("#filter-text", "nothing like it");
    browser.wait_text("#none", "No process matches");
}

#[test]
fn a_log_is_followed_searched_and_wrapped() {
    let Some((daemon, browser, _)) = shown() else {
        return;
    };
    browser.click(&format!("{} th a", row("web")));
    browser.wait_text("#log", "first line");
    browser.wait_text("#live", "live");
    for text in ["one", "two", "three"] {
        let params = ["web".to_owned(), format!("{text} <b>&\n")];
        daemon.rpc(
            "supervisor.sendProcessStdin",
            &params.map(visor_tests::e2e::Value::Text),
        );
        browser.wait_text("#log", &format!("got {text} <b>&"));
    }
    browser.type_into("#search", "GOT T");
    browser.wait_text("#matches", "2 lines");
    browser.click("#next");
    browser.wait_text("#matches", "1 of 2");
    browser.wait_text("#log .current", "got two");
    browser.click("#only");
    until("the others to be hidden", || {
        (!browser.text("#log").contains("first")).then_some(())
    });
    browser.click("#wrap");
    assert_eq!(browser.eval("getComputedStyle(log).whiteSpace"), "pre");
}

#[test]
fn groups_that_come_and_go_are_shown() {
    let Some((daemon, browser, _)) = shown() else {
        return;
    };
    let text = |name: &str| visor_tests::e2e::Value::Text(name.to_owned());
    daemon.rpc("supervisor.removeProcessGroup", &[text("off")]);
    until("the row to go", || {
        let count = "document.querySelectorAll(\"tr[data-id='off']\").length";
        (browser.eval(count) == 0).then_some(())
    });
    daemon.rpc("supervisor.addProcessGroup", &[text("off")]);
    wait_shown(&browser, "off", "stopped");
}

#[test]
fn everything_works_without_scripts() {
    if !is_there() {
        return skip("no chromium and chromedriver");
    }
    let (daemon, host) = daemon("");
    let browser = Browser::start(Options {
        without_scripts: true,
        ..Options::default()
    });
    browser.go(&format!("http://{host}/"));
    browser.wait_text(&format!("{} .state", row("web")), "running");
    press(&browser, &row("web"), "stop");
    browser.wait_text("#message", "Process web stopped");
    browser.wait_text(&format!("{} .state", row("web")), "stopped");
    assert_eq!(daemon.state("web"), "STOPPED");
    press(&browser, "tr.group", "restart");
    browser.wait_text("#message", "Group pair restarted");
    browser.click(&format!("{} th a", row("web")));
    browser.wait_text("#log", "first line");
}

#[test]
fn a_name_and_password_open_the_page_and_all_of_it() {
    if !is_there() {
        return skip("no chromium and chromedriver");
    }
    let (_daemon, host) = daemon("username=user\npassword=secret\n");
    let browser = Browser::start(Options::default());
    browser.go("about:blank");
    assert!(get(&host, "/").starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    assert!(get(&host, "/events").starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    browser.go(&format!("http://user:secret@{host}/"));
    browser.wait_text("#live", "live");
    press(&browser, &row("off"), "start");
    browser.wait_text("#message", "Process off started");
    browser.click(&format!("{} th a", row("web")));
    browser.wait_text("#live", "live");
    browser.wait_text("#log", "first line");
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let Some((daemon, browser, host)) = shown() else {
        return;
    };
    let token = browser.eval("document.querySelector('input[name=token]').value");
    let token = token.as_str().unwrap_or_default();
    let form = format!(
        "<form method=post action=http://{host}/><input name=token value={token}>\
         <input name=processname value=web><button name=action value=stop>x</button></form>"
    );
    let link = format!("<a href='http://{host}/?processname=web&amp;action=stop'>x</a>");
    let call = format!(
        "<form method=post enctype=text/plain action=http://{host}/RPC2><input name='<?xml version' \
         value='\"1.0\"?><methodCall><methodName>supervisor.shutdown</methodName></methodCall>'>\
         <button>x</button></form>"
    );
    for (body, pressed, said) in [
        (form, "button", "Nothing was done"),
        (link, "a", "Nothing was done"),
        (call, "button", "403"),
    ] {
        browser.go(&format!(
            "data:text/html,{}",
            body.replace('%', "%25").replace('#', "%23")
        ));
        browser.click(pressed);
        browser.wait_text("body", said);
    }
    assert_eq!(daemon.state("web"), "RUNNING");
}

#[test]
fn the_keyboard_reaches_everything() {
    let Some((_daemon, browser, _)) = shown() else {
        return;
    };
    let names = "[...document.querySelectorAll('button, a, input, select')].filter((e) => e.offsetParent \
        && !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length))).length";
    assert_eq!(browser.eval(names), 0, "an element without a name");
    assert_eq!(
        browser.eval("document.querySelectorAll('[tabindex=\"-1\"], [onclick]').length"),
        0
    );
    let pressed = "(document.dispatchEvent(new KeyboardEvent('keydown', { key: '/' })), document.activeElement.id)";
    assert_eq!(browser.eval(pressed), "filter-text");
}
