//! Rows, as a table for people and as JSON for programs.

use crate::stats::Samples;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One quantity, measured on several sides in one interleaved run.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was measured.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// More is better.
    pub more: bool,
    /// Samples by side; `floor` is the bare minimum without any supervisor.
    pub sides: BTreeMap<&'static str, Samples>,
    /// What else is to be said.
    pub note: String,
}

impl Row {
    /// A row without samples.
    #[must_use]
    pub fn new(name: &'static str, unit: &'static str, more: bool) -> Self {
        Self {
            name,
            unit,
            more,
            ..Self::default()
        }
    }

    /// One more sample.
    pub fn push(&mut self, side: &'static str, value: f64) {
        self.sides.entry(side).or_default().push(value);
    }

    /// How much better `side` is than `other`: above 1 is better, whichever way the unit goes.
    #[must_use]
    pub fn ratio(&self, side: &str, other: &str) -> Option<f64> {
        let (a, b) = (
            self.sides.get(side)?.median(),
            self.sides.get(other)?.median(),
        );
        let ratio = if self.more { a / b } else { b / a };
        ratio.is_finite().then_some(ratio)
    }

    /// The row as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let sides: BTreeMap<_, _> = self
            .sides
            .iter()
            .map(|(side, s)| {
                let numbers = json!({
                    "median": s.median(), "min": s.min(), "max": s.max(),
                    "p99": s.quantile(0.99), "samples": s.len(),
                });
                (*side, numbers)
            })
            .collect();
        json!({ "name": self.name, "unit": self.unit, "more_is_better": self.more,
                "sides": sides, "note": self.note })
    }

    /// The row as lines of text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{} [{}]\n", self.name, self.unit);
        for (side, s) in &self.sides {
            let _ = write!(
                text,
                "  {side:<10} median {:>12}  min {:>12}  p99 {:>12}  max {:>12}  n {}",
                number(s.median()),
                number(s.min()),
                number(s.quantile(0.99)),
                number(s.max()),
                s.len()
            );
            for other in ["reference", "floor"] {
                if *side != other
                    && *side != "floor"
                    && let Some(ratio) = self.ratio(side, other)
                {
                    let _ = write!(text, "  {}x {other}", number(ratio));
                }
            }
            text.push('\n');
        }
        if !self.note.is_empty() {
            let _ = writeln!(text, "  {}", self.note);
        }
        text
    }
}

/// Three significant digits or more.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
