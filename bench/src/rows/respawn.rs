//! How soon a program that died is back, and what that costs.

use super::{Run, display, float, own_cpu_seconds, secs};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, Side, stamps};
use crate::stats::Samples;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One program lives a little over a second, again and again: nothing paces it.
pub(super) const LIFE_MILLIS: u64 = 1050;

/// From a program's last act to its successor's first, and the CPU of the daemon for it.
pub(super) fn respawn(run: &Run) -> io::Result<Vec<Row>> {
    let (programs, time) = (
        run.size(20, 4),
        Duration::from_secs(if run.short { 4 } else { 20 }),
    );
    let mut row = Row::new("last act to the successor's first act", "ms", false);
    let mut cpu = Row::new("CPU of the daemon per crash and restart", "ms", false);
    for side in &run.sides {
        let (gaps, spent) = supervised(run, *side, programs, time)?;
        cpu.push(side.name(), spent / float(gaps.len().max(1)) / 1e6);
        row.sides.insert(side.name(), Samples::of(gaps));
    }
    let (gaps, spent) = bare(run, programs, time)?;
    // It has spent that on the first lives, too.
    cpu.push("floor", spent * 1e3 / float(gaps.len() + programs));
    row.sides.insert("floor", Samples::of(gaps));
    row.note =
        format!("{programs} programs that live {LIFE_MILLIS} ms; floor: a loop of wait and spawn");
    "floor: the same loop".clone_into(&mut cpu.note);
    Ok(vec![row, cpu])
}

fn supervised(
    run: &Run,
    side: Side,
    programs: usize,
    time: Duration,
) -> io::Result<(Vec<f64>, f64)> {
    let scratch = Scratch::new()?;
    let sections: String = (0..programs)
        .map(|n| {
            let file = stamps_file(&scratch, n);
            let arguments = format!("live {} {LIFE_MILLIS} 1", display(&file));
            run.section(&format!("p{n}"), &arguments, 1, "autorestart=true\n")
        })
        .collect();
    let daemon = Daemon::start(&run.programs, side, &scratch, &sections)?;
    drop(daemon.connect()?);
    let before = daemon.cpu_nanos();
    std::thread::sleep(time);
    let spent = daemon.cpu_nanos() - before;
    daemon.stop()?;
    Ok((gaps_of(&scratch, programs), spent))
}

fn bare(run: &Run, programs: usize, time: Duration) -> io::Result<(Vec<f64>, f64)> {
    let scratch = Scratch::new()?;
    let files = (0..programs).map(|n| stamps_file(&scratch, n)).collect();
    let bare = Bare::start(run, files, LIFE_MILLIS);
    std::thread::sleep(time);
    let spent = bare.stop()?;
    Ok((gaps_of(&scratch, programs), spent))
}

fn stamps_file(scratch: &Scratch, n: usize) -> PathBuf {
    scratch.path(&format!("stamps{n}"))
}

fn gaps_of(scratch: &Scratch, programs: usize) -> Vec<f64> {
    (0..programs)
        .flat_map(|n| gaps(&stamps(&stamps_file(scratch, n))))
        .collect()
}

/// Milliseconds between the end of each life and the start of the next.
fn gaps(stamps: &[u64]) -> Vec<f64> {
    let ends = stamps.iter().skip(1).step_by(2);
    let starts = stamps.iter().skip(2).step_by(2);
    ends.zip(starts)
        .map(|(end, start)| secs(start.saturating_sub(*end)) * 1000.0)
        .collect()
}

