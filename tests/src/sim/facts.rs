//! What the simulator knows of the processes it simulates: who they are, not what they do.

use std::collections::BTreeMap;
use std::sync::Arc;
use visor_core::config::{Config, GroupKind, ProcessConfig};
use visor_core::{Mood, ProcessId, Supervisor, text::shell_words};

/// One process that is there.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Its settings.
    pub config: Arc<ProcessConfig>,
    /// Where its group stands in the start order.
    pub group: (i64, String),
    /// It shares its group's socket.
    pub fcgi: bool,
    /// Its command can be split into words.
    pub spawnable: bool,
}

/// All processes that are there, and the configuration that could be used next.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Nanoseconds of the monotonic clock.
    pub now: u64,
    /// By id; gone with their group.
    pub processes: BTreeMap<ProcessId, Fact>,
    /// What was read last.
    pub available: Config,
    /// What a restart will begin with.
    pub restart_with: Option<Config>,
    /// What the daemon was doing after the last input.
    pub mood: Option<Mood>,
    last_id: Option<ProcessId>,
}

impl Facts {
    /// Nothing is known but the configuration.
    #[must_use]
    pub fn new(available: Config) -> Self {
        Self {
            now: 1,
            available,
            ..Self::default()
        }
    }

    /// Looks at who is there now. Costs little if nobody is new. Returns whether the daemon has
    /// begun anew.
    pub fn refresh(&mut self, supervisor: &Supervisor) -> bool {
        let mut begun = false;
        let mood = supervisor.mood();
        if mood == Mood::Running
            && let Some(config) = self.restart_with.take()
        {
            self.available = config;
            begun = true;
        }
        self.mood = Some(mood);
        let count = supervisor.processes().count();
        let last = supervisor.processes().last().map(|(id, ..)| id);
        if count == self.processes.len() && last == self.last_id {
            return begun;
        }
        self.last_id = last;
        let mut old = std::mem::take(&mut self.processes);
        for (id, group, name, _) in supervisor.processes() {
            let fact = old.remove(&id).or_else(|| self.look_up(group, name));
            if let Some(fact) = fact {
                self.processes.insert(id, fact);
            }
        }
        begun
    }

    fn look_up(&self, group: &str, name: &str) -> Option<Fact> {
        let group = self.available.groups.iter().find(|g| g.name == group)?;
        let config = group.processes.iter().find(|p| p.name == name)?;
        Some(Fact {
            config: config.clone(),
            group: (group.priority, group.name.clone()),
            fcgi: match group.kind {
                GroupKind::Fcgi(_) => true,
                GroupKind::Plain | GroupKind::Listener { .. } => false,
            },
            spawnable: shell_words(&config.command).is_ok_and(|words| !words.is_empty()),
        })
    }
}
