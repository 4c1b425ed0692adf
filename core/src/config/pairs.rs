//! `environment=`: `KEY=val,KEY2="v,2"`, split into tokens as Python's `shlex` does outside its
//! POSIX mode, with its word characters widened by `/.+-():`.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec::Vec};

/// Reads a list of pairs. A key that occurs twice keeps its place and takes the later value.
///
/// # Errors
/// The message of a list that cannot be read.
///
/// ```
/// use visor_core::config::key_value_pairs;
/// let pairs = key_value_pairs("A=/x:/y, B=\"1,2\"").unwrap();
/// assert_eq!(pairs, [("A".into(), "/x:/y".into()), ("B".into(), "1,2".into())]);
/// ```
pub fn key_value_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    // What the reference refuses may still be meant as `A="say \"hi\""`.
    pairs_of(text, Escapes::Literal)
        .or_else(|error| pairs_of(text, Escapes::Quote).map_err(|_| error))
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Escapes {
    /// A backslash is a character like any other.
    Literal,
    /// Within quotes, a backslash before that kind of quote takes away its meaning.
    Quote,
}

fn pairs_of(text: &str, escapes: Escapes) -> Result<Vec<(String, String)>, String> {
    let tokens = tokens(text, escapes)?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    // Every fourth token separates; what it is does not matter.
    for part in tokens.chunks(4) {
        let (Some(key), Some("="), Some(value)) =
            (part.first(), part.get(1).map(String::as_str), part.get(2))
        else {
            return Err(format!(
                "Unexpected end of key/value pairs in value '{text}'"
            ));
        };
        let value = match (escapes, value.chars().next()) {
            (Escapes::Quote, Some(quote @ ('"' | '\''))) => {
                let inner = value.strip_prefix(quote).unwrap_or(value);
                let inner = inner.strip_suffix(quote).unwrap_or(inner);
                inner.replace(&format!("\\{quote}"), &String::from(quote))
            }
            _ => value.trim_matches(['\'', '"']).to_owned(),
        };
        let place = *places.entry(key.as_str()).or_insert(pairs.len());
        match pairs.get_mut(place) {
            Some(pair) => pair.1 = value,
            None => pairs.push((key.clone(), value)),
        }
    }
    Ok(pairs)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '+' | '-' | '(' | ')' | ':')
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn tokens(text: &str, escapes: Escapes) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars();
    let mut word = String::new();
    while let Some(c) = chars.next() {
        if is_space(c) {
            if !word.is_empty() {
                tokens.push(core::mem::take(&mut word));
            }
        } else if c == '#' {
            // A comment. One that follows a word directly does not end it: the next line goes on.
            chars.by_ref().find(|c| *c == '\n');
        } else if is_word(c) || (!word.is_empty() && matches!(c, '"' | '\'')) {
            word.push(c);
        } else {
            if !word.is_empty() {
                tokens.push(core::mem::take(&mut word));
            }
            tokens.push(match c {
                '"' | '\'' => quoted(c, &mut chars, escapes)?,
                c => String::from(c),
            });
        }
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    Ok(tokens)
}

/// A quoted token, quotes included.
fn quoted(
    quote: char,
    chars: &mut core::str::Chars<'_>,
    escapes: Escapes,
) -> Result<String, String> {
    let mut token = String::from(quote);
    while let Some(c) = chars.next() {
        token.push(c);
        if c == quote {
            return Ok(token);
        }
        if c == '\\' && escapes == Escapes::Quote && chars.as_str().starts_with(quote) {
            token.extend(chars.next());
        }
    }
    Err("No closing quotation".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn pairs(text: &str) -> Vec<(String, String)> {
        key_value_pairs(text).unwrap()
    }

    fn one(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.into(), value.into())]
    }

    #[test]
    fn any_single_token_separates_pairs() {
        let both = vec![("A".into(), "b".into()), ("C".into(), "d".into())];
        assert_eq!(pairs("A=b;C=d"), both);
        assert_eq!(pairs("A= b ,\n C = d,"), both);
        assert_eq!(pairs("A=b x C=d"), both);
        assert!(key_value_pairs("A=b C=d").is_err());
    }

    #[test]
    fn quotes_at_the_ends_are_dropped_in_any_mix() {
        assert_eq!(pairs("A='say \"hi\"'"), one("A", "say \"hi"));
        assert_eq!(pairs("A=a\"b\"c"), one("A", "a\"b\"c"));
        assert_eq!(pairs("A=x\"y z\""), one("A", "x\"y"));
        assert_eq!(pairs("A=it's,B=c").len(), 2);
    }

    #[test]
    fn a_comment_within_a_word_joins_the_lines() {
        assert_eq!(pairs("A=a#b\nc,"), one("A", "ac"));
        assert_eq!(pairs("#"), vec![]);
    }

    #[test]
    fn odd_values_are_one_character() {
        assert_eq!(pairs("A=@b"), one("A", "@"));
        assert_eq!(pairs("A==b"), one("A", "="));
        assert_eq!(pairs("A=é"), one("A", "é"));
    }

    #[test]
    fn escaped_quotes_are_understood_where_the_list_makes_no_sense_otherwise() {
        assert_eq!(pairs(r#"A="say \"hi\"""#), one("A", "say \"hi\""));
        // Python reads a backslash before the closing quote as the value's last character.
        assert_eq!(pairs(r#"A="C:\",B=x"#)[0].1, "C:\\");
    }

    #[test]
    fn incomplete_lists_are_refused() {
        let wanted = "Unexpected end of key/value pairs in value 'A='";
        assert_eq!(key_value_pairs("A=").unwrap_err(), wanted);
        assert_eq!(
            key_value_pairs("A=\"x").unwrap_err(),
            "No closing quotation"
        );
    }
}
