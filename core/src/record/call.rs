//! A call of XML-RPC without what it writes to a program, byte by byte.
//!
//! What may be such a text, and is no parameter known to be harmless, is masked: the second and
//! later parameters of all methods but a few. The document keeps its length and its structure.

use super::mask::MASK;
use alloc::vec::Vec;

/// Methods whose later parameters are no secrets: a signal's name, an event's data.
const SHOWN: [&[u8]; 3] = [
    b"signalProcess",
    b"signalProcessGroup",
    b"sendRemoteCommEvent",
];
/// Deeper documents are refused.
const DEPTH_MAX: usize = 100;
/// Most bytes of a name that are looked at.
const NAME_BYTES_MAX: usize = 64;

/// A document.
#[derive(Debug, Default)]
pub(super) struct Call {
    stage: Stage,
    /// The elements around.
    open: Vec<Element>,
    /// The call, and within a multicall the calls in it.
    scopes: Vec<Scope>,
    /// The text of a name, in a name.
    name: Vec<u8>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Text,
    /// Behind `&`.
    Reference { is_number: bool },
    /// Behind `<`, and what has been read since.
    Tag(Vec<u8>),
    /// In something that ends like this, of which so many bytes have come.
    Until(&'static [u8], Vec<u8>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Element {
    MethodName,
    Param,
    Value,
    Struct,
    Member,
    Name,
    Array,
    Data,
    Base64,
    /// Numbers, dates and the like.
    Plain,
    Other,
}

/// What is known of a call so far.
#[derive(Debug, Default)]
struct Scope {
    method: Vec<u8>,
    /// The member in hand is called `methodName`.
    in_method: bool,
    /// Parameters so far.
    params: usize,
}

impl Call {
    pub(super) fn mask(&mut self, byte: &mut u8) {
        match &mut self.stage {
            Stage::Text if *byte == b'<' => self.stage = Stage::Tag(Vec::new()),
            Stage::Text => {
                self.read_name(*byte);
                if *byte == b'&' {
                    self.stage = Stage::Reference { is_number: false };
                } else if self.is_secret() {
                    *byte = self.masked(*byte);
                }
            }
            Stage::Reference { is_number } => {
                match *byte {
                    b'#' => *is_number = true,
                    b';' => self.stage = Stage::Text,
                    b'<' => self.stage = Stage::Tag(Vec::new()),
                    // A character of the same length.
                    digit if *is_number && digit.is_ascii_hexdigit() && self.is_secret() => {
                        *byte = b'9';
                    }
                    _ => {}
                }
            }
            Stage::Tag(tag) => {
                if *byte == b'>' {
                    let tag = core::mem::take(tag);
                    self.stage = Stage::Text;
                    self.element(&tag);
                    return;
                }
                // Of a long one the beginning counts, and its last byte.
                if tag.len() < NAME_BYTES_MAX {
                    tag.push(*byte);
                } else if let Some(last) = tag.last_mut() {
                    *last = *byte;
                }
                match tag.as_slice() {
                    b"!--" => self.stage = Stage::Until(b"-->", Vec::new()),
                    b"?" => self.stage = Stage::Until(b"?>", Vec::new()),
                    b"![CDATA[" => self.stage = Stage::Until(b"]]>", Vec::new()),
                    _ => {}
                }
            }
            Stage::Until(end, last) => {
                if last.len() == end.len() {
                    last.remove(0);
                }
                last.push(*byte);
                let (is_text, has_ended) = (*end == b"]]>", last == end);
                if is_text && !matches!(*byte, b']' | b'>') && self.is_secret() {
                    *byte = self.masked(*byte);
                }
                if has_ended {
                    self.stage = Stage::Text;
                }
            }
        }
    }

    /// A tag, without its brackets.
    fn element(&mut self, tag: &[u8]) {
        if let Some(name) = tag.strip_prefix(b"/") {
            self.close(name);
            return;
        }
        let end = tag
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'/');
        let element = Element::named(tag.get(..end.unwrap_or(tag.len())).unwrap_or_default());
        if self.open.len() < DEPTH_MAX {
            self.begin(element);
            if tag.ends_with(b"/") {
                self.close(b"");
            }
        }
    }

    fn begin(&mut self, element: Element) {
        let depth = self.open.len();
        if depth == 0 {
            self.scopes = alloc::vec![Scope::default()];
        }
        let around = |back: usize| depth.checked_sub(back).and_then(|at| self.open.get(at));
        // In an array that is a member of a call in a multicall.
        let is_item = [
            Element::Data,
            Element::Array,
            Element::Value,
            Element::Member,
        ]
        .iter()
        .zip(1..)
        .all(|(wanted, back)| around(back) == Some(wanted));
        let is_param = element == Element::Param || (element == Element::Value && is_item);
        if element == Element::Struct {
            self.scopes.push(Scope::default());
        }
        if let (true, Some(scope)) = (is_param, self.scopes.last_mut()) {
            scope.params += 1;
        }
        if matches!(element, Element::Name | Element::Member)
            && let Some(scope) = self.scopes.last_mut()
        {
            scope.in_method = false;
        }
        self.name.clear();
        self.open.push(element);
    }

