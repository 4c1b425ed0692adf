//! Where a configuration is looked for when none is named.

use std::env;
use std::path::{Path, PathBuf};

/// The places, first one first: around the program, around the current directory, in `/etc`.
///
/// `program` is the name the program was called by. Called by its bare name it is looked up in
/// `PATH`, as the kernel does for a script.
///
/// ```
/// let places = visor::search::places("/usr/local/bin/supervisord");
/// assert_eq!(places[0], "/usr/local/etc/supervisord.conf");
/// assert_eq!(places[2], "supervisord.conf");
/// ```
#[must_use]
pub fn places(program: &str) -> [String; 6] {
    let program = if program.contains('/') {
        program.to_owned()
    } else {
        in_path(program).map_or_else(String::new, |path| path.to_string_lossy().into_owned())
    };
    let above = dirname(dirname(&program));
    [
        join(above, "etc/supervisord.conf"),
        join(above, "supervisord.conf"),
        "supervisord.conf".to_owned(),
        "etc/supervisord.conf".to_owned(),
        "/etc/supervisord.conf".to_owned(),
        "/etc/supervisor/supervisord.conf".to_owned(),
    ]
}

/// The first of the [`places`] that exists.
///
/// # Errors
/// None does: the message for supervisord's user, who is told where it was looked for.
pub fn find(program: &str) -> Result<String, String> {
    let places = places(program);
    match places.iter().find(|place| Path::new(place).exists()) {
        Some(place) => Ok(place.clone()),
        None => Err(format!(
            "No config file found at default paths ({}); use the -c option to specify a config \
             file at a different path",
            places.join(", ")
        )),
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|directory| directory.join(name));
    let mut found = found.filter(|file| file.is_file());
    found.next()
}

/// `os.path.dirname`.
fn dirname(path: &str) -> &str {
    let Some(end) = path.rfind('/') else {
        return "";
    };
    let head = &path[..=end];
    match head.trim_end_matches('/') {
        "" => head,
        head => head,
    }
}

/// `os.path.join` for a relative second part.
fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory if directory.ends_with('/') => format!("{directory}{name}"),
        directory => format!("{directory}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn places_go_by_the_name_the_program_was_called_by() {
        for (program, first) in [
            (
                "/opt/visor/bin/supervisord",
                "/opt/visor/etc/supervisord.conf",
            ),
            ("/bin/supervisord", "/etc/supervisord.conf"),
            ("./supervisord", "etc/supervisord.conf"),
            ("bin/supervisord", "etc/supervisord.conf"),
            ("../bin/supervisord", "../etc/supervisord.conf"),
            ("visor-is-not-in-the-path", "etc/supervisord.conf"),
        ] {
            assert_eq!(places(program)[0], first, "{program}");
        }
    }
}
