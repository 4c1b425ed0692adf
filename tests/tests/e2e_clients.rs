//! Foreign clients and our daemon, our client and a foreign daemon.

use std::path::PathBuf;
use std::process::Command;
use visor_tests::both_runtimes;
use visor_tests::e2e::{Daemon, Finished, Runtime, Setup, finish, free_port, reference, skip};

const PROGRAMS: &str = "[program:cat]\ncommand=cat\n[program:sleep]\ncommand=sleep 1000\nprocess_name=%(program_name)s_%(process_num)02d\nnumprocs=2\n\
    [group:pair]\nprograms=left,right\n[program:left]\ncommand=sleep 1001\n[program:right]\ncommand=sleep 1002\n\
    [program:off]\ncommand=sleep 1003\nautostart=false\n[program:broken]\ncommand={dir}/nope\nstartretries=0";

/// A session that asks and changes everything a supervisorctl of the first issue knows.
const SESSION: &[&[&str]] = &[
    &["status"],
    &["version"],
    &["start", "off"],
    &["start", "off"],
    &["start", "nope"],
    &["start", "broken"],
    &["stop", "off"],
    &["stop", "off"],
    &["restart", "cat"],
    &["restart", "pair:*"],
    &["status", "pair:*", "off", "nope"],
    &["stop", "all"],
    &["status"],
    &["start", "pair:*", "sleep:"],
    &["start", "all"],
    &["signal", "TERM", "off"],
    &["signal", "NONSENSE", "cat"],
    &["pid", "nope"],
    &["avail"],
    &["reread"],
    &["nonsense"],
    &["shutdown"],
];

/// Runs a session and writes down what was printed, without what differs by nature: pids, times.
fn transcript(daemon: &Daemon, client: Option<PathBuf>) -> String {
    for name in [
        "cat",
        "sleep:sleep_00",
        "sleep:sleep_01",
        "pair:left",
        "pair:right",
    ] {
        daemon.wait_running(name);
    }
    daemon.wait_state("broken", "FATAL");
    let mut text = String::new();
    for words in SESSION {
        let Finished {
            code,
            stdout,
            stderr,
        } = daemon.ctl(client.clone(), words);
        let mut lines: Vec<String> = stdout.lines().chain(stderr.lines()).map(plain).collect();
        if words.contains(&"all") || words.iter().any(|word| word.ends_with(":*")) {
            // Whoever is done first is printed first.
            lines.sort();
        }
        text.push_str(&format!("$ {} -> {code:?}\n", words.join(" ")));
        lines.iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
    }
    text.replace(&*daemon.directory.path().to_string_lossy(), "{dir}")
}

/// Two transcripts, written at the same time.
fn transcripts(
    (one, first): (&Daemon, Option<PathBuf>),
    (two, second): (&Daemon, Option<PathBuf>),
) -> (String, String) {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| transcript(two, second));
        let own = transcript(one, first);
        (own, other.join().expect("the other transcript"))
    })
}

/// A line with pids, uptimes and dates replaced.
fn plain(line: &str) -> String {
    if let Some((head, _)) = line.split_once("pid ") {
        return format!("{head}pid N, uptime T");
    }
    match line.split_once("STOPPED   ") {
        Some((head, what)) if what.ends_with('M') => format!("{head}STOPPED   DATE"),
        Some(_) | None => line.to_owned(),
    }
}

const XMLRPC: &str = r#"
import sys, xmlrpc.client
s = xmlrpc.client.ServerProxy('http://user:pass%20word@127.0.0.1:{port}/RPC2')
assert s.supervisor.getAPIVersion() == '3.0'
assert s.supervisor.getSupervisorVersion() == '4.3.0'
assert s.supervisor.getIdentification() == 'supervisor'
assert s.supervisor.getState() == {'statecode': 1, 'statename': 'RUNNING'}
assert s.supervisor.getPID() == int(sys.argv[1])
infos = s.supervisor.getAllProcessInfo()
assert [(i['group'], i['name']) for i in infos] == sorted((i['group'], i['name']) for i in infos)
info = [i for i in infos if i['name'] == 'left'][0]
assert sorted(info) == ['description', 'exitstatus', 'group', 'logfile', 'name', 'now', 'pid', 'spawnerr', 'start',
    'state', 'statename', 'stderr_logfile', 'stdout_logfile', 'stop'], info
