//! Says what configurations mean: one question per line of standard input, one answer per line of
//! standard output, both JSON. `tests/compat/config/fuzz.py` compares the answers with the
//! reference's.
//!
//! Question: `{"directory": …, "path": …, "environment": {…}}`. Answer: `{"settings": …,
//! "messages": […]}` or `{"error": …}`.

use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::path::Path;
use visor_core::config::{LoadOptions, Secrets, settings_json};
use visor_std::sys::needs;
use visor_tests::config::corpus::comparable;

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line of UTF-8");
        let question: Value = serde_json::from_str(&line).expect("a question in JSON");
        let answer = answer(&question);
        writeln!(out, "{answer}")
            .and_then(|()| out.flush())
            .expect("somebody who reads the answers");
    }
}

fn answer(question: &Value) -> Value {
    let text = |key: &str| question[key].as_str().expect("text").to_owned();
    let directory = text("directory");
    std::env::set_current_dir(Path::new(&directory)).expect("a directory");
    let variables = question["environment"]
        .as_object()
        .expect("variables")
        .iter();
    let variables = variables.map(|(name, value)| {
        let value = value.as_str().expect("text");
        (name.clone(), value.to_owned())
    });
    let options = LoadOptions {
        environment: variables.collect(),
        current_dir: directory,
        temp_dir: "/tmp".to_owned(),
        ..needs::options(&text("path"))
    };
    match needs::load(options) {
        Ok(loaded) => {
            let settings = settings_json(&loaded.config, Secrets::Shown).pretty();
            let settings = serde_json::from_str(&settings).expect("JSON of ours");
            let messages = loaded.messages.iter();
            let messages = messages.map(|(level, text)| json!([level.name(), text]));
            json!({
                "settings": comparable(settings),
                "messages": messages.collect::<Vec<_>>(),
            })
        }
        Err(errors) => json!({ "error": errors.text() }),
    }
}
