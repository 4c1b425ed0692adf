//! Processes and descriptors under stress: nothing is forgotten, nothing is left over.

use rustix::process::Signal;
use std::collections::BTreeMap;
use visor_tests::both_runtimes;
use visor_tests::e2e::{
    Daemon, LIMIT, Setup, alive, children, descriptors, process_state, send_signal, skip, until,
    until_within,
};

const MANY: &str = "[program:p]\ncommand=sleep 1000\nnumprocs=40\nprocess_name=p%(process_num)02d\n\
    startretries=0\nautorestart=false\nstartsecs=0";

fn zombies(daemon: &Daemon) -> usize {
    let dead = |pid: &u32| process_state(*pid) == Some('Z');
    children(daemon.pid())
        .iter()
        .filter(|pid| dead(pid))
        .count()
}

fn resident_kib(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
    let status = status.expect("a live daemon");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .expect("a size")
}

/// How many of the programs `p…` were started more than once.
fn started_again(log: &str) -> usize {
    let mut starts: BTreeMap<&str, u32> = BTreeMap::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("INFO spawned: 'p") {
            let name = rest.split('\'').next().unwrap_or_default();
            *starts.entry(name).or_default() += 1;
        }
    }
    starts.values().filter(|count| **count > 1).count()
}

both_runtimes! {
    fn with_too_few_descriptors_every_running_child_is_known(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let mut daemon = Setup::new(runtime)
            .wrapper(&["prlimit", "--nofile=72:72"])
            .supervisord("minfds=10")
            .sections(MANY)
            .start_unasked();
        daemon.wait_log("too many open files to spawn");
        until("the end of all starts", || {
            (daemon.log_count("spawned: 'p") + daemon.log_count("gave up: p") == 40).then_some(())
        });
        let known = daemon.log_count("spawned: 'p");
        assert!(known > 0, "{}", daemon.log());
        assert_eq!(children(daemon.pid()).len(), known);
        let family = children(daemon.pid());
        assert_eq!(daemon.terminate(), 0);
        assert!(!family.into_iter().any(alive));
    }

    fn clients_beyond_the_descriptor_limit_are_turned_away_without_a_busy_loop(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let daemon = Setup::new(runtime)
            .wrapper(&["prlimit", "--nofile=72:72"])
            .supervisord("minfds=10")
            .sections("[program:a]\ncommand=sleep 1000")
            // Tried again and again, it tells the time.
            .sections("[program:clock]\ncommand=/nonexistent/clock\nstartretries=100")
            .start();
        daemon.wait_running("a");
        let connect = || std::os::unix::net::UnixStream::connect(daemon.directory.file("s.sock"));
        let crowd: Vec<_> = (0..150).map(|_| connect().expect("connect")).collect();
        until("the crowd to be taken or turned away", || {
            (descriptors(daemon.pid()).len() >= 68).then_some(())
        });
        // Whoever is in holds on; the daemon sleeps.
        let cpu = || {
            let text = std::fs::read_to_string(format!("/proc/{}/schedstat", daemon.pid()));
            let text = text.expect("a live daemon");
            text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).expect("a time")
        };
        let (before, begin) = (cpu(), std::time::Instant::now());
        let failures = daemon.log_count("spawnerr: ");
        daemon.wait_log_count("spawnerr: ", failures + 1);
        let used = std::time::Duration::from_nanos(cpu() - before);
        assert!(used * 4 < begin.elapsed(), "{used:?} of {:?}", begin.elapsed());
        drop(crowd);
        daemon.wait_up();
        daemon.wait_running("a");
    }

    fn a_fork_that_fails_is_a_failed_start(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        if !rustix::process::getuid().is_root() {
            return skip("only root can become a user without processes");
        }
        let setup = Setup::new(runtime).supervisord("minprocs=1").sections(MANY);
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(setup.directory.path(), open).expect("open the directory");
        let uid = 40_000 + std::process::id() % 10_000;
        let user = format!("--reuid={uid}");
        let mut daemon = setup
            .wrapper(&["prlimit", "--nproc=8:8", "setpriv", &user, "--clear-groups"])
            .start_unasked();
        daemon.wait_log("spawnerr: Too many processes in process table to spawn 'p");
        until("the end of all starts", || {
            (daemon.log_count("spawned: 'p") + daemon.log_count("gave up: p") == 40).then_some(())
        });
        let known = daemon.log_count("spawned: 'p");
        assert_eq!(children(daemon.pid()).len(), known);
        assert_eq!(daemon.terminate(), 0);
    }

    fn children_killed_again_and_again_are_all_replaced(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections(
                "[program:p]\ncommand=sleep 1000\nnumprocs=30\nprocess_name=p%(process_num)02d\n\
                 startsecs=0\nautorestart=true",
            )
            .start();
        daemon.wait_log_count("spawned: 'p", 30);
        for round in 1..=10 {
            for child in children(daemon.pid()) {
                send_signal(child, Signal::KILL);
            }
            daemon.wait_log_count("spawned: 'p", 30 * (round + 1));
        }
        until("thirty living children", || {
            let children = children(daemon.pid());
            (children.len() == 30 && children.into_iter().all(alive)).then_some(())
        });
        assert_eq!(zombies(&daemon), 0);
    }

    fn five_hundred_programs_that_crash_at_once_leave_nothing_behind(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let mut daemon = Setup::new(runtime)
            .supervisord("minfds=4096")
            .sections(
                "[program:p]\ncommand=/bin/false\nnumprocs=500\nprocess_name=p%(process_num)03d\n\
                 startsecs=0\nautorestart=true\nstdout_logfile=NONE\nstderr_logfile=NONE\n\
                 [program:quiet]\ncommand=sleep 1000",
            )
            .start();
        daemon.wait_running("quiet");
        // Every one of them is restarted, not only those at the front. On a busy machine a
        // thousand starts take a while.
        let restarted = until_within(LIMIT * 6, || {
            (started_again(&daemon.log()) == 500).then_some(())
        });
        assert!(restarted.is_some(), "{} of 500", started_again(&daemon.log()));
        let answer = daemon.rpc("supervisor.getAllProcessInfo", &[]);
        assert_eq!(answer.items().len(), 501);
        daemon.rpc("supervisor.stopProcessGroup", &["p".into()]);
        until("only the quiet one", || (children(daemon.pid()).len() == 1).then_some(()));
        assert_eq!(daemon.terminate(), 0);
    }

    fn two_hundred_restarts_in_place_cost_nothing_that_stays(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let mut daemon = Setup::new(runtime)
            .sections(
                "[program:p]\ncommand=sleep 1000\nnumprocs=2\nprocess_name=p%(process_num)d\nstartsecs=0\n\
                 [fcgi-program:f]\ncommand=sleep 1000\nsocket=unix://{dir}/f.sock\nstartsecs=0",
            )
            .supervisord("logfile_maxbytes=0")
            .start();
        let restarts = |daemon: &Daemon, from: usize, to: usize| {
            for number in from..to {
                daemon.signal(Signal::HUP);
                daemon.wait_log_count("spawned: ", 3 * (number + 1));
            }
        };
        daemon.wait_log_count("spawned: ", 3);
        restarts(&daemon, 1, 20);
        let (open, memory) = (descriptors(daemon.pid()).len(), resident_kib(&daemon));
        restarts(&daemon, 20, 200);
        until("as many descriptors as before", || {
            (descriptors(daemon.pid()).len() == open).then_some(())
        });
        let grown = resident_kib(&daemon).saturating_sub(memory);
        assert!(grown < 1024, "{memory} KiB and {grown} more");
        assert_eq!(daemon.terminate(), 0);
    }

    fn a_thousand_children_that_fork_twice_leave_no_zombie_but_their_own(runtime: Runtime) {
        // Without being PID 1, the daemon is no parent of theirs: nothing must be left all the same.
        let daemon = Setup::new(runtime)
            .sections(
                "[program:p]\ncommand=sh -c 'i=0; while [ $i -lt 1000 ]; do (true & true); i=$((i+1)); done; echo done; exec sleep 1000'\n\
                 stdout_logfile={dir}/p.log",
            )
            .start();
        daemon.wait_running("p");
        until("all forks", || daemon.directory.read("p.log").contains("done").then_some(()));
        until("no zombie", || (zombies(&daemon) == 0).then_some(()));
    }
}
