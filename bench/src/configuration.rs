//! A large configuration, and reading it without touching a file.

use std::fmt::Write as _;
use visor_core::config::{Answer, FileContent, LoadOptions, Loaded, Loader, Need, Step, User};

/// Programs as people write them: names, logs, an environment, expansions, comments.
#[must_use]
pub fn text(count: u32) -> String {
    let mut text = String::from("[supervisord]\nenvironment=LANG=\"C.UTF-8\"\n");
    for number in 0..count {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[program:service-{number}]\n\
             command=/usr/bin/service --number {number} --config %(here)s/service.conf\n\
             directory=/srv/%(program_name)s\n\
             environment=NUMBER=\"{number}\",HOME=\"/srv\"\n\
             user=www-data ; not root\n\
             priority={}\n\
             autorestart=true\n\
             stopwaitsecs=30\n\
             redirect_stderr=true\n\
             stdout_logfile=/var/log/%(program_name)s.log\n\
             stdout_logfile_maxbytes=10MB\n",
            number % 1000
        );
    }
    text
}

/// Reads it. Answers what the loader asks as a machine would where everything is there.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<Loaded, String> {
    let variables = (0..30).map(|number| (format!("VARIABLE_{number}"), "value".to_owned()));
    let mut loader = Loader::new(LoadOptions {
        path: "/etc/supervisord.conf".to_owned(),
        environment: variables.collect(),
        current_dir: "/".to_owned(),
        temp_dir: "/tmp".to_owned(),
        ..LoadOptions::default()
    });
    loop {
        match loader.poll() {
            Step::Need(need) => loader.answer(answer(need, text)),
            Step::Done(loaded) => return Ok(*loaded),
            Step::Failed(errors) => return Err(errors.to_string()),
        }
    }
}

fn answer(need: Need, text: &str) -> Answer {
    match need {
        Need::File { .. } => Answer::File(Ok(FileContent {
            bytes: text.as_bytes().to_vec(),
            mode: None,
        })),
        Need::Glob { .. } => Answer::Paths(Vec::new()),
        Need::Directory { .. } => Answer::Directory(true),
        Need::UserNamed { name } => {
            let (uid, gid) = (33, 33);
            Answer::User(Some(User { name, uid, gid }))
        }
        Need::UserNumbered { .. } => Answer::User(None),
        Need::GroupNamed { .. } | Need::GroupNumbered { .. } => Answer::Group(None),
        Need::Home { .. } => Answer::Home(None),
    }
}
