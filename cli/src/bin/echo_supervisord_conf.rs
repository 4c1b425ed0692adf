//! Prints a sample configuration with every section and key.

use std::io::Write as _;

fn main() {
    // Whoever closes standard output has read enough.
    let _ = std::io::stdout().write_all(visor::sample::conf().as_bytes());
}
