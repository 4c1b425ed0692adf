//! Where tasks run: on this thread, in two classes.

use smol::LocalExecutor;
use std::rc::Rc;

/// So many tasks of a class run before the other has its turn and new readiness is looked for.
const TURN: usize = 16;

/// Two executors, one for each class. Programs that crash as fast as they start, or write as fast
/// as they are read, must not keep clients and signals waiting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Executors {
    /// Clients, signals, logs: little work for each report.
    pub(crate) prompt: Rc<LocalExecutor<'static>>,
    /// Children: what they write, their ends, and with these the starts of their successors.
    pub(crate) children: Rc<LocalExecutor<'static>>,
}

impl Executors {
    /// Gives each class its turn. Returns whether that was too short for one of them, so that tasks
    /// may be left that can go on.
    pub(crate) fn turn(&self) -> bool {
        let run = |class: &LocalExecutor<'_>| (0..TURN).take_while(|_| class.try_tick()).count();
        let (prompt, children) = (run(&self.prompt), run(&self.children));
        prompt == TURN || children == TURN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_class_that_is_always_busy_leaves_the_other_its_turn() {
        let executors = Executors::default();
        executors
            .children
            .spawn(async {
                loop {
                    smol::future::yield_now().await;
                }
            })
            .detach();
        assert!(executors.turn());
        let served = Rc::new(Cell::new(false));
        let serve = Rc::clone(&served);
        executors
            .prompt
            .spawn(async move { serve.set(true) })
            .detach();
        assert!(executors.turn());
        assert!(served.get());
    }

    #[test]
    fn nothing_is_left_when_all_tasks_wait() {
        let executors = Executors::default();
        executors
            .prompt
            .spawn(smol::future::pending::<()>())
            .detach();
        assert!(!executors.turn());
    }
}
