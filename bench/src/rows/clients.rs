//! What clients see.

use super::{Run, display, float};
use crate::report::Row;
use crate::sides::{Client, Daemon, Scratch, Side, stamps, wait_for};
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn daemon_with(run: &Run, side: Side, scratch: &Scratch, count: usize) -> io::Result<Daemon> {
    let file = scratch.path("stamps");
    let section = run.section("p", &format!("up {}", display(&file)), count, "");
    let daemon = Daemon::start(&run.programs, side, scratch, &section)?;
    wait_for("all stamps", || {
        (stamps(&file).len() >= count).then_some(())
    })?;
    wait_for("RUNNING", || {
        (daemon.connect().ok()?.count("RUNNING").ok()? == count).then_some(())
    })?;
    Ok(daemon)
}

/// Calls per second.
pub(super) fn rpc(run: &Run) -> io::Result<Vec<Row>> {
    let (small, large) = (10, run.size(1000, 50));
    let mut state_small = Row::new("getState, 32 clients, 10 processes", "per s", true);
    let mut state_large = Row::new("getState, 32 clients, 1,000 processes", "per s", true);
    let mut all = Row::new("getAllProcessInfo, 1,000 processes", "per s", true);
    let time = Duration::from_secs(if run.short { 1 } else { 3 });
    for side in &run.sides {
        for (count, row) in [(small, &mut state_small), (large, &mut state_large)] {
            let scratch = Scratch::new()?;
            let daemon = daemon_with(run, *side, &scratch, count)?;
            for _ in 0..run.rounds.min(3) {
                row.push(side.name(), rate(&daemon, "supervisor.getState", 32, time)?);
                if count == large {
                    let rate = rate(&daemon, "supervisor.getAllProcessInfo", 1, time)?;
                    all.push(side.name(), rate);
                }
            }
            daemon.stop()?;
        }
    }
    Ok(vec![state_small, state_large, all])
}

/// Calls per second of so many clients on connections of their own.
fn rate(daemon: &Daemon, method: &str, clients: usize, time: Duration) -> io::Result<f64> {
    let request = Client::request(method, &[]);
    let connections = (0..clients)
        .map(|_| daemon.connect())
        .collect::<io::Result<Vec<_>>>()?;
    let begun = Instant::now();
    let total = std::thread::scope(|scope| {
        let request = &request;
        let handles: Vec<_> = connections
            .into_iter()
            .map(|mut client| {
                scope.spawn(move || {
                    let mut calls = 0_usize;
                    while begun.elapsed() < time {
                        client.exchange(request)?;
                        calls += 1;
                    }
                    io::Result::Ok(calls)
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a client died")))
            })
            .sum::<io::Result<usize>>()
    })?;
    Ok(float(total) / begun.elapsed().as_secs_f64())
}

/// The whole of supervisorctl, from its exec to its end.
pub(super) fn ctl(run: &Run) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let forms = [
        ("supervisorctl version, 10 processes", "version", 10),
        ("supervisorctl status, 10 processes", "status", 10),
        (
            "supervisorctl status, 1,000 processes",
            "status",
            run.size(1000, 50),
        ),
    ];
    for (name, action, count) in forms {
        let mut row = Row::new(name, "ms", false);
        for side in &run.sides {
            let scratch = Scratch::new()?;
            let daemon = daemon_with(run, *side, &scratch, count)?;
            for _ in 0..run.rounds * 3 {
                row.push(side.name(), once(run, *side, &daemon, action)?);
            }
            daemon.stop()?;
        }
        for _ in 0..run.rounds * 3 {
            row.push("floor", timed(&mut Command::new("/bin/true"))?);
        }
        "floor: /bin/true".clone_into(&mut row.note);
        rows.push(row);
    }
    Ok(rows)
}

fn once(run: &Run, side: Side, daemon: &Daemon, action: &str) -> io::Result<f64> {
    let program = match (side, &run.programs.reference) {
        (Side::Reference, Some(bin)) => bin.join("supervisorctl"),
        (Side::Reference, None) | (Side::Smol | Side::Std, _) => run.programs.supervisorctl.clone(),
    };
    let url = format!("unix://{}", daemon.socket().display());
    let config = daemon.socket().with_file_name("bench.conf");
    timed(
        Command::new(program)
            .arg("-c")
            .arg(config)
            .args(["-s", &url, action]),
    )
}

/// Milliseconds from before the spawn to the end of what must succeed.
fn timed(command: &mut Command) -> io::Result<f64> {
    let begun = Instant::now();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.spawn()?.wait()?;
    let millis = begun.elapsed().as_secs_f64() * 1000.0;
    if status.success() {
        return Ok(millis);
    }
    Err(io::Error::other(format!("{command:?}: {status}")))
}
