//! An application that supervises its own helpers: no configuration file, no sockets, no signals.
//!
//! It starts a ticker and two workers, kills a worker to see it come back, stops and starts one by
//! hand, and ends them all. `cargo run -p visor-example-embed`

use std::process::ExitCode;
use std::time::Duration;
use visor_core::config::{AutoRestart, Config, ProcessConfig};
use visor_core::{Command, ProcessInfo, ProcessState, Signal};
use visor_std::embed::Embedded;

const PATIENCE: Duration = Duration::from_secs(30);

fn helpers() -> Config {
    let mut ticker = ProcessConfig::new("ticker", "sh -c 'while sleep 1; do echo tick; done'");
    ticker.stopasgroup = true;
    ticker.killasgroup = true;
    let workers = (0..2).map(|n| {
        let mut worker = ProcessConfig::new(&format!("worker{n}"), "sleep 1000");
        worker.autorestart = AutoRestart::Always;
        worker.startsecs = 0;
        worker
    });
    Config::embedded()
        .program(ticker)
        .group("workers", 1000, workers)
}

fn running(name: &str) -> impl Fn(&[&ProcessInfo]) -> bool {
    move |processes| {
        processes
            .iter()
            .any(|p| p.name == name && p.state == ProcessState::Running)
    }
}

fn main() -> ExitCode {
    let embedded = match Embedded::start(helpers()) {
        Ok(embedded) => embedded,
        Err(error) => return fail(&format!("could not start: {error}")),
    };
    let all_up = |processes: &[&ProcessInfo]| {
        processes.len() == 3 && processes.iter().all(|p| p.state == ProcessState::Running)
    };
    if !embedded.wait_until(PATIENCE, all_up) {
        return fail("the helpers did not come up");
    }
    let all = embedded.processes();
    let Some((id, worker)) = all.iter().find(|(_, p)| p.name == "worker0") else {
        return fail("there is no worker");
    };

    embedded.command(Command::Signal(*id, Signal::KILL));
    let successor = |processes: &[&ProcessInfo]| {
        processes
            .iter()
            .any(|p| p.name == "worker0" && p.pid != worker.pid && p.state == ProcessState::Running)
    };
    if !embedded.wait_until(PATIENCE, successor) {
        return fail("a killed worker did not come back");
    }

    embedded.command(Command::Stop(*id));
    let stopped = |processes: &[&ProcessInfo]| {
        processes
            .iter()
            .any(|p| p.name == "worker0" && p.state == ProcessState::Stopped)
    };
    if !embedded.wait_until(PATIENCE, stopped) {
        return fail("a worker did not stop");
    }
    embedded.command(Command::Start(*id));
    if !embedded.wait_until(PATIENCE, running("worker0")) {
        return fail("a worker did not start again");
    }
    ExitCode::from(u8::try_from(embedded.shutdown()).unwrap_or(1))
}

fn fail(text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

#[test]
fn the_example_does_what_it_says() {
    assert_eq!(main(), ExitCode::SUCCESS);
}
