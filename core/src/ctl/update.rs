//! `update`: what the server found changed is stopped, removed and added, group by group.

use super::{
    Ctl,
    answers::{Answer, Then},
    format::{Changes, Verb, fault, number, processes},
    progress::{Waiting, Who},
};
use crate::xmlrpc::Value;
use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

impl Ctl {
    pub(super) fn update(
        &mut self,
        groups: Vec<String>,
        answer: Answer,
    ) -> Result<(), (i64, String)> {
        match answer {
            Ok(value) => match Changes::from_value(&value) {
                Some(changes) if groups.is_empty() => self.push_update(&changes, &groups),
                Some(changes) => {
                    let then = Then::UpdateGroups(changes, groups);
                    self.push("supervisor.getAllProcessInfo", Vec::new(), then);
                }
                None => self.odd("supervisor.reloadConfig"),
            },
            Err((fault::SHUTDOWN_STATE, _)) => self.error_line("ERROR: already shutting down"),
            Err((fault::CANT_REREAD, text)) => self.error_line(format!("ERROR: {text}")),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Nothing is done if one of the groups does not exist.
    pub(super) fn update_groups(&mut self, changes: &Changes, groups: &[String], value: &Value) {
        let active = processes(value);
        let unknown = |group: &&String| {
            !changes.added.contains(group) && !active.iter().any(|p| p.group == **group)
        };
        let unknown: Vec<&String> = groups.iter().filter(unknown).collect();
        for group in &unknown {
            self.error_line(format!("ERROR: no such group: {group}"));
        }
        if unknown.is_empty() {
            self.push_update(changes, groups);
        }
    }

    fn push_update(&mut self, changes: &Changes, groups: &[String]) {
        let wanted = |group: &&String| groups.is_empty() || groups.contains(group);
        for group in changes.removed.iter().filter(wanted) {
            self.push_stop_and_remove(group, true);
        }
        for group in changes.changed.iter().filter(wanted) {
            self.push_stop_and_remove(group, false);
            self.push_add(group, false);
        }
        for group in changes.added.iter().filter(wanted) {
            self.push_add(group, true);
        }
    }

    fn push_stop_and_remove(&mut self, group: &str, for_good: bool) {
        let name = || Vec::from([Value::from(group)]);
        let stopped = Then::UpdateStopped {
            group: group.to_string(),
            for_good,
        };
        let waiting = Some(Waiting {
            who: Who::Group(group.to_string()),
            verb: Verb::Stop,
        });
        self.push_waiting("supervisor.stopProcessGroup", name(), stopped, waiting);
        let removed = Then::UpdateRemoved {
            group: group.to_string(),
            for_good,
        };
        self.push("supervisor.removeProcessGroup", name(), removed);
    }

    fn push_add(&mut self, group: &str, new: bool) {
        let then = Then::UpdateAdded {
            group: group.to_string(),
            new,
        };
        self.push(
            "supervisor.addProcessGroup",
            Vec::from([group.into()]),
            then,
        );
    }

    pub(super) fn update_stopped(&mut self, group: &str, for_good: bool, value: &Value) {
        self.say(format!("{group}: stopped"));
        let outcomes = value.as_array().unwrap_or_default();
        let failed = outcomes
            .iter()
            .any(|o| number(o, "status") == fault::FAILED);
        if failed && for_good {
            self.say(format!("{group}: has problems; not removing"));
            // The next step is the removal of this group.
            self.steps.pop_front();
        }
    }

    /// A group that cannot be added fails alone; the others are updated.
    pub(super) fn update_added(
        &mut self,
        group: &str,
        new: bool,
        answer: Answer,
    ) -> Result<(), (i64, String)> {
        match answer {
            Ok(_) => {
                let what = if new { "added" } else { "updated" };
                self.say(format!("{group}: {what} process group"));
            }
            Err((fault::FAILED, text)) => self.error_line(format!("ERROR: {group}: {text}")),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }
}
