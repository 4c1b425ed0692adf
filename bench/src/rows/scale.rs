//! Many programs at once.

use super::respawn::LIFE_MILLIS;
use super::{Run, display, float};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, Side, last_of, stamps, wait_for};
use std::io;
use std::time::Instant;
use visor_core::xmlrpc::Value;

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
    let spawn = || super::bare_child(&run.programs.child, "up", &file).spawn();
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

/// Descriptors of a daemon that are no program's.
const OTHERS: u64 = 300;
/// Programs that crash beside all those that do nothing.
const CRASHING: usize = 20;
/// What they cost is measured so often, over so many lives of each.
const SAMPLES: usize = 5;
const LIVES: usize = 4;

/// Ten thousand programs, on visor only: the reference needs minutes. Their two outputs are one, so
/// that each takes two descriptors; where there are not so many, there are fewer programs.
pub(super) fn ten_thousand(run: &Run) -> io::Result<Vec<Row>> {
    let room = crate::sides::descriptors().saturating_sub(OTHERS) / 2;
    let count = run.size(10_000, 200);
    let count = count.min(usize::try_from(room).unwrap_or(count));
    let mut start = Row::new("10,000 programs: exec until all run", "s", false);
    let name = "10,000 programs: reread and update of one that changed";
    let mut reload = Row::new(name, "ms", false);
    let mut few = Row::new("CPU per crash and restart beside 100", "ms", false);
    let mut many = Row::new("CPU per crash and restart beside 10,000", "ms", false);
    let mut stop = Row::new("10,000 programs: shutdown", "s", false);
    for side in run.sides.iter().filter(|side| **side != Side::Reference) {
        let mut crowd = Beside::start(run, *side, count)?;
        start.push(side.name(), crowd.start_secs);
        reload.push(side.name(), crowd.reload_millis()?);
        let mut hundred = Beside::start(run, *side, run.size(100, 10))?;
        crowd.crash()?;
        hundred.crash()?;
        for _ in 0..run.size(SAMPLES, 1) {
            crowd.wait_for_lives(CRASHING * LIVES)?;
            hundred.wait_for_lives(CRASHING * LIVES)?;
            many.push(side.name(), crowd.crash_millis());
            few.push(side.name(), hundred.crash_millis());
        }
        hundred.daemon.stop()?;
        let begun = Instant::now();
        crowd.daemon.stop()?;
        stop.push(side.name(), begun.elapsed().as_secs_f64());
    }
    let note =
        format!("both at once; {CRASHING} programs crash together, {LIVES} times for each value");
    (few.note, many.note) = (note.clone(), note);
    start.note = format!("{count} programs, as many as there are descriptors for");
    Ok(vec![start, reload, few, many, stop])
}

/// A daemon whose programs do nothing but for those that crash.
struct Beside {
    daemon: Daemon,
    scratch: Scratch,
    start_secs: f64,
    /// Lives so far, and the CPU time that the daemon had used by then.
    before: (usize, f64),
}

impl Beside {
    fn start(run: &Run, side: Side, count: usize) -> io::Result<Self> {
        let scratch = Scratch::new()?;
        let (file, lives) = (scratch.path("stamps"), scratch.path("lives"));
        let idle = format!("up {}", display(&file));
        let idle = run.section("p", &idle, count, "redirect_stderr=true\n");
        let crash = format!("live {} {LIFE_MILLIS} 1", display(&lives));
        let options = "redirect_stderr=true\nautorestart=true\nautostart=false\n";
        let crash = run.section("crash", &crash, CRASHING, options);
        let one = run.section("one", "up /dev/null", 1, "exitcodes=0\n");
        let daemon = Daemon::start(&run.programs, side, &scratch, &(idle + &crash + &one))?;
        let last = last_of(&file, count)?;
        let start_secs = super::secs(last.saturating_sub(daemon.begun));
        let mut client = daemon.connect()?;
        wait_for("RUNNING", || {
            (client.count("RUNNING").ok()? == count + 1).then_some(())
        })?;
        Ok(Self {
            daemon,
            scratch,
            start_secs,
            before: (0, 0.0),
        })
    }

    /// How long it takes until one program that changed is the new one.
    fn reload_millis(&self) -> io::Result<f64> {
        let config = self.scratch.path("bench.conf");
        let text = std::fs::read_to_string(&config)?.replace("exitcodes=0", "exitcodes=1");
        std::fs::write(&config, text)?;
        let mut client = self.daemon.connect()?;
        let begun = Instant::now();
        client.call("supervisor.reloadConfig", &[])?;
        for step in ["stopProcessGroup", "removeProcessGroup", "addProcessGroup"] {
            let one = Value::Str("one".to_owned());
            client.call(&format!("supervisor.{step}"), &[one])?;
        }
        Ok(begun.elapsed().as_secs_f64() * 1000.0)
    }

    /// From now on some crash again and again.
    fn crash(&mut self) -> io::Result<()> {
        let group = Value::Str("crash".to_owned());
        let mut client = self.daemon.connect()?;
        client.call("supervisor.startProcessGroup", &[group])?;
        self.wait_for_lives(CRASHING)?;
        self.crash_millis();
        Ok(())
    }

    fn lives(&self) -> usize {
        stamps(&self.scratch.path("lives")).len() / 2
    }

    fn wait_for_lives(&self, more: usize) -> io::Result<()> {
        let least = self.before.0 + more;
        wait_for("lives", || (self.lives() >= least).then_some(()))
    }

    /// For each life since the last call.
    fn crash_millis(&mut self) -> f64 {
        let (lives, nanos) = self.before;
        self.before = (self.lives(), self.daemon.cpu_nanos());
        (self.before.1 - nanos) / float(self.before.0 - lives) / 1e6
    }
}
