//! What is opened is closed; what is closed is not used; lines of the activity log are lines.

use super::{Checker, Kind, Verdict, View, ensure};
use std::collections::{BTreeMap, BTreeSet};
use visor_core::{Action, GroupId, LogId};

#[derive(Clone, Default)]
pub(super) struct Files {
    /// Logs that were opened and not closed, with the bytes written since it was last known how
    /// many there are.
    open: BTreeMap<LogId, ()>,
    sockets: BTreeSet<GroupId>,
    pidfile: bool,
}

impl Checker for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn action(&mut self, view: View<'_>, action: &Action) -> Verdict {
        match action {
            Action::OpenLog { log, .. } => {
                let again = self.open.insert(*log, ()).is_some();
                ensure!(
                    !again || view.kernel.has_failed(*log),
                    "{log:?} is opened twice"
                );
            }
            Action::CloseLog { log } => {
                ensure!(self.open.remove(log).is_some(), "{log:?} closed unopened");
                view.note(Kind::LogsClosed);
            }
            Action::ReopenLog { log } | Action::RotateLog { log, .. } => {
                ensure!(self.open.contains_key(log), "{log:?} is not open");
                view.note(Kind::LogsRotated);
            }
            Action::WriteLog { log, data } => {
                let open = self.open.contains_key(log);
                ensure!(open, "{log:?} is written while closed");
                ensure!(!data.is_empty(), "{log:?} gets nothing");
                if *log == LogId::Activity {
                    ensure!(data.ends_with(b"\n"), "a line without end");
                    let stamp = data.get(..24).unwrap_or_default();
                    let mask: Vec<u8> = stamp.iter().map(|b| shape(*b)).collect();
                    ensure!(
                        mask == b"0000-00-00 00:00:00,000 ",
                        "a line without a date: {}",
                        data.escape_ascii()
                    );
                    view.note(Kind::LogLines);
                }
            }
            Action::OpenSocket { group, .. } => {
                ensure!(
                    self.sockets.insert(*group),
                    "socket of {group} opened twice"
                );
            }
            Action::CloseSocket { group } => {
                ensure!(self.sockets.remove(group), "socket of {group} closed twice");
                view.note(Kind::Sockets);
            }
            Action::WritePidfile { .. } => self.pidfile = true,
            Action::RemovePidfile { .. } => {
                ensure!(self.pidfile, "a pidfile is removed that was not written");
                self.pidfile = false;
                view.note(Kind::Pidfiles);
            }
            Action::Exit(_) => {
                ensure!(
                    self.sockets.is_empty(),
                    "sockets are left: {:?}",
                    self.sockets
                );
                ensure!(!self.open.contains_key(&LogId::Activity), "the log is open");
            }
            _ => {}
        }
        Ok(())
    }

    fn before(&mut self, _view: View<'_>, input: &visor_core::Input<'_>) -> Verdict {
        if let visor_core::Input::SocketFailed { group, .. } = input {
            self.sockets.remove(group);
        }
        Ok(())
    }
}

fn shape(b: u8) -> u8 {
    if b.is_ascii_digit() { b'0' } else { b }
}
