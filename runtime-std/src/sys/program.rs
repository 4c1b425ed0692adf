//! Finding a program, and saying why it cannot be run.

use rustix::fs::{Access, FileType, access, stat};
use visor_core::{SpawnError, SpawnSpec};

/// Where programs are looked up when there is no `PATH` at all.
const DEFAULT_PATH: &str = "/bin:/usr/bin:/usr/local/bin";

/// The file a spawn would execute.
///
/// A name with `/` is used as it is, relative to the daemon's working directory. Any other is looked up in
/// `PATH`, where the first existing name wins, executable or not.
///
/// # Errors
/// Those that are found out before a fork: see [`SpawnError`].
pub fn find(spec: &SpawnSpec) -> Result<String, SpawnError> {
    let program = match spec.argv.first() {
        Some(program) => program.as_str(),
        None => return Err(SpawnError::BadCommand("command is empty".into())),
    };
    let not_found = || SpawnError::NotFound(program.to_owned());
    let (path, found) = if program.contains('/') {
        let found = stat(program).map_err(|_| not_found())?;
        (program.to_owned(), found)
    } else {
        let daemons = std::env::var("PATH").ok();
        let path = spec.path.as_deref().or(daemons.as_deref());
        path.unwrap_or(DEFAULT_PATH)
            .split(':')
            .map(|directory| join(directory, program))
            .find_map(|candidate| stat(&*candidate).ok().map(|found| (candidate, found)))
            .ok_or_else(not_found)?
    };
    if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
        return Err(SpawnError::IsDirectory(path));
    }
    if found.st_mode & 0o111 == 0 {
        return Err(SpawnError::NotExecutable(path));
    }
    if access(&*path, Access::EXEC_OK).is_err() {
        return Err(SpawnError::NoPermission(path));
    }
    Ok(path)
}

/// An empty directory of `PATH` is the working directory.
fn join(directory: &str, program: &str) -> String {
    if directory.is_empty() || directory.ends_with('/') {
        format!("{directory}{program}")
    } else {
        format!("{directory}/{program}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use visor_core::StdinSpec;

    fn spec(program: &str, path: Option<&str>) -> SpawnSpec {
        SpawnSpec {
            name: "x".into(),
            argv: vec![program.into()],
            path: path.map(Into::into),
            environment: Vec::new(),
            directory: None,
            umask: None,
            user: None,
            stdin: StdinSpec::Pipe,
            redirect_stderr: false,
        }
    }

    #[test]
    fn the_first_existing_name_in_path_wins_executable_or_not() {
        let dir = std::env::temp_dir().join(format!("visor-program-{}", std::process::id()));
        let (a, b) = (dir.join("a"), dir.join("b"));
        for (d, mode) in [(&a, 0o644), (&b, 0o755)] {
            std::fs::create_dir_all(d).unwrap();
            std::fs::write(d.join("prog"), "").unwrap();
            std::fs::set_permissions(d.join("prog"), PermissionsExt::from_mode(mode)).unwrap();
        }
        let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
        let both = format!("/nowhere:{a}:{b}");
        assert_eq!(
            find(&spec("prog", Some(&both))),
            Err(SpawnError::NotExecutable(format!("{a}/prog")))
        );
        let other = format!("{b}/:{a}");
        assert_eq!(find(&spec("prog", Some(&other))), Ok(format!("{b}/prog")));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_cannot_run_is_told_apart_before_a_fork() {
        assert_eq!(
            find(&spec("no-such-program", None)),
            Err(SpawnError::NotFound("no-such-program".into()))
        );
        assert_eq!(
            find(&spec("/nowhere/x", None)),
            Err(SpawnError::NotFound("/nowhere/x".into()))
        );
        assert_eq!(
            find(&spec("/tmp/", None)),
            Err(SpawnError::IsDirectory("/tmp/".into()))
        );
        assert_eq!(
            find(&spec("/etc/passwd", None)),
            Err(SpawnError::NotExecutable("/etc/passwd".into()))
        );
        assert!(find(&spec("sh", None)).is_ok());
    }
}
