//! What the daemon may do, what its programs may do, and where it finds them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use visor_tests::both_runtimes;
use visor_tests::e2e::{Setup, descriptors, skip, until};

/// The user `daemon`, whom every system has.
const AS_DAEMON: &[&str] = &["setpriv", "--reuid=1", "--regid=1", "--clear-groups"];

fn root() -> bool {
    rustix::process::getuid().is_root()
}

/// Lets everybody write into the test's directory.
fn open_to_all(setup: &Setup) {
    set_mode(setup, "", 0o777);
}

fn set_mode(setup: &Setup, name: &str, mode: u32) {
    let path = setup.directory.path().join(name);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set a mode");
}

/// A line of `/proc/PID/status`.
fn status_field(pid: u32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a live process");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.expect("a field of status").trim().to_owned()
}

/// A line of `/proc/PID/limits`: the soft limit.
fn soft_limit(pid: u32, name: &str) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("a live process");
    let line = limits.lines().find_map(|line| line.strip_prefix(name));
    let words = line.expect("a limit").split_whitespace();
    words.into_iter().next().expect("a number").to_owned()
}

both_runtimes! {
    fn the_daemon_becomes_its_user_and_raises_its_limits(runtime: Runtime) {
        if !root() {
            return skip("only root can become somebody else");
        }
        let setup = Setup::new(runtime)
            .supervisord("user=daemon\nminfds=2000\nminprocs=300")
            .wrapper(&["prlimit", "--nofile=500:4000", "--nproc=200:400"])
            .sections("[program:a]\ncommand=sleep 1000\nredirect_stderr=true\nstderr_logfile={dir}/unused");
        open_to_all(&setup);
        let mut daemon = setup.start();
        let pid = daemon.pid();
        let child = daemon.wait_running("a");
        for pid in [pid, child] {
            assert_eq!(status_field(pid, "Uid:"), "1\t1\t1\t1");
            assert_eq!(status_field(pid, "Gid:"), "1\t1\t1\t1");
        }
        assert_eq!(soft_limit(pid, "Max open files"), "2000");
        assert_eq!(soft_limit(pid, "Max processes"), "300");
        let lines = daemon.log_lines();
        let at = |part: &str| lines.iter().position(|line| line.contains(part)).expect(part);
        // The worst first, then in the order in which it happened.
        let order = [
            at("WARN For [program:a], redirect_stderr=true"),
            at("INFO Set uid to user 1 succeeded"),
            at("INFO Increased RLIMIT_NOFILE limit to 2000"),
            at("INFO Increased RLIMIT_NPROC limit to 300"),
            at("INFO supervisord started with pid"),
        ];
        assert!(order.is_sorted(), "{lines:#?}");
        assert_eq!(daemon.log_count("CRIT Supervisor is running as root."), 0);
        // A restart changes the user no second time; the reference says so all the same.
        daemon.signal(rustix::process::Signal::HUP);
        daemon.wait_log_count("INFO supervisord started with pid", 2);
        let told = if runtime.is_reference() { 2 } else { 1 };
        assert_eq!(daemon.log_count("Set uid to user"), told);
        assert_eq!(daemon.terminate(), 0);
    }

    fn root_without_a_user_is_warned_first_of_all(runtime: Runtime) {
        if !root() {
            return skip("only for root");
        }
        let daemon = Setup::new(runtime)
            .sections("[program:a]\ncommand=sleep 1000\nredirect_stderr=true\nstderr_logfile={dir}/unused")
            .start();
        let lines = daemon.log_lines();
        assert!(lines[0].starts_with("CRIT Supervisor is running as root."), "{lines:#?}");
        assert!(lines[1].starts_with("WARN For [program:a], redirect_stderr=true"), "{lines:#?}");
    }

    fn who_is_not_root_cannot_become_another_user(runtime: Runtime) {
        if !root() {
            return skip("only root can become somebody else");
        }
        let setup = Setup::new(runtime).supervisord("user=root").wrapper(AS_DAEMON);
        open_to_all(&setup);
        let refused = setup.start_failing();
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.starts_with("Error: Can't drop privilege as nonroot user\n"), "{refused:?}");
        assert_eq!(setup.directory.read("supervisord.log"), "", "the log is opened later");
    }

    fn limits_are_raised_with_the_rights_of_the_user(runtime: Runtime) {
        if !root() {
            return skip("only root can become somebody else");
        }
        for (settings, name, key) in [
            ("user=daemon\nminfds=2000", "RLIMIT_NOFILE", "minfds"),
            ("user=daemon\nminfds=10\nminprocs=401", "RLIMIT_NPROC", "minprocs"),
        ] {
            let setup = Setup::new(runtime)
                .supervisord(settings)
                .wrapper(&["prlimit", "--nofile=500:600", "--nproc=200:400"]);
            open_to_all(&setup);
            let refused = setup.start_failing();
            assert_eq!(refused.code, Some(2), "{refused:?}");
            assert!(refused.stderr.contains(key), "{refused:?}");
            assert!(runtime.is_reference() || refused.stderr.contains(name), "{refused:?}");
        }
    }

    fn a_daemon_that_is_not_root_runs_only_what_it_may(runtime: Runtime) {
        if !root() {
            return skip("only root can become somebody else");
        }
        let setup = Setup::new(runtime)
            .wrapper(AS_DAEMON)
            .supervisord("minfds=1\nminprocs=1")
            .sections("[program:same]\nuser=daemon\ncommand=sleep 1000")
            .sections("[program:other]\nuser=root\ncommand=sleep 1000\nstartretries=0\nstderr_logfile={dir}/other.log")
            .sections("[program:theirs]\ncommand={dir}/theirs\nstartretries=0");
        setup.directory.script("theirs", "#!/bin/sh\n");
        set_mode(&setup, "theirs", 0o744);
        open_to_all(&setup);
        let daemon = setup.start();
        let pid = daemon.wait_running("same");
        assert_eq!(status_field(pid, "Uid:"), "1\t1\t1\t1");
        daemon.wait_state("other", "FATAL");
        assert_eq!(
            daemon.directory.read("other.log"),
            "supervisor: couldn't setuid to 0: Can't drop privilege as nonroot user\n\
             supervisor: child process was not spawned\n"
        );
        daemon.wait_log("WARN exited: other (exit status 127; not expected)");
        let info = daemon.wait_state("theirs", "FATAL");
        let expected = daemon.directory.fill("no permission to run command '{dir}/theirs'");
        assert_eq!(info.member("spawnerr").text(), expected);
    }

    fn a_program_enters_its_directory_as_its_user(runtime: Runtime) {
        if !root() {
            return skip("only root can start programs as somebody else");
        }
        let setup = Setup::new(runtime)
            .prepared("closed")
            .sections("[program:a]\nuser=daemon\ndirectory={dir}/closed\ncommand=sleep 1000\nstartretries=0\nstderr_logfile={dir}/a.log");
        set_mode(&setup, "", 0o755);
        set_mode(&setup, "closed", 0o700);
        let daemon = setup.start();
        daemon.wait_state("a", "FATAL");
        let expected = "supervisor: couldn't chdir to {dir}/closed: EACCES\nsupervisor: child process was not spawned\n";
        assert_eq!(daemon.directory.read("a.log"), daemon.directory.fill(expected));
    }

    fn a_program_is_looked_up_in_the_daemons_path_or_in_the_usual_one(runtime: Runtime) {
        let tool = "[program:a]\ncommand=visor-some-tool";
        let setup = Setup::new(runtime)
            .prepared("bin")
            .env("PATH", "{dir}/bin:/usr/bin:/bin")
            .sections(tool);
        setup.directory.script("bin/visor-some-tool", "#!/bin/sh\nexec sleep 1000\n");
        setup.start().wait_running("a");
        if runtime.is_reference() {
            return;
        }
        let daemon = Setup::new(runtime)
            .wrapper(&["env", "-u", "PATH"])
            .sections("[program:a]\ncommand=sleep 1000\n[program:b]\ncommand=visor-some-tool\nstartretries=0")
            .start();
        daemon.wait_running("a");
        daemon.wait_state("b", "FATAL");
    }

    fn a_daemon_in_the_background_has_its_umask_and_stays_there(runtime: Runtime) {
        for (settings, umask) in [("", "0022"), ("umask=027", "0027")] {
            let (launcher, daemon) = Setup::new(runtime)
                .supervisord(settings)
                .sections("[program:a]\ncommand=sleep 1000")
                .daemonize();
            assert_eq!(launcher.code, Some(0), "{launcher:?}");
            let daemon = daemon.expect("a daemon");
            daemon.wait_up();
            let pid = daemon.pid();
            assert_eq!(status_field(pid, "Umask:"), umask);
            daemon.signal(rustix::process::Signal::HUP);
            daemon.wait_log_count(&format!("INFO supervisord started with pid {pid}"), 2);
            daemon.wait_running("a");
            assert_eq!(daemon.log_count("daemonizing the supervisord process"), 1);
            assert_eq!(status_field(pid, "Umask:"), umask);
        }
    }

    fn the_activity_log_can_be_the_daemons_standard_output(runtime: Runtime) {
        let mut daemon = Setup::new(runtime)
            .flags(&["-s", "-l", "/dev/stdout", "-y", "0"])
            .sections("[program:a]\ncommand=sleep 1000")
            .start();
        let child = daemon.wait_running("a");
        // Which can be a pipe, a terminal or a file; nothing is opened, moved or emptied.
        assert_eq!(descriptors(child).len(), 3);
        daemon.signal(rustix::process::Signal::USR2);
        until("the line", || daemon.directory.read("stdout").contains("INFO supervisord logreopen").then_some(()));
        assert_eq!(daemon.terminate(), 0);
        let shown = daemon.directory.read("stdout");
        let first = shown.find("INFO supervisord started with pid").expect("the first line");
        let last = shown.find("WARN received SIGTERM").expect("the last line");
        assert!(first < last, "{shown}");
        assert_eq!(daemon.log(), "");
    }

    fn the_systems_log_gets_lines_of_output(runtime: Runtime) {
        // A /dev of its own, in which the log is a socket of the test.
        let mount = "mount -t tmpfs tmpfs $0/dev && for name in null zero urandom random; do \
                     : > $0/dev/$name && mount --bind /dev/$name $0/dev/$name || exit 1; done && \
                     ln -s $0/log $0/dev/log && mount --rbind $0/dev /dev";
        let setup = Setup::new(runtime).prepared("dev");
        let path = setup.directory.path().display().to_string();
        let mut probe = std::process::Command::new("unshare");
        let probe = probe.args(["--mount", "sh", "-c", mount, &path]);
        if !probe.output().is_ok_and(|output| output.status.success()) {
            return skip("a file system cannot be mounted here");
        }
        let socket = std::os::unix::net::UnixDatagram::bind(setup.directory.file("log")).expect("a socket");
        let wait = Some(visor_tests::e2e::LIMIT);
        socket.set_read_timeout(wait).expect("a time limit");
        let script = format!("{mount} && exec \"$@\"");
        let daemon = setup
            .wrapper(&["unshare", "--mount", "sh", "-c", &script, &path])
            .sections("[program:a]\ncommand=sh -c 'echo one; echo two; exec sleep 1000'\nstdout_syslog=true\nstdout_logfile={dir}/a.log")
            .start();
        daemon.wait_running("a");
        for line in ["a one", "a two"] {
            let mut buffer = [0; 1000];
            let count = socket.recv(&mut buffer).expect("a datagram");
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let text = text.trim_end_matches(['\0', '\n']);
            assert!(text.starts_with('<') && text.ends_with(line), "{text}");
            assert!(text.contains("supervisord"), "{text}");
        }
        assert_eq!(daemon.directory.read("a.log"), "one\ntwo\n");
    }
}
