//! Exhaustive search: all that can happen to a small daemon, breadth first, each state once.
//!
//! The [World](crate::sim) goes far, along few of the ways there are; the search goes everywhere, in
//! a daemon small enough for that. From the moment it is up, every input that its surroundings may
//! give it is tried in every state it can be in; two states are one if equal futures lie before
//! them. At every step the checkers of the World watch. When no state is left whose
//! inputs have not been tried, everything has been tried that the [`Setting`] allows.
//!
//! A finding comes with the shortest way to it, in the words of a transcript.

mod key;
mod moves;
mod node;
mod settings;
mod table;

pub use settings::{Setting, full, quick};
pub use table::{Cause, RULES, Rule, differences, table};

use key::Writer;
use node::Node;
use std::collections::{BTreeMap, HashSet, VecDeque};
use visor_core::ProcessState;

/// A change of state, what it came from, and how many inputs in how many states led to it.
pub type Changes = BTreeMap<(ProcessState, Cause, ProcessState), u64>;

/// What a search went through.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Different states.
    pub states: u64,
    /// Inputs tried, each in one state.
    pub edges: u64,
    /// Steps to the farthest state.
    pub depth: u32,
    /// States in which the daemon had ended.
    pub ends: u64,
    /// All changes of state of a process.
    pub changes: Changes,
}

/// A state that is still to be gone on from.
struct Open {
    node: Node,
    place: usize,
    depth: u32,
}

/// How a state was reached: from which, by what.
struct Step {
    from: usize,
    by: String,
}

/// Goes through everything a setting allows.
///
/// # Errors
/// What a checker found, and the way to it.
pub fn search(setting: &Setting) -> Result<Report, String> {
    let mut writer = Writer::default();
    let mut report = Report::default();
    let mut seen = HashSet::new();
    let mut steps: Vec<Step> = Vec::new();
    let root = Node::new(setting, &mut report.changes)
        .map_err(|error| format!("at the start: {error}"))?;
    seen.insert(root.key(&mut writer));
    steps.push(Step {
        from: 0,
        by: "boot".to_owned(),
    });
    let mut open = VecDeque::from([Open {
        node: root,
        place: 0,
        depth: 0,
    }]);
    while let Some(Open { node, place, depth }) = open.pop_front() {
        report.depth = depth;
        if node.has_ended() {
            report.ends += 1;
        }
        if let Err(error) = node.ignores_what_is_old(&mut writer) {
            return Err(finding(setting, &steps, place, "old reports", error));
        }
        if seen.len() > setting.states_max {
            let error = "there is no end of states".to_owned();
            return Err(finding(setting, &steps, place, "and so on", error));
        }
        for step in node.moves(setting) {
            let mut next = node.clone();
            if let Err(error) = next.make(&step, setting, &mut report.changes) {
                return Err(finding(setting, &steps, place, &node.show(&step), error));
            }
            report.edges += 1;
            if seen.insert(next.key(&mut writer)) {
                open.push_back(Open {
                    node: next,
                    place: steps.len(),
                    depth: depth + 1,
                });
                steps.push(Step {
                    from: place,
                    by: node.show(&step),
                });
            }
        }
    }
    report.states = seen.len() as u64;
    Ok(report)
}

fn finding(setting: &Setting, steps: &[Step], place: usize, last: &str, error: String) -> String {
    let mut way = vec![format!("> {last}")];
    let mut at = place;
    while let Some(step) = steps.get(at) {
        way.push(format!("> {}", step.by));
        if at == 0 {
            break;
        }
        at = step.from;
    }
    way.reverse();
    format!("{}: {error}\n{}", setting.name, way.join("\n"))
}
