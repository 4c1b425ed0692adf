//! What docs/runtimes.md says of threads and descriptors.

use visor_tests::both_runtimes;
use visor_tests::e2e::{Daemon, LIMIT, Runtime, Setup, descriptors, until_within};

fn with_children(runtime: Runtime, number: usize) -> Daemon {
    let daemon = Setup::new(runtime)
        .sections(&format!(
            "[program:p]\ncommand=sleep 1000\nnumprocs={number}\nprocess_name=p%(process_num)d\n\
             startsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE"
        ))
        .start();
    daemon.wait_log_count("spawned: ", number);
    daemon
}

fn threads(daemon: &Daemon) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid()));
    tasks.expect("a live daemon").count()
}

/// Waits until the daemon has so many descriptors, beyond what it inherited from this test; those
/// of clients come and go.
fn expect_open(daemon: &Daemon, expected: usize) {
    let inherited = descriptors(std::process::id());
    let open = || {
        let mut open = descriptors(daemon.pid());
        open.retain(|one| one.0 <= 2 || !inherited.contains(one));
        open
    };
    let met = until_within(LIMIT, || (open().len() == expected).then_some(()));
    assert!(met.is_some(), "not {expected}: {:?}", open());
}

both_runtimes! {
    fn threads_and_descriptors_are_as_documented(runtime: Runtime) {
        let (own, each) = match runtime.effective() {
            Runtime::Std => (16, 3),
            Runtime::Smol => (17, 3),
            Runtime::Reference => return,
        };
        let few = with_children(runtime, 1);
        expect_open(&few, own + each);
        let many = with_children(runtime, 11);
        expect_open(&many, own + 11 * each);
        assert_eq!(threads(&many), 1);
    }
}
