//! Events through the whole machine: children that write and end, listeners that are told.

use super::*;
use crate::config::{AutoRestart, Config, GroupConfig, ProcessConfig};
use crate::{Boot, Command, ExitStatus, Input, Output, Pid, Stream, Timestamp, UnixTime};
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

/// A supervisor among children that do as they are told.
struct World {
    core: Supervisor,
    now: Now,
    /// The child of each process that has one.
    children: BTreeMap<String, SpawnId>,
    /// What was written to a process's standard input since it was last looked at.
    stdin: BTreeMap<String, String>,
    log: Vec<String>,
    deadline: Option<Timestamp>,
}

fn program(name: &str) -> ProcessConfig {
    let mut config = ProcessConfig::new(name, "/bin/true");
    config.startsecs = 0;
    config.autorestart = AutoRestart::Never;
    config.stdout.events_enabled = true;
    config.stdout.capture_maxbytes = 100;
    config
}

fn listeners(name: &str, events: &str, count: usize) -> GroupConfig {
    let names = (0..count).map(|n| format!("{name}{n}"));
    GroupConfig {
        name: name.into(),
        priority: -1,
        kind: GroupKind::Listener {
            buffer_size: 50,
            events: events.split(',').map(String::from).collect(),
        },
        processes: names.map(|name| program(&name).into()).collect(),
    }
}

impl World {
    fn new(mut groups: Vec<GroupConfig>) -> Self {
        groups.push(GroupConfig {
            name: "shop".into(),
            priority: 999,
            kind: GroupKind::Plain,
            processes: vec![program("web").into()],
        });
        let mut config = Config {
            groups,
            ..Config::default()
        };
        config.supervisord.loglevel = LogLevel::Debug;
        let boot = Boot {
            pid: Pid(1),
            seed: [0; 32],
            foreground: true,
            messages: vec![],
        };
        let now = Now {
            mono: Timestamp::from_nanos(1_000),
            wall: UnixTime::from_secs(1_001),
            utc_offset_secs: 0,
        };
        let mut this = Self {
            core: Supervisor::new(config, boot, now),
            now,
            children: BTreeMap::new(),
            stdin: BTreeMap::new(),
            log: vec![],
            deadline: None,
        };
        this.run();
        this
    }

