//! Real children under the runtime of threads.

use std::sync::mpsc;
use std::time::{Duration, Instant};
use visor_core::config::{AutoRestart, Config, GroupConfig, GroupKind, LogTarget, ProcessConfig};
use visor_core::{Command, Input};
use visor_example_runtimes::threads;

/// Runs `command` under supervision until `done` says so of its log, then shuts down.
fn supervise(command: &str, done: impl Fn(&str) -> bool + Send + 'static) -> (i32, String) {
    let directory = std::env::temp_dir().join(format!("visor-threads-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the log");
    let log = directory.join(format!("{}.log", command.len()));
    let _ = std::fs::remove_file(&log);
    let mut process = ProcessConfig::new("program", command);
    process.autorestart = AutoRestart::Always;
    process.startsecs = 0;
    process.stdout.logfile = LogTarget::File(log.display().to_string());
    process.stderr.logfile = LogTarget::None;
    let mut config = Config {
        groups: vec![GroupConfig {
            name: "program".into(),
            priority: 999,
            kind: GroupKind::Plain,
            processes: vec![process.into()],
        }],
        ..Config::default()
    };
    config.supervisord.logfile = LogTarget::None;
    config.supervisord.silent = true;
    let (path, (seen, was_seen)) = (log.clone(), mpsc::channel());
    let status = threads::run(config, move |inputs| {
        std::thread::spawn(move || {
            let deadline = Instant::now() + Duration::from_secs(30);
            while Instant::now() < deadline {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                if done(&text) {
                    let _ = seen.send(());
                    break;
                }
                std::thread::yield_now();
            }
            let _ = inputs.send(Input::Command(Command::Shutdown));
        });
    });
    assert!(was_seen.try_recv().is_ok(), "the log never said it");
    let text = std::fs::read_to_string(&log).expect("a log");
    let _ = std::fs::remove_dir_all(&directory);
    (status, text)
}

#[test]
fn a_program_that_exits_is_started_again_and_all_its_output_is_logged() {
    let (status, text) = supervise("echo one line", |log| log.lines().count() >= 3);
    assert_eq!(status, 0);
    assert!(text.lines().all(|line| line == "one line"));
}

#[test]
fn a_program_that_runs_is_stopped_at_shutdown() {
    let (status, text) = supervise("sh -c 'echo up; exec sleep 1000'", |log| !log.is_empty());
    assert_eq!((status, text.as_str()), (0, "up\n"));
}
