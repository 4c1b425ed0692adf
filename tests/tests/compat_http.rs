//! HTTP answers as recorded from Supervisor 4.3.0: `tests/compat/http`.
//!
//! `VISOR_COMPAT=NAME` plays only the scenarios whose names contain it; with
//! `VISOR_E2E_REFERENCE=1` they are played against the reference itself.

use visor_tests::both_runtimes;
use visor_tests::compat::replay;

both_runtimes! {
    fn all_is_as_recorded(runtime: Runtime) {
        let report = replay("http", runtime).expect("readable scenarios");
        assert!(report.is_empty(), "{report}");
    }
}
