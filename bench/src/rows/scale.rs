//! Many programs at once.

use super::{Run, display};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, Side, stamps, wait_for};
use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Stop all, then start all, of a thousand programs that exit at once on TERM.
pub(super) fn stop_and_restart(run: &Run) -> io::Result<Vec<Row>> {
    let count = run.size(1000, 50);
    let mut stop = Row::new("stop all of 1,000 programs", "s", false);
    let mut restart = Row::new("stop all and start all of 1,000 programs", "s", false);
    for _ in 0..run.rounds.min(3) {
        for side in &run.sides {
            let scratch = Scratch::new()?;
            let file = scratch.path("stamps");
            let section = run.section("p", &format!("up {}", display(&file)), count, "");
            let daemon = Daemon::start(&run.programs, *side, &scratch, &section)?;
            wait_for("all stamps", || {
                (stamps(&file).len() >= count).then_some(())
            })?;
            let mut client = daemon.connect()?;
            wait_for("RUNNING", || {
                (client.count("RUNNING").ok()? == count).then_some(())
            })?;
            let begun = Instant::now();
            client.call("supervisor.stopAllProcesses", &[true.into()])?;
            stop.push(side.name(), begun.elapsed().as_secs_f64());
            client.call("supervisor.startAllProcesses", &[true.into()])?;
            wait_for("all stamps", || {
                (stamps(&file).len() >= 2 * count).then_some(())
            })?;
            restart.push(side.name(), begun.elapsed().as_secs_f64());
            daemon.stop()?;
        }
        let (stopped, restarted) = bare(run, count)?;
        stop.push("floor", stopped);
        restart.push("floor", restarted);
    }
    stop.note = format!("{count} programs; floor: a loop of kill and wait, then of spawn");
    Ok(vec![stop, restart])
}

fn bare(run: &Run, count: usize) -> io::Result<(f64, f64)> {
    let scratch = Scratch::new()?;
    let file = scratch.path("stamps");
    let spawn = || {
        let mut command = Command::new(&run.programs.child);
        command.arg("up").arg(&file);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn()
    };
    let end = |children: Vec<std::process::Child>| {
        for child in &children {
            let raw = i32::try_from(child.id())
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = raw {
                rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
            }
        }
        children
            .into_iter()
            .try_for_each(|mut child| child.wait().map(drop))
    };
    let children = (0..count)
        .map(|_| spawn())
        .collect::<io::Result<Vec<_>>>()?;
    wait_for("all stamps", || {
        (stamps(&file).len() >= count).then_some(())
    })?;
    let begun = Instant::now();
    end(children)?;
    let stopped = begun.elapsed().as_secs_f64();
    let children = (0..count)
        .map(|_| spawn())
        .collect::<io::Result<Vec<_>>>()?;
    wait_for("all stamps", || {
        (stamps(&file).len() >= 2 * count).then_some(())
    })?;
    let restarted = begun.elapsed().as_secs_f64();
    end(children)?;
    Ok((stopped, restarted))
}

/// Ten thousand programs, on visor only: the reference needs minutes.
pub(super) fn ten_thousand(run: &Run) -> io::Result<Vec<Row>> {
    let count = run.size(10_000, 200);
    let mut start = Row::new("10,000 programs: exec until all run", "s", false);
    let mut reload = Row::new(
        "10,000 programs: reread and update of one that changed",
        "s",
        false,
    );
    let mut stop = Row::new("10,000 programs: shutdown", "s", false);
    for side in run.sides.iter().filter(|side| **side != Side::Reference) {
        let scratch = Scratch::new()?;
        let file = scratch.path("stamps");
        let many = run.section("p", &format!("up {}", display(&file)), count, "");
        let one =
            |code: &str| run.section("one", "up /dev/null", 1, &format!("exitcodes={code}\n"));
        let daemon = Daemon::start(&run.programs, *side, &scratch, &(many.clone() + &one("0")))?;
        let last = wait_for("all stamps", || {
            let all = stamps(&file);
            (all.len() >= count)
                .then(|| all.into_iter().max())
                .flatten()
        })?;
        start.push(side.name(), super::secs(last.saturating_sub(daemon.begun)));
        let config = scratch.path("bench.conf");
        let text = std::fs::read_to_string(&config)?.replace("exitcodes=0", "exitcodes=1");
        std::fs::write(&config, text)?;
        let mut client = daemon.connect()?;
        wait_for("RUNNING", || {
            (client.count("RUNNING").ok()? == count + 1).then_some(())
        })?;
        let begun = Instant::now();
        client.call("supervisor.reloadConfig", &[])?;
        let name = || visor_core::xmlrpc::Value::Str("one".to_owned());
        client.call("supervisor.stopProcessGroup", &[name()])?;
        client.call("supervisor.removeProcessGroup", &[name()])?;
        client.call("supervisor.addProcessGroup", &[name()])?;
        reload.push(side.name(), begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        daemon.stop()?;
        stop.push(side.name(), begun.elapsed().as_secs_f64());
    }
    Ok(vec![start, reload, stop])
}
