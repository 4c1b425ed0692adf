//! Reading logs, cleaning up AUTO logs, the pidfile.

use super::log::is_regular;
use super::{errno_name, error_name};
use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::{Errno, pread};
use std::io::Write;
use visor_core::{LogPart, Pid, READ_BYTES_MAX, ReadError, ReadRange};

/// Reads a part of a log.
///
/// # Errors
/// There is no such file; it cannot be read; it is not a regular file (ESPIPE: nothing is kept
/// behind a pipe or a terminal).
pub fn read_part(path: &str, range: ReadRange) -> Result<LogPart, ReadError> {
    let failed = |error: Errno| match error {
        Errno::NOENT => ReadError::NotFound,
        error => ReadError::Failed(errno_name(error.raw_os_error()).to_owned()),
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty()).map_err(failed)?;
    let found = fstat(&file).map_err(failed)?;
    if !is_regular(found.st_mode) {
        return Err(failed(Errno::SPIPE));
    }
    let size_bytes = u64::try_from(found.st_size).unwrap_or(0);
    let (offset, length) = match range {
        ReadRange::From { offset, length } => (offset.min(size_bytes), length),
        ReadRange::Last { length } => (size_bytes.saturating_sub(length), length),
    };
    let length = length.min(READ_BYTES_MAX).min(size_bytes - offset);
    let mut data = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut filled = 0;
    while let Some(rest) = data.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match pread(&file, rest, offset + filled as u64) {
            // Truncated under our hands.
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    data.truncate(filled);
    Ok(LogPart {
        data,
        offset,
        size_bytes,
    })
}

/// Removes the AUTO logs an earlier daemon of this identifier left. What cannot be removed stays.
pub fn clean_auto_logs(directory: &str, identifier: &str) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name
            .to_str()
            .is_some_and(|name| is_auto_log(name, identifier))
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// `NAME-stdout---IDENTIFIER-XXXXXXXX.log`, with `.1` and so on for backups.
fn is_auto_log(name: &str, identifier: &str) -> bool {
    let stem = match name.rsplit_once('.') {
        Some((stem, "log")) => stem,
        Some((rest, number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            match rest.strip_suffix(".log") {
                Some(stem) if !number.is_empty() => stem,
                Some(_) | None => return false,
            }
        }
        Some(_) | None => return false,
    };
    let Some((rest, random)) = stem.rsplit_once('-') else {
        return false;
    };
    // The identifier may contain what separates it, so it is matched from its end.
    let Some(rest) = rest.strip_suffix(identifier) else {
        return false;
    };
    let process = rest
        .strip_suffix("-stdout---")
        .or_else(|| rest.strip_suffix("-stderr---"));
    random.len() == 8
        && random
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && process.is_some_and(|process| !process.is_empty())
}

/// Writes a pid and a line feed to a file, in place of what it held.
///
/// # Errors
/// The name of the system's error.
pub fn write_pidfile(path: &str, pid: Pid) -> Result<(), String> {
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(format!("{pid}\n").as_bytes())
    };
    write().map_err(|error: std::io::Error| error_name(&error))
}

/// Removes a pidfile, if it is there and may be removed.
pub fn remove_pidfile(path: &str) {
    let _ = std::fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_at_the_ends_of_the_file() {
        let path = std::env::temp_dir().join(format!("visor-part-{}", std::process::id()));
        std::fs::write(&path, "0123456789").unwrap();
        let read = |range| {
            let part = read_part(path.to_str().unwrap(), range).unwrap();
            assert_eq!(part.size_bytes, 10);
            (String::from_utf8(part.data).unwrap(), part.offset)
        };
        let from = |offset, length| read(ReadRange::From { offset, length });
        assert_eq!(from(2, 3), ("234".into(), 2));
        assert_eq!(from(8, u64::MAX), ("89".into(), 8));
        assert_eq!(from(20, 5), (String::new(), 10));
        assert_eq!(read(ReadRange::Last { length: 3 }), ("789".into(), 7));
        assert_eq!(
            read(ReadRange::Last { length: 30 }),
            ("0123456789".into(), 0)
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let last = ReadRange::Last { length: 1 };
        assert_eq!(read_part("/nowhere/x", last), Err(ReadError::NotFound));
        let special = Err(ReadError::Failed("ESPIPE".into()));
        assert_eq!(read_part("/dev/null", last), special);
        assert_eq!(read_part("/tmp", last), special);
    }

    #[test]
    fn auto_logs_of_others_are_left_alone() {
        assert!(is_auto_log(
            "web-stdout---supervisor-n8f_df6x.log",
            "supervisor"
        ));
        assert!(is_auto_log("a-b-stderr---my-id-n8fhdf6x.log.10", "my-id"));
        assert!(!is_auto_log(
            "web-stdout---other-n8fhdf6x.log",
            "supervisor"
        ));
        assert!(!is_auto_log(
            "web-stdout---supervisor-n8fhdf6x.log.bak",
            "supervisor"
        ));
        assert!(!is_auto_log(
            "web-stdout---supervisor-n8fhdf6x.log.",
            "supervisor"
        ));
        assert!(!is_auto_log(
            "-stdout---supervisor-n8fhdf6x.log",
            "supervisor"
        ));
        assert!(!is_auto_log(
            "web-stdout---supervisor-short.log",
            "supervisor"
        ));
        assert!(!is_auto_log("supervisor.log", "supervisor"));
    }
}
