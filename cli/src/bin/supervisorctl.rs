//! The client.

fn main() {
    std::process::exit(visor::ctl::main());
}