/// A thousand programs that live a second each: how many of the ideal restarts are kept up.
pub(super) fn crashing(run: &Run) -> io::Result<Vec<Row>> {
    let (count, time) = (
        run.size(1000, 50),
        Duration::from_secs(if run.short { 4 } else { 20 }),
    );
    let mut kept = Row::new("1,000 programs that live 1 s: restarts kept up", "%", true);
    let mut gap = Row::new(
        "1,000 programs that live 1 s: last act to first act",
        "ms",
        false,
    );
    let names: Vec<_> = run
        .sides
        .iter()
        .map(|side| (side.name(), Some(*side)))
        .collect();
    for (name, side) in names.into_iter().chain([("floor", None)]) {
        let scratch = Scratch::new()?;
        let file = |n: usize| stamps_file(&scratch, n);
        let section = |n: usize| {
            let arguments = format!("live {} 1000 1", display(&file(n)));
            run.section(&format!("p{n}"), &arguments, 1, "autorestart=true\n")
        };
        let crowd = if let Some(side) = side {
            let sections: String = (0..count).map(section).collect();
            Crowd::Daemon(Daemon::start(&run.programs, side, &scratch, &sections)?)
        } else {
            Crowd::Bare(Bare::start(run, (0..count).map(file).collect(), 1000))
        };
        // Counted from the moment each has lived once.
        let begun = Instant::now();
        crate::sides::wait_for("first lives", || {
            (0..count)
                .all(|n| stamps(&file(n)).len() >= 2)
                .then_some(())
        })?;
        let warm = begun.elapsed();
        let lives = || {
            (0..count)
                .map(|n| stamps(&file(n)).len() / 2)
                .sum::<usize>()
        };
        let (before, since) = (lives(), Instant::now());
        std::thread::sleep(time);
        let (lived, seconds) = (lives() - before, since.elapsed().as_secs_f64());
        match crowd {
            Crowd::Daemon(daemon) => daemon.stop()?,
            Crowd::Bare(bare) => bare.stop().map(drop)?,
        }
        kept.push(name, 100.0 * float(lived) / (float(count) * seconds));
        gap.sides
            .insert(name, Samples::of(gaps_of(&scratch, count)));
        let stuck = (0..count).filter(|n| stamps(&file(*n)).len() < 4).count();
        if stuck > 0 {
            kept.note
                .push_str(&format!("{name}: {stuck} never came back; "));
        }
        kept.note
            .push_str(&format!("{name}: first lives after {warm:.1?}; "));
    }
    gap.note = "floor: a loop of wait and spawn".to_owned();
    Ok(vec![kept, gap])
}

/// Who starts them again.
enum Crowd {
    Daemon(Daemon),
    Bare(Bare),
}

/// A thread that does nothing but wait for any of its children and start it again: what is left of
/// a supervisor without all that makes it one. Nobody is started again once it is dropped.
struct Bare {
    wanted: Arc<()>,
    /// Ends with the seconds of CPU time it took.
    thread: JoinHandle<io::Result<f64>>,
}

impl Bare {
    fn start(run: &Run, files: Vec<PathBuf>, life_millis: u64) -> Self {
        let wanted = Arc::new(());
        let (program, still) = (run.programs.child.clone(), Arc::downgrade(&wanted));
        let thread = std::thread::spawn(move || {
            let spawn = |at: usize| {
                let mut command = super::bare_child(&program, "live", &files[at]);
                let child = command.args([&life_millis.to_string(), "1"]).spawn();
                child.map(|child| (child.id(), (at, child)))
            };
            let mut children: HashMap<_, _> =
                (0..files.len()).map(spawn).collect::<io::Result<_>>()?;
            while !children.is_empty() {
                let ended = rustix::process::wait(rustix::process::WaitOptions::empty())?;
                let pid = ended.map(|(pid, _)| pid.as_raw_nonzero().get().unsigned_abs());
                if let Some((at, _pipes)) = pid.and_then(|pid| children.remove(&pid))
                    && still.strong_count() > 0
                {
                    children.extend([spawn(at)?]);
                }
            }
            Ok(own_cpu_seconds())
        });
        Self { wanted, thread }
    }

    /// Waits for the last of them. Gives the seconds of CPU time that all of it took.
    fn stop(self) -> io::Result<f64> {
        drop(self.wanted);
        let done = self.thread.join();
        done.unwrap_or_else(|_| Err(io::Error::other("the loop of wait and spawn panicked")))
    }
}
