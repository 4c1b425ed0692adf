//! How processes start, end, come back and are told to stop.

use visor_tests::both_runtimes;
use visor_tests::e2e::{Daemon, Setup, Value, alive, children, send_signal, until};

/// One program that ends, and what shall become of it.
struct Row {
    name: &'static str,
    settings: &'static str,
    command: &'static str,
    outcome: Outcome,
}

enum Outcome {
    /// It ends in this state after this many starts.
    Ends(&'static str, usize),
    /// It is started again and again.
    ComesBack,
}

use Outcome::{ComesBack, Ends};

const fn row(
    name: &'static str,
    settings: &'static str,
    command: &'static str,
    outcome: Outcome,
) -> Row {
    Row {
        name,
        settings,
        command,
        outcome,
    }
}

/// startsecs × startretries × autorestart × exitcodes. `exit N` ends at once, `stay N` after two
/// seconds.
const TABLE: &[Row] = &[
    // Without startsecs every exit counts; there is no failed start.
    row(
        "z1",
        "startsecs=0\nautorestart=false",
        "exit 0",
        Ends("EXITED", 1),
    ),
    row(
        "z2",
        "startsecs=0\nautorestart=false",
        "exit 3",
        Ends("EXITED", 1),
    ),
    row(
        "z3",
        "startsecs=0\nautorestart=unexpected",
        "exit 0",
        Ends("EXITED", 1),
    ),
    row(
        "z4",
        "startsecs=0\nautorestart=unexpected",
        "exit 3",
        ComesBack,
    ),
    row(
        "z5",
        "startsecs=0\nautorestart=unexpected\nexitcodes=2,3",
        "exit 3",
        Ends("EXITED", 1),
    ),
    row(
        "z6",
        "startsecs=0\nautorestart=unexpected\nexitcodes=2,3",
        "exit 0",
        ComesBack,
    ),
    row("z7", "startsecs=0\nautorestart=true", "exit 0", ComesBack),
    row(
        "z8",
        "startsecs=0\nautorestart=unexpected",
        "kill -9 $$",
        ComesBack,
    ),
    row(
        "z9",
        "startsecs=0\nautorestart=unexpected\nexitcodes=",
        "exit 0",
        ComesBack,
    ),
    // An exit before startsecs is a failed start, whatever its code and whatever autorestart says.
    row(
        "q1",
        "startretries=0\nautorestart=false",
        "exit 0",
        Ends("FATAL", 1),
    ),
    row(
        "q2",
        "startretries=0\nautorestart=true",
        "exit 0",
        Ends("FATAL", 1),
    ),
    row(
        "q3",
        "startretries=0\nautorestart=unexpected",
        "exit 3",
        Ends("FATAL", 1),
    ),
    row(
        "q4",
        "startretries=1\nautorestart=false",
        "exit 0",
        Ends("FATAL", 2),
    ),
    row(
        "q5",
        "startretries=2\nautorestart=unexpected",
        "exit 0",
        Ends("FATAL", 3),
    ),
    row(
        "q6",
        "startretries=0\nstartsecs=20",
        "stay 0",
        Ends("FATAL", 1),
    ),
    // Once RUNNING, autorestart and exitcodes decide.
    row("r1", "autorestart=false", "stay 0", Ends("EXITED", 1)),
    row("r2", "autorestart=false", "stay 3", Ends("EXITED", 1)),
    row("r3", "autorestart=unexpected", "stay 0", Ends("EXITED", 1)),
    row("r4", "autorestart=unexpected", "stay 3", ComesBack),
    row(
        "r5",
        "autorestart=unexpected\nexitcodes=3",
        "stay 3",
        Ends("EXITED", 1),
    ),
    row("r6", "autorestart=true", "stay 0", ComesBack),
    row(
        "r7",
        "autorestart=unexpected\nstartretries=0",
        "stay 3",
        ComesBack,
    ),
];

fn starts(daemon: &Daemon, name: &str) -> usize {
    daemon.log_count(&format!("spawned: '{name}' with"))
}

both_runtimes! {
    fn exits_lead_where_the_table_says(runtime: Runtime) {
        let mut programs = String::new();
        for Row { name, settings, command, .. } in TABLE {
            let command = command.replace("stay ", "sleep 2; exit ");
            programs.push_str(&format!(
                "[program:{name}]\ncommand=sh -c '{command}'\nstdout_logfile=NONE\n\
                 stderr_logfile=NONE\n{settings}\n"
            ));
        }
        let daemon = Setup::new(runtime).sections(&programs).start();
        for row in TABLE {
            match row.outcome {
                ComesBack => {
                    until(row.name, || (starts(&daemon, row.name) >= 3).then_some(()));
                }
                Ends(state, _) => {
                    daemon.wait_state(row.name, state);
                }
            }
        }
        for row in TABLE {
            if let Ends(state, count) = row.outcome {
                assert_eq!(daemon.state(row.name), state, "{}", row.name);
                assert_eq!(starts(&daemon, row.name), count, "{}", row.name);
            }
        }
    }

    fn a_program_that_cannot_be_started_hurts_nobody_else(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:good]\ncommand=sleep 1000")
            .sections("[program:gone]\ncommand={dir}/nope\nstartretries=0")
            .sections("[program:unfound]\ncommand=visor-no-such-command\nstartretries=0")
            .sections("[program:empty]\ncommand=\nstartretries=0")
            .sections("[program:quote]\ncommand=sh -c 'x\nstartretries=0")
            .sections("[program:dir]\ncommand={dir}\nstartretries=0")
            .sections("[program:plain]\ncommand={dir}/supervisord.conf\nstartretries=0")
            .start();
        let pid = daemon.wait_running("good");
        let directory = daemon.directory.path().display().to_string();
        for (name, error) in [
            ("gone", format!("can't find command '{directory}/nope'")),
            ("unfound", "can't find command 'visor-no-such-command'".to_owned()),
            ("empty", "command is empty".to_owned()),
            ("quote", "can't parse command \"sh -c 'x\": No closing quotation".to_owned()),
            ("dir", format!("command at '{directory}' is a directory")),
            ("plain", format!("command at '{directory}/supervisord.conf' is not executable")),
        ] {
            let info = daemon.wait_state(name, "FATAL");
            assert_eq!(info.member("spawnerr").text(), error);
            assert_eq!(info.member("description").text(), error);
            assert_eq!(daemon.log_count(&format!("INFO spawnerr: {error}")), 1, "{error}");
        }
        assert_eq!(daemon.wait_running("good"), pid);
    }