    fn run(&mut self) {
        loop {
            match self.core.poll_output() {
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
                Output::Action(Action::WritePidfile { .. }) => {
                    self.tell(Input::PidfileWritten { result: Ok(()) });
                }
                Output::Action(Action::Spawn { spawn, spec }) => {
                    self.children.insert(spec.name.clone(), spawn);
                    let pid = Pid(if spec.name == "web" { 101 } else { 100 });
                    self.tell(Input::Spawned { spawn, pid });
                }
                Output::Action(Action::WriteStdin { spawn, data }) => {
                    let child = self.children.iter().find(|(_, s)| **s == spawn);
                    let name = child.map(|(name, _)| name.clone()).unwrap();
                    let text = String::from_utf8(data).unwrap();
                    self.stdin.entry(name).or_default().push_str(&text);
                }
                Output::Action(Action::WriteLog { data, .. }) => {
                    self.log.push(String::from_utf8_lossy(&data).into_owned());
                }
                Output::Action(_) => {}
            }
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.core.handle_input(self.now, input);
    }

    fn say_on(&mut self, stream: Stream, name: &str, data: &[u8]) {
        let spawn = self.children[name];
        let data = data.into();
        self.tell(Input::ChildOutput {
            spawn,
            stream,
            data,
        });
        self.run();
    }

    fn say(&mut self, name: &str, data: &[u8]) {
        self.say_on(Stream::Stdout, name, data);
    }

    fn exit(&mut self, name: &str, code: i32) {
        let spawn = self.children.remove(name).unwrap();
        let status = ExitStatus::Code(code);
        self.tell(Input::Exited { spawn, status });
        self.run();
    }

    fn command(&mut self, command: Command) {
        self.tell(Input::Command(command));
        self.run();
    }

    fn process(&self, name: &str) -> ProcessId {
        let mut all = self.core.processes();
        all.find(|(_, _, n, _)| *n == name).unwrap().0
    }

    fn pass(&mut self, nanos: u64) {
        self.now.mono = Timestamp::from_nanos(self.now.mono.as_nanos() + nanos);
        let wall = self.now.wall.as_nanos() + i64::try_from(nanos).unwrap();
        self.now.wall = UnixTime::from_nanos(wall);
        self.tell(Input::Wake);
        self.run();
    }

    /// Lets a listener accept all there is for it: names and payloads.
    fn drain(&mut self, name: &str) -> Vec<(String, String)> {
        let mut events = vec![];
        while let Some(text) = self.stdin.remove(name) {
            let (header, payload) = text.split_once('\n').unwrap();
            let field = |key: &str| {
                let (_, value) = header.split_once(key).unwrap();
                String::from(value.split(' ').next().unwrap())
            };
            assert_eq!(field("len:"), format!("{}", payload.chars().count()));
            events.push((field("eventname:"), payload.into()));
            self.say(name, b"RESULT 2\nOKREADY\n");
        }
        events
    }
}

fn event(name: &str, payload: &str) -> (String, String) {
    (name.into(), payload.into())
}

fn logged(data: &str) -> (String, String) {
    let head = "processname:web groupname:shop pid:101 channel:stdout";
    event("PROCESS_LOG_STDOUT", &format!("{head}\n{data}"))
}

#[test]
fn a_pool_sees_the_daemon_start_itself_included() {
    let mut world = World::new(vec![listeners("mail", "EVENT", 1)]);
    world.say("mail0", b"READY\n");
    let state = |name: &str, process: &str, rest: &str| {
        let (name, group) = (
            format!("PROCESS_STATE_{name}"),
            if process == "web" { "shop" } else { "mail" },
        );
        event(
            &name,
            &format!("processname:{process} groupname:{group} from_state:{rest}"),
        )
    };
    assert_eq!(
        world.drain("mail0"),
        [
            event("PROCESS_GROUP_ADDED", "groupname:mail\n"),
            event("PROCESS_GROUP_ADDED", "groupname:shop\n"),
            event("SUPERVISOR_STATE_CHANGE_RUNNING", ""),
            state("STARTING", "mail0", "STOPPED tries:0"),
            state("STARTING", "web", "STOPPED tries:0"),
            state("RUNNING", "mail0", "STARTING pid:100"),
            state("RUNNING", "web", "STARTING pid:101"),
        ]
    );
}

#[test]
fn what_nobody_wants_uses_up_no_serial() {
    let mut world = World::new(vec![listeners("mail", "PROCESS_LOG", 1)]);
    world.say("mail0", b"READY\n");
    world.say("web", b"hello");
    assert!(world.stdin["mail0"].contains(" serial:0 pool:mail poolserial:0 "));
}

#[test]
fn captured_output_is_two_kinds_of_events_and_no_log() {
    let mut world = World::new(vec![listeners(
        "mail",
        "PROCESS_LOG,PROCESS_COMMUNICATION",
        1,
    )]);
    world.say("mail0", b"READY\n");
    world.say(
        "web",
        b"a<!--XSUPERVISOR:BEGIN-->hello<!--XSUPERVISOR:END-->z",
    );
    let communication = event(
        "PROCESS_COMMUNICATION_STDOUT",
        "processname:web groupname:shop pid:101\nhello",
    );
    let expected = [logged("a"), logged("hello"), communication, logged("z")];
    assert_eq!(world.drain("mail0"), expected);
    let told = world
        .log
        .iter()
        .filter(|l| l.ends_with("'web' stdout emitted a comm event\n"));
    assert!(told.count() > 0);
}

#[test]
fn characters_split_over_reads_are_whole_in_events_and_nothing_is_left_behind() {
    let mut world = World::new(vec![listeners("mail", "PROCESS_LOG", 1)]);
    world.say("mail0", b"READY\n");
    world.say("web", b"caf\xc3");
    world.say("web", b"\xa9\xe2");
    world.say("web", b"\x82");
    world.say("web", b"\xac!\xe2\x82");
    world.exit("web", 0);
    let expected = [
        logged("caf"),
        logged("é"),
        logged("€!"),
        logged(r"Undecodable: b'\xe2\x82'"),
    ];
    assert_eq!(world.drain("mail0"), expected);
}

#[test]
fn what_a_listener_says_in_the_protocol_is_no_event() {
    let mut world = World::new(vec![listeners(
        "mail",
        "PROCESS_LOG,PROCESS_COMMUNICATION",
        1,
    )]);
    world.say("mail0", b"READY\n");
    world.say_on(
        Stream::Stderr,
        "mail0",
        b"<!--XSUPERVISOR:BEGIN-->x<!--XSUPERVISOR:END-->",
    );
    world.say("web", b"hello");
    assert_eq!(world.drain("mail0"), [logged("hello")]);
}

#[test]
fn a_listener_that_stops_is_not_told_of_it_but_its_pool_is() {
    for stop in [true, false] {
        let mut world = World::new(vec![listeners("mail", "PROCESS_STATE", 2)]);
        for name in ["mail0", "mail1"] {
            world.say(name, b"READY\n");
        }
        // Between them they take all that has happened so far.
        while !world.stdin.is_empty() {
            for name in ["mail0", "mail1"] {
                world.drain(name);
            }
        }
        let tail = if stop {
            let id = world.process("mail0");
            world.command(Command::Stop(id));
            ("PROCESS_STATE_STOPPING", "RUNNING pid:100")
        } else {
            world.exit("mail0", 0);
            ("PROCESS_STATE_EXITED", "RUNNING expected:1 pid:100")
        };
        assert_eq!(world.stdin.get("mail0"), None);
        let payload = format!("processname:mail0 groupname:mail from_state:{}", tail.1);
        assert_eq!(world.drain("mail1"), [event(tail.0, &payload)]);
    }
}

#[test]
fn the_event_of_a_listener_that_died_goes_to_another() {
    let mut world = World::new(vec![listeners("mail", "PROCESS_LOG", 2)]);
    world.say("mail0", b"READY\n");
    world.say("web", b"hello");
    assert!(world.stdin.remove("mail0").unwrap().ends_with("\nhello"));
    world.say("mail1", b"READY\n");
    assert_eq!(world.stdin.get("mail1"), None);
    world.exit("mail0", 1);
    assert_eq!(world.drain("mail1"), [logged("hello")]);
}

#[test]
fn ticks_come_when_their_slice_begins_and_only_if_wanted() {
    let world = World::new(vec![listeners("mail", "PROCESS_LOG", 1)]);
    assert_eq!(world.deadline, None);
    let mut world = World::new(vec![listeners("mail", "TICK_5", 1)]);
    world.say("mail0", b"READY\n");
    let wait = world.deadline.unwrap().saturating_since(world.now.mono);
    assert_eq!(wait, Duration::from_secs(4));
    world.pass(3_999_999_999);
    assert_eq!(world.drain("mail0"), []);
    world.pass(1);
    assert_eq!(world.drain("mail0"), [event("TICK_5", "when:1005")]);
    let wait = world.deadline.unwrap().saturating_since(world.now.mono);
    assert_eq!(wait, Duration::from_secs(5));
}

#[test]
fn a_listener_that_rejects_for_ever_leaves_the_machine_with_a_deadline() {
    let mut world = World::new(vec![listeners("mail", "PROCESS_LOG", 1)]);
    world.say("mail0", b"READY\n");
    world.say("web", b"hello");
    let mut deliveries = 0;
    while world.stdin.remove("mail0").is_some() {
        deliveries += 1;
        world.say("mail0", b"RESULT 4\nFAILREADY\n");
    }
    assert_eq!(deliveries, 1 + crate::pool::REDELIVERY_BURST);
    let wait = world.deadline.unwrap().saturating_since(world.now.mono);
    assert_eq!(wait, crate::pool::REDELIVERY_INTERVAL);
    world.pass(100_000_000);
    assert_eq!(world.drain("mail0"), [logged("hello")]);
    assert_eq!(world.deadline, None);
}

#[test]
fn an_event_of_the_end_that_nobody_gets_is_not_spoken_of_after_it() {
    let mut pool = listeners("mail", "EVENT", 1);
    pool.kind = GroupKind::Listener {
        buffer_size: 1,
        events: vec!["EVENT".into()],
    };
    let mut world = World::new(vec![pool]);
    world.exit("mail0", 0);
    world.exit("web", 0);
    world.log.clear();
    world.command(Command::Shutdown);
    assert_eq!(world.log, [""; 0]);
}

#[test]
fn listeners_that_are_told_to_end_together_are_not_told_of_each_other() {
    let mut world = World::new(vec![listeners("mail", "PROCESS_STATE_STOPPING", 2)]);
    for name in ["mail0", "mail1"] {
        world.say(name, b"READY\n");
    }
    world.exit("web", 0);
    world.command(Command::Shutdown);
    let mails = [world.process("mail0"), world.process("mail1")];
    for mail in mails {
        let state = world.core.processes[&mail].state();
        assert_eq!(state, ProcessState::Stopping);
    }
    assert_eq!(world.stdin, BTreeMap::new());
}

#[test]
fn a_child_that_has_said_all_ends_without_a_word() {
    let mut world = World::new(vec![listeners("mail", "PROCESS_LOG", 1)]);
    world.say("mail0", b"READY\n");
    world.say("web", b"hello");
    assert_eq!(world.drain("mail0"), [logged("hello")]);
    world.exit("web", 0);
    assert_eq!(world.drain("mail0"), []);
}

#[test]
fn what_was_held_back_is_said_at_the_end_if_it_is_said_at_all() {
    for (events_enabled, told) in [(true, "a<!--X"), (false, "")] {
        let mut quiet = program("quiet");
        quiet.stdout.events_enabled = events_enabled;
        let group = GroupConfig {
            name: "odd".into(),
            priority: 5,
            kind: GroupKind::Plain,
            processes: vec![quiet.into()],
        };
        let mut world = World::new(vec![listeners("mail", "PROCESS_LOG", 1), group]);
        world.say("mail0", b"READY\n");
        world.say("quiet", b"a<!--X");
        world.exit("quiet", 0);
        let heard = world.drain("mail0").into_iter();
        let texts = heard.map(|(_, text)| String::from(text.split_once('\n').unwrap().1));
        assert_eq!(texts.collect::<String>(), told);
    }
}

#[test]
fn bytes_that_are_given_away_go_where_bytes_go_that_are_lent() {
    let course = |capture_maxbytes, given: bool| {
        let mut web = program("web");
        web.stdout.capture_maxbytes = capture_maxbytes;
        let mut world = World::new(vec![
            listeners("mail", "PROCESS_LOG,PROCESS_COMMUNICATION", 1),
            GroupConfig {
                name: "market".into(),
                priority: 1,
                kind: GroupKind::Plain,
                processes: vec![web.into()],
            },
        ]);
        for (name, text) in [
            ("mail0", "READY\n"),
            ("web", "plain\n"),
            ("web", "<!--XSUPERVISOR:BEGIN-->kept<!--XSUPERVISOR:END-->"),
            ("web", "after \u{e9}"),
            ("mail0", "RESULT 2\nOK"),
            ("mail0", "READY\n"),
        ] {
            let (spawn, stream) = (world.children[name], Stream::Stdout);
            let data = if given {
                Cow::Owned(text.as_bytes().to_vec())
            } else {
                Cow::Borrowed(text.as_bytes())
            };
            let input = Input::ChildOutput {
                spawn,
                stream,
                data,
            };
            world.tell(input);
            world.run();
        }
        (world.stdin, world.log)
    };
    for capture_maxbytes in [0, 100] {
        let (told, log) = course(capture_maxbytes, true);
        assert!(told["mail0"].contains("plain") && !log.is_empty());
        assert_eq!((told, log), course(capture_maxbytes, false));
    }
}

#[test]
fn a_pool_that_is_removed_leaves_the_others_their_listeners() {
    let pools = ["mail", "post"].map(|name| listeners(name, "PROCESS_LOG", 1));
    let mut world = World::new(pools.into());
    world.say("mail0", b"READY\n");
    let post = world.process("post0");
    world.command(Command::Stop(post));
    world.exit("post0", 0);
    world.command(Command::RemoveGroup("post".into()));
    for text in ["one", "two", "three"] {
        world.say("web", text.as_bytes());
        assert_eq!(world.drain("mail0"), [logged(text)]);
    }
}
