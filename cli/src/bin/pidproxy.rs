//! Passes signals on to a daemon that has put its pid into a file.

fn main() {
    std::process::exit(visor::pidproxy::main());
}
