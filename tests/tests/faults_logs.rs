//! Logs that cannot be written: nobody is hurt, it is said once, and logging comes back.

use std::fs;
use std::path::PathBuf;
use visor_tests::both_runtimes;
use visor_tests::e2e::{Daemon, Setup, skip, until};

/// Writes a numbered line whenever there is another file `go.N`.
const COUNTER: &str = "#!/bin/sh\ni=0\nwhile :; do\n  while [ ! -e \"{dir}/go.$i\" ]; do sleep 0.02; done\n  \
    echo \"line $i\"\n  i=$((i+1))\ndone\n";

/// Lets the counter write its next lines.
fn go(daemon: &Daemon, numbers: std::ops::Range<u32>) {
    for number in numbers {
        daemon.directory.write(&format!("go.{number}"), "");
    }
}

fn complaints(daemon: &Daemon) -> usize {
    daemon.log_count("ERRO stdout log of 'p'")
}

both_runtimes! {
    fn a_log_comes_back_when_its_directory_does(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = Setup::new(runtime).sections(
            "[program:p]\ncommand={dir}/counter\nstdout_logfile={dir}/logs/p.log\n\
             stdout_logfile_maxbytes=20\nstdout_logfile_backups=3",
        );
        setup.directory.script("counter", COUNTER);
        let logs = setup.directory.file("logs");
        fs::create_dir(&logs).expect("make a directory");
        let mut daemon = setup.start();
        let pid = daemon.wait_running("p");
        go(&daemon, 0..3);
        // Renamed and opened anew: what is opened later would keep the directory from being removed.
        until("a rotated log", || {
            let exists = |name| logs.join(name).exists();
            (exists("p.log.1") && exists("p.log")).then_some(())
        });
        fs::remove_dir_all(&logs).expect("remove a directory");
        // The next rotation finds out.
        let mut next = 3;
        until("a complaint", || {
            go(&daemon, next..next + 1);
            next += 1;
            (complaints(&daemon) > 0).then_some(())
        });
        fs::create_dir(&logs).expect("make a directory");
        until("a new log", || {
            go(&daemon, next..next + 1);
            next += 1;
            fs::read_to_string(logs.join("p.log")).is_ok_and(|log| log.contains("line")).then_some(())
        });
        daemon.wait_log("can be written again");
        assert_eq!(complaints(&daemon), 1, "{}", daemon.log());
        assert_eq!(daemon.wait_running("p"), pid);
        assert_eq!(daemon.terminate(), 0);
    }

    fn logs_are_reopened_into_a_restored_directory(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = Setup::new(runtime)
            .sections("[program:p]\ncommand={dir}/counter\nstdout_logfile={dir}/logs/p.log");
        setup.directory.script("counter", COUNTER);
        let logs = setup.directory.file("logs");
        fs::create_dir(&logs).expect("make a directory");
        let mut daemon = setup.start();
        daemon.wait_running("p");
        fs::remove_dir_all(&logs).expect("remove a directory");
        daemon.signal(rustix::process::Signal::USR2);
        daemon.wait_log("ERRO stdout log of 'p'");
        fs::create_dir(&logs).expect("make a directory");
        daemon.signal(rustix::process::Signal::USR2);
        let mut next = 0;
        until("a new log", || {
            go(&daemon, next..next + 1);
            next += 1;
            fs::read_to_string(logs.join("p.log")).is_ok_and(|log| log.contains("line")).then_some(())
        });
        assert_eq!(daemon.terminate(), 0);
    }

    fn a_full_disk_is_reported_once_and_left_behind_when_there_is_room(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = Setup::new(runtime);
        let small = setup.directory.file("small");
        fs::create_dir(&small).expect("make a directory");
        let mount = "mount -t tmpfs -o size=64k tmpfs \"$0\" && head -c 40000 /dev/zero > \"$0/fill\"";
        let small_path = small.to_str().expect("a path in UTF-8").to_owned();
        let mut probe = std::process::Command::new("unshare");
        let probe = probe.args(["--mount", "sh", "-c", mount, &small_path]);
        if !probe.output().is_ok_and(|output| output.status.success()) {
            return skip("a file system cannot be mounted here");
        }
        let script = format!("{mount} && exec \"$@\"");
        let setup = setup
            .wrapper(&["unshare", "--mount", "sh", "-c", &script, &small_path])
            .sections(
                "[program:p]\ncommand=sh -c 'while :; do head -c 3000 /dev/zero; sleep 0.02; done'\n\
                 stdout_logfile={dir}/small/p.log\nstdout_logfile_maxbytes=0",
            );
        let mut daemon = setup.start();
        let pid = daemon.wait_running("p");
        daemon.wait_log("ENOSPC");
        // Only the daemon sees what is mounted there.
        let seen = PathBuf::from(format!("/proc/{}/root", daemon.pid()));
        let fill = seen.join(small.join("fill").strip_prefix("/").expect("an absolute path"));
        fs::remove_file(fill).expect("make room");
        daemon.wait_log("can be written again");
        let first = daemon.log();
        let until_room = first.split("can be written again").next().unwrap_or_default();
        assert_eq!(until_room.matches("ENOSPC").count(), 1, "{first}");
        assert_eq!(daemon.wait_running("p"), pid);
        assert_eq!(daemon.terminate(), 0);
    }

    fn a_reader_of_standard_output_that_stands_still_stops_only_who_writes_there(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        // The daemon's standard output is a FIFO that nobody reads at first.
        let setup = Setup::new(runtime)
            .wrapper(&["sh", "-c", "exec 3<>out; exec \"$@\" >out 3<&-", "sh"])
            .flags(&["-s"])
            .sections(
                "[program:loud]\ncommand=sh -c 'head -c 3000000 /dev/zero | tr \"\\0\" x; exec sleep 1000'\n\
                 stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\n\
                 [program:other]\ncommand=sh -c 'exit 3'\nstartsecs=0\nautorestart=true",
            );
        let fifo = setup.directory.file("out");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).expect("make a FIFO");
        let mut reader = fs::File::options().read(true).write(true).open(&fifo).expect("open a FIFO");
        let mut daemon = setup.start();
        daemon.wait_running("loud");
        let before = daemon.log_count("exited: other");
        daemon.wait_log_count("exited: other", before + 10);
        let mut buffer = vec![0; 65536];
        let mut seen = 0;
        while seen < 3_000_000 {
            let count = std::io::Read::read(&mut reader, &mut buffer).expect("read a FIFO");
            seen += buffer[..count].iter().filter(|byte| **byte == b'x').count();
        }
        assert_eq!(seen, 3_000_000);
        assert_eq!(daemon.terminate(), 0);
    }

    fn a_hundred_megabytes_without_a_line_end_arrive_whole(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections(
                "[program:p]\ncommand=sh -c 'head -c 104857600 /dev/zero; echo end; exec sleep 1000'\n\
                 stdout_logfile={dir}/p.log\nstdout_logfile_maxbytes=0",
            )
            .start();
        daemon.wait_running("p");
        let log = daemon.directory.file("p.log");
        until("a whole log", || (fs::metadata(&log).ok()?.len() == 104_857_604).then_some(()));
        if !runtime.is_reference() {
            let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("a live daemon");
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
            let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
            assert!(peak < 40_000, "{peak} kB for output that only passes through");
        }
    }
}
