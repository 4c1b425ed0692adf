//! What the benchmarks have supervised: a program that leaves stamps of CLOCK_MONOTONIC.
//!
//! | arguments | what it does |
//! |---|---|
//! | `up FILE` | appends one stamp, then sleeps for ever |
//! | `live FILE MILLIS CODE` | appends a stamp, sleeps, appends another, exits with CODE |
//! | `flood BYTES` | writes numbered lines of 64 bytes in blocks of 64 KiB, then sleeps for ever |
//! | `emit COUNT MICROS [CODE BYTES]` | waits for a line on stdin, then writes COUNT lines with stamps, MICROS apart, of BYTES or 21 |
//! | `listen FILE` | is an event listener; appends (stamp in the event, stamp of its receipt) |
//!
//! A stamp is 8 bytes, little endian, nanoseconds.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::time::Duration;
use visor_bench::sides::monotonic as now;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |n: usize| words.get(n).map_or("", String::as_str);
    let number = |n: usize| word(n).parse::<u64>().unwrap_or(0);
    let done = match word(0) {
        "up" => stamp(word(1)).map(|()| sleep_for_ever()),
        "live" => live(word(1), Duration::from_millis(number(2))),
        "flood" => flood(number(1)).map(|()| sleep_for_ever()),
        "emit" => {
            emit(number(1), Duration::from_micros(number(2)), number(4)).map(|()| sleep_for_ever())
        }
        "listen" => listen(word(1)),
        _ => Err(io::Error::other("see the first lines of bench-child.rs")),
    };
    match done {
        Ok(()) => ExitCode::from(u8::try_from(number(3)).unwrap_or(0)),
        Err(_) => ExitCode::from(99),
    }
}

fn sleep_for_ever() {
    loop {
        std::thread::park();
    }
}

fn append(path: &str) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// The clock is read first: opening the file is not the program's first act.
fn stamp(path: &str) -> io::Result<()> {
    let at = now();
    append(path)?.write_all(&at.to_le_bytes())
}

fn live(path: &str, life: Duration) -> io::Result<()> {
    let born = now();
    let mut file = append(path)?;
    std::thread::sleep(life);
    let mut both = born.to_le_bytes().to_vec();
    both.extend(now().to_le_bytes());
    file.write_all(&both)
}

/// The lines differ in their last digits only: to make them must cost little beside writing them.
fn flood(bytes: u64) -> io::Result<()> {
    // Not the standard library's handle, which looks for the last newline in what it is given.
    let mut out = File::from(rustix::io::dup(rustix::stdio::stdout())?);
    let mut block = Vec::with_capacity(1 << 16);
    let mut line = [b'0'; 64];
    line[63] = b'\n';
    for number in 0..bytes / 64 {
        let mut rest = number;
        for digit in line.iter_mut().rev().skip(1) {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        block.extend_from_slice(&line);
        if block.len() >= 1 << 16 {
            out.write_all(&block)?;
            block.clear();
        }
    }
    out.write_all(&block)
}

fn emit(count: u64, apart: Duration, bytes: u64) -> io::Result<()> {
    io::stdin().lock().read_line(&mut String::new())?;
    let mut out = io::stdout().lock();
    let width = usize::try_from(bytes.max(21) - 1).unwrap_or(20);
    for _ in 0..count {
        writeln!(out, "{:0width$}", now())?;
        out.flush()?;
        if !apart.is_zero() {
            std::thread::sleep(apart);
        }
    }
    Ok(())
}

fn listen(path: &str) -> io::Result<()> {
    let mut file = append(path)?;
    let (mut input, mut out) = (io::BufReader::new(io::stdin().lock()), io::stdout().lock());
    loop {
        out.write_all(b"READY\n")?;
        out.flush()?;
        let mut header = String::new();
        if input.read_line(&mut header)? == 0 {
            return Ok(());
        }
        let length = header
            .split_whitespace()
            .find_map(|pair| pair.strip_prefix("len:"));
        let length = length.and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut payload = vec![0; length];
        input.read_exact(&mut payload)?;
        let at = now();
        let text = String::from_utf8_lossy(&payload);
        for sent in text.lines().filter_map(|line| line.parse::<u64>().ok()) {
            let mut pair = sent.to_le_bytes().to_vec();
            pair.extend(at.to_le_bytes());
            file.write_all(&pair)?;
        }
        out.write_all(b"RESULT 2\nOK")?;
    }
}
