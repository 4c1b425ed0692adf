//! A daemon in the foreground on a terminal, and one whose output goes elsewhere.

use std::process::Command;
use visor_tests::both_runtimes;
use visor_tests::e2e::{Pty, Runtime, Setup, until};

/// Twelve processes, of which two cannot run; one of the rest writes to the terminal as well. `cat`
/// ends with the daemon, however that ends.
const MANY: &str = "[program:web]\ncommand=cat\nnumprocs=9\nprocess_name=%(process_num)d\n\
    [program:loud]\ncommand=sh -c \"echo hear hear; exec cat\"\nstdout_logfile=/dev/stdout\n\
    stdout_logfile_maxbytes=0\n\
    [program:broken]\ncommand=false\nstartretries=0\nnumprocs=2\nprocess_name=b%(process_num)d\n";

const DONE: &str = "started 12 processes: 10 running, 2 failed\n";

fn setup(runtime: Runtime) -> Setup {
    Setup::new(runtime).sections(MANY)
}

fn on_a_terminal(setup: &Setup, variables: &[(&str, &str)]) -> Pty {
    // The terminal's own variables come from env, as the harness sets TERM.
    let inner = setup.command(&["-n"]);
    let mut command = Command::new("env");
    command.args(
        variables
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    command.arg(inner.get_program()).args(inner.get_args());
    command.current_dir(setup.directory.path());
    Pty::start(&command)
}

/// What a person sees: carriage returns and erasures carried out.
fn screen(raw: &str) -> String {
    let mut rows = Vec::new();
    for row in raw.split('\n') {
        let row = row.rsplit("\r\x1b[K").next().unwrap_or_default();
        rows.push(row.trim_end_matches('\r').to_owned());
    }
    rows.join("\n")
}

both_runtimes! {
    fn a_start_of_many_shows_how_far_it_has_come(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = setup(runtime);
        let mut pty = on_a_terminal(&setup, &[]);
        pty.expect("starting 12 processes: 0 running, 0 failed");
        pty.expect(DONE);
        until("the program's own line", || pty.text().contains("hear hear\n").then_some(()));
        pty.send("\u{3}");
        pty.expect("INFO waiting for");
        assert_eq!(pty.wait_exit(), Some(0));
        let screen = screen(&pty.raw());
        let (screen, _) = screen.split_once("^C").expect("what was typed is shown");
        // Every row is a log line, the program's line or the last word: the progress left no trace.
        for row in screen.lines().filter(|row| !row.is_empty()) {
            let coloured = ["\u{1b}[31m20", "\u{1b}[33m20"].iter().any(|start| row.starts_with(start));
            let known = coloured || row.starts_with("20") || row == "hear hear" || row == DONE.trim_end();
            assert!(known, "{row:?} in\n{screen}");
        }
    }

    fn levels_have_colours_on_a_terminal_and_nowhere_else(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = setup(runtime);
        let mut pty = on_a_terminal(&setup, &[]);
        pty.expect(DONE);
        pty.send("\u{3}");
        // The row behind the one that is looked at: that one is whole by then.
        pty.expect("INFO waiting for");
        assert_eq!(pty.wait_exit(), Some(0));
        let raw = pty.raw();
        let row = |part: &str| {
            let row = raw.lines().find(|row| row.contains(part));
            row.unwrap_or_else(|| panic!("no {part:?} in\n{raw}")).trim_end().to_owned()
        };
        let warning = row(" WARN received SIGINT");
        assert!(warning.contains("\u{1b}[33m20") && warning.ends_with("\u{1b}[0m"), "{warning:?}");
        let critical = row(" CRIT Server 'unix_http_server' running without");
        assert!(critical.contains("\u{1b}[31m20") && critical.ends_with("\u{1b}[0m"), "{critical:?}");
        let info = row(" INFO supervisord started");
        assert!(!info.contains('\u{1b}'), "{info:?}");
        let file = setup.directory.read("supervisord.log");
        assert!(file.contains("CRIT Server") && !file.contains('\u{1b}'), "{file}");
        assert!(!file.contains("processes:"), "{file}");
    }

    fn no_color_means_what_it_says(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = setup(runtime);
        let mut pty = on_a_terminal(&setup, &[("NO_COLOR", "1")]);
        pty.expect("starting 12 processes");
        pty.expect(DONE);
        pty.send("\u{3}");
        assert_eq!(pty.wait_exit(), Some(0));
        let raw = pty.raw();
        assert!(!raw.contains("\u{1b}[3") && !raw.contains("\u{1b}[0m"), "{raw}");
    }

    fn a_dumb_terminal_gets_lines_alone(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = setup(runtime);
        let mut pty = on_a_terminal(&setup, &[("TERM", "dumb")]);
        pty.expect("success: 8 entered RUNNING state");
        pty.send("\u{3}");
        assert_eq!(pty.wait_exit(), Some(0));
        let raw = pty.raw();
        assert!(!raw.contains('\u{1b}') && !raw.contains("processes:"), "{raw}");
    }

    fn silence_is_silence(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let setup = setup(runtime).flags(&["--silent"]);
        let mut pty = on_a_terminal(&setup, &[]);
        pty.expect("hear hear");
        pty.send("\u{3}");
        assert_eq!(pty.wait_exit(), Some(0));
        assert_eq!(pty.text().replace("^C", ""), "hear hear\n");
    }

    fn what_is_no_terminal_gets_the_log_as_it_is(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let mut daemon = setup(runtime).env("TERM", "xterm").start();
        daemon.wait_state("broken:b1", "FATAL");
        daemon.wait_running("web:8");
        assert_eq!(daemon.terminate(), 0);
        let (shown, logged) = (daemon.directory.read("stdout"), daemon.log());
        assert!(shown.contains("INFO spawned: '8' with pid"), "{shown}");
        assert_eq!(shown.replace("hear hear\n", ""), logged);
    }
}