    fn close(&mut self, _: &[u8]) {
        let name = core::mem::take(&mut self.name);
        let Some(element) = self.open.pop() else {
            return;
        };
        let Some(scope) = self.scopes.last_mut() else {
            return;
        };
        let is_text = matches!(element, Element::Value | Element::Other);
        if element == Element::MethodName || (is_text && scope.in_method && !name.is_empty()) {
            scope.method = name;
        } else if element == Element::Name {
            scope.in_method = name == b"methodName";
        } else if element == Element::Struct {
            self.scopes.pop();
        }
    }

    /// Keeps the text of names.
    fn read_name(&mut self, byte: u8) {
        let is_name = match self.open.last() {
            Some(Element::MethodName | Element::Name) => true,
            Some(Element::Value | Element::Other) => {
                self.scopes.last().is_some_and(|scope| scope.in_method)
            }
            _ => false,
        };
        if is_name && self.name.len() < NAME_BYTES_MAX {
            self.name.push(byte);
        }
    }

    fn is_secret(&self) -> bool {
        let is_text = match self.open.last() {
            Some(Element::Value | Element::Other | Element::Base64) => true,
            Some(_) | None => false,
        };
        let inner = self.scopes.len().saturating_sub(1);
        let hides = |(at, scope): (usize, &Scope)| {
            let is_method = at == inner && scope.in_method;
            scope.params > 1 && !scope.is_shown() && !is_method
        };
        is_text && self.scopes.iter().enumerate().any(hides)
    }

    fn masked(&self, byte: u8) -> u8 {
        let is_base64 = self.open.last() == Some(&Element::Base64);
        match byte {
            0..=0x20 if is_base64 || byte != b' ' => byte,
            b'=' if is_base64 => byte,
            // The end of a group may have no other bits.
            _ if is_base64 => b'A',
            0..=0x7f => MASK,
            // A character of the same length.
            0x80..=0xbf => 0xa0,
            0xc2..=0xdf => 0xc3,
            0xe0..=0xef => 0xe2,
            0xf0..=0xf4 => 0xf0,
            0xc0 | 0xc1 | 0xf5..=0xff => byte,
        }
    }
}

impl Scope {
    fn is_shown(&self) -> bool {
        let dot = self.method.iter().rposition(|byte| *byte == b'.');
        let bare = self.method.get(dot.map_or(0, |dot| dot + 1)..);
        bare.is_some_and(|bare| SHOWN.contains(&bare))
    }
}

