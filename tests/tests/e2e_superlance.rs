//! superlance as it comes from PyPI: the listeners that people run.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use visor_tests::both_runtimes;
use visor_tests::e2e::{Runtime, Setup, reference, skip, until};

/// A program of superlance, if it is installed beside the reference.
fn superlance(name: &str) -> Option<PathBuf> {
    let found = reference(name);
    if found.is_none() {
        skip("superlance is not installed");
    }
    found
}

/// A daemon with a `sendmail` that keeps what it is given in `mail`.
fn setup(runtime: Runtime) -> Setup {
    let setup = Setup::new(runtime);
    setup
        .directory
        .script("sendmail", "#!/bin/sh\ncat >> {dir}/mail\n");
    setup
}

fn listener(name: &str, command: &str, events: &str) -> String {
    format!(
        "[eventlistener:{name}]\ncommand={command}\nevents={events}\n\
         stderr_logfile={{dir}}/{name}.err\n"
    )
}

/// Serves one connection after the other in a thread of its own, as long as the test runs.
fn serve(answer: impl Fn(TcpStream) -> std::io::Result<()> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind a loopback port");
    let port = listener.local_addr().expect("a bound port").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away early is its own business.
            let _ = answer(stream);
        }
    });
    port
}

/// A web server in trouble.
fn failing_web_server() -> u16 {
    serve(|mut stream| {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request)?;
        stream.write_all(b"HTTP/1.0 500 Trouble\r\nContent-Length: 0\r\n\r\n")
    })
}

/// A mail server that keeps all it is told.
fn mail_server() -> (u16, Arc<Mutex<String>>) {
    let mails = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&mails);
    let port = serve(move |mut stream| {
        let lines = BufReader::new(stream.try_clone()?).lines();
        let mut in_data = false;
        stream.write_all(b"220 ready\r\n")?;
        for line in lines {
            let line = line?;
            if let Ok(mut mails) = kept.lock() {
                let _ = writeln!(mails, "{line}");
            }
            let answer = match line.as_str() {
                "." => {
                    in_data = false;
                    "250 kept"
                }
                _ if in_data => continue,
                "DATA" | "data" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" | "quit" => "221 bye",
                _ => "250 well",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    });
    (port, mails)
}

both_runtimes! {
    fn httpok_restarts_a_program_whose_check_fails(runtime: Runtime) {
        let Some(httpok) = superlance("httpok") else { return };
        let port = failing_web_server();
        let command = format!(
            "{} -p web -m ops@example.com -s {{dir}}/sendmail http://127.0.0.1:{port}/",
            httpok.display()
        );
        let daemon = setup(runtime)
            .sections("[program:web]\ncommand=sleep 1000")
            .sections("[program:other]\ncommand=sleep 1000")
            .sections(&listener("httpok", &command, "TICK_5"))
            .start();
        daemon.wait_log_count("spawned: 'web' with", 2);
        assert_eq!(daemon.log_count("spawned: 'other' with"), 1);
        until("a mail", || {
            let mail = daemon.directory.read("mail");
            (mail.contains("To: ops@example.com") && mail.contains("500")).then_some(())
        });
    }

    fn memmon_restarts_a_program_that_grows(runtime: Runtime) {
        let Some(memmon) = superlance("memmon") else { return };
        if !["/bin/ps", "/usr/bin/ps"].iter().any(|ps| std::path::Path::new(ps).exists()) {
            skip("memmon needs ps");
            return;
        }
        let command = format!(
            "{} -p grow=40MB -p small=40MB -m ops@example.com -s {{dir}}/sendmail",
            memmon.display()
        );
        let setup = setup(runtime);
        setup.directory.script(
            "grow",
            "#!/bin/sh\nx=$(head -c 60000000 /dev/zero | tr '\\0' x)\nsleep 1000\n: $x\n",
        );
        let daemon = setup
            .sections("[program:grow]\ncommand={dir}/grow\nstopasgroup=true")
            .sections("[program:small]\ncommand=sleep 1000")
            .sections(&listener("memmon", &command, "TICK_5"))
            .start();
        daemon.wait_log_count("spawned: 'grow' with", 2);
        assert_eq!(daemon.log_count("spawned: 'small' with"), 1);
        until("a mail", || {
            daemon.directory.read("mail").contains("To: ops@example.com").then_some(())
        });
    }

    fn crashmail_mails_when_a_program_crashes(runtime: Runtime) {
        let Some(crashmail) = superlance("crashmail") else { return };
        let command = format!(
            "{} -a -m ops@example.com -s {{dir}}/sendmail",
            crashmail.display()
        );
        let daemon = setup(runtime)
            .sections("[program:crash]\ncommand=sh -c 'sleep 1.5; exit 3'\nautorestart=false")
            .sections("[program:leave]\ncommand=sh -c 'sleep 1.5; exit 0'\nautorestart=false")
            .sections(&listener("crashmail", &command, "PROCESS_STATE_EXITED"))
            .start();
        until("a mail", || {
            let mail = daemon.directory.read("mail");
            mail.contains("crash").then_some(())
        });
        daemon.wait_state("leave", "EXITED");
        let mail = daemon.directory.read("mail");
        assert!(!mail.contains("leave"), "an expected exit is no crash: {mail}");
    }

    fn batches_of_mails_go_through_a_mail_server(runtime: Runtime) {
        let Some(crashmailbatch) = superlance("crashmailbatch") else { return };
        let (Some(fatalmailbatch), Some(crashsms)) =
            (superlance("fatalmailbatch"), superlance("crashsms"))
        else {
            return;
        };
        let (port, mails) = mail_server();
        let options = |to: &str| {
            format!("-t {to}@example.com -f visor@example.com -H 127.0.0.1:{port} -e TICK_5 -i 0.01")
        };
        let batch = |name: &str, program: &PathBuf, event: &str| {
            let command = format!("{} {}", program.display(), options(name));
            listener(name, &command, &format!("{event},TICK_5"))
        };
        let _daemon = setup(runtime)
            .sections("[program:crash]\ncommand=sh -c 'sleep 1.5; exit 3'\nautorestart=false")
            .sections("[program:fatal]\ncommand=sh -c 'exit 3'\nstartretries=0")
            .sections(&batch("cmb", &crashmailbatch, "PROCESS_STATE_EXITED"))
            .sections(&batch("fmb", &fatalmailbatch, "PROCESS_STATE_FATAL"))
            .sections(&batch("sms", &crashsms, "PROCESS_STATE_EXITED"))
            .start();
        for name in ["cmb", "fmb", "sms"] {
            until(name, || {
                let mails = mails.lock().ok()?;
                mails.contains(&format!("<{name}@example.com>")).then_some(())
            });
        }
    }
}
