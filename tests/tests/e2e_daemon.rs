//! The command line, the start in the background, and what can go wrong there.

use std::fs;
use std::path::Path;
use std::process::Command;
use visor_tests::both_runtimes;
use visor_tests::e2e::{
    Daemon, Finished, Setup, alive, descriptors, finish, reference, skip, until,
};

const SLEEPER: &str = "[program:a]\ncommand=sleep 1000";

/// Runs our daemon and the reference with the same arguments in the same directory; both must end,
/// with the same status and, the program's name aside, the same words.
fn assert_same_refusal(setup: &Setup, args: &[&str]) -> Finished {
    let ours = finish(command_with(
        visor_tests::e2e::binary("supervisord").as_ref(),
        setup,
        args,
    ));
    if let Some(program) = reference("supervisord") {
        let theirs = finish(command_with(&program, setup, args));
        assert_eq!(plain(&ours), plain(&theirs), "{args:?}");
    }
    ours
}

fn command_with(program: &Path, setup: &Setup, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args.iter().map(|arg| setup.directory.fill(arg)));
    command.current_dir(setup.directory.path());
    command.env("PYTHONWARNINGS", "ignore");
    command
}

/// Status and error lines, without the program's name and without places.
fn plain(finished: &Finished) -> (Option<i32>, Vec<String>) {
    // Where in the file it is, in parentheses, is our own addition.
    let lines = finished
        .stderr
        .lines()
        .filter(|line| !line.starts_with("  ("));
    let lines = lines.map(|line| match line.strip_prefix("For help, use ") {
        Some(_) => "For help, use PROGRAM -h".to_owned(),
        None => line.to_owned(),
    });
    (finished.code, lines.collect())
}

fn session_and_group(pid: u32) -> (u32, u32) {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a live process");
    let fields: Vec<&str> = text
        .rsplit_once(')')
        .expect("a stat line")
        .1
        .split_whitespace()
        .collect();
    (
        fields[3].parse().expect("a session"),
        fields[2].parse().expect("a group"),
    )
}

#[test]
fn refused_command_lines_are_refused_in_the_same_words() {
    let setup = Setup::new(visor_tests::e2e::Runtime::Smol);
    let _ = setup.command(&[]);
    for line in [
        "-x",
        "-c",
        "--bogus",
        "--log=x",
        "--nodaemon=1",
        "a b",
        "-n -n",
        "-c a -c b",
        "-c a --conf b",
        "-e x",
        "-e 10",
        "-m 9",
        "-m x",
        "-d {dir}/nope",
        "-l {dir}/nope/x",
        "-j {dir}/nope/x",
        "-y x",
        "-z x",
        "-q {dir}/nope",
        "-a x",
        "--minprocs x",
        "-v x",
        "-e x -h",
        "-h -e x -x",
        "-c {dir}/nope",
        "-c {dir}",
        "-c /dev/null",
        "-n -c supervisord.conf -u visor-nobody",
        "-n -c supervisord.conf -u 4123456",
        "-n -c supervisord.conf it's",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let ours = assert_same_refusal(&setup, &args);
        assert_eq!(ours.code, Some(2), "{line}: {ours:?}");
        assert!(ours.stderr.starts_with("Error: "), "{line}: {ours:?}");
    }
}

#[test]
fn refused_configurations_are_refused_in_the_same_words() {
    let setup = Setup::new(visor_tests::e2e::Runtime::Smol);
    let _ = setup.command(&[]);
    for text in [
        "",
        "[supervisord]\nbogus",
        "[supervisord",
        "bogus",
        "[program:a]\ncommand=true",
        "[supervisord]\nloglevel=loud",
        "[supervisord]\nlogfile=/nope/x",
        "[supervisord]\numask=9",
        "[supervisord]\nuser=visor-nobody",
        "[supervisord]\nnodaemon=maybe",
        "[supervisord]\nminfds=few",
        "[supervisord]\n[program:a]",
        "[supervisord]\n[program:a b]\ncommand=true",
        "[supervisord]\n[program:a]\ncommand=true\nautorestart=x",
        "[supervisord]\n[program:a]\ncommand=true\nstopsignal=X",
        "[supervisord]\n[program:a]\ncommand=%(nope)s",
        "[supervisord]\n[program:a]\ncommand=true\nnumprocs=2",
        "[supervisord]\n[group:g]\nprograms=nope",
        "[supervisord]\n[include]",
        "[supervisord]\n[unix_http_server]",
        "[supervisord]\n[inet_http_server]\nport=x",
        "[supervisord]\n[inet_http_server]\nport=9999\nusername=me",
        "[supervisord]\n[eventlistener:e]\ncommand=true",
    ] {
        setup.directory.write("bad.conf", text);
        let ours = assert_same_refusal(&setup, &["-n", "-c", "bad.conf"]);
        assert_eq!(ours.code, Some(2), "{text}: {ours:?}");
    }
}

