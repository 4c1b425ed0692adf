//! Reading what clients send: a push decoder over rxml.

mod head;
pub(super) mod number;

use super::{Message, Name, Value};
use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    string::{String, ToString as _},
    vec::Vec,
};
use base64::Engine as _;
use core::fmt;
use head::{Head, Tail};
use rxml::{Options, Parse as _, RawEvent, RawParser, WithOptions as _, parser::CommentMode};

/// Attributes an element may have. XML-RPC has none; some clients declare a name space.
const ATTRIBUTES_MAX: usize = 16;
/// Bytes of one name, and of one piece of text: longer text comes in several.
const TOKEN_BYTES_MAX: usize = 64 << 10;
/// Open elements for each level of nesting: `value`, `struct`, `member` or `value`, `array`,
/// `data`; and the few around them.
const ELEMENTS_PER_LEVEL: usize = 3;

/// What a document may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Arrays and structs within each other.
    pub depth: usize,
    /// Size of the document in bytes.
    pub bytes: usize,
    /// Values in all, whatever they are nested in: an empty one takes 8 bytes of a document, but
    /// many times that in memory.
    pub values: usize,
}

impl Default for Limits {
    /// 64 levels, 16 MiB, a million values: status of 50,000 processes.
    fn default() -> Self {
        Self {
            depth: 64,
            bytes: 16 << 20,
            values: 1 << 20,
        }
    }
}

