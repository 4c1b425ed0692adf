//! Writing recordings: one line of JSON for each input.

mod line;

use crate::sys::error_name;
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;
use visor_core::record::{Editor, Entry, Header, Tally};
use visor_core::{
    Action, Boot, Input, Now, Output, RecordingEnd, Supervisor, Timestamp, config::Config,
};

/// Size at which a recording ends, unless another was asked for: 1 GiB.
pub const BYTES_MAX: u64 = 1 << 30;

/// So much is written at once while much happens: what a processor keeps at hand, and enough for a
/// system call not to matter.
const BUFFER_BYTES: usize = 16 << 10;
/// What happened is in the file after this time at the latest: a write for each input would cost
/// more than all the rest of the recording.
const FLUSH_TIME: Duration = Duration::from_millis(500);

thread_local! {
    /// The lines that are not written yet, where also a panic finds them: the last input is the one
    /// that explains it.
    static UNWRITTEN: RefCell<Unwritten> = const { RefCell::new(Unwritten { file: None, lines: Vec::new() }) };
}

#[derive(Debug)]
struct Unwritten {
    file: Option<File>,
    lines: Vec<u8>,
}

impl Unwritten {
    fn write(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let written = file.write_all(&self.lines);
        self.lines.clear();
        written
    }
}

/// Writes all that a supervisor is told to a file. An error, or the maximal size, ends the
/// recording with a line in the activity log, never the daemon.
///
/// A thread has one recorder at most.
#[derive(Debug)]
pub struct Recorder {
    /// `None`: the recording has ended.
    left_bytes: Option<u64>,
    bytes_max: u64,
    editor: Editor,
    tally: Tally,
    /// Since when there are lines that are not written.
    since: Option<Timestamp>,
    /// Why it ended, until that has been told.
    end: Option<RecordingEnd>,
}

impl Recorder {
    /// A recording in this file, which only its owner may read. What was in it is replaced.
    /// `masked`: without passwords, values of environments, what clients write to programs, and
    /// what programs write.
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
        UNWRITTEN.with_borrow_mut(|unwritten| unwritten.file = Some(file));
        flush_in_panics();
        Ok(Self {
            left_bytes: Some(bytes_max),
            bytes_max,
            editor: Editor::new(masked),
            tally: Tally::default(),
            since: None,
            end: None,
        })
    }

    fn begin(&mut self, config: &Config, boot: &Boot, now: Now) {
        let mut header = Header::new(config.clone(), boot.clone(), now);
        self.editor.begin(&mut header);
        self.line(now, |lines| serde_json::to_writer(lines, &header));
        // Before anything is done: whoever looks for the recording finds it.
        self.flush();
    }

    fn input(&mut self, supervisor: &Supervisor, now: Now, input: &Input<'_>) {
        if self.left_bytes.is_none() {
            return;
        }
        let before = self.tally.take();
        let entry = Entry::recorded(supervisor, &mut self.editor, now, input, before);
        self.line(now, |lines| line::append(lines, &entry));
    }

    fn action(&mut self, action: &Action) {
        if self.left_bytes.is_some() {
            self.tally.add(action, self.editor.masks());
        }
    }

    fn line(&mut self, now: Now, append: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) {
        let Some(left) = self.left_bytes else {
            return;
        };
        let written = UNWRITTEN.with_borrow_mut(|unwritten| {
            let lines = &mut unwritten.lines;
            let before = lines.len();
            append(lines)?;
            lines.push(b'\n');
            let bytes = u64::try_from(lines.len() - before).unwrap_or(u64::MAX);
            let Some(left) = left.checked_sub(bytes) else {
                lines.truncate(before);
                return Ok(None);
            };
            if lines.len() >= BUFFER_BYTES {
                unwritten.write()?;
            }
            Ok(Some(left))
        });
        self.since.get_or_insert(now.mono);
        match written {
            Ok(Some(left)) => self.left_bytes = Some(left),
            Ok(None) => {
                self.flush();
                let bytes_max = self.bytes_max;
                self.give_up(RecordingEnd::Full { bytes_max });
            }
            Err(error) => self.fail(&error),
        }
    }

    /// What is in the file then is the whole story so far.
    fn flush(&mut self) {
        self.since = None;
        if let Err(error) = UNWRITTEN.with_borrow_mut(Unwritten::write) {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        let error = match error.raw_os_error() {
            Some(_) => error_name(error),
            None => error.to_string(),
        };
        self.give_up(RecordingEnd::Failed { error });
    }

    fn give_up(&mut self, end: RecordingEnd) {
        UNWRITTEN.with_borrow_mut(|unwritten| {
            unwritten.file = None;
            unwritten.lines = Vec::new();
        });
        self.since = None;
        if self.left_bytes.take().is_some() {
            self.end = Some(end);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush();
        UNWRITTEN.with_borrow_mut(|unwritten| unwritten.file = None);
    }
}

/// A daemon that panics takes what is not written with it, unless it is written first.
fn flush_in_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = UNWRITTEN.try_with(|unwritten| {
            if let Ok(mut unwritten) = unwritten.try_borrow_mut() {
                // The panic is the news, not that it could not be recorded.
                let _ = unwritten.write();
            }
        });
        others(panic);
    }));
}

/// A supervisor, and the recording of what it is told if there is one.
#[derive(Debug)]
pub(crate) struct Recorded {
    supervisor: Supervisor,
    recorder: Option<Recorder>,
    /// When it was told something last.
    now: Now,
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
            now,
        }
    }

    pub(crate) fn handle_input(&mut self, now: Now, input: Input<'_>) {
        self.now = now;
        if let Some(recorder) = &mut self.recorder {
            recorder.input(&self.supervisor, now, &input);
        }
        self.supervisor.handle_input(now, input);
    }

    pub(crate) fn poll_output(&mut self) -> Output {
        let output = self.supervisor.poll_output();
        let Some(recorder) = &mut self.recorder else {
            return output;
        };
        match &output {
            Output::Action(action) => recorder.action(action),
            Output::Wait(_) => {
                if let Some(end) = recorder.end.take() {
                    let input = Input::RecordingEnded { end };
                    self.supervisor.handle_input(self.now, input);
                    return self.supervisor.poll_output();
                }
            }
        }
        output
    }

    /// When [`flush`](Self::flush) is due.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let since = self.recorder.as_ref().and_then(|recorder| recorder.since);
        since.map(|since| since + FLUSH_TIME)
    }

    /// Writes to the recording what is not in it yet, if that is due. Then it may have ended, and
    /// the supervisor have something to say of that.
    pub(crate) fn flush(&mut self, now: Timestamp) -> bool {
        let is_due = self.deadline().is_some_and(|at| at <= now);
        match &mut self.recorder {
            Some(recorder) if is_due => {
                recorder.flush();
                recorder.end.is_some()
            }
            Some(_) | None => false,
        }
    }

    /// The daemon ends, and with it the recording.
    pub(crate) fn finish(&mut self) {
        self.recorder = None;
    }

    pub(crate) fn get(&mut self) -> &mut Supervisor {
        &mut self.supervisor
    }
}
