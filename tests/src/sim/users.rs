//! What users want, and what else comes from outside.

use super::world::World;
use visor_core::{Command, ExitStatus, Input, Pid, ProcessId, Signal};

/// One request. When nothing goes wrong any more: everything shall run.
pub(super) fn request(world: &mut World) -> Result<(), String> {
    if world.calm {
        let all: Vec<ProcessId> = world.facts.processes.keys().copied().collect();
        for id in all {
            world.tell(Input::Command(Command::Start(id)))?;
        }
        return Ok(());
    }
    let process = some_process(world);
    let input = match world.random.below(24) {
        0..7 => Input::Command(Command::Start(process)),
        7..13 => Input::Command(Command::Stop(process)),
        13 | 14 => {
            let signals = [Signal::HUP, Signal::USR1, Signal::TERM, Signal::KILL];
            let signal = *world.random.pick(&signals).unwrap_or(&Signal::HUP);
            Input::Command(Command::Signal(process, signal))
        }
        15 => Input::Command(Command::AddGroup(some_group(world))),
        16 => Input::Command(Command::RemoveGroup(some_group(world))),
        17 => {
            world.asked.push_back(false);
            Input::Command(Command::Reread)
        }
        18 if world.swarm.restarts => {
            world.asked.push_back(true);
            Input::Command(Command::Restart)
        }
        19 => Input::Signal(Signal::USR2),
        20 => Input::Signal(Signal::USR1),
        21 => Input::OrphanReaped {
            pid: Pid(4711),
            status: ExitStatus::Code(0),
        },
        22 if world.swarm.early_shutdown && world.random.chance(100) => Input::Signal(Signal::TERM),
        _ => Input::Wake,
    };
    world.tell(input)
}

/// Mostly one that is there.
fn some_process(world: &mut World) -> ProcessId {
    let ids: Vec<ProcessId> = world.facts.processes.keys().copied().collect();
    match world.random.pick(&ids) {
        Some(id) if world.random.chance(980) => *id,
        Some(_) | None => ProcessId(u32::try_from(world.random.below(40)).unwrap_or(0)),
    }
}

fn some_group(world: &mut World) -> String {
    let names: Vec<String> = world
        .facts
        .available
        .groups
        .iter()
        .map(|group| group.name.clone())
        .collect();
    match world.random.pick(&names) {
        Some(name) => name.clone(),
        None => "nothing".to_owned(),
    }
}
