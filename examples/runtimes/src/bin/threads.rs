//! `threads 'sleep 5' 'sh -c "echo hi; exit 1"'` supervises these commands until its standard
//! input ends.

use std::process::ExitCode;
use visor_core::config::{Config, GroupConfig, GroupKind, LogTarget, ProcessConfig};
use visor_core::{Command, Input};

fn main() -> ExitCode {
    let groups = (1..)
        .zip(std::env::args().skip(1))
        .map(|(n, command)| {
            let name = format!("program{n}");
            let mut process = ProcessConfig::new(&name, &command);
            process.stdout.logfile = LogTarget::None;
            process.stderr.logfile = LogTarget::None;
            GroupConfig {
                name,
                priority: n,
                kind: GroupKind::Plain,
                processes: vec![process.into()],
            }
        })
        .collect();
    let mut config = Config {
        groups,
        ..Config::default()
    };
    config.supervisord.logfile = LogTarget::None;
    let status = visor_example_runtimes::threads::run(config, |inputs| {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = inputs.send(Input::Command(Command::Shutdown));
        });
    });
    ExitCode::from(u8::try_from(status).unwrap_or(1))
}
