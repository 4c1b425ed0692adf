//! Event listeners that do what they should not: none hurts the daemon, the other pools, or any
//! event but those its own full buffer discards.

use std::time::{Duration, Instant};
use visor_tests::both_runtimes;
use visor_tests::e2e::{Daemon, Runtime, Setup, Value, alive, until};

/// What listeners are made of. `work` is a listener as it should be: it notes the data of each
/// event as a line of a file.
const WORDS: &str = "
ready() { printf 'READY\\n'; }
take() { IFS= read -r header || exit 0; payload=$(head -c \"${header##*len:}\"); }
note() { printf '%s\\n' \"$payload\" | tail -n 1 >> \"{dir}/$1\"; }
ok() { printf 'RESULT 2\\nOK'; }
work() { while :; do ready; take; note \"$1\"; ok; done; }
";

/// A daemon with a good listener, which notes its events in `good.got`.
fn setup(runtime: Runtime) -> Setup {
    let setup = Setup::new(runtime).supervisord("loglevel=debug");
    setup.directory.write("words", WORDS);
    pool(setup, "good", "work good.got", "")
}

/// Adds a pool whose processes run `body` with their number as `$1`.
fn pool(setup: Setup, name: &str, body: &str, options: &str) -> Setup {
    let script = format!("#!/bin/sh\n. {{dir}}/words\n{body}\n");
    setup.directory.script(name, &script);
    setup.sections(&format!(
        "[eventlistener:{name}]\ncommand={{dir}}/{name} %(process_num)d\n\
         process_name=%(program_name)s_%(process_num)d\nevents=REMOTE_COMMUNICATION\n\
         startsecs=0\nautorestart=true\n{options}\n"
    ))
}

/// Sends an event to all pools.
fn send(daemon: &Daemon, data: &str) {
    let sent = daemon.rpc("supervisor.sendRemoteCommEvent", &["t".into(), data.into()]);
    assert_eq!(sent, Value::Bool(true));
}

/// The whole lines of a file.
fn noted(daemon: &Daemon, file: &str) -> Vec<String> {
    let text = daemon.directory.read(file);
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(str::to_owned).collect()
}

/// Waits until a file holds exactly these events.
fn wait_noted(daemon: &Daemon, file: &str, expected: &[&str]) {
    until(file, || {
        let noted = noted(daemon, file);
        assert!(expected.starts_with(&noted.iter().map(String::as_str).collect::<Vec<_>>()));
        (noted.len() == expected.len()).then_some(())
    });
}

fn wait_ready(daemon: &Daemon, process: &str) {
    daemon.wait_log(&format!("DEBG {process}: ACKNOWLEDGED -> READY"));
}

both_runtimes! {
    fn a_listener_that_never_gets_ready_fills_its_own_buffer_alone(runtime: Runtime) {
        let setup = pool(setup(runtime), "mute", "exec sleep 1000", "buffer_size=2");
        let daemon = setup.start();
        daemon.wait_running("mute:mute_0");
        for data in ["a", "b", "c", "d", "e"] {
            send(&daemon, data);
        }
        wait_noted(&daemon, "good.got", &["a", "b", "c", "d", "e"]);
        for discarded in 0..3 {
            daemon.wait_log(&format!(
                "ERRO pool mute event buffer overflowed, discarding event {discarded}"
            ));
        }
        assert_eq!(daemon.log_count("overflowed"), 3);
        assert_eq!(daemon.state("mute:mute_0"), "RUNNING");
    }

    fn garbage_ends_the_conversation_and_not_the_process(runtime: Runtime) {
        let setup = pool(setup(runtime), "garbage", "echo hello there; exec sleep 1000", "");
        let daemon = pool(setup, "chatty", "ready; sleep 0.2; echo more; exec sleep 1000", "").start();
        for name in ["garbage_0", "chatty_0"] {
            daemon.wait_log(&format!("WARN {name}: has entered the UNKNOWN state"));
        }
        send(&daemon, "a");
        wait_noted(&daemon, "good.got", &["a"]);
        assert_eq!(daemon.log_count("sent to listener garbage"), 0);
        assert_eq!(daemon.log_count("sent to listener chatty"), 0);
        assert_eq!(daemon.state("garbage:garbage_0"), "RUNNING");
    }

    fn a_listener_that_broke_the_protocol_begins_anew_with_its_process(runtime: Runtime) {
        let body = "if mkdir {dir}/been; then echo garbage; exec sleep 1000; fi; work again.got";
        let daemon = pool(setup(runtime), "again", body, "").start();
        daemon.wait_log("WARN again_0: has entered the UNKNOWN state");
        send(&daemon, "a");
        wait_noted(&daemon, "good.got", &["a"]);
        daemon.rpc("supervisor.signalProcess", &["again:again_0".into(), "KILL".into()]);
        wait_noted(&daemon, "again.got", &["a"]);
    }

    fn half_a_result_keeps_the_event_until_the_listener_dies(runtime: Runtime) {
        if runtime.is_reference() {
            return; // It gives the event to the other pools once more.
        }
        let body = "if mkdir {dir}/been; then ready; take; printf 'RESULT 2\\nO'; \
                    mkdir {dir}/halved; exec sleep 1000; fi; work half.got";
        let daemon = pool(setup(runtime), "half", body, "").start();
        send(&daemon, "a");
        until("half an answer", || daemon.directory.file("halved").exists().then_some(()));
        send(&daemon, "b");
        wait_noted(&daemon, "good.got", &["a", "b"]);
        assert_eq!(daemon.log_count("sent to listener half_0"), 1);
        daemon.rpc("supervisor.signalProcess", &["half:half_0".into(), "KILL".into()]);
        wait_noted(&daemon, "half.got", &["a", "b"]);
    }

    fn a_huge_result_is_not_waited_for(runtime: Runtime) {
        if runtime.is_reference() {
            return; // It waits for all of it.
        }
        let body = "if [ $1 = 1 ]; then work huge.got; fi; ready; take; \
                    printf 'RESULT 99999999999999999999\\n'; exec sleep 1000";
        let daemon = pool(setup(runtime), "huge", body, "numprocs=2").start();
        wait_ready(&daemon, "huge_0");
        send(&daemon, "a");
        daemon.wait_log("WARN huge_0: bad result line: 'RESULT 99999999999999999999'");
        daemon.wait_log("WARN huge_0: has entered the UNKNOWN state");
        wait_noted(&daemon, "huge.got", &["a"]);
    }

    fn an_answer_without_end_is_not_kept(runtime: Runtime) {
        if runtime.is_reference() {
            return; // It keeps all of it.
        }
        let body = "if [ $1 = 1 ]; then work endless.got; fi; ready; take; exec cat /dev/zero";
        let daemon = pool(setup(runtime), "endless", body, "numprocs=2").start();
        wait_ready(&daemon, "endless_0");
        send(&daemon, "a");
        daemon.wait_log("WARN endless_0: has entered the UNKNOWN state");
        wait_noted(&daemon, "endless.got", &["a"]);
        send(&daemon, "b");
        wait_noted(&daemon, "good.got", &["a", "b"]);
        daemon.rpc("supervisor.stopProcess", &["endless:endless_0".into()]);
        assert_eq!(daemon.state("endless:endless_0"), "STOPPED");
    }

    fn the_event_of_a_listener_that_dies_comes_again(runtime: Runtime) {
        if runtime.is_reference() {
            return; // It gives the event to the other pools once more.
        }
        let body = "if mkdir {dir}/been; then ready; take; exit 1; fi; work dead.got";
        let daemon = pool(setup(runtime), "dead", body, "").start();
        for data in ["a", "b", "c"] {
            send(&daemon, data);
        }
        wait_noted(&daemon, "dead.got", &["a", "b", "c"]);
        wait_noted(&daemon, "good.got", &["a", "b", "c"]);
        assert_eq!(daemon.log_count("DEBG event 0 sent to listener dead_0"), 2);
    }

    fn a_listener_that_closed_its_input_is_passed_over(runtime: Runtime) {
        if runtime.is_reference() {
            return; // The event is lost.
        }
        let body = "if [ $1 = 1 ]; then work shut.got; fi; exec 0<&-; ready; exec sleep 1000";
        let daemon = pool(setup(runtime), "shut", body, "numprocs=2").start();
        wait_ready(&daemon, "shut_0");
        wait_ready(&daemon, "shut_1");
        for data in ["a", "b"] {
            send(&daemon, data);
            wait_noted(&daemon, "good.got", if data == "a" { &["a"] } else { &["a", "b"] });
        }
        wait_noted(&daemon, "shut.got", &["a", "b"]);
        assert_eq!(daemon.state("shut:shut_0"), "RUNNING");
    }

    fn a_slow_listener_gets_everything_in_order(runtime: Runtime) {
        let body = "while :; do ready; take; until [ -e {dir}/go ]; do sleep 0.05; done; \
                    note slow.got; ok; done";
        let daemon = pool(setup(runtime), "slow", body, "").start();
        wait_ready(&daemon, "slow_0");
        let all = ["a", "b", "c", "d", "e", "f"];
        for data in all {
            send(&daemon, data);
        }
        wait_noted(&daemon, "good.got", &all);
        assert_eq!(daemon.log_count("sent to listener slow_0"), 1);
        daemon.directory.write("go", "");
        wait_noted(&daemon, "slow.got", &all);
    }

    fn a_listener_that_rejects_for_ever_is_asked_at_a_measured_pace(runtime: Runtime) {
        if runtime.is_reference() {
            return; // It gives the event to the other pools once more.
        }
        let body = "while :; do ready; take; note no.got; printf 'RESULT 4\\nFAIL'; done";
        let daemon = pool(setup(runtime), "no", body, "").start();
        wait_ready(&daemon, "no_0");
        let start = Instant::now();
        send(&daemon, "a");
        send(&daemon, "b");
        until("rejections", || (noted(&daemon, "no.got").len() >= 25).then_some(()));
        // Once, ten times more without a pause, the others a tenth of a second apart.
        assert!(start.elapsed() >= Duration::from_millis(1300), "{:?}", start.elapsed());
        wait_noted(&daemon, "good.got", &["a", "b"]);
        assert!(noted(&daemon, "no.got").iter().all(|data| data == "a"), "the order is kept");
        daemon.wait_log("WARN no_0: event was rejected");
        daemon.rpc("supervisor.stopProcess", &["no:no_0".into()]);
        assert_eq!(daemon.state("no:no_0"), "STOPPED");
    }

    fn a_listener_that_does_not_read_fills_its_pipe_and_its_buffer_alone(runtime: Runtime) {
        let setup = pool(setup(runtime), "deaf", "ready; exec sleep 1000", "buffer_size=1");
        let daemon = setup.start();
        wait_ready(&daemon, "deaf_0");
        let pid = daemon.wait_running("deaf:deaf_0");
        let large: Vec<String> = ["a", "b", "c"].iter().map(|s| s.repeat(300_000)).collect();
        for data in &large {
            send(&daemon, data);
        }
        wait_noted(&daemon, "good.got", &large.iter().map(String::as_str).collect::<Vec<_>>());
        daemon.wait_log("ERRO pool deaf event buffer overflowed, discarding event 1");
        assert_eq!(daemon.log_count("sent to listener deaf_0"), 1);
        assert!(alive(pid));
        daemon.rpc("supervisor.stopProcess", &["deaf:deaf_0".into()]);
        assert_eq!(daemon.state("deaf:deaf_0"), "STOPPED");
    }
}