    fn clients_start_stop_and_restart(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:a]\ncommand=sleep 1000\n[program:b]\ncommand=sleep 1001")
            .sections("[group:g]\nprograms=a,b\n[program:late]\ncommand=sleep 1002\nautostart=false")
            .start();
        let first = daemon.wait_running("g:a");
        daemon.wait_running("g:b");
        let fault = |code, text: &str| Value::Fault(code, text.to_owned());
        assert_eq!(daemon.state("late"), "STOPPED");
        let info = daemon.info("late");
        assert_eq!(info.member("description").text(), "Not started");
        let again = daemon.rpc("supervisor.startProcess", &["g:a".into()]);
        assert_eq!(again, fault(60, "ALREADY_STARTED: g:a"));
        assert_eq!(daemon.rpc("supervisor.startProcess", &["late".into()]), Value::Bool(true));
        assert_eq!(daemon.state("late"), "RUNNING");
        assert_eq!(daemon.rpc("supervisor.stopProcess", &["g:a".into()]), Value::Bool(true));
        assert_eq!(daemon.state("g:a"), "STOPPED");
        assert!(!alive(first));
        let again = daemon.rpc("supervisor.stopProcess", &["g:a".into()]);
        assert_eq!(again, fault(70, "NOT_RUNNING: g:a"));
        let nobody = daemon.rpc("supervisor.stopProcess", &["nobody".into()]);
        assert_eq!(nobody, fault(10, "BAD_NAME: nobody"));
        let all = daemon.rpc("supervisor.startAllProcesses", &[]);
        let [only] = all.items() else { panic!("{all:?}") };
        assert_eq!(only.member("name").text(), "a");
        assert_eq!(only.member("description").text(), "OK");
        assert_ne!(daemon.wait_running("g:a"), first);
        let all = daemon.rpc("supervisor.stopProcessGroup", &["g".into()]);
        assert_eq!(all.items().len(), 2);
        assert_eq!(daemon.rpc("supervisor.stopAllProcesses", &[]).items().len(), 1);
        assert_eq!(children(daemon.pid()), Vec::<u32>::new());
    }

    fn a_killed_program_comes_back(runtime: Runtime) {
        let daemon = Setup::new(runtime).sections("[program:a]\ncommand=sleep 1000").start();
        let first = daemon.wait_running("a");
        send_signal(first, rustix::process::Signal::KILL);
        daemon.wait_log("WARN exited: a (terminated by SIGKILL; not expected)");
        daemon.wait_log_count("spawned: 'a'", 2);
        assert_ne!(daemon.wait_running("a"), first);
        assert_eq!(children(daemon.pid()).len(), 1);
    }

    fn the_stop_signal_is_the_one_configured(runtime: Runtime) {
        let names = ["TERM", "HUP", "INT", "QUIT", "KILL", "USR1", "USR2"];
        let mut setup = Setup::new(runtime);
        for name in names {
            setup = setup.sections(&format!("[program:{name}]\ncommand=sleep 1000\nstopsignal={name}"));
        }
        let daemon = setup.start();
        for name in names {
            daemon.wait_running(name);
        }
        assert_eq!(daemon.rpc("supervisor.stopAllProcesses", &[]).items().len(), names.len());
        for name in names {
            daemon.wait_log(&format!("WARN stopped: {name} (terminated by SIG{name})"));
        }
    }

    fn who_ignores_the_stop_signal_is_killed(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:deaf]\nstopwaitsecs=1\ncommand=sh -c 'trap \"\" TERM; while true; do sleep 1; done'")
            .start();
        let pid = daemon.wait_running("deaf");
        assert_eq!(daemon.rpc("supervisor.stopProcess", &["deaf".into(), false.into()]), Value::Bool(true));
        daemon.wait_state("deaf", "STOPPING");
        daemon.wait_state("deaf", "STOPPED");
        daemon.wait_log(&format!("WARN killing 'deaf' ({pid}) with SIGKILL"));
        daemon.wait_log("WARN stopped: deaf (terminated by SIGKILL)");
    }

    fn stopasgroup_reaches_grandchildren(runtime: Runtime) {
        let family = "command=sh -c 'sleep 1000 & sleep 1000 & wait'\nstopsignal=TERM";
        let daemon = Setup::new(runtime)
            .sections(&format!("[program:all]\n{family}\nstopasgroup=true"))
            .sections(&format!("[program:one]\n{family}"))
            .start();
        let (all, one) = (daemon.wait_running("all"), daemon.wait_running("one"));
        let of_all = until("two grandchildren", || Some(children(all)).filter(|c| c.len() == 2));
        let of_one = until("two grandchildren", || Some(children(one)).filter(|c| c.len() == 2));
        assert_eq!(daemon.rpc("supervisor.stopAllProcesses", &[]).items().len(), 2);
        until("the grandchildren of all to go", || of_all.iter().all(|pid| !alive(*pid)).then_some(()));
        let left: Vec<u32> = of_one.iter().copied().filter(|pid| alive(*pid)).collect();
        left.iter().for_each(|pid| send_signal(*pid, rustix::process::Signal::KILL));
        assert_eq!(left, of_one, "without stopasgroup only the child itself is told");
    }

    fn signals_are_passed_on(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:a]\nstdout_logfile={dir}/a.log\ncommand=sh -c 'trap \"echo got usr1\" USR1; echo ready; while true; do sleep 0.05; done'")
            .start();
        daemon.wait_running("a");
        until("ready", || daemon.directory.read("a.log").contains("ready").then_some(()));
        let call = |signal: &str| daemon.rpc("supervisor.signalProcess", &["a".into(), signal.into()]);
        assert_eq!(call("USR1"), Value::Bool(true));
        until("the signal", || daemon.directory.read("a.log").contains("got usr1").then_some(()));
        assert_eq!(call("nonsense"), Value::Fault(11, "BAD_SIGNAL: nonsense".into()));
        assert_eq!(daemon.rpc("supervisor.stopProcess", &["a".into()]), Value::Bool(true));
        assert_eq!(call("USR1"), Value::Fault(70, "NOT_RUNNING: a".into()));
    }

    fn a_stop_ends_the_waiting_for_a_retry(runtime: Runtime) {
        let daemon = Setup::new(runtime)
            .sections("[program:a]\ncommand=sh -c 'exit 1'\nstartretries=100")
            .start();
        daemon.wait_log_count("spawned: 'a'", 3);
        daemon.wait_state("a", "BACKOFF");
        let stopped = daemon.rpc("supervisor.stopProcess", &["a".into()]);
        assert_eq!(stopped, Value::Bool(true));
        assert_eq!(daemon.state("a"), "STOPPED");
    }
}
