//! The text of a scenario, taken apart.

use std::fs;
use std::path::{Path, PathBuf};

/// A file that is laid out before the daemon starts.
#[derive(Clone, Debug)]
pub(super) struct Laid {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) mode: u32,
}

/// One scenario with its recording.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// `lifecycle/NAME`.
    pub(super) name: String,
    directives: Vec<(String, String)>,
    pub(super) files: Vec<Laid>,
    pub(super) config: String,
    pub(super) steps: Vec<String>,
    pub(super) recorded: String,
}

impl Scenario {
    /// All scenarios of a directory below `tests/compat`, by name.
    pub(super) fn all(kind: &str) -> Result<Vec<Self>, String> {
        let folder = home().join(kind);
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ext| ext == "txt"));
        paths.sort();
        paths.iter().map(|path| Self::read(kind, path)).collect()
    }

    fn read(kind: &str, path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let (head, recorded) = text.split_once("\n== recorded\n").unwrap_or((&text, ""));
        let mut scenario = Self {
            name: format!("{kind}/{stem}"),
            directives: Vec::new(),
            files: Vec::new(),
            config: String::new(),
            steps: Vec::new(),
            recorded: recorded.to_owned(),
        };
        let mut section = String::new();
        let mut body: Vec<&str> = Vec::new();
        for line in head.lines().chain(std::iter::once("== end")) {
            if let Some(title) = line.strip_prefix("== ") {
                scenario.section(&section, &body)?;
                title.trim().clone_into(&mut section);
                body.clear();
            } else {
                body.push(line);
            }
        }
        Ok(scenario)
    }

    fn section(&mut self, title: &str, body: &[&str]) -> Result<(), String> {
        let text = || format!("{}\n", body.join("\n").trim_end_matches('\n'));
        let lines = || {
            let lines = body.iter().map(|line| line.trim());
            lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        let mut words = title.split_whitespace();
        match words.next() {
            None => {
                self.directives = lines()
                    .map(|line| line.split_once(' ').unwrap_or((line, "")))
                    .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
                    .collect();
            }
            Some("config") => self.config = text(),
            Some("file") => {
                let path = words.next().ok_or("a file without a path")?.to_owned();
                let mode = u32::from_str_radix(words.next().unwrap_or("644"), 8);
                let mode = mode.map_err(|e| format!("{}: {e}", self.name))?;
                let text = text();
                self.files.push(Laid { path, text, mode });
            }
            Some("steps") => self.steps = lines().map(str::to_owned).collect(),
            Some(other) => return Err(format!("{}: unknown section {other}", self.name)),
        }
        Ok(())
    }

    /// The values of a directive, in order.
    pub(super) fn directives<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.directives.iter().filter(move |(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a directive is given with this value; `""` for one that takes none.
    pub(super) fn says(&self, key: &str, value: &str) -> bool {
        self.directives(key).any(|given| given == value)
    }

    /// The text of a file that is laid out.
    pub(super) fn text_of(&self, path: &str) -> Result<&str, String> {
        let file = self.files.iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| format!("{} lays out no {path}", self.name))?;
        Ok(&file.text)
    }
}

/// `tests/compat`.
pub(super) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat")
}
