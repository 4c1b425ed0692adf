//! The daemon.

fn main() {
    std::process::exit(visor::daemon::main());
}
