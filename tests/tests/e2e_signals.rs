//! Signals to the daemon, shutdown and restart.

use rustix::process::Signal;
use std::fs;
use visor_tests::both_runtimes;
use visor_tests::e2e::{Setup, Value, alive, children, until};

const SLEEPER: &str = "[program:a]\ncommand=sleep 1000\nstdout_logfile={dir}/a.log";

/// A program that takes its time to stop: until the file `go` appears.
const SLOW: &str = "[program:slow]\nstopwaitsecs=60\nstdout_logfile={dir}/slow.log\n\
    command=sh -c 'trap \"while [ ! -e {dir}/go ]; do sleep 0.05; done; exit 0\" TERM; echo ready; while true; do sleep 0.05; done'";

both_runtimes! {
    fn term_int_and_quit_shut_down(runtime: Runtime) {
        for (signal, name) in [
            (Signal::TERM, "SIGTERM"),
            (Signal::INT, "SIGINT"),
            (Signal::QUIT, "SIGQUIT"),
        ] {
            let mut daemon = Setup::new(runtime).sections(SLEEPER).start();
            let child = daemon.wait_running("a");
            assert!(daemon.directory.file("supervisord.pid").exists());
            daemon.signal(signal);
            assert_eq!(daemon.wait_exit(), 0);
            let tail = [
                format!("WARN received {name} indicating exit request"),
                "INFO waiting for a to die".to_owned(),
                "WARN stopped: a (terminated by SIGTERM)".to_owned(),
            ];
            let lines = daemon.log_lines();
            assert_eq!(lines[lines.len() - 3..], tail);
            assert!(!alive(child));
            assert!(!daemon.directory.file("supervisord.pid").exists());
            assert!(!daemon.directory.file("s.sock").exists());
        }
    }

    fn groups_stop_one_after_the_other_from_the_last(runtime: Runtime) {
        let mut setup = Setup::new(runtime);
        for (name, priority) in [("first", 1), ("second", 2), ("third", 3)] {
            setup = setup.sections(&format!(
                "[program:{name}]\npriority={priority}\nstdout_logfile={{dir}}/{name}.log\n\
                 command=sh -c 'trap \"echo {name} told >> {{dir}}/order; sleep 0.2; echo {name} gone >> {{dir}}/order; exit 0\" TERM; echo ready; while true; do sleep 0.05; done'"
            ));
        }
        let mut daemon = setup.start();
        for name in ["first", "second", "third"] {
            daemon.wait_running(name);
            until("ready", || daemon.directory.read(&format!("{name}.log")).contains("ready").then_some(()));
        }
        assert_eq!(daemon.terminate(), 0);
        let order = daemon.directory.read("order");
        assert_eq!(
            order.lines().collect::<Vec<_>>(),
            ["third told", "third gone", "second told", "second gone", "first told", "first gone"]
        );
        let spawned: Vec<String> = daemon
            .log_lines()
            .into_iter()
            .filter_map(|line| Some(line.split_once("spawned: '")?.1.split_once('\'')?.0.to_owned()))
            .collect();
        assert_eq!(spawned, ["first", "second", "third"]);
        daemon.wait_log("INFO waiting for first, second, third to die");
    }

    fn a_second_signal_during_shutdown_changes_nothing(runtime: Runtime) {
        let mut daemon = Setup::new(runtime).sections(SLOW).start();
        daemon.wait_running("slow");
        until("ready", || daemon.directory.read("slow.log").contains("ready").then_some(()));
        daemon.signal(Signal::TERM);
        daemon.wait_log("WARN received SIGTERM indicating exit request");
        daemon.wait_log("INFO waiting for slow to die");
        daemon.signal(Signal::HUP);
        daemon.wait_log("WARN ignored SIGHUP indicating restart request (shutdown in progress)");
        daemon.signal(Signal::INT);
        daemon.wait_log("WARN received SIGINT indicating exit request");
        assert!(alive(daemon.pid()));
        let state = daemon.rpc("supervisor.getState", &[]);
        assert_eq!(state, Value::Fault(6, "SHUTDOWN_STATE".into()));
        daemon.directory.write("go", "");
        assert_eq!(daemon.wait_exit(), 0);
        daemon.wait_log("INFO stopped: slow (exit status 0)");
    }

    fn hup_reads_everything_anew_in_the_same_process(runtime: Runtime) {
        let daemon = Setup::new(runtime).sections(SLEEPER).start();
        let (pid, child) = (daemon.pid(), daemon.wait_running("a"));
        let more = format!("{}\n[program:b]\ncommand=sleep 1001\n", fs::read_to_string(daemon.config()).expect("a file"));
        fs::write(daemon.config(), more).expect("a file");
        daemon.signal(Signal::HUP);
        daemon.wait_log("WARN received SIGHUP indicating restart request");
        daemon.wait_log_count("INFO supervisord started with pid", 2);
        daemon.wait_up();
        daemon.wait_running("b");
        assert_ne!(daemon.wait_running("a"), child);
        assert!(!alive(child));
        assert_eq!(daemon.rpc("supervisor.getPID", &[]), Value::Int(pid.into()));
        assert_eq!(daemon.directory.read("supervisord.pid").trim(), pid.to_string());
        assert_eq!(children(pid).len(), 2);
    }

    fn usr2_opens_the_logs_anew(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:a]\nstdout_logfile={dir}/a.log\ncommand=sh -c 'while true; do echo line; sleep 0.05; done'")
            .start();
        daemon.wait_running("a");
        until("output", || daemon.directory.read("a.log").contains("line").then_some(()));
        for name in ["a.log", "supervisord.log"] {
            let file = daemon.directory.file(name);
            fs::rename(&file, daemon.directory.file(&format!("{name}.old"))).expect("a file");
        }
        daemon.signal(Signal::USR2);
        until("output in the new file", || daemon.directory.read("a.log").contains("line").then_some(()));
        let old = daemon.directory.read("supervisord.log.old");
        assert!(old.contains("INFO received SIGUSR2 indicating log reopen request"), "{old}");
        assert_eq!(children(daemon.pid()).len(), 1);
    }

    fn a_shutdown_by_a_client_ends_the_daemon(runtime: Runtime) {
        let mut daemon = Setup::new(runtime).sections(SLEEPER).start();
        let child = daemon.wait_running("a");
        assert_eq!(daemon.rpc("supervisor.shutdown", &[]), Value::Bool(true));
        assert_eq!(daemon.wait_exit(), 0);
        assert!(!alive(child));
    }

    fn a_program_in_backoff_does_not_hold_up_a_shutdown(runtime: Runtime) {
        let mut daemon = Setup::new(runtime)
            .sections("[program:a]\ncommand=sh -c 'exit 1'\nstartretries=100")
            .start();
        daemon.wait_log_count("spawned: 'a'", 3);
        daemon.wait_state("a", "BACKOFF");
        assert_eq!(daemon.terminate(), 0);
        assert_eq!(daemon.log_count("waiting for"), 0);
    }
}
