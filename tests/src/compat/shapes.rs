//! What differs from run to run, found by its shape and replaced by a name.

/// Replaces every occurrence of a shape. In a shape `9` is a digit, `U` an upper-case and `l` a
/// lower-case letter; everything else stands for itself.
pub(super) fn replace_shape(text: &str, shape: &str, with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = shape_at(rest, shape) {
            out.push_str(with);
            rest = rest.get(length..).unwrap_or("");
        } else {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or("");
        }
    }
    out
}

fn shape_at(text: &str, shape: &str) -> Option<usize> {
    let mut bytes = text.bytes();
    for wanted in shape.bytes() {
        let byte = bytes.next()?;
        let fits = match wanted {
            b'9' => byte.is_ascii_digit(),
            b'U' => byte.is_ascii_uppercase(),
            b'l' => byte.is_ascii_lowercase(),
            other => byte == other,
        };
        if !fits {
            return None;
        }
    }
    Some(shape.len())
}

/// Replaces the digits that follow each occurrence of `before`, if `after` follows them, by what
/// `name` says of them. With `whole_word`, `before` must not continue a word.
pub(super) fn replace_number(
    text: &str,
    before: &str,
    after: &str,
    whole_word: bool,
    name: impl Fn(&str) -> String,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let (head, tail) = rest.split_at(at + before.len());
        let inner = head.get(..at).unwrap_or("").chars().next_back();
        let inner = inner.or_else(|| out.chars().next_back());
        let continues = inner.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = tail.split_at(digits);
        out.push_str(head);
        if digits > 0 && tail.starts_with(after) && !(whole_word && continues) {
            out.push_str(&name(number));
        } else {
            out.push_str(number);
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Replaces the random part of the names of AUTO logs: `web-stdout---supervisor-ab12cd34.log`.
pub(super) fn replace_random(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("---") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || c == '/');
        let segment = tail.get(..end.unwrap_or(tail.len())).unwrap_or("");
        let mut dashes = segment.match_indices('-').map(|(dash, _)| dash);
        let found = dashes.find(|dash| random_at(segment, dash + 1));
        let Some(dash) = found else {
            rest = tail;
            continue;
        };
        out.push_str(tail.get(..=dash).unwrap_or(""));
        out.push_str("<random>");
        rest = tail.get(dash + 9..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

fn random_at(segment: &str, at: usize) -> bool {
    let random = segment.get(at..at + 8).unwrap_or("");
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    random.len() == 8
        && random.bytes().all(letters)
        && segment.get(at + 8..).is_some_and(|s| s.starts_with(".log"))
}

/// The name between `before` and `after`, if it has no white space and no quote in it.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        rest = rest.get(at + before.len()..)?;
        let name = rest.split(['\'', ' ', '\n']).next().unwrap_or("");
        if !name.is_empty() && rest.get(name.len()..)?.starts_with(after) {
            return Some(name);
        }
    }
    None
}

/// Whether a text fits a pattern in which `*` stands for anything.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or("");
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_replaced_wherever_they_are() {
        let text = "a 2026-01-31 23:59:59,123 b 2026-01-31";
        let stamp = replace_shape(text, "9999-99-99 99:99:99,999", "<stamp>");
        assert_eq!(stamp, "a <stamp> b 2026-01-31");
        let date = replace_shape("Jan 31 11:59 PM", "Ull 99 99:99 UM", "<date>");
        assert_eq!(date, "<date>");
    }

    #[test]
    fn only_numbers_with_their_surroundings_are_replaced() {
        let name = |number: &str| format!("<{number}>");
        let text = replace_number("pid 12, cupid 3, pid x", "pid ", "", true, name);
        assert_eq!(text, "pid <12>, cupid 3, pid x");
        let text = replace_number("killing 'a' (5) with (6", "' (", ")", false, name);
        assert_eq!(text, "killing 'a' (<5>) with (6");
    }

    #[test]
    fn random_parts_are_found_behind_any_identifier() {
        let text = replace_random("/x/a-stdout---my-own-ab12_d34.log ---x a---b-short.log");
        assert_eq!(
            text,
            "/x/a-stdout---my-own-<random>.log ---x a---b-short.log"
        );
    }

    #[test]
    fn stars_stand_for_anything() {
        assert!(fits("INFO * to *", "INFO waiting for a to stop"));
        assert!(fits("rpc/*", "rpc/x") && fits("a", "a") && !fits("a", "ab"));
        assert!(!fits("*x*y", "xz") && fits("*", ""));
    }
}
