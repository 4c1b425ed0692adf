//! The daemon.

use visor_std::sys::alloc::LargeAligned;

/// Output of children is copied into large pieces of memory, and out of them.
#[global_allocator]
static ALLOCATOR: LargeAligned = LargeAligned;

fn main() {
    std::process::exit(visor::daemon::main());
}
