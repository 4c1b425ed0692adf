//! What the daemon says of itself, and where.

use super::*;
use crate::config::{Config, GroupConfig, GroupKind, LogTarget, ProcessConfig};
use crate::{Boot, LogLevel, Pid, RecordingEnd, Timestamp, UnixTime};
use alloc::{string::String, vec, vec::Vec};

fn daemon(config: Config, foreground: bool) -> (Supervisor, Now) {
    let boot = Boot {
        pid: Pid(1),
        seed: [0; 32],
        foreground,
        messages: vec![],
    };
    let now = Now {
        mono: Timestamp::from_nanos(1_000),
        wall: UnixTime::from_secs(1_001),
        utc_offset_secs: 0,
    };
    let mut core = Supervisor::new(config, boot, now);
    core.handle_input(now, Input::PidfileWritten { result: Ok(()) });
    (core, now)
}

/// Lines on the terminal, lines in the log, and whether it is shown how far a start has come.
fn output(core: &mut Supervisor) -> (Vec<String>, Vec<String>, bool) {
    let (mut shown, mut logged, mut progress) = (vec![], vec![], false);
    let text = |data: Vec<u8>| String::from_utf8(data).unwrap();
    while let Output::Action(action) = core.poll_output() {
        progress |= matches!(action, Action::ShowProgress(_));
        if let Action::ShowLine { line, .. } = action {
            shown.push(text(line));
        } else if let Action::WriteLog { data, .. } = action {
            logged.push(text(data));
        }
    }
    (shown, logged, progress)
}

/// The lines that a daemon shows on its terminal, and those in its log, once it is up and has read
/// its configuration again, of which these things are said.
fn said(
    silent: bool,
    foreground: bool,
    messages: &[(LogLevel, &str)],
) -> (Vec<String>, Vec<String>) {
    let mut config = Config::default();
    config.supervisord.silent = silent;
    config.supervisord.logfile = LogTarget::File("/log".into());
    let (mut core, now) = daemon(config.clone(), foreground);
    core.handle_input(now, Input::Command(Command::Reread));
    let messages = messages.iter();
    let messages = messages.map(|(level, text)| (*level, String::from(*text)));
    let read = ReadConfig {
        config,
        messages: messages.collect(),
    };
    let result = Ok(alloc::boxed::Box::new(read));
    core.handle_input(now, Input::ConfigRead { result });
    let (shown, logged, _) = output(&mut core);
    (shown, logged)
}

#[test]
fn a_daemon_in_the_foreground_shows_its_log_unless_it_is_to_be_silent() {
    for (silent, foreground, shows) in [
        (false, true, true),
        (true, true, false),
        (false, false, false),
        (true, false, false),
    ] {
        let (shown, logged) = said(silent, foreground, &[]);
        assert_eq!(!shown.is_empty(), shows, "{shown:?}");
        assert!(!logged.is_empty());
    }
}

#[test]
fn what_is_doubtful_about_a_configuration_is_logged_when_it_is_read_again() {
    let messages = [
        (LogLevel::Info, "Included extra file"),
        (LogLevel::Warn, "hardly meant"),
        (LogLevel::Error, "wrong"),
    ];
    let (_, logged) = said(false, false, &messages);
    let logged = logged.concat();
    assert!(logged.contains("WARN hardly meant\n"), "{logged}");
    assert!(logged.contains(" wrong\n"), "{logged}");
    assert!(!logged.contains("Included"), "{logged}");
}

#[test]
fn how_far_a_start_has_come_is_for_who_sits_at_the_terminal() {
    for foreground in [true, false] {
        let programs = (0..12).map(|n| ProcessConfig::new(&alloc::format!("p{n}"), "/bin/p"));
        let config = Config {
            groups: vec![GroupConfig {
                name: "g".into(),
                priority: 999,
                kind: GroupKind::Plain,
                processes: programs.map(Into::into).collect(),
            }],
            ..Config::default()
        };
        let (mut core, _) = daemon(config, foreground);
        let (_, _, progress) = output(&mut core);
        assert_eq!(progress, foreground);
    }
}

#[test]
fn why_a_recording_ends_is_logged() {
    let mut config = Config::default();
    config.supervisord.logfile = LogTarget::File("/log".into());
    for (end, line) in [
        (
            RecordingEnd::Full { bytes_max: 5 },
            "the recording has its maximal size of 5 bytes and ends here\n",
        ),
        (
            RecordingEnd::Failed {
                error: "EIO".into(),
            },
            "the recording ends here, it could not be written: EIO\n",
        ),
    ] {
        let (mut core, now) = daemon(config.clone(), false);
        core.handle_input(now, Input::RecordingEnded { end });
        let (_, logged, _) = output(&mut core);
        assert!(logged.last().unwrap().ends_with(line), "{logged:?}");
    }
}

#[test]
fn in_a_group_who_is_not_stopped_is_looked_for_all_around() {
    let program = |name: &str| {
        let mut config = ProcessConfig::new(name, "/bin/program");
        config.startsecs = 0;
        config.autorestart = crate::config::AutoRestart::Never;
        config
    };
    let programs = ["a", "b", "c", "d"].map(program);
    let (mut core, now) = daemon(Config::embedded().group("g", 1, programs), false);
    let mut spawns = vec![];
    while let Output::Action(action) = core.poll_output() {
        if let Action::Spawn { spawn, .. } = action {
            let pid = Pid(100);
            core.handle_input(now, Input::Spawned { spawn, pid });
            spawns.push(spawn);
        }
    }
    let (group, _) = core.groups.first_key_value().unwrap();
    let group = *group;
    let found = |core: &Supervisor| [0, 1, 2, 3, 4, 9].map(|from| core.unstopped_from(group, from));
    let all = [Some(0), Some(1), Some(2), Some(3), Some(0), Some(0)];
    assert_eq!(found(&core), all);
    let end = |core: &mut Supervisor, at: usize| {
        let (spawn, status) = (spawns[at], crate::ExitStatus::Code(0));
        core.handle_input(now, Input::Exited { spawn, status });
    };
    end(&mut core, 0);
    end(&mut core, 2);
    assert_eq!(found(&core), [1, 1, 3, 3, 1, 1].map(Some));
    end(&mut core, 3);
    assert_eq!(found(&core), [Some(1); 6]);
    end(&mut core, 1);
    assert_eq!(found(&core), [None; 6]);
}

#[test]
fn room_for_what_is_to_be_done_is_given_back() {
    let programs = (0..500).map(|at| ProcessConfig::new(&alloc::format!("p{at}"), "/bin/program"));
    let config = Config::embedded().group("g", 1, programs);
    let (mut core, _) = daemon(config, false);
    assert!(core.out.capacity() > 4 * OUT_KEPT);
    output(&mut core);
    assert!(core.out.capacity() < 2 * OUT_KEPT);
}
