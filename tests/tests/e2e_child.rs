//! What a child finds when it starts, and what becomes of what it writes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use visor_tests::both_runtimes;
use visor_tests::e2e::{Daemon, Setup, children, descriptors, free_port, run, skip, until};

/// Waits until a file of the test's directory holds a whole line, and returns its text.
fn written(daemon: &Daemon, name: &str) -> String {
    until(name, || {
        Some(daemon.directory.read(name)).filter(|text| text.ends_with('\n'))
    })
}

fn status_field(pid: u32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a live process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.expect("a field of status").trim().to_owned()
}

fn root() -> bool {
    rustix::process::getuid().is_root()
}

both_runtimes! {
    fn the_environment_is_the_daemons_and_what_was_added(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .env("KEPT", "kept").env("OVER", "daemon").env("LAST", "daemon")
            .supervisord("environment=OVER=\"file\",LAST=\"file\",ALL=\"all\"")
            .sections("[program:a]\ncommand=sh -c 'env > {dir}/env; exec sleep 1000'\nenvironment=LAST=\"program\",SPACE=\"a, b\"")
            .sections("[group:g]\nprograms=a")
            .start();
        daemon.wait_running("g:a");
        let env = written(&daemon, "env");
        let mut lines: Vec<&str> = env.lines().collect();
        lines.retain(|line| !line.starts_with("_=") && !line.starts_with("PWD=") && !line.starts_with("SHLVL="));
        let url = daemon.directory.fill("SUPERVISOR_SERVER_URL=unix://{dir}/s.sock");
        for expected in [
            "KEPT=kept", "OVER=file", "LAST=program", "ALL=all", "SPACE=a, b", "SUPERVISOR_ENABLED=1",
            "SUPERVISOR_PROCESS_NAME=a", "SUPERVISOR_GROUP_NAME=g", &url,
        ] {
            assert!(lines.contains(&expected), "{expected} is not in {lines:#?}");
        }
        let path = std::env::var("PATH").expect("a PATH");
        assert!(lines.contains(&format!("PATH={path}").as_str()));
        let own = fs::read(format!("/proc/{}/environ", daemon.pid())).expect("environ");
        let added = ["OVER", "LAST", "ALL", "SPACE", "SUPERVISOR_"];
        for line in lines {
            let name = line.split('=').next().unwrap_or_default();
            let inherited = own.split(|byte| *byte == 0).any(|entry| entry == line.as_bytes());
            assert!(inherited || added.iter().any(|prefix| name.starts_with(prefix)), "{line} is new");
        }
    }

    fn umask_and_directory_are_set(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .prepared("home")
            .sections("[program:a]\ndirectory={dir}/home\numask=027\ncommand=sh -c 'echo made > file; exec sleep 1000'")
            .start();
        let pid = daemon.wait_running("a");
        let home = daemon.directory.file("home");
        assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).expect("cwd"), home);
        let file = until("the file", || fs::metadata(home.join("file")).ok());
        assert_eq!(file.permissions().mode() & 0o777, 0o640);
    }

    fn a_child_becomes_its_user_with_all_its_groups(runtime: Runtime) {
        if !root() {
            return skip("only root can start programs as somebody else");
        }
        let groups = run("id", &["-G", "daemon"]).stdout;
        let daemon = Setup::new(runtime)
            .sections("[program:a]\nuser=daemon\ncommand=sh -c 'id -u > {dir}/ids; id -g >> {dir}/ids; id -G >> {dir}/ids; env > {dir}/env; exec sleep 1000'")
            .start();
        let pid = daemon.wait_running("a");
        until("three lines", || (daemon.directory.read("ids").lines().count() == 3).then_some(()));
        let ids = daemon.directory.read("ids");
        let ids: Vec<&str> = ids.lines().collect();
        assert_eq!(ids, ["1", "1", groups.trim()]);
        assert_eq!(fs::metadata(format!("/proc/{pid}")).expect("a live process").uid(), 1);
        let own = std::env::var("HOME").map(|home| format!("HOME={home}")).unwrap_or_default();
        let env = written(&daemon, "env");
        assert!(env.lines().filter(|line| line.starts_with("HOME=")).all(|line| line == own), "{env}");
    }

    fn no_descriptor_above_two_is_open_in_a_child(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .wrapper(&["sh", "-c", "exec 7</dev/null 9>/dev/null; exec \"$@\"", "sh"])
            .server(&format!(
                "[unix_http_server]\nfile={{dir}}/s.sock\n[inet_http_server]\nport=127.0.0.1:{}\n",
                free_port()
            ))
            .sections("[program:a]\ncommand=sleep 1000\n[program:b]\ncommand=sleep 1000\nredirect_stderr=true\n[program:c]\ncommand=sleep 1000\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0")
            .start();
        for name in ["a", "b", "c"] {
            let pid = daemon.wait_running(name);
            let open = descriptors(pid);
            let numbers: Vec<u32> = open.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, [0, 1, 2], "{name}: {open:?}");
            assert!(open.iter().all(|(_, target)| target.to_string_lossy().starts_with("pipe:")), "{open:?}");
            assert_eq!(open[1].1 == open[2].1, name == "b", "{open:?}");
        }
    }

    fn signals_have_their_defaults_in_a_child(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let daemon = Setup::new(runtime)
            .wrapper(&["sh", "-c", "trap '' HUP USR1 QUIT PIPE; exec \"$@\"", "sh"])
            .sections("[program:a]\ncommand=sleep 1000")
            .start();
        let pid = daemon.wait_running("a");
        for field in ["SigBlk", "SigIgn", "SigCgt"] {
            let set = u64::from_str_radix(&status_field(pid, field), 16).expect("a set");
            // 32 and 33 are the C library's own, and whoever started the daemon by its
            // posix_spawn left them ignored.
            assert_eq!(set & !(0b11 << 31), 0, "{field}");
        }
    }

    fn a_child_leads_its_own_process_group_in_the_daemons_session(runtime: Runtime) {
        let daemon = Setup::new(runtime).sections("[program:a]\ncommand=sleep 1000").start();
        let pid = daemon.wait_running("a");
        let ids = |pid: u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a live process");
            let fields: Vec<String> = text.rsplit_once(')').expect("a stat line").1.split_whitespace().map(str::to_owned).collect();
            (fields[2].clone(), fields[3].clone())
        };
        assert_eq!(ids(pid).0, pid.to_string());
        assert_eq!(ids(pid).1, ids(daemon.pid()).1);
    }

    fn a_failure_before_exec_is_told_on_the_childs_standard_error(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .prepared("gone")
            .sections("[program:chdir]\ndirectory={dir}/gone\ncommand=sleep 1000\nautostart=false\nstderr_logfile={dir}/chdir.log\nstartretries=0")
            .sections("[program:exec]\ncommand={dir}/noformat\nautostart=false\nstderr_logfile={dir}/exec.log\nstartretries=0")
            .start();
        fs::remove_dir(daemon.directory.file("gone")).expect("remove");
        daemon.directory.script("noformat", "\0\0\0\0 nothing the kernel could run");
        for (name, why) in [("chdir", "couldn't chdir to {dir}/gone: ENOENT"), ("exec", "couldn't exec {dir}/noformat: ENOEXEC")] {
            let _ = daemon.rpc("supervisor.startProcess", &[name.into(), false.into()]);
            daemon.wait_state(name, "FATAL");
            let expected = format!("supervisor: {why}\nsupervisor: child process was not spawned\n");
            assert_eq!(daemon.directory.read(&format!("{name}.log")), daemon.directory.fill(&expected));
            daemon.wait_log(&format!("WARN exited: {name} (exit status 127; not expected)"));
        }
    }

    fn a_program_is_looked_up_in_its_own_path(runtime: Runtime) {
        let setup = Setup::new(runtime)
            .prepared("bin")
            .sections("[program:a]\ncommand=visor-own-program\nenvironment=PATH=\"{dir}/bin:/usr/bin:/bin\"\nstdout_logfile={dir}/a.log");
        setup.directory.script("bin/visor-own-program", "#!/bin/sh\necho \"$0\"\nexec sleep 1000\n");
        let daemon = setup.start();
        daemon.wait_running("a");
        assert_eq!(written(&daemon, "a.log"), daemon.directory.fill("{dir}/bin/visor-own-program\n"));
    }

    fn words_are_split_as_a_shell_would(runtime: Runtime) {
        let setup = Setup::new(runtime)
            .sections("[program:a]\ncommand={dir}/args \"a b\" 'c \"d\"' e\\ f '' * $HOME\nstdout_logfile={dir}/a.log");
        setup.directory.script("args", "#!/bin/sh\nfor arg; do printf '<%s>' \"$arg\"; done; echo\nexec sleep 1000\n");
        let daemon = setup.start();
        daemon.wait_running("a");
        assert_eq!(written(&daemon, "a.log"), "<a b><c \"d\"><e f><><*><$HOME>\n");
    }

    fn last_words_are_logged_before_the_exit(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .supervisord("loglevel=debug")
            .sections("[program:a]\nstartsecs=0\nautorestart=false\nstdout_logfile={dir}/a.log\ncommand=sh -c 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo last words'")
            .start();
        daemon.wait_log("INFO exited: a (exit status 0; expected)");
        let log = daemon.log();
        let words = log.find("last words").expect("the output at debug level");
        assert!(words < log.find("INFO exited: a").expect("the exit"));
        let own = daemon.directory.read("a.log");
        assert_eq!(own.lines().count(), 2001);
        assert!(own.ends_with("line 1999\nlast words\n"));
    }

    fn standard_error_can_go_where_standard_output_goes(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:a]\nredirect_stderr=true\nstdout_logfile={dir}/a.log\ncommand=sh -c 'echo one; echo two >&2; echo three; exec sleep 1000'")
            .start();
        daemon.wait_running("a");
        until("three lines", || (daemon.directory.read("a.log") == "one\ntwo\nthree\n").then_some(()));
    }

    fn a_client_writes_to_a_childs_standard_input(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:a]\ncommand=cat\nstdout_logfile={dir}/a.log")
            .start();
        daemon.wait_running("a");
        let sent = daemon.rpc("supervisor.sendProcessStdin", &["a".into(), "grüße <&>\n".into()]);
        assert_eq!(sent, true.into());
        assert_eq!(written(&daemon, "a.log"), "grüße <&>\n");
    }

    fn what_a_grandchild_keeps_open_does_not_hold_up_the_exit(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:a]\nstartsecs=0\nautorestart=false\ncommand=sh -c 'sleep 1000 & echo $! > {dir}/pid; exit 3'")
            .start();
        daemon.wait_state("a", "EXITED");
        let grandchild = written(&daemon, "pid").trim().parse().expect("a pid");
        visor_tests::e2e::send_signal(grandchild, rustix::process::Signal::KILL);
        assert_eq!(children(daemon.pid()), Vec::<u32>::new());
    }
}
