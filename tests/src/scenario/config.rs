//! The configuration of a transcript, read as supervisord reads it.

use visor_core::ReadConfig;
use visor_core::config::{Answer, FileContent, LoadOptions, Loader, Need, Step, User};

/// Reads a configuration. `[supervisord]` may be missing: most transcripts have nothing to say
/// there.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<ReadConfig, String> {
    let whole = if text.lines().any(|line| line.trim() == "[supervisord]") {
        text.to_owned()
    } else {
        format!("{text}\n[supervisord]\n")
    };
    let mut loader = Loader::new(LoadOptions {
        path: "/etc/supervisord.conf".to_owned(),
        host_name: "host".to_owned(),
        current_dir: "/run".to_owned(),
        temp_dir: "/tmp".to_owned(),
        uid: 1000,
        ..LoadOptions::default()
    });
    loop {
        match loader.poll() {
            Step::Need(need) => loader.answer(answer(&need, &whole)),
            Step::Done(loaded) => {
                return Ok(ReadConfig {
                    config: loaded.config,
                    messages: loaded.messages,
                });
            }
            Step::Failed(errors) => return Err(errors.text().to_owned()),
        }
    }
}

/// A world in which everything that is asked for exists.
fn answer(need: &Need, text: &str) -> Answer {
    match need {
        Need::File { .. } => Answer::File(Ok(FileContent {
            bytes: text.as_bytes().to_vec(),
            mode: None,
        })),
        Need::Glob { .. } => Answer::Paths(Vec::new()),
        Need::Directory { .. } => Answer::Directory(true),
        Need::UserNamed { .. } | Need::UserNumbered { .. } => Answer::User(Some(User {
            name: "www".to_owned(),
            uid: 33,
            gid: 33,
        })),
        Need::GroupNamed { .. } | Need::GroupNumbered { .. } => Answer::Group(Some(33)),
        Need::Home { .. } => Answer::Home(Some("/home/www".to_owned())),
    }
}
