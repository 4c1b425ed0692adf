//! What must hold in every world, whatever happens. Each checker watches the boundary and the
//! changes of state from outside, knows one kind of promise, and keeps its own books.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a checker looks only at what it is about"
)]

mod daemon;
mod events;
mod files;
mod lives;
mod order;
mod output;
mod timing;

use super::facts::Facts;
use super::happened::{Happened, Kind};
use super::kernel::Kernel;
use visor_core::{Action, Input, Timestamp, Transition};

/// What a checker says of the core: nothing, or what is wrong.
pub type Verdict = Result<(), String>;

/// Everything a checker may look at.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Who is there.
    pub facts: &'a Facts,
    /// What is really going on.
    pub kernel: &'a Kernel,
    /// Where it is written down what was looked at, if that is wanted.
    pub happened: Option<&'a Happened>,
}

impl View<'_> {
    /// There was something to look at.
    pub(crate) fn note(&self, kind: Kind) {
        if let Some(happened) = self.happened {
            happened.note(kind);
        }
    }
}

/// One kind of promise. What a checker does not look at it ignores.
pub trait Checker: Duplicate {
    /// Short, for messages.
    fn name(&self) -> &'static str;

    /// The core is about to be told this.
    fn before(&mut self, _view: View<'_>, _input: &Input<'_>) -> Verdict {
        Ok(())
    }

    /// A process changed its state because of this input.
    fn change(&mut self, _view: View<'_>, _input: &Input<'_>, _change: &Transition) -> Verdict {
        Ok(())
    }

    /// The core has been told this, and has said all changes of state it led to.
    fn after(&mut self, _view: View<'_>, _input: &Input<'_>) -> Verdict {
        Ok(())
    }

    /// The core wants this done; the kernel has not done it yet.
    fn action(&mut self, _view: View<'_>, _action: &Action) -> Verdict {
        Ok(())
    }

    /// All is done, and the core wants to wait.
    fn rest(&mut self, _view: View<'_>, _wait: Option<Timestamp>) -> Verdict {
        Ok(())
    }
}

/// Asks all of them; the first that finds something wrong is named.
///
/// # Errors
/// What it found.
pub fn ask(
    checkers: &mut [Box<dyn Checker>],
    view: View<'_>,
    mut ask: impl FnMut(&mut dyn Checker, View<'_>) -> Verdict,
) -> Verdict {
    checkers.iter_mut().try_for_each(|checker| {
        ask(checker.as_mut(), view).map_err(|error| format!("{}: {error}", checker.name()))
    })
}

/// What a checker has seen can be gone on from in several ways.
pub trait Duplicate {
    /// The same checker with the same books.
    fn duplicate(&self) -> Box<dyn Checker>;
}

impl<T: Checker + Clone + 'static> Duplicate for T {
    fn duplicate(&self) -> Box<dyn Checker> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Checker> {
    fn clone(&self) -> Self {
        // Of what is in the box, not of the box.
        self.as_ref().duplicate()
    }
}

/// All checkers there are.
#[must_use]
pub fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(lives::Lives::default()),
        Box::new(timing::Timing::default()),
        Box::new(order::Order::default()),
        Box::new(output::Outputs::default()),
        Box::new(files::Files::default()),
        Box::new(daemon::Daemon::default()),
        Box::new(events::Events::default()),
    ]
}

/// Fails with a message unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;
