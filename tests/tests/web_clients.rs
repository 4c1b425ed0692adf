//! Clients that others wrote, and crowds of clients good and bad.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use visor_tests::both_runtimes;
use visor_tests::browser::answer;
use visor_tests::e2e::{Daemon, Runtime, Setup, Value, finish, free_port, reference, run, skip};

const PROGRAMS: &str = "[program:web]\ncommand=/bin/sh -c 'echo hello; exec cat'\n\
    [program:off]\ncommand=sleep 1000\nautostart=false\nstartsecs=0\n\
    [group:pair]\nprograms=left,right\n[program:left]\ncommand=sleep 1001\n[program:right]\ncommand=sleep 1002";

fn daemon(runtime: Runtime, server: &str) -> (Daemon, u16) {
    let port = free_port();
    let daemon = Setup::new(runtime)
        .server(&format!(
            "[unix_http_server]\nfile={{dir}}/s.sock\n[inet_http_server]\nport=127.0.0.1:{port}\n{server}"
        ))
        .sections(PROGRAMS)
        .start();
    for name in ["web", "pair:left", "pair:right"] {
        daemon.wait_running(name);
    }
    (daemon, port)
}

/// Supervisor's own transport, as scripts use it over a Unix socket.
const TRANSPORT: &str = r#"
import sys, xmlrpc.client
from supervisor.xmlrpc import SupervisorTransport
for url in sys.argv[1:]:
    s = xmlrpc.client.ServerProxy('http://127.0.0.1', transport=SupervisorTransport('user', 'pass', serverurl=url))
    v = s.supervisor
    assert v.getState()['statename'] == 'RUNNING'
    assert v.readProcessStdoutLog('web', 0, 5) == 'hello'
    assert v.tailProcessStdoutLog('web', 0, 3) == ['lo\n', 6, True]
    assert v.sendProcessStdin('web', 'grüße &<>\n') is True
    assert [g['name'] for g in v.getAllConfigInfo()] == ['left', 'off', 'right', 'web']
    assert v.reloadConfig() == [[[], [], []]]
    assert v.startProcess('off') is True and v.signalProcess('off', 'CONT') is True
    assert v.stopProcess('off') is True
    assert v.removeProcessGroup('off') is True and v.addProcessGroup('off') is True
    assert sorted(x['name'] for x in v.signalAllProcesses(0)) == ['left', 'right', 'web']
    assert v.readLog(0, 0).endswith('\n')
    while len(v.readProcessStdoutLog('web', 6, 0)) < len('grüße &<>\n'): pass
    assert v.readProcessStdoutLog('web', 6, 0) == 'grüße &<>\n'
    assert v.clearProcessLogs('web') is True and v.readProcessStdoutLog('web', 0, 0) == ''
    v.stopProcess('web'); v.startProcess('web')
    m = xmlrpc.client.MultiCall(s)
    for _ in range(100): m.supervisor.getPID()
    assert len(list(m().results)) == 100
"#;