assert info['state'] == 20 and info['statename'] == 'RUNNING' and info['now'] >= info['start'] > 0
assert s.supervisor.getProcessInfo('pair:left')['pid'] == info['pid']
def fault(code, text, call, *args):
    try:
        call(*args)
    except xmlrpc.client.Fault as e:
        assert (e.faultCode, e.faultString) == (code, text), e
    else:
        raise AssertionError(text)
fault(10, 'BAD_NAME: nope', s.supervisor.getProcessInfo, 'nope')
fault(60, 'ALREADY_STARTED: pair:left', s.supervisor.startProcess, 'pair:left')
fault(70, 'NOT_RUNNING: off', s.supervisor.stopProcess, 'off')
fault(1, 'UNKNOWN_METHOD', s.supervisor.nonsense)
fault(2, 'INCORRECT_PARAMETERS', s.supervisor.getProcessInfo)
assert s.supervisor.startProcess('off', True) is True
assert s.supervisor.stopProcess('off') is True
def done(structs, names):
    assert sorted(x['name'] for x in structs) == names, structs
    assert all(x['status'] == 80 and x['description'] == 'OK' for x in structs), structs
done(s.supervisor.stopProcessGroup('pair'), ['left', 'right'])
done(s.supervisor.startProcessGroup('pair', True), ['left', 'right'])
done(s.supervisor.stopAllProcesses(), ['cat', 'left', 'right', 'sleep_00', 'sleep_01'])
assert s.supervisor.startProcess('cat', False) is True
m = xmlrpc.client.MultiCall(s)
m.supervisor.getState(); m.supervisor.stopProcess('cat'); m.supervisor.getProcessInfo('cat')
results = list(m().results)
assert results[0]['statename'] == 'RUNNING' and results[1] is True and results[2]['statename'] == 'STOPPED', results
assert 'supervisor.getState' in s.system.listMethods()
try:
    xmlrpc.client.ServerProxy('http://user:wrong@127.0.0.1:{port}/RPC2').supervisor.getState()
except xmlrpc.client.ProtocolError as e:
    assert e.errcode == 401, e
else:
    raise AssertionError('a wrong password was let in')
assert s.supervisor.restart() is True
"#;

both_runtimes! {
    fn pythons_xmlrpc_client_drives_the_daemon(runtime: Runtime) {
        let Some(python) = reference("python") else {
            return skip("no Python in target/reference");
        };
        let port = free_port();
        let daemon = Setup::new(runtime)
            .server(&format!(
                "[unix_http_server]\nfile={{dir}}/s.sock\n[inet_http_server]\nport=127.0.0.1:{port}\n\
                 username=user\npassword=pass word\n"
            ))
            .sections(PROGRAMS)
            .start();
        for name in ["cat", "sleep:sleep_00", "sleep:sleep_01", "pair:left", "pair:right"] {
            daemon.wait_running(name);
        }
        let script = XMLRPC.replace("{port}", &port.to_string());
        let mut command = Command::new(python);
        command.args(["-c", &script, &daemon.pid().to_string()]);
        let finished = finish(command);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        daemon.wait_log_count("supervisord started with pid", 2);
        daemon.wait_up();
    }

    fn supervisors_own_client_says_the_same_of_both_daemons(runtime: Runtime) {
        let Some(client) = reference("supervisorctl") else {
            return skip("no supervisorctl in target/reference");
        };
        let of_ours = Setup::new(runtime).sections(PROGRAMS).start();
        let of_theirs = Setup::new(Runtime::Reference).sections(PROGRAMS).start();
        let (ours, theirs) =
            transcripts((&of_ours, Some(client.clone())), (&of_theirs, Some(client)));
        assert_eq!(ours, theirs);
    }

    fn our_client_says_of_our_daemon_what_supervisors_say(runtime: Runtime) {
        let Some(client) = reference("supervisorctl") else {
            return skip("no supervisorctl in target/reference");
        };
        let of_ours = Setup::new(runtime).sections(PROGRAMS).start();
        let of_theirs = Setup::new(Runtime::Reference).sections(PROGRAMS).start();
        let (ours, theirs) = transcripts((&of_ours, None), (&of_theirs, Some(client)));
        assert_eq!(ours, theirs);
    }
}

#[test]
fn our_client_drives_supervisors_daemon() {
    let Some(client) = reference("supervisorctl") else {
        return skip("no supervisorctl in target/reference");
    };
    let one = Setup::new(Runtime::Reference).sections(PROGRAMS).start();
    let two = Setup::new(Runtime::Reference).sections(PROGRAMS).start();
    let (ours, theirs) = transcripts((&one, None), (&two, Some(client)));
    assert_eq!(ours, theirs);
}