impl Element {
    fn named(name: &[u8]) -> Self {
        match name {
            b"methodName" => Self::MethodName,
            b"param" => Self::Param,
            b"value" => Self::Value,
            b"struct" => Self::Struct,
            b"member" => Self::Member,
            b"name" => Self::Name,
            b"array" => Self::Array,
            b"data" => Self::Data,
            b"base64" => Self::Base64,
            b"int" | b"i4" | b"i8" | b"boolean" | b"double" | b"dateTime.iso8601" => Self::Plain,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn masked(document: &str) -> String {
        let mut call = Call::default();
        let mut bytes = document.as_bytes().to_vec();
        bytes.iter_mut().for_each(|byte| call.mask(byte));
        String::from_utf8(bytes).unwrap()
    }

    fn call(method: &str, params: &[&str]) -> String {
        let params = params
            .iter()
            .map(|value| alloc::format!("<param>{value}</param>\n"));
        alloc::format!(
            "<?xml version='1.0'?>\n<methodCall>\n<methodName>{method}</methodName>\n<params>\n{}\
             </params>\n</methodCall>\n",
            params.collect::<String>()
        )
    }

    #[test]
    fn what_is_written_to_a_program_is_masked_however_it_is_written() {
        let web = "<value><string>web</string></value>";
        for (value, expected) in [
            (
                "<value><string>a &amp; b\n</string></value>",
                "<value><string>xx&amp;xx\n</string></value>",
            ),
            ("<value>pass</value>", "<value>xxxx</value>"),
            (
                "<value><base64>cGE=\n</base64></value>",
                "<value><base64>AAA=\n</base64></value>",
            ),
            ("<value>&#233;&#x41;</value>", "<value>&#999;&#x99;</value>"),
            (
                "<value><![CDATA[a<b]]>c</value>",
                "<value><![CDATA[xxx]]>x</value>",
            ),
            ("<value>a<!-- c -->b</value>", "<value>x<!-- c -->x</value>"),
            ("<value>a=b</value>", "<value>xxx</value>"),
            ("<value a='b'>c</value>", "<value a='b'>x</value>"),
            (
                "<value>a<!-- c > d -->b</value>",
                "<value>x<!-- c > d -->x</value>",
            ),
            ("<value>a<?b > c?>d</value>", "<value>x<?b > c?>x</value>"),
            (
                "<value>\u{e9}\u{20ac}\u{1f600}</value>",
                "<value>\u{e0}\u{2820}\u{20820}</value>",
            ),
            ("<value><int>5</int></value>", "<value><int>5</int></value>"),
            (
                "<value><foo>pass</foo></value>",
                "<value><foo>xxxx</foo></value>",
            ),
            (
                "<value><array><data><value>p</value></data></array></value>",
                "<value><array><data><value>x</value></data></array></value>",
            ),
            (
                "<value><struct><member><name>n</name><value>p</value></member></struct></value>",
                "<value><struct><member><name>n</name><value>x</value></member></struct></value>",
            ),
        ] {
            for method in ["supervisor.sendProcessStdin", "supervisor.sendProcesStdin"] {
                let got = masked(&call(method, &[web, value]));
                assert_eq!(got, call(method, &[web, expected]));
            }
        }
    }

    #[test]
    fn parameters_are_counted_however_they_are_written() {
        for (before, value) in [
            ("<param a='b'><value>web</value></param>", "pass"),
            ("<param><value/></param>", "pass"),
            ("<param/>", "pass"),
            // A reference that never ends.
            ("<param><value>&amp</value></param>", "pass"),
        ] {
            let with = |value: &str| {
                let second = alloc::format!("{before}<param><value>{value}</value></param>");
                call("supervisor.sendProcessStdin", &[])
                    .replace("</params>", &(second + "</params>"))
            };
            assert_eq!(masked(&with(value)), with("xxxx"), "{before}");
        }
    }

    #[test]
    fn what_is_kept_of_a_document_has_a_bound() {
        let fed = |document: &str| {
            let mut call = Call::default();
            let mut bytes = document.as_bytes().to_vec();
            bytes.iter_mut().for_each(|byte| call.mask(byte));
            call
        };
        let long = "x".repeat(1000);
        let name = fed(&alloc::format!("<methodName>{long}"));
        assert_eq!(name.name.len(), NAME_BYTES_MAX);
        assert_eq!(fed(&long).name.len(), 0);
        let Stage::Tag(tag) = fed(&alloc::format!("<{long}/")).stage else {
            panic!("it is a tag")
        };
        assert_eq!(tag.len(), NAME_BYTES_MAX);
        assert!(tag.ends_with(b"x/"));
        assert_eq!(fed(&"<a>".repeat(1000)).open.len(), DEPTH_MAX);
    }

    #[test]
    fn what_decisions_are_made_of_is_left() {
        let text = |value: &str| alloc::format!("<value><string>{value}</string></value>");
        for (method, params) in [
            ("supervisor.signalProcess", &[text("web"), text("HUP")][..]),
            ("supervisor.sendRemoteCommEvent", &[text("t"), text("data")]),
            (
                "supervisor.startProcess",
                &[
                    text("web"),
                    String::from("<value><boolean>1</boolean></value>"),
                ],
            ),
            ("supervisor.startProcess", &[text("web:*")]),
        ] {
            let params: Vec<&str> = params.iter().map(String::as_str).collect();
            let document = call(method, &params);
            assert_eq!(masked(&document), document);
        }
    }

    #[test]
    fn the_calls_of_a_multicall_are_calls() {
        let member = |name: &str, value: &str| {
            alloc::format!("<member><name>{name}</name><value>{value}</value></member>")
        };
        let params = |values: &[&str]| {
            let values = values
                .iter()
                .map(|value| alloc::format!("<value>{value}</value>\n"));
            let array = alloc::format!(
                "<array><data>\n{}</data></array>",
                values.collect::<String>()
            );
            member("params", &array)
        };
        let all = |secret: &str| {
            let stdin = member("methodName", "<string>supervisor.sendProcessStdin</string>");
            let signal = member("methodName", "supervisor.signalProcess");
            let calls = [
                alloc::format!("{stdin}{}", params(&["<string>web</string>", secret])),
                // What comes before the method's name may be anything.
                alloc::format!("{}{stdin}", params(&["web", secret])),
                alloc::format!("{signal}{}", params(&["web", "HUP"])),
            ];
            let calls = calls
                .iter()
                .map(|call| alloc::format!("<value><struct>{call}</struct></value>"));
            let array = alloc::format!(
                "<value><array><data>{}</data></array></value>",
                calls.collect::<String>()
            );
            call("system.multicall", &[&array])
        };
        assert_eq!(masked(&all("pass")), all("xxxx"));
    }
}
