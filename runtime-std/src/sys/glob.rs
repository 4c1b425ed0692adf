//! Files by pattern, as Python's `glob.glob` finds them: not recursive, `**` is `*`, names with a
//! leading dot only for patterns with one, dangling links count.

use std::fs;
use std::path::Path;

/// All paths that match, in no particular order.
#[must_use]
pub fn glob(pattern: &str) -> Vec<String> {
    let (directory, base) = split(pattern);
    if !has_magic(pattern) {
        let found = if base.is_empty() {
            Path::new(directory).is_dir()
        } else {
            exists(pattern)
        };
        return Vec::from_iter(found.then(|| pattern.to_owned()));
    }
    let directories = if !directory.is_empty() && directory != pattern && has_magic(directory) {
        glob(directory)
    } else {
        vec![directory.to_owned()]
    };
    directories
        .iter()
        .flat_map(|directory| in_directory(directory, base))
        .collect()
}

fn in_directory(directory: &str, base: &str) -> Vec<String> {
    if base.is_empty() {
        let found = Path::new(directory).is_dir();
        return Vec::from_iter(found.then(|| join(directory, "")));
    }
    if !has_magic(base) {
        let path = join(directory, base);
        return Vec::from_iter(exists(&path).then_some(path));
    }
    let pattern = Pattern::new(base);
    let listed = if directory.is_empty() { "." } else { directory };
    let Ok(entries) = fs::read_dir(listed) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| base.starts_with('.') || !name.starts_with('.'))
        .filter(|name| pattern.matches(name))
        .map(|name| join(directory, &name))
        .collect()
}

/// Directory and last part, as `os.path.split`.
fn split(path: &str) -> (&str, &str) {
    let Some((before, base)) = path.rsplit_once('/') else {
        return ("", path);
    };
    let directory = before.trim_end_matches('/');
    if directory.is_empty() {
        // Nothing but slashes: they are the root.
        (&path[..=before.len()], base)
    } else {
        (directory, base)
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() || directory.ends_with('/') {
        format!("{directory}{name}")
    } else {
        format!("{directory}/{name}")
    }
}

fn exists(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn has_magic(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A pattern for one name, as Python's `fnmatch`.
struct Pattern(Vec<Part>);

enum Part {
    /// `*`.
    Any,
    /// `?`.
    One,
    /// A character that stands for itself.
    Literal(char),
    /// `[…]`: ranges, and whether they are excluded.
    Set(Vec<(char, char)>, bool),
}

impl Pattern {
    fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            at += 1;
            match c {
                '*' => parts.push(Part::Any),
                '?' => parts.push(Part::One),
                '[' => match set(&chars[at..]) {
                    Some((part, length)) => {
                        parts.push(part);
                        at += length;
                    }
                    // Not closed: a bracket like any other character.
                    None => parts.push(Part::Literal('[')),
                },
                c => parts.push(Part::Literal(c)),
            }
        }
        Self(parts)
    }

    /// Tries again from the last `*` where it must: linear in practice, never exponential.
    fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            let fits = match (self.0.get(part), name.get(at)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    star = Some((part, at));
                    part += 1;
                    continue;
                }
                (Some(one), Some(c)) => one.fits(*c),
                (Some(_), None) | (None, Some(_)) => false,
            };
            if fits {
                part += 1;
                at += 1;
                continue;
            }
            match star {
                Some((star_part, from)) if from < name.len() => {
                    star = Some((star_part, from + 1));
                    part = star_part + 1;
                    at = from + 1;
                }
                Some(_) | None => return false,
            }
        }
    }
}

impl Part {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Literal(literal) => *literal == c,
            Self::Set(ranges, excluded) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *excluded
            }
        }
    }
}

/// A set, the opening bracket already read, and its length with the closing one. A `]` or `!]`
/// at the beginning belongs to the set.
fn set(chars: &[char]) -> Option<(Part, usize)> {
    let excluded = chars.first() == Some(&'!');
    let start = usize::from(excluded);
    let first = start + usize::from(chars.get(start) == Some(&']'));
    let end = first + chars.get(first..)?.iter().position(|c| *c == ']')?;
    let mut rest = &chars[start..end];
    let mut ranges = Vec::new();
    while let Some((&low, after)) = rest.split_first() {
        match after {
            ['-', high, beyond @ ..] => {
                ranges.push((low, *high));
                rest = beyond;
            }
            _ => {
                ranges.push((low, low));
                rest = after;
            }
        }
    }
    Some((Part::Set(ranges, excluded), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).matches(name)
    }

    #[test]
    fn names_match_as_in_python() {
        for (pattern, name) in [
            ("*.conf", "a.conf"),
            ("a***b", "ab"),
            ("[^a]x", "^x"),
            ("[!a]x", "bx"),
            ("[]]", "]"),
            ("[!]]", "a"),
            ("[z", "[z"),
            ("q[-]1", "q-1"),
            ("[a-zA-Z]", "Q"),
            ("[--/]", "."),
            ("?", "é"),
            ("back\\*", "back\\slash"),
            ("{a,b}", "{a,b}"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.conf", "a.CONF"),
            ("[!a]x", "ax"),
            ("[1-!]", "1"),
            ("?", "ab"),
            ("", "a"),
            ("a*b*c", "abd"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_do_not_explode() {
        let pattern = "a*".repeat(30) + "b";
        assert!(!matches(&pattern, &"a".repeat(200)));
    }

    #[test]
    fn files_are_found_as_python_finds_them() {
        let root = std::env::temp_dir().join(format!("visor-glob-{}", std::process::id()));
        let root_text = root.to_str().unwrap();
        fs::create_dir_all(root.join("conf.d/sub")).unwrap();
        for name in ["a.conf", ".hidden.conf", "[z].conf", "sub/deep.conf"] {
            fs::write(root.join("conf.d").join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("nowhere", root.join("conf.d/dangling.conf")).unwrap();
        let found = |pattern: &str| {
            let mut found = glob(&format!("{root_text}/{pattern}"));
            found.sort();
            let strip = |path: String| path[root_text.len() + 1..].to_owned();
            found.into_iter().map(strip).collect::<Vec<_>>()
        };
        assert_eq!(
            found("conf.d/*.conf"),
            ["conf.d/[z].conf", "conf.d/a.conf", "conf.d/dangling.conf"]
        );
        assert_eq!(found("conf.d/.*.conf"), ["conf.d/.hidden.conf"]);
        assert_eq!(found("conf.d/[z].conf"), [""; 0]);
        assert_eq!(found("conf.d//a.conf"), ["conf.d//a.conf"]);
        assert_eq!(found("conf.d/"), ["conf.d/"]);
        assert_eq!(found("*/*/"), ["conf.d/sub/"]);
        assert_eq!(found("**/a.conf"), ["conf.d/a.conf"]);
        assert_eq!(found("nothere/*"), [""; 0]);
        fs::remove_dir_all(root).unwrap();
    }
}
