//! From a program's write to a listener's receipt.

use super::{Run, display, float, pipe_end, secs};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, Side, stamps, wait_for};
use crate::stats::Samples;
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use visor_core::xmlrpc::Value;

/// Latency of single events, and throughput of many.
pub(super) fn events(run: &Run) -> io::Result<Vec<Row>> {
    let mut latency = Row::new("PROCESS_LOG event, write to receipt", "ms", false);
    let mut rate = Row::new("PROCESS_LOG events through one listener", "per s", true);
    let mut lines = Row::new("PROCESS_LOG lines through one listener", "per s", true);
    let sides = run.sides.iter().map(|side| (side.name(), Some(*side)));
    let sides: Vec<_> = sides.chain([("floor", None)]).collect();
    let mut all_gaps = BTreeMap::<_, Vec<f64>>::new();
    for _ in 0..run.rounds.min(3) {
        for (name, side) in &sides {
            let one = emit(run, *side, run.size(300, 20), 5000)?;
            let gaps = one.pairs.iter().map(|(sent, got)| millis(*sent, *got));
            all_gaps.entry(*name).or_default().extend(gaps);
            let many = emit(run, *side, run.size(50_000, 500), 0)?;
            rate.push(name, float(many.events()) / many.seconds());
            lines.push(name, float(many.pairs.len()) / many.seconds());
        }
    }
    for (name, gaps) in all_gaps {
        latency.sides.insert(name, Samples::of(gaps));
    }
    "floor: a loop that reads from one pipe and writes events to another, without a supervisor"
        .clone_into(&mut latency.note);
    "several lines may come in one event; none is lost; floor: the same loop"
        .clone_into(&mut lines.note);
    Ok(vec![latency, rate, lines])
}

/// When each line was sent and received, in nanoseconds.
struct Received {
    pairs: Vec<(u64, u64)>,
}

impl Received {
    /// From the first line to the last receipt.
    fn seconds(&self) -> f64 {
        let first = self.pairs.iter().map(|(sent, _)| *sent).min().unwrap_or(0);
        let last = self.pairs.iter().map(|(_, got)| *got).max().unwrap_or(0);
        secs(last.saturating_sub(first))
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
    let lines = (count, apart_micros);
    if let Some(side) = side {
        let sections = sections(run, &file, lines);
        let daemon = Daemon::start(&run.programs, side, &scratch, &sections)?;
        begin(&daemon, 2)?;
        wait_for_receipts(&file, count)?;
        daemon.stop()?;
    } else {
        bare(run, &file, lines)?;
    }
    let all = stamps(&file);
    let pairs = all.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    Ok(Received {
        pairs: pairs.collect(),
    })
}

/// A program that writes so many lines, and a listener that has their events and leaves receipts.
pub(super) fn sections(run: &Run, file: &Path, (count, apart_micros): (usize, u64)) -> String {
    let emitter = run.section(
        "emitter",
        &format!("emit {count} {apart_micros}"),
        1,
        "stdout_events_enabled=true\n",
    );
    let child = run.programs.child.display();
    format!(
        "{emitter}[eventlistener:listener]\ncommand={child} listen {}\nstartsecs=0\n\
         events=PROCESS_LOG_STDOUT\nbuffer_size=1000000\nstderr_logfile=NONE\n",
        display(file)
    )
}

/// Has the emitter begin, once so many processes run.
pub(super) fn begin(daemon: &Daemon, processes: usize) -> io::Result<()> {
    let mut client = daemon.connect()?;
    wait_for("RUNNING", || {
        (client.count("RUNNING").ok()? == processes).then_some(())
    })?;
    let name = Value::Str("emitter:emitter_00000".to_owned());
    let go = [name, Value::Str("go\n".to_owned())];
    client.call("supervisor.sendProcessStdin", &go).map(drop)
}

/// Waits for a receipt of every line. Only the size is looked at: more would take time from those who
/// are measured.
pub(super) fn wait_for_receipts(file: &Path, count: usize) -> io::Result<()> {
    wait_for("all receipts", || {
        let size = std::fs::metadata(file).ok()?.len();
        (size >= 16 * count as u64).then_some(())
    })
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
    let mut go = pipe_end(emitter.stdin.take())?;
    let mut lines = pipe_end(emitter.stdout.take())?;
    let mut answers = pipe_end(listener.stdout.take())?;
    let mut events = pipe_end(listener.stdin.take())?;
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
