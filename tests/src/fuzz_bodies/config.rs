//! Whatever a configuration's text is, reading it ends, twice with the same result, and what comes
//! of it keeps the promises of its type.

use super::seeded;
use std::collections::BTreeSet;
use visor_core::config::{
    Answer, Config, Credentials, CtlLoader, Diff, FileContent, FileError, GroupConfig, Load,
    LoadErrors, LoadOptions, Loader, Need, Secrets, Step, User, diff, scan, settings_json,
    settings_text,
};

/// Separates the main file from included ones.
const NEXT_FILE: u8 = 0x1e;

/// More questions than any text of the fuzzer's length can lead to.
const QUESTIONS_MAX: usize = 100_000;

/// The first byte decides what the world answers.
///
/// # Panics
/// If a promise is broken.
pub fn run(data: &[u8]) {
    let (seed, text) = seeded(data);
    if asks_for_many_processes(text) {
        return;
    }
    let files: Vec<&[u8]> = text.split(|byte| *byte == NEXT_FILE).collect();
    let lines = files.iter().map(|file| line_count(file)).max().unwrap_or(0);
    let first = read(Loader::new(options(seed)), seed, &files);
    assert_eq!(first, read(Loader::new(options(seed)), seed, &files));
    match first {
        Ok(loaded) => check(&loaded.config),
        Err(errors) => check_errors(&errors, lines),
    }
    if let Err(errors) = read(CtlLoader::new(options(seed)), seed, &files) {
        check_errors(&errors, lines);
    }
    for file in files {
        check_scan(&String::from_utf8_lossy(file));
    }
}

/// Thousands of processes are fine, and slow to look at one by one.
fn asks_for_many_processes(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    let asks = text.windows(8).any(|window| window == b"numprocs");
    let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'_';
    asks && text.windows(4).any(|window| window.iter().all(digit))
}

fn line_count(file: &[u8]) -> u32 {
    let ends = file.iter().filter(|byte| matches!(byte, b'\n' | b'\r'));
    u32::try_from(ends.count()).map_or(u32::MAX, |count| count.saturating_add(1))
}

fn options(seed: u8) -> LoadOptions {
    let environment = [("HOME", "/home/x"), ("X", "50%"), ("N", "3")];
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    LoadOptions {
        path: "main.conf".to_owned(),
        environment: environment.map(pair).to_vec(),
        host_name: "host".to_owned(),
        current_dir: "/etc".to_owned(),
        temp_dir: "/tmp".to_owned(),
        uid: u32::from(seed & 1),
        ..LoadOptions::default()
    }
}

fn read<T>(mut loader: Load<T>, seed: u8, files: &[&[u8]]) -> Result<T, LoadErrors> {
    for _ in 0..QUESTIONS_MAX {
        match loader.poll() {
            Step::Need(need) => loader.answer(answer(&need, seed, files)),
            Step::Done(loaded) => return Ok(*loaded),
            Step::Failed(errors) => return Err(errors),
        }
    }
    panic!("reading does not end");
}

fn answer(need: &Need, seed: u8, files: &[&[u8]]) -> Answer {
    let yes = seed & 2 == 0;
    match need {
        Need::File { path } => {
            let name = path.rsplit('/').next().unwrap_or("");
            let number = name.strip_suffix(".conf").unwrap_or(name);
            let number = number.parse().unwrap_or(0_usize);
            let content = files.get(number).map(|bytes| FileContent {
                bytes: bytes.to_vec(),
                mode: Some(u32::from(seed)),
            });
            Answer::File(content.ok_or(FileError::NotFound))
        }
        Need::Glob { .. } => {
            let names = (1..files.len()).map(|number| format!("/etc/{number}.conf"));
            Answer::Paths(names.collect())
        }
        Need::Directory { path } => Answer::Directory(yes || path.len() % 2 == 0),
        Need::UserNamed { .. } | Need::UserNumbered { .. } => Answer::User(yes.then(|| User {
            name: "u".to_owned(),
            uid: 7,
            gid: 8,
        })),
        Need::GroupNamed { .. } | Need::GroupNumbered { .. } => Answer::Group(yes.then_some(9)),
        Need::Home { user } => Answer::Home(user.is_some().then(|| "/home/u/".to_owned())),
    }
}

