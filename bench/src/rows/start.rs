//! From nothing to running, and what it costs to do nothing.

use super::{Run, display, float, secs};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, last_of, monotonic, stamps, wait_for};
use std::io;
use std::time::Duration;

/// From the exec of the daemon to the first program's first act.
pub(super) fn first(run: &Run) -> io::Result<Vec<Row>> {
    let mut row = Row::new("exec to the first program's first act", "s", false);
    run.each(&mut row, |side| {
        let scratch = Scratch::new()?;
        let file = scratch.path("stamps");
        let section = run.section("p", &format!("up {}", display(&file)), 1, "");
        let daemon = Daemon::start(&run.programs, side, &scratch, &section)?;
        let stamp = wait_for("a stamp", || stamps(&file).first().copied())?;
        let took = secs(stamp.saturating_sub(daemon.begun));
        daemon.stop()?;
        Ok(took)
    })?;
    for _ in 0..run.rounds {
        row.push("floor", bare(run, 1)?);
    }
    row.note = "floor: one posix_spawn with two pipes".to_owned();
    Ok(vec![row])
}

/// Until a thousand programs with pipes run.
pub(super) fn thousand(run: &Run) -> io::Result<Vec<Row>> {
    let count = run.size(1000, 50);
    let mut row = Row::new("exec until 1,000 programs run", "s", false);
    run.each(&mut row, |side| {
        let scratch = Scratch::new()?;
        let file = scratch.path("stamps");
        let section = run.section("p", &format!("up {}", display(&file)), count, "");
        let daemon = Daemon::start(&run.programs, side, &scratch, &section)?;
        let last = last_of(&file, count)?;
        let took = secs(last.saturating_sub(daemon.begun));
        daemon.stop()?;
        Ok(took)
    })?;
    for _ in 0..run.rounds {
        row.push("floor", bare(run, count)?);
    }
    row.note = format!("{count} programs; floor: a loop of posix_spawn with two pipes each");
    Ok(vec![row])
}

/// The same children without a supervisor.
fn bare(run: &Run, count: usize) -> io::Result<f64> {
    let scratch = Scratch::new()?;
    let file = scratch.path("stamps");
    let begun = monotonic();
    let mut children = Vec::with_capacity(count);
    for _ in 0..count {
        children.push(super::bare_child(&run.programs.child, "up", &file).spawn()?);
    }
    let last = last_of(&file, count)?;
    for mut child in children {
        child.kill()?;
        child.wait()?;
    }
    Ok(secs(last.saturating_sub(begun)))
}

/// Memory with one child, and what each further idle child costs.
pub(super) fn memory(run: &Run) -> io::Result<Vec<Row>> {
    let many = run.size(500, 20);
    let mut one = Row::new("memory (PSS) with one child", "KiB", false);
    let mut slope = Row::new("memory per further idle child", "KiB", false);
    let pss = |side, count| {
        let scratch = Scratch::new()?;
        let file = scratch.path("stamps");
        let section = run.section("p", &format!("up {}", display(&file)), count, "");
        let daemon = Daemon::start(&run.programs, side, &scratch, &section)?;
        wait_for("all stamps", || {
            (stamps(&file).len() >= count).then_some(())
        })?;
        wait_for("RUNNING", || {
            (daemon.connect().ok()?.count("RUNNING").ok()? == count).then_some(())
        })?;
        let pss = daemon.pss_kib();
        daemon.stop()?;
        io::Result::Ok(pss)
    };
    for _ in 0..run.rounds {
        for side in &run.sides {
            let (small, large) = (pss(*side, 1)?, pss(*side, many + 1)?);
            one.push(side.name(), small);
            slope.push(side.name(), (large - small) / float(many));
        }
    }
    slope.note = format!("over {many} children");
    Ok(vec![one, slope])
}

/// What a daemon with a thousand idle children does.
pub(super) fn idle(run: &Run) -> io::Result<Vec<Row>> {
    let count = run.size(1000, 50);
    let watched = Duration::from_secs(if run.short { 2 } else { 20 });
    let mut wakes = Row::new("wake-ups while 1,000 children idle", "per 20 s", false);
    let mut cpu = Row::new("CPU while 1,000 children idle", "ms per 20 s", false);
    for side in &run.sides {
        let scratch = Scratch::new()?;
        let file = scratch.path("stamps");
        let section = run.section("p", &format!("up {}", display(&file)), count, "");
        let daemon = Daemon::start(&run.programs, *side, &scratch, &section)?;
        wait_for("all stamps", || {
            (stamps(&file).len() >= count).then_some(())
        })?;
        // Its own work of starting is over when it no longer uses any time.
        wait_for("rest", || {
            let before = daemon.cpu_nanos();
            std::thread::sleep(Duration::from_millis(1500));
            (daemon.cpu_nanos() - before < 50_000_000.0).then_some(())
        })?;
        let (wakes_before, cpu_before) = (daemon.wake_ups(), daemon.cpu_nanos());
        std::thread::sleep(watched);
        wakes.push(side.name(), daemon.wake_ups() - wakes_before);
        cpu.push(side.name(), (daemon.cpu_nanos() - cpu_before) / 1e6);
        daemon.stop()?;
    }
    wakes.note = format!("{count} children, {} s", watched.as_secs());
    Ok(vec![wakes, cpu])
}
