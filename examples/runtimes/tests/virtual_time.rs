//! An hour of supervision in no time.

use std::collections::BTreeMap;
use std::time::Duration;
use visor_core::config::{AutoRestart, Config, GroupConfig, GroupKind, ProcessConfig};
use visor_core::{Command, Input, ProcessState};
use visor_example_runtimes::virtual_time::{Script, VirtualTime};

fn config(processes: Vec<ProcessConfig>) -> Config {
    Config {
        groups: processes
            .into_iter()
            .map(|process| GroupConfig {
                name: process.name.clone(),
                priority: 999,
                kind: GroupKind::Plain,
                processes: vec![process.into()],
            })
            .collect(),
        ..Config::default()
    }
}

fn script(life_secs: Option<u64>, code: i32, obeys: bool) -> Script {
    Script {
        life: life_secs.map(Duration::from_secs),
        code,
        obeys,
    }
}

#[test]
fn a_program_that_lives_a_minute_is_started_sixty_times_an_hour() {
    let mut web = ProcessConfig::new("web", "/bin/web");
    web.autorestart = AutoRestart::Always;
    let scripts = BTreeMap::from([("web".into(), script(Some(60), 0, true))]);
    let mut world = VirtualTime::new(config(vec![web]), scripts);
    world.advance(Duration::from_secs(3599));
    let spawns = world
        .log
        .iter()
        .filter(|line| line.contains("spawned"))
        .count();
    assert_eq!(spawns, 60);
}

#[test]
fn a_program_that_fails_at_once_is_given_up_after_ten_seconds() {
    let scripts = BTreeMap::from([("bad".into(), script(Some(0), 1, true))]);
    let mut world = VirtualTime::new(config(vec![ProcessConfig::new("bad", "/bin/bad")]), scripts);
    world.advance(Duration::from_millis(5_999));
    assert_eq!(world.state("bad", "bad"), Some(ProcessState::Backoff));
    world.advance(Duration::from_millis(1));
    assert_eq!(world.state("bad", "bad"), Some(ProcessState::Fatal));
    let tries = world
        .log
        .iter()
        .filter(|line| line.contains("spawned"))
        .count();
    assert_eq!(tries, 4, "startretries and one");
}

#[test]
fn a_program_that_does_not_obey_is_killed_after_stopwaitsecs() {
    let scripts = BTreeMap::from([("deaf".into(), script(None, 0, false))]);
    let processes = vec![ProcessConfig::new("deaf", "/bin/deaf")];
    let mut world = VirtualTime::new(config(processes), scripts);
    world.advance(Duration::from_secs(2));
    world.input(Input::Command(Command::Shutdown));
    world.advance(Duration::from_millis(9_999));
    assert_eq!(world.state("deaf", "deaf"), Some(ProcessState::Stopping));
    assert_eq!(world.exited, None);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.exited, Some(0));
    let last = world.log.last().map(String::as_str);
    assert_eq!(last, Some("WARN stopped: deaf (terminated by SIGKILL)"));
}
