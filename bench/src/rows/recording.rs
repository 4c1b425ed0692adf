//! What `--record` costs: the same load with and without, in turns.

use super::events::{begin, sections, wait_for_receipts};
use super::{Run, display, float};
use crate::report::Row;
use crate::sides::{Client, Daemon, Scratch, Side, stamps, wait_for};
use std::ffi::OsStr;
use std::io;
use std::time::{Duration, Instant};

/// What a load came to.
struct Done {
    /// How much was done.
    count: usize,
    seconds: f64,
    cpu_nanos: f64,
}

/// One load, with or without a recording.
type Load = fn(&Run, &Place<'_>) -> io::Result<Done>;

/// The loads: a name, what is counted, whether the daemon decides how fast it goes.
const LOADS: [(&str, Load, bool); 6] = [
    ("50 programs that end at once, restarted", crashes, false),
    ("lines of 100 bytes, one a read", lines, false),
    ("output in blocks of 64 KiB", bulk, true),
    ("getState, 8 clients", states, true),
    ("getAllProcessInfo, 10 processes, 8 clients", infos, true),
    ("PROCESS_LOG lines to a listener", events, true),
];

/// Which daemon, and where.
struct Place<'a> {
    side: Side,
    scratch: &'a Scratch,
    records: bool,
}

impl Place<'_> {
    fn start(&self, run: &Run, sections: &str) -> io::Result<Daemon> {
        let file = self.scratch.path("recording");
        let flags: [&OsStr; 2] = [OsStr::new("--record"), file.as_os_str()];
        let flags = if self.records { &flags[..] } else { &[] };
        Daemon::start_with(&run.programs, self.side, self.scratch, sections, flags)
    }
}

/// CPU of the daemon and, where it decides, how much it does in a second.
pub(super) fn recording(run: &Run) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let sides: Vec<Side> = [Side::Smol, Side::Std]
        .into_iter()
        .filter(|side| run.sides.contains(side))
        .collect();
    for (name, load, paces) in LOADS {
        let mut cpu = Row::new(name, "µs of the daemon's CPU each", false);
        let mut rate = Row::new(name, "per s", true);
        for round in 0..run.rounds {
            for side in &sides {
                // Whatever drifts meets both alike.
                for records in [round % 2 == 0, round % 2 == 1] {
                    let scratch = Scratch::new()?;
                    let place = Place {
                        side: *side,
                        scratch: &scratch,
                        records,
                    };
                    let done = load(run, &place)?;
                    let title = title(*side, records);
                    cpu.push(title, done.cpu_nanos / 1e3 / float(done.count.max(1)));
                    rate.push(title, float(done.count) / done.seconds);
                }
            }
        }
        for side in &sides {
            cpu.note += &costs(&cpu, *side);
        }
        rows.push(cpu);
        if paces {
            rows.push(rate);
        }
    }
    Ok(rows)
}

const fn title(side: Side, records: bool) -> &'static str {
    match (side, records) {
        (Side::Smol, true) => "smol --record",
        (Side::Std, true) => "std --record",
        (side, _) => side.name(),
    }
}

/// What recording adds, in percent.
fn costs(row: &Row, side: Side) -> String {
    let median = |records| row.sides.get(title(side, records)).map(|s| s.median());
    let (Some(with), Some(without)) = (median(true), median(false)) else {
        return String::new();
    };
    let percent = (with / without - 1.0) * 100.0;
    format!("{}: recording costs {percent:+.1} %; ", side.name())
}

fn measured(daemon: Daemon, load: impl FnOnce(&Daemon) -> io::Result<usize>) -> io::Result<Done> {
    let (begun, cpu) = (Instant::now(), daemon.cpu_nanos());
    let count = load(&daemon)?;
    let done = Done {
        count,
        seconds: begun.elapsed().as_secs_f64(),
        cpu_nanos: daemon.cpu_nanos() - cpu,
    };
    daemon.stop()?;
    Ok(done)
}

