//! The rows, by what they are about.

mod capture;
mod clients;
mod events;
mod recording;
mod respawn;
mod scale;
mod start;

use crate::report::Row;
use crate::sides::{Programs, Side, nanos};
use rustix::time::ClockId;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a run is done.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where the programs are.
    pub programs: Programs,
    /// What is compared.
    pub sides: Vec<Side>,
    /// How often each side is measured, in turns.
    pub rounds: usize,
    /// A short form: fewer programs, fewer seconds. For function, not for figures.
    pub short: bool,
}

impl Run {
    /// Measures one sample per side and round, sides in turns.
    fn each(
        &self,
        row: &mut Row,
        mut sample: impl FnMut(Side) -> io::Result<f64>,
    ) -> io::Result<()> {
        for _ in 0..self.rounds {
            for side in &self.sides {
                row.push(side.name(), sample(*side)?);
            }
        }
        Ok(())
    }

    /// `full`, or `short` in the short form.
    fn size(&self, full: usize, short: usize) -> usize {
        if self.short { short } else { full }
    }

    /// A program section with `numprocs` processes without logs.
    fn section(&self, name: &str, arguments: &str, numprocs: usize, options: &str) -> String {
        let mut text = String::new();
        let child = self.programs.child.display();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[program:{name}]\ncommand={child} {arguments}\nnumprocs={numprocs}\n\
             process_name=%(program_name)s_%(process_num)05d\nstartsecs=0\n{options}"
        );
        for stream in ["stdout", "stderr"] {
            if !options.contains(&format!("{stream}_logfile")) {
                let _ = writeln!(text, "{stream}_logfile=NONE");
            }
        }
        text
    }
}

/// A group of rows that are measured together.
pub type Bench = fn(&Run) -> io::Result<Vec<Row>>;

/// All groups, by the names they are chosen with.
pub const ALL: [(&str, Bench); 13] = [
    ("first", start::first),
    ("thousand", start::thousand),
    ("memory", start::memory),
    ("idle", start::idle),
    ("respawn", respawn::respawn),
    ("crashing", respawn::crashing),
    ("capture", capture::capture),
    ("rpc", clients::rpc),
    ("ctl", clients::ctl),
    ("events", events::events),
    ("recording", recording::recording),
    ("stop", scale::stop_and_restart),
    ("ten-thousand", scale::ten_thousand),
];

/// A program as the floors start it, without a supervisor: with two pipes.
fn bare_child(program: &Path, what: &str, file: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(what).arg(file);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

/// Our end of a pipe to or from a child.
fn pipe_end(pipe: Option<impl Into<OwnedFd>>) -> io::Result<File> {
    let pipe = pipe.ok_or_else(|| io::Error::other("no pipe"))?;
    Ok(File::from(pipe.into()))
}

/// What this thread has taken.
fn own_cpu_seconds() -> f64 {
    secs(nanos(ClockId::ThreadCPUTime))
}

/// Nanoseconds as seconds.
#[allow(clippy::cast_precision_loss)] // Below 2^53 nanoseconds, which is 104 days.
fn secs(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A count for arithmetic.
#[allow(clippy::cast_precision_loss)] // Far below 2^53.
fn float(count: usize) -> f64 {
    count as f64
}
