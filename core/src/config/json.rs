//! JSON, written only: what the settings and the diagnostics are shown as to programs.

use alloc::{format, string::String, vec::Vec};

/// A value to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i128),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Members in order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Text, or `null`.
    #[must_use]
    pub fn maybe(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// An object.
    #[must_use]
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        let members = members.into_iter();
        Self::Object(members.map(|(name, value)| (name.into(), value)).collect())
    }

    /// The value as text, indented by two spaces.
    ///
    /// ```
    /// use visor_core::config::Json;
    /// let json = Json::object([("a", Json::List(vec![Json::Number(1), Json::text("é\n")]))]);
    /// assert_eq!(json.pretty(), "{\n  \"a\": [\n    1,\n    \"é\\n\"\n  ]\n}");
    /// ```
    #[must_use]
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => out.push_str(&format!("{number}")),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                let items = items.iter().map(|item| (None, item));
                write_all(out, depth, ('[', ']'), items);
            }
            Self::Object(members) => {
                let members = members.iter();
                let members = members.map(|(name, value)| (Some(name.as_str()), value));
                write_all(out, depth, ('{', '}'), members);
            }
        }
    }
}

fn write_all<'a>(
    out: &mut String,
    depth: usize,
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<&'a str>, &'a Json)>,
) {
    let inner = depth.saturating_add(1);
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(core::iter::repeat_n("  ", depth));
    };
    out.push(open);
    let mut empty = true;
    for (name, item) in items {
        if !empty {
            out.push(',');
        }
        empty = false;
        indent(out, inner);
        if let Some(name) = name {
            quote(name, out);
            out.push_str(": ");
        }
        item.write(out, inner);
    }
    if !empty {
        indent(out, depth);
    }
    out.push(close);
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
