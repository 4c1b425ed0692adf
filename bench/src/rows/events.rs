//! From a program's write to a listener's receipt.

use super::{Run, display, float, secs};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, Side, stamps, wait_for};
use crate::stats::Samples;
use std::io;
use visor_core::xmlrpc::Value;

/// Latency of single events, and throughput of many.
pub(super) fn events(run: &Run) -> io::Result<Vec<Row>> {
    let mut latency = Row::new("PROCESS_LOG event, write to receipt", "ms", false);
    let mut rate = Row::new("PROCESS_LOG lines through one listener", "per s", true);
    for side in &run.sides {
        let (gaps, _) = emit(run, *side, run.size(300, 20), 5000)?;
        latency.sides.insert(side.name(), Samples::of(gaps));
        for _ in 0..run.rounds.min(3) {
            let (_, per_second) = emit(run, *side, run.size(50_000, 500), 0)?;
            rate.push(side.name(), per_second);
        }
    }
    "several lines may come in one event; none is lost".clone_into(&mut rate.note);
    Ok(vec![latency, rate])
}

/// Milliseconds of each line, and lines per second.
fn emit(run: &Run, side: Side, count: usize, apart_micros: u64) -> io::Result<(Vec<f64>, f64)> {
    let scratch = Scratch::new()?;
    let file = scratch.path("receipts");
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
        display(&file)
    );
    let daemon = Daemon::start(&run.programs, side, &scratch, &sections)?;
    let mut client = daemon.connect()?;
    wait_for("RUNNING", || {
        (client.count("RUNNING").ok()? == 2).then_some(())
    })?;
    let name = Value::Str("emitter:emitter_00000".to_owned());
    client.call(
        "supervisor.sendProcessStdin",
        &[name, Value::Str("go\n".to_owned())],
    )?;
    let all = wait_for("all receipts", || {
        let all = stamps(&file);
        (all.len() >= 2 * count).then_some(all)
    })?;
    daemon.stop()?;
    let pairs = || all.iter().step_by(2).zip(all.iter().skip(1).step_by(2));
    let gaps = pairs()
        .map(|(sent, got)| secs(got.saturating_sub(*sent)) * 1000.0)
        .collect();
    let first = pairs().map(|(sent, _)| *sent).min().unwrap_or(0);
    let last = pairs().map(|(_, got)| *got).max().unwrap_or(0);
    Ok((gaps, float(count) / secs(last.saturating_sub(first))))
}
