//! Paths as Python's `posixpath` treats them: text in, text out, no file system.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// `os.path.dirname`.
pub(super) fn dirname(path: &str) -> &str {
    let Some(at) = path.rfind('/') else {
        return "";
    };
    let head = path.get(..=at).unwrap_or("");
    let trimmed = head.trim_end_matches('/');
    if trimmed.is_empty() { head } else { trimmed }
}

/// `os.path.join` for two parts.
pub(super) fn join(base: &str, path: &str) -> String {
    if path.starts_with('/') || base.is_empty() {
        path.to_owned()
    } else if base.ends_with('/') {
        format!("{base}{path}")
    } else {
        format!("{base}/{path}")
    }
}

/// `os.path.normpath`.
pub(super) fn normalize(path: &str) -> String {
    if path.is_empty() {
        return String::from(".");
    }
    // POSIX lets exactly two leading slashes mean something else; Python keeps them.
    let root = if path.starts_with("//") && !path.starts_with("///") {
        "//"
    } else if path.starts_with('/') {
        "/"
    } else {
        ""
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() {
        String::from(".")
    } else {
        joined
    }
}

/// `os.path.abspath` in the directory `current`.
pub(super) fn absolute(current: &str, path: &str) -> String {
    normalize(&join(current, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_as_python_does() {
        assert_eq!(dirname("a"), "");
        assert_eq!(dirname("/a"), "/");
        assert_eq!(dirname("//a"), "//");
        assert_eq!(dirname("/a//b"), "/a");
        assert_eq!(dirname("a/b/"), "a/b");
        assert_eq!(join("/a", "/b"), "/b");
        assert_eq!(join("/a/", "b"), "/a/b");
        assert_eq!(normalize("/../a/./b//../c"), "/a/c");
        assert_eq!(normalize("../../a"), "../../a");
        assert_eq!(normalize("//a"), "//a");
        assert_eq!(normalize("///a"), "/a");
        assert_eq!(normalize("a/.."), ".");
        assert_eq!(absolute("/x", ""), "/x");
    }
}
