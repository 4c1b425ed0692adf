//! How fast what children write gets into their logs.

use super::{Run, display, float, own_cpu_seconds, pipe_end};
use crate::report::Row;
use crate::sides::{Daemon, Scratch, Side, wait_for};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Throughput with one child and with a hundred, and the CPU it takes.
pub(super) fn capture(run: &Run) -> io::Result<Vec<Row>> {
    let bytes = run.size(512 << 20, 8 << 20);
    let mut one = Row::new("log capture, one child", "MB/s", true);
    let mut cpu = Row::new(
        "log capture, one child: CPU of the daemon",
        "s per GB",
        false,
    );
    let mut many = Row::new("log capture, 100 children at once", "MB/s", true);
    for _ in 0..run.rounds.min(3) {
        for side in &run.sides {
            let (rate, spent) = flood(run, *side, 1, bytes)?;
            one.push(side.name(), rate);
            cpu.push(side.name(), spent);
            let children = run.size(100, 5);
            let (rate, _) = flood(run, *side, children, bytes / children / 64 * 64)?;
            many.push(side.name(), rate);
        }
    }
    for _ in 0..run.rounds.min(3) {
        let (rate, spent) = bare(run, bytes)?;
        one.push("floor", rate);
        cpu.push("floor", spent);
    }
    one.note = "files, rotation at 50 MB; every byte of the logs is checked; \
                floor: a loop of read and write, through a pipe and with a buffer of 256 KiB"
        .to_owned();
    Ok(vec![one, cpu, many])
}

fn flood(run: &Run, side: Side, children: usize, bytes: usize) -> io::Result<(f64, f64)> {
    let scratch = Scratch::new()?;
    let log = |n: usize| scratch.path(&format!("out{n}.log"));
    let sections: String = (0..children)
        .map(|n| {
            let options = format!(
                "stdout_logfile={}\nstdout_logfile_maxbytes=50MB\nstdout_logfile_backups=20\n\
                 autostart=false\n",
                display(&log(n))
            );
            run.section(&format!("p{n}"), &format!("flood {bytes}"), 1, &options)
        })
        .collect();
    let daemon = Daemon::start(&run.programs, side, &scratch, &sections)?;
    let mut client = daemon.connect()?;
    let (begun, cpu) = (Instant::now(), daemon.cpu_nanos());
    client.call("supervisor.startAllProcesses", &[false.into()])?;
    wait_for("all bytes", || {
        let whole = |n: usize| size_with_backups(&log(n)) >= bytes as u64;
        (0..children).all(whole).then_some(())
    })?;
    let (seconds, spent) = (begun.elapsed().as_secs_f64(), daemon.cpu_nanos() - cpu);
    daemon.stop()?;
    for n in 0..children {
        check(&log(n), bytes)?;
    }
    let total = float(children * bytes);
    Ok((total / 1e6 / seconds, spent / 1e9 / (total / 1e9)))
}

/// As large as visor makes the pipe of a child that writes much, and the memory it reads into.
const LARGE_PIPE_BYTES: usize = 256 << 10;
/// What the buffer begins at a multiple of.
const LINE_BYTES: usize = 64;

/// The same bytes through a loop that does nothing but read, write and rotate.
fn bare(run: &Run, bytes: usize) -> io::Result<(f64, f64)> {
    let scratch = Scratch::new()?;
    let log = scratch.path("out.log");
    let mut command = Command::new(&run.programs.child);
    command.arg("flood").arg(bytes.to_string());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let (begun, cpu) = (Instant::now(), own_cpu_seconds());
    let mut pipe = pipe_end(child.stdout.take())?;
    rustix::pipe::fcntl_setpipe_size(&pipe, LARGE_PIPE_BYTES)?;
    let mut memory = vec![0; LARGE_PIPE_BYTES + LINE_BYTES];
    let begin = memory.as_ptr().align_offset(LINE_BYTES);
    let buffer = memory.get_mut(begin..begin + LARGE_PIPE_BYTES);
    let buffer = buffer.unwrap_or_default();
    let (mut left, mut files, mut size) = (bytes, 0, 0);
    let mut file = File::create(&log)?;
    while left > 0 {
        let count = pipe.read(buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all(buffer.get(..count).unwrap_or_default())?;
        left -= count;
        size += count;
        if size >= 50 << 20 {
            files += 1;
            size = 0;
            std::fs::rename(&log, scratch.path(&format!("out.log.{files}")))?;
            file = File::create(&log)?;
        }
    }
    let (seconds, spent) = (begun.elapsed().as_secs_f64(), own_cpu_seconds() - cpu);
    child.kill()?;
    child.wait()?;
    let total = float(bytes);
    Ok((total / 1e6 / seconds, spent / (total / 1e9)))
}

fn backups(log: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = (1..=20)
        .rev()
        .map(|n| std::path::PathBuf::from(format!("{}.{n}", log.display())))
        .filter(|path| path.exists())
        .collect();
    files.push(log.to_owned());
    files
}

fn size_with_backups(log: &Path) -> u64 {
    let size = |path: std::path::PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    backups(log).into_iter().map(size).sum()
}

/// Every line, in order, none twice.
fn check(log: &Path, bytes: usize) -> io::Result<()> {
    let mut next = 0_usize;
    for file in backups(log) {
        for line in std::fs::read(&file)?.chunks(64) {
            let number = std::str::from_utf8(line)
                .ok()
                .and_then(|line| line.trim().parse().ok());
            if number != Some(next) {
                let text = format!("{}: line {next} is {number:?}", file.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            next += 1;
        }
    }
    if next * 64 == bytes {
        return Ok(());
    }
    let text = format!("{}: {next} lines of {}", log.display(), bytes / 64);
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}
