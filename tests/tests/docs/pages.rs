//! The pages of the documentation, and the code blocks in them.
//!
//! What stands behind a block's language says how it is tried:
//!
//! | note | means |
//! |---|---|
//! | `file=PATH` | the reader puts it there; it is not run itself |
//! | `no-run=REASON` | it cannot be run here, see [`REASONS`] |
//! | `exit=STATUS` | it ends with this status; without it, 0 |
//! | `stays=PATH` | it runs on while the following blocks are tried; it is up when PATH exists |
//! | `daemon` | the installed daemon runs already |
//! | `soon` | what a transcript shows does not come at once: its commands are repeated until it does |
//! | `warns` | a configuration that `supervisord --check` has a warning for |
//! | `unit` | a unit of systemd |
//! | `trial=NAME` | the script of `packaging/trials` that uses it in a clean system |

use std::fs;
use std::path::{Path, PathBuf};

/// Why a block is not run, and who else looks at it.
pub(crate) const REASONS: &[(&str, &str)] = &[
    (
        "chroot",
        "it installs or removes packages: tried in a system of its own",
    ),
    (
        "cargo",
        "it builds or tests the whole project, as the tests themselves do",
    ),
    ("docker", "it needs a daemon of containers"),
    ("systemd", "it needs systemd as the first process"),
    (
        "reference",
        "it records from Supervisor and rewrites files of the tests",
    ),
];

/// The notes that a block may have.
pub(crate) const NOTES: &[&str] = &[
    "file", "no-run", "exit", "stays", "daemon", "soon", "warns", "unit", "trial",
];

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Relative to the workspace: `docs/events.md`.
    pub(crate) name: String,
    /// All of it.
    pub(crate) text: String,
    /// Its code blocks, from top to bottom.
    pub(crate) blocks: Vec<Block>,
}

/// A code block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// `docs/events.md:17`.
    pub(crate) place: String,
    /// `sh`, `ini`.
    pub(crate) language: String,
    /// What stands behind the language.
    notes: Vec<(String, String)>,
    /// Its lines, without the indentation they share with the fence.
    pub(crate) text: String,
}

impl Block {
    /// The value of a note, empty for one without; `None` if the block does not have it.
    pub(crate) fn note(&self, name: &str) -> Option<&str> {
        let mut notes = self.notes.iter();
        notes
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Its notes.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(|(name, _)| name.as_str())
    }

    /// Its first line.
    pub(crate) fn title(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

impl Page {
    fn new(name: &str, text: String) -> Self {
        let blocks = blocks(name, &text);
        let name = name.to_owned();
        Self { name, text, blocks }
    }

    /// A page by its name.
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(workspace().join(name));
        Self::new(name, text.unwrap_or_else(|error| panic!("{name}: {error}")))
    }

    /// What stands under a heading, up to the next of the same or a higher level.
    pub(crate) fn section(&self, heading: &str) -> &str {
        let start = self.text.find(&format!("\n{heading}\n"));
        let start = start.unwrap_or_else(|| panic!("{} has no {heading:?}", self.name));
        let body = &self.text[start + heading.len() + 2..];
        let level = heading.chars().take_while(|c| *c == '#').count();
        let ends = (1..=level).filter_map(|n| body.find(&format!("\n{} ", "#".repeat(n))));
        &body[..ends.min().unwrap_or(body.len())]
    }
}

/// All pages of the project.
pub(crate) fn pages() -> Vec<Page> {
    let top = [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
    ];
    let mut names: Vec<String> = top.map(str::to_owned).to_vec();
    let mut open = vec![PathBuf::from("docs"), PathBuf::from("tests")];
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(workspace().join(&directory)).expect("a directory");
        for entry in entries.flatten() {
            let path = directory.join(entry.file_name());
            if entry.file_type().expect("a file type").is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                names.push(path.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    names.iter().map(|name| Page::read(name)).collect()
}

/// Where the project is.
pub(crate) fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests live in a workspace")
}

fn blocks(page: &str, text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let fence = trimmed.strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(info)) => {
                let indent = line.len() - trimmed.len();
                open = Some((indent, begun(format!("{page}:{}", at + 1), info)));
            }
            (Some(_), Some("")) => found.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), _) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block is not closed");
    found
}

fn begun(place: String, info: &str) -> Block {
    let mut words = info.split([' ', ',']);
    let language = words.next().unwrap_or_default().to_owned();
    let note = |word: &str| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        (name.to_owned(), value.to_owned())
    };
    Block {
        place,
        language,
        notes: words.map(note).collect(),
        text: String::new(),
    }
}

#[test]
fn blocks_are_found_with_their_notes_and_without_their_indentation() {
    let text = "a\n\n- b\n\n  ```sh exit=2 daemon\n  c\n    d\n\n  ```\n```ini\ne=1\n```\n";
    let page = Page::new("p.md", text.to_owned());
    let [first, second] = &page.blocks[..] else {
        panic!("{page:?}");
    };
    assert_eq!(
        (first.place.as_str(), first.language.as_str()),
        ("p.md:5", "sh")
    );
    assert_eq!(first.text, "c\n  d\n\n");
    assert_eq!(
        (first.note("exit"), first.note("daemon")),
        (Some("2"), Some(""))
    );
    assert_eq!((second.note("exit"), second.title()), (None, "e=1"));
}

#[test]
fn a_section_ends_where_the_next_of_its_level_begins() {
    let text = "# a\n\n## b\nc\n### d\ne\n## f\ng\n";
    let page = Page::new("p.md", text.to_owned());
    assert_eq!(page.section("## b"), "c\n### d\ne");
    assert_eq!(page.section("## f"), "g\n");
}
