//! Event listeners, good and bad.

use super::happened::Kind;
use super::random::Random;
use super::world::{Due, World};
use std::collections::BTreeMap;
use visor_core::SpawnId;

/// The listeners that live.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    scripts: BTreeMap<SpawnId, Script>,
}

/// What one listener has been through.
#[derive(Clone, Debug)]
struct Script {
    /// It has said READY, and was sent nothing since.
    ready: bool,
    stdin: Vec<u8>,
    /// Out of a thousand: an event is answered by garbage, is rejected, or is the end of it.
    bad: u32,
}

/// An event as it arrives.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Arrived {
    /// `serial`.
    pub(super) serial: u64,
    /// `pool`.
    pub(super) pool: String,
    /// `poolserial`.
    pub(super) poolserial: u64,
    /// `eventname`.
    pub(super) name: String,
    /// What follows the header.
    pub(super) payload: String,
}

impl Listeners {
    /// Whether an event may be sent to it.
    #[must_use]
    pub fn is_ready(&self, spawn: SpawnId) -> bool {
        self.scripts.get(&spawn).is_some_and(|script| script.ready)
    }

    /// It is gone.
    pub fn forget(&mut self, spawn: SpawnId) {
        self.scripts.remove(&spawn);
    }

    /// One begins to live, and follows this script.
    pub(crate) fn begin(&mut self, spawn: SpawnId, bad: u32) {
        let script = Script {
            ready: false,
            stdin: Vec::new(),
            bad,
        };
        self.scripts.insert(spawn, script);
    }

    /// It says READY, or an event arrives at it.
    pub(crate) fn set_ready(&mut self, spawn: SpawnId, ready: bool) {
        if let Some(script) = self.scripts.get_mut(&spawn) {
            script.ready = ready;
        }
    }
}

/// A listener starts; mostly it says that it is ready after a while.
pub(super) fn begin(world: &mut World, spawn: SpawnId) {
    let bad = if world.calm || world.random.chance(600) {
        0
    } else {
        u32::try_from(world.random.below(300)).unwrap_or(0)
    };
    world.kernel.listeners.begin(spawn, bad);
    if !world.strikes(bad / 4, Kind::ListenerNeverReady) {
        say_ready(world, spawn, 0);
    }
}

/// Parses what stands in a listener's standard input, which must be one whole event.
///
/// # Errors
/// If it is not.
pub(super) fn parse(data: &[u8]) -> Result<Arrived, String> {
    let text = String::from_utf8_lossy(data);
    let (header, payload) = text.split_once('\n').ok_or("a header without end")?;
    let mut arrived = Arrived {
        payload: payload.to_owned(),
        ..Arrived::default()
    };
    let mut keys = Vec::new();
    for pair in header.split(' ') {
        let (key, value) = pair.split_once(':').ok_or("a header without a value")?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{key} is {value}"))
        };
        match key {
            "serial" => arrived.serial = number()?,
            "poolserial" => arrived.poolserial = number()?,
            "pool" => value.clone_into(&mut arrived.pool),
            "eventname" => value.clone_into(&mut arrived.name),
            "len" if number()? != payload.len() as u64 => {
                return Err(format!("len:{value}, but {} bytes", payload.len()));
            }
            _ => {}
        }
        keys.push(key);
    }
    if keys
        != [
            "ver",
            "server",
            "serial",
            "pool",
            "poolserial",
            "eventname",
            "len",
        ]
    {
        return Err(format!("header {header}"));
    }
    Ok(arrived)
}

/// An event arrives; what the listener says to it comes later, maybe in parts.
pub(super) fn receive(world: &mut World, spawn: SpawnId, data: &[u8]) {
    let Some(script) = world.kernel.listeners.scripts.get_mut(&spawn) else {
        return;
    };
    script.ready = false;
    script.stdin.extend_from_slice(data);
    let bad = script.bad;
    let thinking = world.random.below(400);
    if world.random.chance(bad) {
        match world.random.below(3) {
            0 => {
                world.note(Kind::ListenerGarbage);
                say(world, spawn, thinking, b"garbage\n");
            }
            1 => {
                world.note(Kind::ListenerRejects);
                say(world, spawn, thinking, b"RESULT 4\nFAIL");
                say_ready(world, spawn, thinking);
            }
            // It says nothing, and waits to be killed.
            _ => world.note(Kind::ListenerSilent),
        }
        return;
    }
    say(world, spawn, thinking, b"RESULT 2\nOK");
    say_ready(world, spawn, thinking);
}

fn say_ready(world: &mut World, spawn: SpawnId, after: u64) {
    let later = after + 1 + world.random.below(50);
    world.after(later, Due::Says(spawn, b"READY\n".to_vec(), true));
}

/// In one piece or in two, the second right after the first.
fn say(world: &mut World, spawn: SpawnId, after: u64, text: &[u8]) {
    let cut = cut(&mut world.random, text.len());
    let (first, second) = text.split_at(cut);
    for part in [first, second] {
        if !part.is_empty() {
            world.after(after, Due::Says(spawn, part.to_vec(), false));
        }
    }
}

fn cut(random: &mut Random, length: usize) -> usize {
    usize::try_from(random.below(length as u64 + 1)).unwrap_or(0)
}