/// Why a document cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DecodeError {
    /// Not well-formed, or uses what is refused in XML (document types, processing instructions).
    Xml(String),
    /// Well-formed, but not XML-RPC.
    Shape(&'static str),
    /// A number, date or base64 text that is none.
    Literal(&'static str),
    /// It ends too early.
    Incomplete,
    /// A call without a method's name.
    NoMethodName,
    /// Beyond [`Limits::depth`].
    TooDeep,
    /// Beyond [`Limits::bytes`] or [`Limits::values`].
    TooBig,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(reason) => write!(f, "not well-formed XML: {reason}"),
            Self::Shape(what) => write!(f, "not XML-RPC: {what}"),
            Self::Literal(what) => write!(f, "not a {what}"),
            Self::Incomplete => f.write_str("the document is incomplete"),
            Self::NoMethodName => f.write_str("no method name"),
            Self::TooDeep => f.write_str("nested too deeply"),
            Self::TooBig => f.write_str("too big"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Reads a whole document, within the default [`Limits`].
///
/// # Errors
/// What is wrong with the document.
pub fn decode(document: &[u8]) -> Result<Message, DecodeError> {
    decode_within(document, Limits::default())
}

/// Reads a whole document. Answers in the form in which they are written here and by Python are
/// read many times as fast as any other document.
///
/// # Errors
/// What is wrong with the document.
pub fn decode_within(document: &[u8], limits: Limits) -> Result<Message, DecodeError> {
    if let Some(message) = super::canonical::read(document, limits) {
        return Ok(message);
    }
    let mut decoder = Decoder::new(limits);
    decoder.feed(document)?;
    decoder.finish()
}

/// Reads a document as it comes: [`feed`](Self::feed) each piece, [`finish`](Self::finish) when
/// the transport says that it is over. After an error the decoder is of no more use.
///
/// ```
/// use visor_core::xmlrpc::{Decoder, Limits, Message};
/// let mut decoder = Decoder::new(Limits::default());
/// for piece in [b"<methodCall><methodNa".as_slice(), b"me>a.b</methodName></methodCall>"] {
///     decoder.feed(piece)?;
/// }
/// assert!(matches!(decoder.finish()?, Message::Call { method, .. } if method == "a.b"));
/// # Ok::<(), visor_core::xmlrpc::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    parser: RawParser,
    limits: Limits,
    bytes: usize,
    values: usize,
    place: Place,
    open: Vec<Tag>,
    attributes: Vec<(Option<String>, String)>,
    text: String,
    /// The value that the innermost `<value>` has so far.
    value: Option<Value>,
    containers: Vec<Container>,
    method: Option<String>,
    params: Vec<Value>,
    fault: Option<Value>,
    is_response: bool,
}

#[derive(Debug)]
enum Place {
    /// Before the root element.
    Head(Head),
    /// Within it.
    Root,
    /// Behind it.
    Tail(Tail),
}

#[derive(Debug)]
enum Container {
    Array(Vec<Value>),
    Struct {
        members: Vec<(Name, Value)>,
        name: Option<String>,
        value: Option<Value>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tag {
    Response,
    MethodName,
    Param,
    Fault,
    Value,
    Int,
    Bool,
    Double,
    DateTime,
    Base64,
    Array,
    Data,
    Struct,
    Member,
    Name,
    Nil,
    /// What means nothing by itself, such as `methodCall` and `params`; within a value, a string.
    Other,
}

impl Tag {
    fn named(local: &str) -> Self {
        match local {
            "methodResponse" => Self::Response,
            "methodName" => Self::MethodName,
            "param" => Self::Param,
            "fault" => Self::Fault,
            "value" => Self::Value,
            "i1" | "i2" | "i4" | "int" | "i8" => Self::Int,
            "boolean" => Self::Bool,
            "double" | "float" => Self::Double,
            "dateTime.iso8601" => Self::DateTime,
            "base64" => Self::Base64,
            "array" => Self::Array,
            "data" => Self::Data,
            "struct" => Self::Struct,
            "member" => Self::Member,
            "name" => Self::Name,
            "nil" => Self::Nil,
            _ => Self::Other,
        }
    }

    /// Whether what stands in it means anything.
    const fn has_text(self) -> bool {
        !matches!(
            self,
            Self::Response
                | Self::Param
                | Self::Fault
                | Self::Array
                | Self::Data
                | Self::Struct
                | Self::Member
                | Self::Nil
        )
    }
}

impl Decoder {
    /// A decoder at the start of a document.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let options = Options {
            comments: CommentMode::Discard,
            max_token_length: TOKEN_BYTES_MAX,
            ..Options::default()
        };
        Self {
            parser: RawParser::with_options(options),
            limits,
            bytes: 0,
            values: 0,
            place: Place::Head(Head::default()),
            open: Vec::new(),
            attributes: Vec::new(),
            text: String::new(),
            value: None,
            containers: Vec::new(),
            method: None,
            params: Vec::new(),
            fault: None,
            is_response: false,
        }
    }

    /// The next piece of the document.
    ///
    /// # Errors
    /// What is wrong with it, as early as it is known.
    pub fn feed(&mut self, data: &[u8]) -> Result<(), DecodeError> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > self.limits.bytes {
            return Err(DecodeError::TooBig);
        }
        match &mut self.place {
            Place::Head(head) => match head.feed(data)? {
                Some(rest) => {
                    self.place = Place::Root;
                    self.parse(&rest)
                }
                None => Ok(()),
            },
            Place::Root => self.parse(data),
            Place::Tail(tail) => tail.feed(data),
        }
    }

    /// The document is over.
    ///
    /// # Errors
    /// It is incomplete, or not what XML-RPC says.
    pub fn finish(self) -> Result<Message, DecodeError> {
        match &self.place {
            Place::Head(_) | Place::Root => return Err(DecodeError::Incomplete),
            Place::Tail(tail) => tail.finish()?,
        }
        if let Some(fault) = self.fault {
            let code = fault.member("faultCode").and_then(Value::as_int);
            let text = fault.member("faultString").and_then(Value::as_str);
            return match (code, text) {
                (Some(code), Some(text)) => Ok(Message::Fault {
                    code,
                    text: text.into(),
                }),
                _ => Err(DecodeError::Shape("a fault without code and text")),
            };
        }
        if self.is_response {
            let value = self.params.into_iter().next();
            return value
                .map(Message::Response)
                .ok_or(DecodeError::Shape("a response without a value"));
        }
        match self.method {
            Some(method) if !method.is_empty() => Ok(Message::Call {
                method,
                params: self.params,
            }),
            Some(_) | None => Err(DecodeError::NoMethodName),
        }
    }

    fn parse(&mut self, mut data: &[u8]) -> Result<(), DecodeError> {
        loop {
            match self.parser.parse(&mut data, false) {
                Ok(Some(event)) => self.event(event)?,
                Ok(None) | Err(rxml::error::EndOrError::NeedMoreData) => return Ok(()),
                Err(rxml::error::EndOrError::Error(error)) => {
                    return Err(DecodeError::Xml(error.to_string()));
                }
            }
            if let Place::Tail(tail) = &mut self.place {
                return tail.feed(data);
            }
        }
    }

    fn event(&mut self, event: RawEvent) -> Result<(), DecodeError> {
        match event {
            RawEvent::ElementHeadOpen(_, (_, name)) => self.opened(Tag::named(name.as_str())),
            RawEvent::Attribute(_, (prefix, name), _) => {
                let attribute = (prefix.map(|p| p.to_string()), name.to_string());
                if self.attributes.len() >= ATTRIBUTES_MAX || self.attributes.contains(&attribute) {
                    return Err(DecodeError::Xml("too many or repeated attributes".into()));
                }
                self.attributes.push(attribute);
                Ok(())
            }
            RawEvent::XmlDeclaration(..) => Ok(()),
            RawEvent::ElementHeadClose(_) => {
                self.attributes.clear();
                Ok(())
            }
            RawEvent::Text(_, text) => {
                self.text.push_str(&text);
                Ok(())
            }
            RawEvent::ElementFoot(_) => {
                let tag = self.open.pop().ok_or(DecodeError::Shape("foot"))?;
                self.closed(tag)?;
                if self.open.is_empty() {
                    self.place = Place::Tail(Tail::default());
                }
                Ok(())
            }
        }
    }

    fn opened(&mut self, tag: Tag) -> Result<(), DecodeError> {
        let elements_max = self.limits.depth * ELEMENTS_PER_LEVEL + 8;
        if self.open.len() >= elements_max {
            return Err(DecodeError::TooDeep);
        }
        match tag {
            Tag::Data => self.push(Container::Array(Vec::new()))?,
            Tag::Struct => self.push(Container::Struct {
                members: Vec::new(),
                name: None,
                value: None,
            })?,
            Tag::Response => self.is_response = true,
            Tag::Value => self.value = None,
            Tag::MethodName
            | Tag::Param
            | Tag::Fault
            | Tag::Int
            | Tag::Bool
            | Tag::Double
            | Tag::DateTime
            | Tag::Base64
            | Tag::Array
            | Tag::Member
            | Tag::Name
            | Tag::Nil
            | Tag::Other => {}
        }
        self.open.push(tag);
        self.text.clear();
        Ok(())
    }

    fn push(&mut self, container: Container) -> Result<(), DecodeError> {
        if self.containers.len() >= self.limits.depth {
            return Err(DecodeError::TooDeep);
        }
        self.containers.push(container);
        Ok(())
    }

    fn closed(&mut self, tag: Tag) -> Result<(), DecodeError> {
        let text = if tag.has_text() {
            core::mem::take(&mut self.text)
        } else {
            // Blanks between elements; the buffer stays.
            self.text.clear();
            String::new()
        };
        let in_value = self.open.last() == Some(&Tag::Value);
        // As Supervisor, which reads the first type element of a value.
        let first = if in_value && !matches!(tag, Tag::Value | Tag::Array) {
            self.value.take()
        } else {
            None
        };
        match tag {
            Tag::Int | Tag::Bool | Tag::Double | Tag::DateTime | Tag::Base64 => {
                self.value = Some(scalar(tag, text)?);
            }
            Tag::Nil => self.value = Some(Value::Nil),
            // As Supervisor, to which an unknown type is a string.
            Tag::Other => self.value = in_value.then_some(Value::Str(text)),
            Tag::Array => {
                if !matches!(self.value, Some(Value::Array(_))) {
                    return Err(DecodeError::Shape("an array without data"));
                }
            }
            Tag::Value => self.value_closed(text)?,
            Tag::Data => {
                if let Some(Container::Array(values)) = self.containers.pop() {
                    self.value = Some(Value::Array(values));
                }
            }
            Tag::Struct => {
                if let Some(Container::Struct { members, .. }) = self.containers.pop() {
                    self.value = Some(Value::Struct(unique(members)));
                }
            }
            Tag::Member => self.member_closed(),
            Tag::Name => {
                if let Some(Container::Struct { name, .. }) = self.containers.last_mut() {
                    *name = Some(text);
                }
            }
            Tag::MethodName => self.method = Some(text),
            Tag::Response | Tag::Param | Tag::Fault => {}
        }
        if first.is_some() {
            self.value = first;
        }
        Ok(())
    }

    fn value_closed(&mut self, text: String) -> Result<(), DecodeError> {
        self.values += 1;
        if self.values > self.limits.values {
            return Err(DecodeError::TooBig);
        }
        // A value without a type is a string.
        let done = self.value.take().unwrap_or(Value::Str(text));
        match (self.open.last(), self.containers.last_mut()) {
            (Some(Tag::Data), Some(Container::Array(values))) => values.push(done),
            (Some(Tag::Member), Some(Container::Struct { value, .. })) => *value = Some(done),
            (Some(Tag::Param), _) => self.params.push(done),
            (Some(Tag::Fault), _) => self.fault = Some(done),
            _ => return Err(DecodeError::Shape("a value out of place")),
        }
        Ok(())
    }

    /// The name may come before or after the value.
    fn member_closed(&mut self) {
        if let Some(Container::Struct {
            members,
            name,
            value,
        }) = self.containers.last_mut()
            && let Some(value) = value.take()
        {
            members.push((Cow::Owned(name.take().unwrap_or_default()), value));
        }
    }
}

fn scalar(tag: Tag, text: String) -> Result<Value, DecodeError> {
    Ok(match tag {
        Tag::Int => Value::Int(number::py_int(&text).ok_or(DecodeError::Literal("integer"))?),
        // As Supervisor: anything else is false.
        Tag::Bool => Value::Bool(text == "1"),
        Tag::Double => {
            Value::Double(number::py_float(&text).ok_or(DecodeError::Literal("double"))?)
        }
        Tag::DateTime => Value::DateTime(text),
        Tag::Base64 => Value::Base64(base64_bytes(&text)?),
        Tag::Response
        | Tag::MethodName
        | Tag::Param
        | Tag::Fault
        | Tag::Value
        | Tag::Array
        | Tag::Data
        | Tag::Struct
        | Tag::Member
        | Tag::Name
        | Tag::Nil
        | Tag::Other => Value::Str(text),
    })
}

/// Base64 with anything between its letters, as Python reads it.
fn base64_bytes(text: &str) -> Result<Vec<u8>, DecodeError> {
    let letters: Vec<u8> = text
        .bytes()
        .filter(|c| c.is_ascii_alphanumeric() || b"+/=".contains(c))
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(letters)
        .map_err(|_| DecodeError::Literal("base64 text"))
}

/// Up to so many members are compared with each other.
const FEW_MEMBERS: usize = 32;

/// A repeated member has the place of the first and the value of the last, as in Python's dict.
/// Through an index, so that a struct of many members costs no more than its size.
pub(super) fn unique(members: Vec<(Name, Value)>) -> Vec<(Name, Value)> {
    let is_repeated = |(at, (name, _)): (usize, &(Name, Value))| {
        let before = members.get(..at).unwrap_or_default();
        before.iter().any(|(known, _)| known == name)
    };
    if members.len() <= FEW_MEMBERS && !members.iter().enumerate().any(is_repeated) {
        return members;
    }
    let mut places: BTreeMap<Name, usize> = BTreeMap::new();
    let mut kept: Vec<(Name, Value)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        match places.get(&name).and_then(|place| kept.get_mut(*place)) {
            Some(member) => member.1 = value,
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
    }
    kept
}
