//! How long reading a configuration takes: 1,000, 10,000 and 100,000 programs.
//!
//! `cargo run --release -p visor-bench --bin parse-config [PROGRAMS…]` prints the processor time of the
//! best of five runs. Target:
//! 10,000 programs in less than 100 ms, and ten times the programs in ten times the time.

use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;
use visor_core::config::{Answer, FileContent, LoadOptions, Loader, Need, Step, User};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>9} {:>10} {:>14}",
        "programs", "ms", "µs per program"
    )?;
    let given: Vec<u32> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let counts = if given.is_empty() {
        vec![1_000, 10_000, 100_000]
    } else {
        given
    };
    for count in counts {
        let text = configuration(count);
        let best = (0..5).map(|_| read(&text, count)).min().unwrap_or_default();
        let each = best.as_secs_f64() * 1e6 / f64::from(count);
        let total = best.as_secs_f64() * 1e3;
        writeln!(out, "{count:>9} {total:>10.1} {each:>14.2}")?;
    }
    Ok(())
}

/// Programs as people write them: names, logs, an environment, expansions, comments.
fn configuration(count: u32) -> String {
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

fn read(text: &str, count: u32) -> Duration {
    let variables = (0..30).map(|number| (format!("VARIABLE_{number}"), "value".to_owned()));
    let mut loader = Loader::new(LoadOptions {
        path: "/etc/supervisord.conf".to_owned(),
        environment: variables.collect(),
        current_dir: "/".to_owned(),
        temp_dir: "/tmp".to_owned(),
        ..LoadOptions::default()
    });
    let began = processor_time();
    let loaded = loop {
        match loader.poll() {
            Step::Need(need) => loader.answer(match need {
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
            }),
            Step::Done(loaded) => break loaded,
            Step::Failed(errors) => {
                let _ = writeln!(io::stderr(), "Error: {errors}");
                std::process::exit(1);
            }
        }
    };
    let took = processor_time().saturating_sub(began);
    assert_eq!(
        loaded.config.groups.len(),
        usize::try_from(count).unwrap_or(0)
    );
    took
}

/// What this process has used so far. The machine may be busy with other things.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}