fn check(config: &Config) {
    assert_eq!(diff(config, config), Diff::default());
    let order = |group: &GroupConfig| (group.priority, group.name.clone());
    assert!(config.groups.is_sorted_by_key(order));
    let names: BTreeSet<&str> = config.groups.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), config.groups.len());
    for group in &config.groups {
        let names: BTreeSet<&str> = group
            .processes
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names.len(), group.processes.len());
    }
    for server in &config.servers {
        if let Some(credentials) = &server.credentials {
            let shown = |password: &str| {
                let mut one = server.clone();
                let username = credentials.username.clone();
                let password = password.to_owned();
                one.credentials = Some(Credentials { username, password });
                let servers = vec![one];
                settings_text(
                    &Config {
                        servers,
                        ..Config::default()
                    },
                    Secrets::Masked,
                )
            };
            assert_eq!(shown(&credentials.password), shown("another"));
        }
    }
    let everything = settings_json(config, Secrets::Shown).pretty();
    let read_back: serde_json::Value = serde_json::from_str(&everything).expect("JSON");
    let groups = read_back["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), config.groups.len());
}

fn check_errors(errors: &LoadErrors, lines: u32) {
    assert!(!errors.text().is_empty());
    for error in errors.all() {
        let line = error.place.as_ref().map_or(0, |place| place.line);
        assert!(line <= lines, "line {line} of {lines}: {error}");
    }
}

/// What was read, written plainly, reads as the same again.
fn check_scan(text: &str) {
    let Ok(sections) = scan(text) else {
        return;
    };
    let mut plain = String::new();
    let mut wanted = Vec::new();
    for section in &sections {
        if has_comment(&section.name) {
            return;
        }
        plain.push_str(&format!("[{}]\n", section.name));
        wanted.push((section.name.clone(), Vec::new()));
        for option in &section.options {
            let Some(written) = written(&option.name, &option.value) else {
                continue;
            };
            plain.push_str(&written);
            let options = &mut wanted.last_mut().expect("a section").1;
            options.push((option.name.clone(), option.value.clone()));
        }
    }
    let again = scan(&plain).expect("plain text");
    let again: Vec<_> = again
        .into_iter()
        .map(|section| {
            let options = section.options.into_iter();
            let options = options.map(|option| (option.name, option.value));
            (section.name, options.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(again, wanted, "{plain:?}");
}

/// Whether a part of the text would be taken for a comment. It was kept because of the order in
/// which the two signs are searched for.
fn has_comment(text: &str) -> bool {
    let after_space = |(at, _): (usize, &str)| {
        let before = text[..at].chars().next_back();
        before.is_some_and(|c| c.is_whitespace() || matches!(c, '\x1c'..='\x1f'))
    };
    text.match_indices([';', '#']).any(after_space)
}

/// An option written so that it means itself; `None` for the few that cannot be: names and lines
/// that look like something else.
fn written(name: &str, value: &str) -> Option<String> {
    let comment = |line: &str| line.starts_with(['#', ';']);
    let odd = name.starts_with(['[', '#', ';']);
    let lines: Vec<&str> = value.split('\n').collect();
    if odd
        || has_comment(name)
        || has_comment(value)
        || lines.iter().skip(1).any(|line| comment(line))
    {
        return None;
    }
    let mut text = format!("{name}={}\n", lines.first()?);
    for line in &lines[1..] {
        text.push_str(&format!(
            "{}{line}\n",
            if line.is_empty() { "" } else { " " }
        ));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_holds_on_many_inputs() {
        super::super::try_many(
            super::run,
            &[
                b"[supervisord]\n",
                b"[program:a]\ncommand=/bin/cat\n",
                b"[group:g]\nprograms=a,b\n",
                b"[include]\nfiles=*.conf\n",
                b"[unix_http_server]\nfile=%(here)s/s\npassword=secret secret\nusername=u\n",
                b"[eventlistener:l]\ncommand=x\nevents=TICK_5\n",
                b"[fcgi-program:f]\ncommand=x\nsocket=unix:///x\n",
                b"[DEFAULT]\nstartsecs=%(ENV_N)s\n",
                b"environment=A=\"x\",B='y'\n",
                b"process_name=%(program_name)s_%(process_num)02d\nnumprocs=2\n",
                b"user=x\nstdout_logfile=~/x\n",
                b"  deeper ; comment\n",
                b"%(here)5.3s%%%d",
                b"\x1e",
                b"\r\n",
                b"=",
                b"%",
                b"x=1 ;",
            ],
        );
    }
}