#[test]
fn version_and_help_are_printed_before_anything_is_read() {
    let setup = Setup::new(visor_tests::e2e::Runtime::Smol);
    let program = visor_tests::e2e::binary("supervisord");
    let version = finish(command_with(&program, &setup, &["-v"]));
    assert_eq!(
        (version.code, version.stdout.as_str()),
        (Some(0), "4.3.0\n")
    );
    let version = finish(command_with(&program, &setup, &["--version"]));
    let expected = format!("4.3.0 (visor {})\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.code, version.stdout), (Some(0), expected));
    let help = finish(command_with(&program, &setup, &["-h", "-c", "nope"]));
    assert_eq!(help.code, Some(0));
    for flag in [
        "--configuration",
        "--nodaemon",
        "--runtime",
        "--check",
        "--minprocs",
    ] {
        assert!(
            help.stdout.contains(flag),
            "{flag} is not in {}",
            help.stdout
        );
    }
}

#[test]
fn the_configuration_is_searched_where_supervisor_searches() {
    let setup = Setup::new(visor_tests::e2e::Runtime::Smol);
    let directory = setup.directory.path();
    for name in ["root/bin", "root/etc", "work/etc"] {
        fs::create_dir_all(directory.join(name)).expect("a directory");
    }
    let program = directory.join("root/bin/supervisord");
    fs::copy(visor_tests::e2e::binary("supervisord"), &program).expect("a copy");
    let refusal = || {
        let mut command = Command::new(&program);
        command.current_dir(directory.join("work"));
        let refusal = finish(command);
        assert_eq!(refusal.code, Some(2));
        refusal.stderr
    };
    if Path::new("/etc/supervisord.conf").exists()
        || Path::new("/etc/supervisor/supervisord.conf").exists()
    {
        return skip("this machine has a supervisord.conf of its own");
    }
    let root = directory.join("root");
    let expected = format!(
        "Error: No config file found at default paths ({0}/etc/supervisord.conf, {0}/supervisord.conf, \
         supervisord.conf, etc/supervisord.conf, /etc/supervisord.conf, /etc/supervisor/supervisord.conf); \
         use the -c option to specify a config file at a different path\n",
        root.display()
    );
    assert!(refusal().contains(&expected), "{}", refusal());
    // From the last to the first: each found before those written earlier.
    for place in ["work/etc", "work", "root", "root/etc"] {
        let name = place.replace('/', "-");
        fs::write(
            directory.join(place).join("supervisord.conf"),
            format!("[supervisord]\nloglevel={name}"),
        )
        .expect("write");
        let expected = format!("bad logging level name '{name}'");
        assert!(refusal().contains(&expected), "{place}: {}", refusal());
    }
}

fn assert_is_a_daemon(daemon: &Daemon) {
    let pid = daemon.pid();
    assert_eq!(session_and_group(pid), (pid, pid));
    let standard: Vec<_> = descriptors(pid)
        .into_iter()
        .filter(|(number, _)| *number < 3)
        .collect();
    assert_eq!(standard.len(), 3);
    for (number, target) in standard {
        assert_eq!(target, Path::new("/dev/null"), "descriptor {number}");
    }
}

both_runtimes! {
    fn the_launcher_returns_when_the_daemon_is_up(runtime: Runtime) {
        let (launcher, daemon) = Setup::new(runtime)
            .supervisord("directory={dir}/home")
            .sections(SLEEPER)
            .prepared("home")
            .daemonize();
        assert_eq!(launcher.code, Some(0), "{launcher:?}");
        assert_eq!((launcher.stdout.as_str(), launcher.stderr.as_str()), ("", ""));
        let daemon = daemon.expect("a daemon");
        if runtime.is_reference() {
            daemon.wait_up();
        }
        let pid = daemon.pid();
        assert_eq!(daemon.rpc("supervisor.getPID", &[]).int(), i64::from(pid));
        assert_eq!(daemon.directory.read("supervisord.pid"), format!("{pid}\n"));
        assert_is_a_daemon(&daemon);
        let home = daemon.directory.file("home");
        assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).expect("cwd"), home);
        let child = daemon.wait_running("a");
        let lines = daemon.log_lines();
        let at = |part: &str| lines.iter().position(|line| line.contains(part));
        let order = [
            at("INFO daemonizing the supervisord process"),
            at(&format!("INFO set current directory: '{}'", home.display())),
            at(&format!("INFO supervisord started with pid {pid}")),
            at("INFO spawned: 'a'"),
        ];
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?} {lines:#?}");
        daemon.signal(rustix::process::Signal::TERM);
        until("the daemon to end", || (!alive(pid)).then_some(()));
        assert!(!alive(child));
        assert!(!daemon.directory.file("supervisord.pid").exists());
        assert!(!daemon.directory.file("s.sock").exists());
    }

    fn the_launcher_says_why_a_daemon_did_not_come_up(runtime: Runtime) {
        let first = Setup::new(runtime).start();
        let socket = first.directory.file("s.sock");
        let server = format!("[unix_http_server]\nfile={}\n", socket.display());
        let second = Setup::new(runtime).server(&server).sections(SLEEPER);
        let log = second.directory.file("supervisord.log");
        let (launcher, daemon) = second.daemonize();
        assert!(daemon.is_none());
        assert_eq!(launcher.code, Some(2), "{launcher:?}");
        let taken = "Error: Another program is already listening on a port that one of our HTTP \
            servers is configured to use.  Shut this program down first before starting \
            supervisord.\nFor help, use ";
        assert!(launcher.stderr.starts_with(taken), "{launcher:?}");
        let log = fs::read_to_string(log).unwrap_or_default();
        assert!(!log.contains("spawned"), "{log}");
        assert_eq!(first.rpc("supervisor.getPID", &[]).int(), i64::from(first.pid()));
    }

    fn a_taken_socket_is_refused_in_the_foreground_too(runtime: Runtime) {
        let first = Setup::new(runtime).start();
        let server = format!("[unix_http_server]\nfile={}\n", first.directory.file("s.sock").display());
        let refusal = Setup::new(runtime).server(&server).start_failing();
        assert_eq!(refusal.code, Some(2), "{refusal:?}");
        assert!(refusal.stderr.starts_with("Error: Another program is already listening"), "{refusal:?}");
        assert!(first.directory.file("s.sock").exists());
    }

    fn a_socket_in_a_missing_directory_is_refused(runtime: Runtime) {
        let refusal = Setup::new(runtime).server("[unix_http_server]\nfile={dir}/nope/s.sock\n").start_failing();
        assert_eq!(refusal.code, Some(2), "{refusal:?}");
        let expected = "Error: Cannot open an HTTP server: socket.error reported errno.ENOENT (2)\nFor help, use ";
        assert!(refusal.stderr.starts_with(expected), "{refusal:?}");
    }

    fn a_pidfile_that_cannot_be_written_is_reported_and_survived(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections(SLEEPER)
            .prepared("taken")
            .flags(&["-j", "{dir}/taken"])
            .start();
        daemon.wait_running("a");
        daemon.wait_log(&format!("CRIT could not write pidfile {}", daemon.directory.file("taken").display()));
        assert_eq!(daemon.log_count("supervisord started with pid"), 0);
    }

    fn flags_win_over_the_file(runtime: Runtime) {
        let mut daemon = Setup::new(runtime)
            .supervisord("loglevel=error\nidentifier=file")
            .flags(&["-l", "{dir}/flag.log", "-edebug", "--identifier=flag", "--pidfile", "{dir}/flag.pid", "-s"])
            .sections(SLEEPER)
            .start();
        daemon.wait_running("a");
        assert_eq!(daemon.rpc("supervisor.getIdentification", &[]).text(), "flag");
        assert_eq!(daemon.directory.read("flag.pid"), format!("{}\n", daemon.pid()));
        assert!(daemon.directory.read("flag.log").contains("INFO spawned: 'a'"));
        assert_eq!(daemon.log(), "");
        assert_eq!(daemon.directory.read("stdout"), "", "silent");
        assert_eq!(daemon.terminate(), 0);
    }

    fn in_the_foreground_the_log_is_shown_too(runtime: Runtime) {
        let mut daemon = Setup::new(runtime).sections(SLEEPER).start();
        daemon.wait_running("a");
        assert_eq!(daemon.terminate(), 0);
        assert_eq!(daemon.directory.read("stdout"), daemon.log());
    }

    fn a_killed_daemon_leaves_nothing_in_the_way_of_the_next(runtime: Runtime) {
        let daemon = Setup::new(runtime).sections("[program:a]\ncommand=cat").start();
        let child = daemon.wait_running("a");
        daemon.signal(rustix::process::Signal::KILL);
        until("the daemon to end", || (!alive(daemon.pid())).then_some(()));
        assert!(daemon.directory.file("s.sock").exists());
        // Its standard input is gone with the daemon.
        until("the child to end", || (!alive(child)).then_some(()));
        let mut next = daemon.again();
        next.wait_running("a");
        assert!(next.directory.read("stderr").contains("Unlinking stale socket"));
        assert_eq!(next.terminate(), 0);
    }
}
