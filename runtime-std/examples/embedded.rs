//! A program that keeps its own helpers running, without a configuration file and without sockets:
//!
//! ```sh
//! cargo run -p visor-std --example embedded -- 'sleep 5' 'sh -c "echo hello; sleep 2; exit 1"'
//! ```
//!
//! What it does shows on standard output; Ctrl-C ends the helpers and then the program.

use visor_core::config::{
    AutoRestart, Config, GroupConfig, GroupKind, LogTarget, ProcessConfig, SupervisordConfig,
};
use visor_core::{Boot, Pid};
use visor_std::Hooks;
use visor_std::sys::daemonize::random_seed;

fn helper(number: usize, command: &str) -> GroupConfig {
    let name = format!("helper{number}");
    let mut process = ProcessConfig::new(&name, command);
    process.autorestart = AutoRestart::Always;
    process.stdout.logfile = LogTarget::File("/dev/stdout".into());
    process.stdout.maxbytes = 0;
    process.redirect_stderr = true;
    GroupConfig {
        name,
        priority: 999,
        kind: GroupKind::Plain,
        processes: vec![process],
    }
}

fn main() -> std::io::Result<()> {
    let commands = std::env::args().skip(1).enumerate();
    let pidfile = std::env::temp_dir().join(format!("embedded-{}.pid", std::process::id()));
    let config = Config {
        supervisord: SupervisordConfig {
            logfile: LogTarget::None,
            pidfile: pidfile.to_string_lossy().into_owned(),
            nodaemon: true,
            ..SupervisordConfig::default()
        },
        groups: commands.map(|(n, command)| helper(n, &command)).collect(),
        ..Config::default()
    };
    let boot = Boot {
        pid: Pid(std::process::id()),
        seed: random_seed()?,
        foreground: true,
        messages: Vec::new(),
    };
    let hooks = Hooks {
        read_config: Box::new(|| Err("there is no configuration to read again".into())),
        ready: Box::new(|| {}),
    };
    std::process::exit(visor_std::run(config, boot, hooks))
}
