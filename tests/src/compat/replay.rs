//! A directory of scenarios, several at a time.

use super::differences::Differences;
use super::run::play;
use super::scenario::Scenario;
use crate::e2e::{Runtime, reference, skip};
use std::sync::Mutex;

/// Scenarios that run at the same time: they mostly wait.
const AT_ONCE: usize = 12;

/// Plays all scenarios of `tests/compat/KIND` on one runtime, or those whose name contains
/// `VISOR_COMPAT`, and returns the report of all that is not as recorded; `""` if nothing is.
///
/// # Errors
/// If the scenarios or the list of differences cannot be read.
pub fn replay(kind: &str, runtime: Runtime) -> Result<String, String> {
    let differences = Differences::read()?;
    let mut scenarios = Scenario::all(kind)?;
    let wanted = std::env::var("VISOR_COMPAT").unwrap_or_default();
    let slow = std::env::var_os("VISOR_SLOW").is_some();
    scenarios.retain(|scenario| {
        let python = scenario.says("python", "");
        if python && reference("python").is_none() {
            skip(&format!("{} needs target/reference", scenario.name));
            return false;
        }
        scenario.name.contains(&wanted) && (slow || !scenario.says("slow", ""))
    });
    // Built once, before threads ask for it.
    let _ = runtime.supervisord();
    let count = scenarios.len();
    scenarios.reverse();
    let queue = Mutex::new(scenarios);
    let next = || queue.lock().ok().and_then(|mut queue| queue.pop());
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    let report = verdict(&differences, &scenario, runtime);
                    if let (Some(report), Ok(mut reports)) = (report, reports.lock()) {
                        reports.push(report);
                    }
                }
            });
        }
    });
    let mut reports = reports.into_inner().map_err(|error| error.to_string())?;
    reports.sort();
    if reports.is_empty() {
        return Ok(String::new());
    }
    let failed = reports.len();
    Ok(format!(
        "{}\n{failed} of {count} differ",
        reports.join("\n")
    ))
}

fn verdict(differences: &Differences, scenario: &Scenario, runtime: Runtime) -> Option<String> {
    let name = &scenario.name;
    match play(scenario, runtime) {
        Err(error) => Some(format!("=== {name}: {error}")),
        Ok(ours) => {
            let report = differences.between(name, &scenario.recorded, &ours);
            (!report.is_empty()).then(|| format!("=== {name}\n{report}"))
        }
    }
}
