//! From a program's write to a listener's receipt.

use super::{Run, display, float, secs};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, Side, stamps, wait_for};
use crate::stats::Samples;
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use visor_core::xmlrpc::Value;

/// Latency of single events, and throughput of many.
pub(super) fn events(run: &Run) -> io::Result<Vec<Row>> {
    let mut latency = Row::new("PROCESS_LOG event, write to receipt", "ms", false);
    let mut rate = Row::new("PROCESS_LOG lines through one listener", "per s", true);
    let sides = run.sides.iter().map(|side| (side.name(), Some(*side)));
    let sides: Vec<_> = sides.chain([("floor", None)]).collect();
    let mut all_gaps = BTreeMap::<_, Vec<f64>>::new();
    let mut all_counts = BTreeMap::<_, (usize, usize)>::new();
    for _ in 0..run.rounds.min(3) {
        for (name, side) in &sides {
            let one = emit(run, *side, run.size(300, 20), 5000)?;
            let gaps = one.pairs.iter().map(|(sent, got)| millis(*sent, *got));
            all_gaps.entry(*name).or_default().extend(gaps);
            let many = emit(run, *side, run.size(50_000, 500), 0)?;
            rate.push(name, many.lines_per_second());
            let counts = all_counts.entry(*name).or_default();
            *counts = (counts.0 + many.pairs.len(), counts.1 + many.events());
        }
    }
    for (name, gaps) in all_gaps {
        latency.sides.insert(name, Samples::of(gaps));
    }
    for (name, (lines, events)) in all_counts {
        let each = float(lines) / float(events.max(1));
        rate.note += &format!("{name}: {each:.1} lines in an event; ");
    }
    "floor: a loop that reads from one pipe and writes events to another, without a supervisor"
        .clone_into(&mut latency.note);
    rate.note += "none is lost; floor: the same loop";
    Ok(vec![latency, rate])
}

/// When each line was sent and received, in nanoseconds.
struct Received {
    pairs: Vec<(u64, u64)>,
}

impl Received {
    fn lines_per_second(&self) -> f64 {
        let first = self.pairs.iter().map(|(sent, _)| *sent).min().unwrap_or(0);
        let last = self.pairs.iter().map(|(_, got)| *got).max().unwrap_or(0);
        float(self.pairs.len()) / secs(last.saturating_sub(first))
    }

    /// All lines of an event are received at once.
    fn events(&self) -> usize {
        let all = self.pairs.iter().map(|(_, got)| *got);
        all.collect::<BTreeSet<_>>().len()
    }
}

fn millis(from: u64, to: u64) -> f64 {
    secs(to.saturating_sub(from)) * 1000.0
}

/// Has lines written. No side: without a supervisor.
fn emit(run: &Run, side: Option<Side>, count: usize, apart_micros: u64) -> io::Result<Received> {
    let scratch = Scratch::new()?;
    let file = scratch.path("receipts");
    match side {
        Some(side) => supervised(run, side, &scratch, &file, (count, apart_micros))?,
        None => bare(run, &file, (count, apart_micros))?,
    }
    let all = stamps(&file);
    let pairs = all.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    Ok(Received {
        pairs: pairs.collect(),
    })
}

/// Waits for a receipt of every line. Only the size is looked at: more would take time from those who
/// are measured.
fn wait_for_receipts(file: &Path, count: usize) -> io::Result<()> {
    wait_for("all receipts", || {
        let size = std::fs::metadata(file).ok()?.len();
        (size >= 16 * count as u64).then_some(())
    })
}

fn supervised(
    run: &Run,
    side: Side,
    scratch: &Scratch,
    file: &Path,
    (count, apart_micros): (usize, u64),
) -> io::Result<()> {
    let child = run.programs.child.display();
    let emitter = run.section(
        "emitter",
        &format!("emit {count} {apart_micros}"),
        1,
        "stdout_events_enabled=true\nstdout_logfile=NONE\n",
    );
    let sections = format!(
        "{emitter}[eventlistener:listener]\ncommand={child} listen {}\nstartsecs=0\n\
         events=PROCESS_LOG_STDOUT\nbuffer_size=1000000\nstderr_logfile=NONE\n",
        display(file)
    );
    let daemon = Daemon::start(&run.programs, side, scratch, &sections)?;
    let mut client = daemon.connect()?;
    wait_for("RUNNING", || {
        (client.count("RUNNING").ok()? == 2).then_some(())
    })?;
    let name = Value::Str("emitter:emitter_00000".to_owned());
    client.call(
        "supervisor.sendProcessStdin",
        &[name, Value::Str("go\n".to_owned())],
    )?;
    wait_for_receipts(file, count)?;
    daemon.stop()
}

/// The same two programs, and between them nothing but reads and writes.
fn bare(run: &Run, file: &Path, (count, apart_micros): (usize, u64)) -> io::Result<()> {
    let start = |arguments: [&str; 3]| {
        let mut command = Command::new(&run.programs.child);
        let command = command.args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).spawn()
    };
    let numbers = [count.to_string(), apart_micros.to_string()];
    let mut emitter = start(["emit", &numbers[0], &numbers[1]])?;
    let mut listener = start(["listen", &display(file), ""])?;
    let relayed = relay(&mut emitter, &mut listener, count);
    let received = relayed.and_then(|()| wait_for_receipts(file, count));
    for child in [&mut emitter, &mut listener] {
        child.kill()?;
        child.wait()?;
    }
    received
}

/// One event for each read, of which the listener gets the next when it asks for it.
fn relay(emitter: &mut Child, listener: &mut Child, count: usize) -> io::Result<()> {
    let mut go = end(emitter.stdin.take())?;
    let (mut lines, mut answers) = (end(emitter.stdout.take())?, end(listener.stdout.take())?);
    let mut events = end(listener.stdin.take())?;
    go.write_all(b"go\n")?;
    let (mut buffer, mut answer) = (vec![0; 64 << 10], [0; 256]);
    let (mut queue, mut is_ready, mut serial, mut left) = (VecDeque::new(), false, 0, count);
    while left > 0 || !queue.is_empty() {
        let ready = {
            let mut both = [
                PollFd::new(&lines, PollFlags::IN),
                PollFd::new(&answers, PollFlags::IN),
            ];
            poll(&mut both, None)?;
            both.map(|one| !one.revents().is_empty())
        };
        if ready[0] {
            let size = lines.read(&mut buffer)?;
            let read = buffer.get(..size).unwrap_or_default();
            left = left.saturating_sub(read.iter().filter(|byte| **byte == b'\n').count());
            serial += 1;
            queue.push_back(event(serial, read));
        }
        if ready[1] {
            let size = answers.read(&mut answer)?;
            if size == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            is_ready |= answer.get(..size).unwrap_or_default().ends_with(b"READY\n");
        }
        if is_ready && let Some(event) = queue.pop_front() {
            events.write_all(&event)?;
            is_ready = false;
        }
    }
    Ok(())
}

fn end(pipe: Option<impl Into<OwnedFd>>) -> io::Result<File> {
    let pipe = pipe.ok_or_else(|| io::Error::other("no pipe"))?;
    Ok(File::from(pipe.into()))
}

fn event(serial: u64, output: &[u8]) -> Vec<u8> {
    let told = "processname:emitter_00000 groupname:emitter pid:10000 channel:stdout\n";
    let length = told.len() + output.len();
    let mut event = format!(
        "ver:3.0 server:supervisor serial:{serial} pool:listener poolserial:{serial} \
         eventname:PROCESS_LOG_STDOUT len:{length}\n{told}"
    )
    .into_bytes();
    event.extend_from_slice(output);
    event
}
