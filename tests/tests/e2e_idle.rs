//! A daemon that has nothing to do does nothing.

use std::time::Duration;
use visor_tests::both_runtimes;
use visor_tests::e2e::{Setup, children, until, until_within, voluntary_switches};

/// How often the daemon may wake up in ten seconds without a reason before the test fails.
const HANDFUL: u64 = 5;

both_runtimes! {
    fn a_hundred_quiet_children_cause_no_wake_up(runtime: Runtime) {
        if runtime.is_reference() {
            return;
        }
        let daemon = Setup::new(runtime)
            .sections("[program:a]\ncommand=sleep 1000\nnumprocs=100\nprocess_name=%(process_num)03d\nstartsecs=1")
            .start();
        daemon.wait_log_count("entered RUNNING state", 100);
        assert_eq!(children(daemon.pid()).len(), 100);
        // What the last answer left to do is done once two readings agree.
        let mut last = voluntary_switches(daemon.pid());
        until("the daemon to come to rest", || {
            let now = voluntary_switches(daemon.pid());
            (std::mem::replace(&mut last, now) == now).then_some(())
        });
        let before = voluntary_switches(daemon.pid());
        let woken = until_within(Duration::from_secs(10), || {
            let times = voluntary_switches(daemon.pid()) - before;
            (times > HANDFUL).then_some(times)
        });
        assert_eq!(woken, None, "wake-ups of an idle daemon");
    }
}
