//! What users want, and what else comes from outside.

use super::clients;
use super::happened::Kind;
use super::world::{Due, World};
use visor_core::{
    Command, ExitStatus, Input, Mood, Pid, ProcessId, ProcessState, RecordingEnd, Signal,
};

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
            if world.swarm.early_shutdown && world.random.chance(100) {
                let later = world.random.below(1_000);
                world.after(later, Due::Shutdown);
            }
            if world.random.chance(500) {
                world.note(Kind::RestartBySignal);
                Input::Signal(Signal::HUP)
            } else {
                world.note(Kind::RestartByCommand);
                Input::Command(Command::Restart)
            }
        }
        19 => Input::Signal(Signal::USR2),
        20 => Input::Signal(Signal::USR1),
        21 => Input::OrphanReaped {
            pid: Pid(4711),
            status: ExitStatus::Code(0),
        },
        22 => {
            world.note(Kind::RecordingEnds);
            let end = RecordingEnd::Full { bytes_max: 1 };
            Input::RecordingEnded { end }
        }
        _ => Input::Wake,
    };
    world.tell(input)
}

/// The daemon shall end, whatever it is at; sometimes somebody says so again.
pub(super) fn shut_down(world: &mut World) -> Result<(), String> {
    note_what_it_is_at(world);
    if world.random.chance(300) {
        let later = world.random.below(3_000);
        world.after(later, Due::Shutdown);
    }
    let signals = [Signal::TERM, Signal::INT, Signal::QUIT];
    match world.random.below(3) {
        0 => {
            world.note(Kind::ShutdownByCommand);
            world.tell(Input::Command(Command::Shutdown))
        }
        1 if clients::shut_down(world)? => Ok(()),
        _ => {
            world.note(Kind::ShutdownBySignal);
            let signal = *world.random.pick(&signals).unwrap_or(&Signal::TERM);
            world.tell(Input::Signal(signal))
        }
    }
}

fn note_what_it_is_at(world: &World) {
    let any = |wanted| {
        let mut all = world.supervisor().processes();
        all.any(|(.., state)| state == wanted)
    };
    let mood = world.supervisor().mood();
    for (is_it, kind) in [
        (world.kernel.is_opening(), Kind::ShutdownOpening),
        (world.kernel.is_spawning(), Kind::ShutdownSpawning),
        (any(ProcessState::Backoff), Kind::ShutdownBackingOff),
        (any(ProcessState::Stopping), Kind::ShutdownStopping),
        (mood == Mood::Restarting, Kind::ShutdownRestarting),
        (mood == Mood::Shutdown, Kind::ShutdownAgain),
        (world.clients.any_waits(), Kind::ShutdownAsked),
    ] {
        if is_it {
            world.note(kind);
        }
    }
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
