//! A real server and a program that crashes, side by side.

use visor_tests::e2e::{Daemon, Runtime, Setup, free_port, reference, run, skip};

fn start(runtime: Runtime, port: u16) -> Daemon {
    Setup::new(runtime)
        .sections(&format!(
            "[program:redis]\npriority=1\nstdout_logfile={{dir}}/redis.log\n\
             command=redis-server --port {port} --save \"\" --dir {{dir}} --daemonize no"
        ))
        .sections("[program:crash]\npriority=2\nstartretries=2\ncommand=sh -c 'echo out of luck; exit 3'")
        .sections("[program:often]\npriority=3\nautorestart=unexpected\ncommand=sh -c 'sleep 1.2; test ! -e {dir}/enough || exit 0; touch {dir}/enough; exit 4'")
        .start()
}

/// The activity log without times and pids.
fn plain_log(daemon: &Daemon) -> Vec<String> {
    let plain = |line: String| match line.split_once("pid ") {
        Some((head, _)) => format!("{head}pid N"),
        None => line,
    };
    daemon.log_lines().into_iter().map(plain).collect()
}

fn lived_through(runtime: Runtime) -> Vec<String> {
    let port = free_port();
    let mut daemon = start(runtime, port);
    daemon.wait_running("redis");
    let ping = || run("redis-cli", &["-p", &port.to_string(), "ping"]).stdout;
    visor_tests::e2e::until("an answer of redis", || (ping() == "PONG\n").then_some(()));
    daemon.wait_state("crash", "FATAL");
    daemon.wait_state("often", "EXITED");
    assert_eq!(ping(), "PONG\n", "redis suffers from nobody");
    assert_eq!(daemon.terminate(), 0);
    assert_ne!(ping(), "PONG\n");
    plain_log(&daemon)
}

/// Lines of one process, in order. Between processes the order is a matter of milliseconds.
fn of<'a>(log: &'a [String], name: &str) -> Vec<&'a str> {
    let about = |line: &&str| {
        line.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == name)
    };
    log.iter().map(String::as_str).filter(about).collect()
}

#[test]
fn a_real_server_and_a_crashing_program_leave_the_same_log_under_every_runtime() {
    if std::process::Command::new("redis-server")
        .arg("--version")
        .output()
        .is_err()
    {
        return skip("redis-server is not installed");
    }
    let smol = lived_through(Runtime::Smol);
    let std = lived_through(Runtime::Std);
    let reference = reference("supervisord").map(|_| lived_through(Runtime::Reference));
    for name in ["redis", "crash", "often", "supervisord", "received", "die"] {
        assert_eq!(of(&smol, name), of(&std, name), "{name}");
        if let Some(reference) = &reference {
            assert_eq!(of(&smol, name), of(reference, name), "{name}");
        }
    }
    let sorted = |mut log: Vec<String>| {
        log.sort();
        log
    };
    assert_eq!(sorted(smol), sorted(std));
}
