//! The example a new user starts with.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use visor_tests::both_runtimes;
use visor_tests::e2e::{
    Directory, Endpoint, Finished, Runtime, Value, alive, binary, call, finish, free_port,
    send_signal, until,
};

/// The example in a directory of the test's own, with a port of its own.
struct Example {
    directory: Directory,
    daemon: std::process::Child,
}

impl Example {
    fn start(runtime: Runtime) -> Self {
        let directory = Directory::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/supervisord.conf");
        let text = fs::read_to_string(source).expect("the example");
        let own = format!("{}/visor-example", directory.path().display());
        let text = text
            .replace("/tmp/visor-example", &own)
            .replace("127.0.0.1:9001", &format!("127.0.0.1:{}", free_port()))
            .replace(
                "childlogdir=/tmp",
                &format!("childlogdir={}", directory.path().display()),
            );
        directory.write("supervisord.conf", &text);
        let (program, flags) = runtime.supervisord();
        let mut command = Command::new(program);
        command
            .args(flags)
            .args(["-n", "-c", "supervisord.conf"])
            .current_dir(directory.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let daemon = command.spawn().expect("start the daemon");
        Self { directory, daemon }
    }

    fn ctl(&self, words: &[&str]) -> Finished {
        let mut command = Command::new(binary("supervisorctl"));
        command
            .args(["-c", "supervisord.conf"])
            .args(words)
            .current_dir(self.directory.path());
        finish(command)
    }

    fn pid(&self, name: &str) -> u32 {
        let endpoint = Endpoint::Unix(self.directory.file("visor-example.sock"));
        let running = || {
            let info = call(&endpoint, "supervisor.getProcessInfo", &[name.into()]).ok()?;
            let Value::Struct(_) = info else { return None };
            let running = info.member("statename").text() == "RUNNING";
            running.then(|| u32::try_from(info.member("pid").int()).ok())?
        };
        until(name, running)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        send_signal(self.daemon.id(), rustix::process::Signal::TERM);
        let _ = self.daemon.wait();
    }
}

both_runtimes! {
    fn the_readmes_first_steps_work(runtime: Runtime) {
        let mut example = Example::start(runtime);
        for name in ["shop:back", "shop:front_00", "shop:front_01", "shop:front_02", "flaky"] {
            example.pid(name);
        }
        let status = example.ctl(&["status", "shop:*"]);
        assert_eq!(status.code, Some(0), "{status:?}");
        assert_eq!(status.stdout.lines().count(), 4);
        for line in status.stdout.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[1..3], ["RUNNING", "pid"], "{line}");
            assert_eq!(words[4], "uptime", "{line}");
        }
        let killed = example.pid("flaky");
        send_signal(killed, rustix::process::Signal::KILL);
        until("a new one", || (!alive(killed)).then_some(()));
        assert_ne!(example.pid("flaky"), killed);
        let lines = |finished: Finished| {
            let mut lines: Vec<String> = finished.stdout.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let members = ["back", "front_00", "front_01", "front_02"];
        let expected = |what: &str| members.map(|name| format!("shop:{name}: {what}"));
        let mut both = [expected("started"), expected("stopped")].concat();
        both.sort();
        assert_eq!(lines(example.ctl(&["restart", "shop:*"])), both);
        let stopped = lines(example.ctl(&["stop", "all"]));
        assert!(stopped.contains(&"flaky: stopped".to_owned()), "{stopped:?}");
        let started = lines(example.ctl(&["start", "all"]));
        assert!(started.contains(&"broken: ERROR (spawn error)".to_owned()), "{started:?}");
        assert!(started.contains(&"shop:back: started".to_owned()), "{started:?}");
        let down = example.ctl(&["shutdown"]);
        assert_eq!((down.code, down.stdout.as_str()), (Some(0), "Shut down\n"));
        let ended = until("the daemon to end", || example.daemon.try_wait().expect("wait"));
        assert_eq!(ended.code(), Some(0));
    }
}

#[test]
fn nothing_about_the_example_is_doubtful() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/supervisord.conf");
    let mut command = Command::new(binary("supervisord"));
    command.arg("--check").arg("-c").arg(source);
    let checked = finish(command);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.stdout.ends_with("supervisord.conf: fine\n"),
        "{checked:?}"
    );
}
