//! The daemon as the first process of a pid namespace, as in a container.

use std::process::Command;
use visor_tests::both_runtimes;
use visor_tests::e2e::{
    Daemon, Setup, alive, children, process_state, run, send_signal, skip, until,
};

const UNSHARE: &[&str] = &["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

/// Leaves a hundred orphans behind each time it runs, which end at once.
const ORPHANS: &str = "#!/bin/sh\ni=0\nwhile [ $i -lt 100 ]; do (true &); i=$((i+1)); done\n";

fn may_unshare() -> bool {
    let mut command = Command::new(UNSHARE[0]);
    let command = command.args(&UNSHARE[1..]).arg("true");
    command.output().is_ok_and(|output| output.status.success())
}

/// The daemon's pid outside of its namespace.
fn outer_pid(daemon: &Daemon) -> u32 {
    let of_unshare = children(daemon.pid());
    *of_unshare.first().expect("unshare has one child")
}

both_runtimes! {
    fn orphans_are_reaped_and_term_shuts_down(runtime: Runtime) {
        if !may_unshare() {
            return skip("pid namespaces are not allowed here");
        }
        let setup = Setup::new(runtime)
            .wrapper(UNSHARE)
            .sections("[program:orphans]\ncommand={dir}/orphans\nstartsecs=0\nautorestart=false")
            .sections("[program:stay]\ncommand=sleep 1000");
        setup.directory.script("orphans", ORPHANS);
        let mut daemon = setup.start();
        assert_eq!(daemon.rpc("supervisor.getPID", &[]).int(), 1);
        daemon.wait_running("stay");
        for _ in 0..9 {
            daemon.wait_state("orphans", "EXITED");
            let _ = daemon.rpc("supervisor.startProcess", &["orphans".into()]);
        }
        daemon.wait_state("orphans", "EXITED");
        let pid = outer_pid(&daemon);
        until("the last zombie to be reaped", || {
            children(pid).iter().all(|child| process_state(*child) != Some('Z')).then_some(())
        });
        assert_eq!(children(pid).len(), 1, "only the program that stays is left");
        if !runtime.is_reference() {
            assert!(daemon.log_count("INFO reaped unknown pid") >= 1000, "{}", daemon.log());
        }
        send_signal(pid, rustix::process::Signal::TERM);
        assert_eq!(daemon.wait_exit(), 0);
        assert!(!alive(pid));
    }

    fn signals_meant_for_nobody_do_not_end_it(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        if !may_unshare() {
            return skip("pid namespaces are not allowed here");
        }
        let daemon = Setup::new(runtime).wrapper(UNSHARE).sections("[program:a]\ncommand=sleep 1000").start();
        daemon.wait_running("a");
        let pid = outer_pid(&daemon);
        for signal in [rustix::process::Signal::USR1, rustix::process::Signal::WINCH, rustix::process::Signal::ALARM] {
            send_signal(pid, signal);
        }
        assert_eq!(daemon.state("a"), "RUNNING");
    }
}

#[test]
fn unshare_is_there() {
    assert_eq!(run("unshare", &["--version"]).code, Some(0));
}