both_runtimes! {
    fn scripts_talk_through_both_kinds_of_socket(runtime: Runtime) {
        let Some(python) = reference("python") else {
            return skip("no Python in target/reference");
        };
        let (daemon, port) = daemon(runtime, "username=user\npassword=pass\n");
        let socket = daemon.directory.file("s.sock");
        let mut command = Command::new(python);
        command.args(["-c", TRANSPORT]);
        command.arg(format!("unix://{}", socket.display()));
        command.arg(format!("http://127.0.0.1:{port}"));
        let finished = finish(command);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    }

    fn curl_gets_what_it_asks_for(runtime: Runtime) {
        if run("curl", &["--version"]).code != Some(0) {
            return skip("no curl");
        }
        let (daemon, port) = daemon(runtime, "username=user\npassword=pass\n");
        let site = format!("http://127.0.0.1:{port}");
        let curl = |args: &[&str]| {
            let finished = run("curl", &[&["-sS", "-u", "user:pass", "--max-time", "20"], args].concat());
            assert_eq!(finished.code, Some(0), "{args:?} {}", finished.stderr);
            finished.stdout
        };
        assert_eq!(curl(&[&format!("{site}/ok.html")]), "OK");
        assert_eq!(curl(&["--http1.0", &format!("{site}/ok.html")]), "OK");
        let status = |args: &[&str]| curl(&[&["-o", "/dev/null", "-w", "%{http_code} "], args].concat());
        assert_eq!(status(&[&format!("{site}/")]), "200 ");
        assert_eq!(status(&["-I", &format!("{site}/static/visor.css")]), "200 ");
        assert_eq!(status(&["-u", "user:no", &format!("{site}/")]), "401 ");
        assert_eq!(status(&["-X", "DELETE", &format!("{site}/")]), "400 ");
        let socket = daemon.directory.file("s.sock").display().to_string();
        assert_eq!(curl(&["--unix-socket", &socket, "http://x/ok.html"]), "OK");
        // One connection for several requests.
        let two = [format!("{site}/ok.html"), format!("{site}/nope")];
        let used = curl(&["-w", "%{num_connects} ", "-o", "/dev/null", "-o", "/dev/null", &two[0], &two[1]]);
        assert_eq!(used, "1 0 ");
        // Large enough that curl asks for leave to send it.
        let padding = " ".repeat(2 << 20);
        let call = format!("<methodCall><methodName>supervisor.getPID</methodName>{padding}</methodCall>");
        let file = daemon.directory.write("call.xml", &call);
        let data = format!("@{}", file.display());
        let pid = curl(&["-H", "Content-Type: text/xml", "--data-binary", &data, &format!("{site}/RPC2")]);
        assert!(pid.contains(&format!("<int>{}</int>", daemon.pid())), "{pid}");
        // Following never ends by itself: curl's time limit (28) does it.
        let follow = run("curl", &["-sSN", "-u", "user:pass", "--max-time", "1", &format!("{site}/logtail/web")]);
        assert_eq!((follow.code, follow.stdout.as_str()), (Some(28), "hello\n"));
        let action = curl(&["-w", "%{http_code} %{redirect_url}", &format!("{site}/?processname=off&action=start")]);
        assert!(action.ends_with(&format!("301 {site}/?message=Process%20off%20started")), "{action}");
        assert_eq!(daemon.state("off"), "RUNNING");
    }

    fn exporters_and_configuration_management_find_what_they_read(runtime: Runtime) {
        let (daemon, port) = daemon(runtime, "");
        // The request of node_exporter's collector, and the members it reads.
        let body = "<?xml version=\"1.0\"?><methodCall><methodName>supervisor.getAllProcessInfo</methodName><params></params></methodCall>";
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        write!(stream, "POST /RPC2 HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {}\r\n\
            Content-Type: text/xml\r\nAccept-Encoding: gzip\r\n\r\n{body}", body.len()).expect("send");
        let (status, answer) = answer(&mut stream).expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        assert_eq!(status, 200);
        for member in ["name", "group", "start", "stop", "now", "state", "statename", "exitstatus", "pid"] {
            assert!(answer.contains(&format!("<name>{member}</name>")), "{member}");
        }
        // What the modules of Ansible and Salt run, and the words they look for.
        let said = |words: &[&str]| daemon.ctl(None, words).stdout;
        let status = said(&["status", "web"]);
        let mut words = status.split_whitespace();
        assert_eq!((words.next(), words.next()), (Some("web"), Some("RUNNING")));
        for (words, expected) in [
            (&["start", "off"][..], "off: started"),
            (&["restart", "off"], "off: stopped\noff: started"),
            (&["signal", "CONT", "off"], "off: signalled"),
            (&["stop", "off"], "off: stopped"),
            (&["remove", "off"], "off: removed process group"),
            (&["add", "off"], "off: added process group"),
            (&["reread"], "No config updates to processes"),
            (&["update"], ""),
            (&["stop", "pair:*"], "pair:left: stopped"),
        ] {
            let text = said(words);
            assert!(text.contains(expected), "{words:?}: {text}");
        }
    }

    fn a_crowd_notices_nothing_of_those_who_misbehave(runtime: Runtime) {
        let (daemon, port) = daemon(runtime, "");
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for kind in 0..20 {
                let over = &over;
                scope.spawn(move || misbehave(kind, port, over));
            }
            let good: Vec<_> = (0..80).map(|_| scope.spawn(move || ask_often(port, 15))).collect();
            let served: usize = good.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
            over.store(true, Ordering::Relaxed);
            assert_eq!(served, 80 * 15);
        });
        assert_eq!(daemon.state("web"), "RUNNING");
        assert_eq!(daemon.rpc("supervisor.getPID", &[]), Value::Int(i64::from(daemon.pid())));
    }
}

/// Asks again and again on one connection; how many answers were right.
fn ask_often(port: u16, times: usize) -> usize {
    let body = "<methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>";
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("set a limit");
    let request = format!(
        "POST /RPC2 HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let right = (0..times).map(|_| {
        stream.write_all(request.as_bytes()).expect("send");
        let (status, body) = answer(&mut stream).expect("an answer");
        status == 200 && String::from_utf8_lossy(&body).contains("pair")
    });
    right.filter(|right| *right).count()
}

/// One of many ways to be a bad client, until the others are done.
fn misbehave(kind: usize, port: u16, over: &AtomicBool) {
    let mut small = [0; 16];
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            return;
        };
        let limit = Some(Duration::from_millis(50));
        stream.set_read_timeout(limit).expect("set a limit");
        stream.set_write_timeout(limit).expect("set a limit");
        // Whatever fails here fails on purpose.
        let _ = match kind % 5 {
            // Silent.
            0 => stream.read(&mut small).map(drop),
            // Slow, and cut off in the middle.
            1 => stream
                .write_all(b"POST /RPC2 HTTP/1.1\r\nContent-Length: 100\r\n\r\n<methodC")
                .and_then(|()| stream.read(&mut small).map(drop)),
            // Garbage.
            2 => stream
                .write_all(&[0xff, 0, b'\n', b'\r', 0x1b].repeat(20_000))
                .and_then(|()| stream.read(&mut small).map(drop)),
            // Asks for more and more, and reads none of it.
            3 => ask_and_never_read(&mut stream, over),
            // A head without an end, and a request that is too large.
            _ => stream
                .write_all(b"GET / HTTP/1.1\r\nX: ")
                .and_then(|()| stream.write_all(&[b'x'; 100_000]))
                .and_then(|()| stream.read(&mut small).map(drop)),
        };
    }
}

/// Sends requests as long as the daemon takes them, and after that waits for it to take more.
fn ask_and_never_read(stream: &mut TcpStream, over: &AtomicBool) -> std::io::Result<()> {
    while !over.load(Ordering::Relaxed) {
        match stream.write(b"GET / HTTP/1.1\r\n\r\n") {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
