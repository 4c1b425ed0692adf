//! Where tasks run: on this thread, in two classes.

use smol::LocalExecutor;
use smol::future::{FutureExt, yield_now};
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
    /// Runs tasks for ever.
    pub(crate) async fn run<T>(&self) -> T {
        loop {
            let prompt = (0..TURN).take_while(|_| self.prompt.try_tick()).count();
            let children = (0..TURN).take_while(|_| self.children.try_tick()).count();
            if prompt + children > 0 {
                // Readiness is looked for while this future waits.
                yield_now().await;
            } else {
                self.prompt.tick().or(self.children.tick()).await;
            }
        }
    }
}
