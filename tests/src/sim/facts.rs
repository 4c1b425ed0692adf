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
    /// What the last look found, of a daemon that goes on.
    pub news: News,
    last_id: Option<ProcessId>,
    /// What each process was when it was last there, by its group and its name.
    known: BTreeMap<(String, String), Arc<ProcessConfig>>,
}

/// What has come of changed configurations.
#[derive(Clone, Copy, Debug, Default)]
pub struct News {
    /// There are processes that were not there.
    pub added: bool,
    /// There are none any more that were there.
    pub removed: bool,
    /// One that was there before has other settings.
    pub changed: bool,
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
        let goes_on = !begun && self.mood == Some(Mood::Running) && mood == Mood::Running;
        self.mood = Some(mood);
        self.news = News::default();
        let count = supervisor.processes().count();
        let last = supervisor.processes().last().map(|(id, ..)| id);
        if count == self.processes.len() && last == self.last_id {
            return begun;
        }
        self.last_id = last;
        let mut old = std::mem::take(&mut self.processes);
        for (id, group, name, _) in supervisor.processes() {
            if let Some(fact) = old.remove(&id) {
                self.processes.insert(id, fact);
            } else if let Some(fact) = self.look_up(group, name) {
                let names = (group.to_owned(), name.to_owned());
                let before = self.known.insert(names, Arc::clone(&fact.config));
                self.news.added |= goes_on;
                self.news.changed |= before.is_some_and(|before| before != fact.config);
                self.processes.insert(id, fact);
            }
        }
        self.news.removed = goes_on && !old.is_empty();
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