fn crashes(run: &Run, place: &Place<'_>) -> io::Result<Done> {
    let file = place.scratch.path("stamps");
    let arguments = format!("live {} 0 1", display(&file));
    let section = run.section("p", &arguments, 50, "autorestart=true\n");
    let daemon = place.start(run, &section)?;
    // The first ten restarts of each are not paced.
    wait_for("the first lives", || {
        (stamps(&file).len() > 2 * 50 * 12).then_some(())
    })?;
    measured(daemon, |_| {
        let before = stamps(&file).len();
        std::thread::sleep(Duration::from_secs(if run.short { 1 } else { 4 }));
        Ok((stamps(&file).len() - before) / 2)
    })
}

fn lines(run: &Run, place: &Place<'_>) -> io::Result<Done> {
    let count = run.size(20_000, 200);
    let log = place.scratch.path("out.log");
    let options = format!("stdout_logfile={}\n", display(&log));
    let emitter = run.section("emitter", &format!("emit {count} 20 0 100"), 1, &options);
    let daemon = place.start(run, &emitter)?;
    begin(&daemon, 1)?;
    measured(daemon, |_| {
        wait_for("all lines", || {
            let size = std::fs::metadata(&log).ok()?.len();
            (size >= 100 * count as u64).then_some(count)
        })
    })
}

/// Counted in KiB.
fn bulk(run: &Run, place: &Place<'_>) -> io::Result<Done> {
    let bytes = run.size(1 << 30, 8 << 20);
    let log = place.scratch.path("out.log");
    let options = format!(
        "stdout_logfile={}\nstdout_logfile_maxbytes=0\nautostart=false\n",
        display(&log)
    );
    let flood = run.section("p", &format!("flood {bytes}"), 1, &options);
    let daemon = place.start(run, &flood)?;
    let mut client = daemon.connect()?;
    measured(daemon, |_| {
        client.call("supervisor.startAllProcesses", &[false.into()])?;
        wait_for("all bytes", || {
            let size = std::fs::metadata(&log).ok()?.len();
            (size >= bytes as u64).then_some(bytes >> 10)
        })
    })
}

fn states(run: &Run, place: &Place<'_>) -> io::Result<Done> {
    calls(run, place, "supervisor.getState", run.size(10_000, 50))
}

fn infos(run: &Run, place: &Place<'_>) -> io::Result<Done> {
    let method = "supervisor.getAllProcessInfo";
    calls(run, place, method, run.size(5_000, 50))
}

/// Eight clients, each with so many calls one after the other.
fn calls(run: &Run, place: &Place<'_>, method: &str, each: usize) -> io::Result<Done> {
    let clients = 8;
    let file = place.scratch.path("stamps");
    let section = run.section("p", &format!("up {}", display(&file)), 10, "");
    let daemon = place.start(run, &section)?;
    wait_for("RUNNING", || {
        (daemon.connect().ok()?.count("RUNNING").ok()? == 10).then_some(())
    })?;
    let request = Client::request(method, &[]);
    measured(daemon, |daemon| {
        let connections = (0..clients)
            .map(|_| daemon.connect())
            .collect::<io::Result<Vec<_>>>()?;
        let ask = |mut client: Client| -> io::Result<()> {
            for _ in 0..each {
                client.exchange(&request)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let ask = &ask;
            let clients: Vec<_> = connections
                .into_iter()
                .map(|client| scope.spawn(move || ask(client)))
                .collect();
            clients.into_iter().try_for_each(|client| {
                let died = |_| Err(io::Error::other("a client died"));
                client.join().unwrap_or_else(died)
            })
        })?;
        Ok(clients * each)
    })
}

fn events(run: &Run, place: &Place<'_>) -> io::Result<Done> {
    let count = run.size(1_000_000, 500);
    let file = place.scratch.path("receipts");
    let sections = sections(run, &file, (count, 0));
    let daemon = place.start(run, &sections)?;
    begin(&daemon, 2)?;
    measured(daemon, |_| {
        wait_for_receipts(&file, count)?;
        Ok(count)
    })
}
