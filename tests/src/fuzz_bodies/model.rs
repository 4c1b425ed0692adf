//! The core follows the rules: what happens is made of bytes.

use crate::model::{Op, Program, play};
use visor_core::config::AutoRestart;

/// Most steps of one input: longer ones find nothing that shorter ones do not.
const OPS_MAX: usize = 300;

/// Two bytes for each of up to three programs, then two bytes for each thing that happens, if it
/// can.
///
/// # Panics
/// If they disagree.
pub fn run(data: &[u8]) {
    let (count, data) = super::seeded(data);
    let count = usize::from(count % 3) + 1;
    let (programs, rest) = data.split_at(data.len().min(count * 2));
    let programs: Vec<Program> = programs.chunks(2).map(program).collect();
    if programs.is_empty() {
        return;
    }
    let op = |bytes: &[u8]| op(bytes, programs.len());
    let ops: Vec<Op> = rest.chunks(2).take(OPS_MAX).map(op).collect();
    if let Err(difference) = play(&programs, &ops) {
        panic!("{difference}");
    }
}

fn program(bytes: &[u8]) -> Program {
    let a = bytes.first().copied().unwrap_or(0);
    let b = bytes.get(1).copied().unwrap_or(0);
    Program {
        autostart: a & 1 == 0,
        startsecs: i64::from(a >> 1 & 3) - 1,
        startretries: i64::from(a >> 3 & 3) - 1,
        autorestart: match a >> 5 & 3 {
            0 => AutoRestart::Never,
            1 => AutoRestart::Always,
            _ => AutoRestart::Unexpected,
        },
        stopwaitsecs: i64::from(b & 3),
        // One that is stopped as a group is killed as one.
        as_group: (b & 12 == 12, b & 8 != 0),
        priority: i64::from(b >> 4 & 3),
    }
}

fn op(bytes: &[u8], count: usize) -> Op {
    let a = bytes.first().copied().unwrap_or(0);
    let b = bytes.get(1).copied().unwrap_or(0);
    let which = usize::from(a >> 4) % count;
    match a & 15 {
        0 | 1 => Op::Start(which),
        2 | 3 => Op::Stop(which),
        4 if b & 1 == 0 => Op::Signal(which),
        4 => Op::LateExit(which),
        5..=8 => Op::Exit(which, i32::from(b & 3) - 1),
        9 | 10 => Op::Advance(u64::from(b) * 20 + 20),
        11 => Op::Sleep(u64::from(b) * 20 + 20),
        12 if b & 1 == 0 => Op::SpawnFails(which),
        12 => Op::SpawnWaits(which),
        13 => Op::Answered(which, b & 1 == 0),
        14 => Op::SignalFails(which),
        _ if b < 40 => Op::Shutdown,
        _ => Op::Advance(1_000),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_core_follows_the_rules_whatever_the_bytes() {
        super::super::try_many(
            super::run,
            &[b"\x05\x05\x09\x32", b"\x0c\x01\x00\x00\x0d\x00"],
        );
    }
}
