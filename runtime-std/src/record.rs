//! Writing recordings: one line of JSON for each input.

use crate::sys::error_name;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use visor_core::record::{Entry, Header, Masker, Tally, mask_config};
use visor_core::{Action, Boot, Input, Now, Output, Supervisor, config::Config};

/// Size at which a recording ends, unless another was asked for: 1 GiB.
pub const BYTES_MAX: u64 = 1 << 30;

/// Writes all that a supervisor is told to a file. An error, or the maximal size, ends the
/// recording with a line on standard error, never the daemon.
#[derive(Debug)]
pub struct Recorder {
    out: Option<BufWriter<File>>,
    left_bytes: u64,
    masker: Option<Masker>,
    tally: Tally,
}

impl Recorder {
    /// A recording in this file, which only its owner may read. What was in it is replaced.
    /// `masked`: without passwords, values of environments, and what clients write to programs.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, bytes_max: u64, masked: bool) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            out: Some(BufWriter::with_capacity(1 << 16, file)),
            left_bytes: bytes_max,
            masker: masked.then(Masker::default),
            tally: Tally::default(),
        })
    }

    /// What the supervisor is made of.
    pub fn begin(&mut self, config: &Config, boot: &Boot, now: Now) {
        let mut header = Header::new(config.clone(), boot.clone(), now);
        if self.masker.is_some() {
            header.masked = true;
            header.boot.seed = [0; 32];
            mask_config(&mut header.config);
        }
        self.line(&header);
    }

    /// What it is told.
    pub fn input(&mut self, now: Now, input: &Input<'_>) {
        if self.out.is_none() {
            return;
        }
        let before = self.tally;
        let masked = self.masker.as_mut().map(|masker| masker.mask(input));
        let input = masked.as_deref().unwrap_or(input);
        let line = serde_json::to_vec(&Entry {
            now,
            input: input.clone(),
            before,
        });
        self.write(line);
    }

    /// What it wants.
    pub fn action(&mut self, action: &Action) {
        if self.out.is_some() {
            self.tally.add(action);
        }
    }

    /// Before the daemon sleeps or ends: what is in the file then is the whole story so far.
    pub fn flush(&mut self) {
        if let Some(out) = &mut self.out
            && let Err(error) = out.flush()
        {
            self.give_up(&error_name(&error));
        }
    }

    fn line(&mut self, value: &impl Serialize) {
        self.write(serde_json::to_vec(value));
    }

    fn write(&mut self, line: serde_json::Result<Vec<u8>>) {
        let Some(out) = &mut self.out else {
            return;
        };
        let written = line.map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
            let Some(left) = self.left_bytes.checked_sub(bytes) else {
                return Err(io::Error::other("it has reached its maximal size"));
            };
            self.left_bytes = left;
            out.write_all(&line)
        });
        if let Err(error) = written {
            let text = match error.raw_os_error() {
                Some(_) => error_name(&error),
                None => error.to_string(),
            };
            self.give_up(&text);
        }
    }

    fn give_up(&mut self, reason: &str) {
        if let Some(mut out) = self.out.take() {
            // There is nothing better to do with a second error.
            let _ = out.flush();
        }
        let _ = writeln!(io::stderr(), "the recording ends here: {reason}");
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A supervisor, and the recording of what it is told if there is one.
#[derive(Debug)]
pub(crate) struct Recorded {
    supervisor: Supervisor,
    recorder: Option<Recorder>,
}

impl Recorded {
    pub(crate) fn new(
        config: Config,
        boot: Boot,
        now: Now,
        mut recorder: Option<Recorder>,
    ) -> Self {
        if let Some(recorder) = &mut recorder {
            recorder.begin(&config, &boot, now);
        }
        Self {
            supervisor: Supervisor::new(config, boot, now),
            recorder,
        }
    }

    pub(crate) fn handle_input(&mut self, now: Now, input: Input<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.input(now, &input);
        }
        self.supervisor.handle_input(now, input);
    }

    pub(crate) fn poll_output(&mut self) -> Output {
        let output = self.supervisor.poll_output();
        if let Some(recorder) = &mut self.recorder {
            match &output {
                Output::Action(action) => recorder.action(action),
                Output::Wait(_) => recorder.flush(),
            }
        }
        output
    }

    pub(crate) fn get(&mut self) -> &mut Supervisor {
        &mut self.supervisor
    }
}
